"""Read what is stored of an asset: readings, predictions, and where each asset stands.

Of readings at one time and tag the first counts, of predictions the last: a late reading makes later times anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Table, select

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import AssetRows, unpack_block
from trivium.maintenance.ingest.frames import Reason
from trivium.maintenance.ingest.merge import empty_rows, merge
from trivium.maintenance.ingest.state import NEVER_US
from trivium.maintenance.registry import Registry
from trivium.service.database import Database

__all__ = ["StoredPredictions", "read_fleet", "read_predictions", "read_readings", "reason_name", "to_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHY = "why."


@dataclass(frozen=True)
class StoredPredictions:
    """Predictions of one asset in order of time.

    Args:
        times_us: (N,) int64.
        outputs: (N,) float64 by name; NaN where there is none.
        why: (N,) float64 by sensor, its contribution.
        reasons: (N,) uint8, `frames.Reason`.
        models: version of the model of each.
    """

    times_us: np.ndarray
    outputs: dict[str, np.ndarray]
    why: dict[str, np.ndarray]
    reasons: np.ndarray
    models: Sequence[str]


def to_time(time_us: int) -> datetime:
    """Return the time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=time_us)


def read_readings(database: Database, plant: str, asset: str, from_us: int, to_us: int) -> AssetRows:
    """Return an asset's readings between two times, both included."""
    blocks = [block for _, block in _blocks(database, tables.block, plant, asset, from_us, to_us)]
    rows = merge(empty_rows(asset), blocks, NEVER_US).rows
    kept = (rows.times_us >= from_us) & (rows.times_us <= to_us)
    return AssetRows(asset, rows.times_us[kept], rows.tags, rows.values[kept], rows.quality[kept], rows.rows[kept])


def read_predictions(database: Database, plant: str, asset: str, from_us: int, to_us: int) -> StoredPredictions:
    """Return an asset's predictions between two times, both included."""
    blocks = _blocks(database, tables.prediction, plant, asset, from_us, to_us)
    names = list(dict.fromkeys(name for _, block in blocks for name in block.tags))
    latest: dict[int, tuple[int, int]] = {}  # of each time: which block, which line
    for number, (_, block) in enumerate(blocks):
        latest.update((time_us, (number, line)) for line, time_us in enumerate(block.times_us.tolist()))
    times = sorted(time_us for time_us in latest if from_us <= time_us <= to_us)
    values = np.full((len(times), len(names)), np.nan)
    reasons = np.zeros(len(times), np.uint8)
    models = []
    places = [[names.index(tag) for tag in block.tags] for _, block in blocks]
    for row, time_us in enumerate(times):
        number, line = latest[time_us]
        model, block = blocks[number]
        values[row, places[number]] = block.values[line]
        reasons[row] = block.quality[line, 0]
        models.append(model)
    columns = {name: values[:, place] for place, name in enumerate(names)}
    return StoredPredictions(
        np.array(times, np.int64),
        {name: column for name, column in columns.items() if not name.startswith(_WHY)},
        {name.removeprefix(_WHY): column for name, column in columns.items() if name.startswith(_WHY)},
        reasons,
        models,
    )


def read_fleet(database: Database, registry: Registry, *, with_retired: bool = False) -> list[dict[str, Any]]:
    """Return where each asset of a plant stands: newest reading, newest prediction, sensors that seem stuck.

    An asset that never sent anything is there with null times and the reason `no_readings`; a retired one, where it is
    asked for, with the reason `retired`.
    """
    table = tables.state
    query = select(table.c.asset, table.c.watermark_us, table.c.latest).where(table.c.plant == registry.plant)
    with database.read() as connection:
        rows = {row.asset: row for row in connection.execute(query)}
    names = (set(registry.assets) | set(rows) | set(registry.retired)) - (
        set() if with_retired else set(registry.retired)
    )
    return [_standing(name, rows.get(name), is_retired=name in registry.retired) for name in sorted(names)]


def _standing(name: str, row: Any, *, is_retired: bool) -> dict[str, Any]:
    latest = {} if row is None else dict(row.latest)
    time_us = latest.pop("time_us", None)
    usual: dict[str, Any] = {"reason": "no_readings" if row is None else "no_model", "outputs": {}, "why": {}}
    return {
        "asset": name,
        "newest_reading": None if row is None else to_time(row.watermark_us).isoformat(),
        "predicted_at": None if time_us is None else to_time(time_us).isoformat(),
        **(usual | latest | ({"reason": "retired"} if is_retired else {})),
    }


def reason_name(code: int) -> str:
    """Return the name of a reason, as the API and pages use it."""
    return Reason(code).name.lower()


def _blocks(
    database: Database, table: Table, plant: str, asset: str, from_us: int, to_us: int
) -> list[tuple[str, AssetRows]]:
    where = (table.c.plant == plant, table.c.asset == asset, table.c.to_us >= from_us, table.c.from_us <= to_us)
    query = select(table).where(*where).order_by(table.c.id)
    with database.read() as connection:
        return [(getattr(row, "model", ""), unpack_block(row.data)) for row in connection.execute(query)]
