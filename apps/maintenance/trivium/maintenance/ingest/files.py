"""Readings from files into memory, judged as at the door; for replays, which need neither broker nor database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path

from trivium.maintenance.ingest.assess import assess
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.envelope import format_of
from trivium.maintenance.ingest.formats import Options, read_sheet
from trivium.maintenance.ingest.history import opened, pieces
from trivium.maintenance.ingest.merge import empty_rows, merge
from trivium.maintenance.ingest.moments import find_zone
from trivium.maintenance.ingest.state import NEVER_US
from trivium.maintenance.ingest.verdicts import NAMES, counts_of
from trivium.maintenance.registry import Registry
from trivium.service.errors import InputError

__all__ = ["read_history"]

_EVER_US = 2**62


def read_history(
    paths: Sequence[Path],
    registry: Registry,
    *,
    options: Options | None = None,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, AssetRows], dict[str, int]]:
    """Read CSV or NDJSON files, wide or narrow; gzip is fine.

    Returns:
        Readings by asset, and rows by verdict.

    Raises:
        InputError: if a file cannot be read.
    """
    found: dict[str, list[AssetRows]] = {}
    counts = dict.fromkeys(NAMES, 0)

    def zone_of(name: str) -> tzinfo | None:
        return find_zone(name or registry.zone)

    for path in paths:
        with opened(path) as (stream, size, place):
            first = 1
            for piece, content_type, num_rows in pieces(stream, path):
                given = options or Options()
                try:
                    sheet, given = read_sheet(piece, format_of(content_type, piece), given, zone_of, arrival=None)
                except InputError as error:
                    raise InputError(f"{error.line} (counted from row {first:,})", where=path.name) from error
                first += num_rows
                judged = assess(sheet, registry, given, latest_us=_EVER_US)
                for name, count in counts_of(judged.verdicts).items():
                    counts[name] += count
                for block in judged.blocks:
                    found.setdefault(block.asset, []).append(block)
                progress(place(), size)
    return {name: merge(empty_rows(name), blocks, NEVER_US).rows for name, blocks in found.items()}, counts
