"""Inspections as they are kept: one row each with what its page shows, its files in the blob store. No model here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from trivium.maintenance import tables
from trivium.service.database import Database
from trivium.service.errors import NotFoundError
from trivium.service.evidence import ReportFile

__all__ = ["Inspected", "blobs", "file_of", "find_inspected", "find_one", "write_inspected"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """One inspection.

    Args:
        id: of the job that made it.
        asset: of the plant; empty for none.
        kind: `inspect`, `wear` or `people`.
        outcome: `pass`, `fail`, `undecided`, `incomplete`, `untrusted`; of other kinds their own.
        told: what the page shows: sentences and rows by language.
        files: the report's.
        actor: who had it done.
    """

    id: str
    plant: str
    asset: str
    kind: str
    title: str
    outcome: str
    told: Mapping[str, Any]
    files: tuple[ReportFile, ...]
    actor: str
    at: datetime


def write_inspected(connection: Connection, one: Inspected) -> None:
    """Add an inspection."""
    values = asdict(one) | {"files": [asdict(file) for file in one.files], "told": dict(one.told)}
    connection.execute(insert(tables.inspection).values(**values))


def find_inspected(database: Database, plant: str, *, asset: str | None = None, limit: int = 100) -> list[Inspected]:
    """Return a plant's inspections, newest first.

    Args:
        asset: only of this one; None for all.
    """
    table = tables.inspection
    query = select(table).where(table.c.plant == plant).order_by(table.c.at.desc()).limit(limit)
    if asset is not None:
        query = query.where(table.c.asset == asset)
    with database.read() as connection:
        return [_inspected(row) for row in connection.execute(query)]


def find_one(database: Database, plant: str, name: str) -> Inspected | None:
    """Return an inspection; None when there is none of this name (its job may still run)."""
    table = tables.inspection
    with database.read() as connection:
        row = connection.execute(select(table).where(table.c.plant == plant, table.c.id == name)).one_or_none()
    return None if row is None else _inspected(row)


def file_of(one: Inspected, name: str) -> ReportFile:
    """Return a file of an inspection.

    Raises:
        NotFoundError: if it has none of this name.
    """
    for file in one.files:
        if file.name == name:
            return file
    raise NotFoundError("the inspection has no such file", where=name[:100])


def blobs(connection: Connection) -> Iterator[str]:
    """Yield the hash of every file that an inspection refers to, for retention, which leaves them alone."""
    for files in connection.execute(select(tables.inspection.c.files)).scalars():
        yield from (file["sha256"] for file in files)


def _inspected(row: Row[Any]) -> Inspected:
    values = dict(row._mapping)
    return Inspected(**values | {"files": tuple(ReportFile(**file) for file in values["files"])})
