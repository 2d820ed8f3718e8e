"""The blobs that the medical tables refer to, for retention, which leaves them alone."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from trivium.medical import tables

__all__ = ["blobs"]


def blobs(connection: Connection) -> Iterator[str]:
    """Yield the hash of every de-identified file, its pixels, and every evidence map."""
    row = tables.image
    for found in connection.execute(select(row.c.sha256, row.c.pixels_sha256)):
        yield from found
    yield from connection.execute(select(tables.evidence.c.sha256)).scalars()
