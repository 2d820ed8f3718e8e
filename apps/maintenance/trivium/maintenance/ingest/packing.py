"""Pack small blocks of readings and predictions into large ones, so that a month is drawn within a second.

A plant that sends a few rows a second of each asset makes thousands of small blocks an hour; unpacking them one by one
takes longer than reading what is in them. Packing changes nothing that is read. It runs in the lane that can wait, one
process at a time. A packed block takes the number of the oldest that went into it, because of two readings at one time
the one stored first counts, and of two predictions the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, Table, delete, func, insert, select

from trivium.maintenance.ingest import leases
from trivium.maintenance.ingest.codec import AssetRows, pack_block, unpack_block
from trivium.maintenance.ingest.merge import align, empty_rows, merge
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.state import NEVER_US
from trivium.maintenance.tables import block, prediction, shadow_prediction
from trivium.service.database import Database, utc_now

__all__ = ["is_due", "pack_asset", "pack_due"]

_LEAST_BLOCKS = 100
_MOST_ROWS = 20_000  # of a packed block
_MOST_AT_ONCE = 2_000  # blocks in one transaction, which others wait for
_MOST_ASSETS = 200
_SETTLED = timedelta(minutes=2)
_LEASE = "packing"
_TABLES = (block, prediction, shadow_prediction)


def is_due(database: Database) -> bool:
    """Tell whether an asset has enough small blocks."""
    with database.read() as connection:
        return any(connection.execute(_crowded(table).limit(1)).first() for table in _TABLES)


def pack_due(database: Database, holder: str) -> int:
    """Pack the blocks of assets that have many; return how many blocks went into larger ones."""
    lease = leases.claim(database, _LEASE, holder)
    if lease is None:
        return 0
    packed = 0
    try:
        with leases.renewing(database, lease, lambda: None):
            for table in _TABLES:
                with database.read() as connection:
                    due = connection.execute(_crowded(table).limit(_MOST_ASSETS)).all()
                packed += sum(pack_asset(database, table, row.plant, row.asset, lease) for row in due)
    finally:
        leases.release(database, lease)
    return packed


def pack_asset(database: Database, table: Table, plant: str, asset: str, lease: leases.Lease) -> int:
    """Pack the small blocks of one asset that were stored first, predictions of one model only; return how many."""
    own = [table.c.plant == plant, table.c.asset == asset]
    with database.read() as connection:
        query = select(table).where(*own, *_small(table)).order_by(table.c.id).limit(_MOST_AT_ONCE)
        small = connection.execute(query).all()
        if table is not block and small:
            small = [row for row in small if row.model == small[0].model]
            own.append(table.c.model == small[0].model)
        if not small:
            return 0
        first, last = min(row.from_us for row in small), max(row.to_us for row in small)
        near = [table.c.is_packed, table.c.to_us >= first, table.c.from_us <= last]
        large = connection.execute(select(table).where(*own, *near).order_by(table.c.id)).all()
        newest = select(table).where(*own, table.c.is_packed, table.c.to_us < first).order_by(table.c.to_us.desc())
        before = connection.execute(newest.limit(1)).first()  # is filled up while it is small
    if before is not None and _length(before) < _MOST_ROWS // 2:
        large = [*large, before]
    rows = sorted([*small, *large], key=lambda row: row.id)
    whole = _joined(table, asset, rows)
    pieces = [_piece(whole, start) for start in range(0, len(whole.times_us), _MOST_ROWS)]
    same = {"model": small[0].model, "stored_at": utc_now()} if table is not block else {}
    values = [_values(table, rows[place].id, plant, one) | same for place, one in enumerate(pieces)]
    _replace(database, table, [row.id for row in rows], values, lease)
    return len(small)


def _joined(table: Table, asset: str, rows: Sequence[Row[Any]]) -> AssetRows:
    """Join blocks in the order in which they were stored."""
    blocks = [unpack_block(row.data) for row in rows]
    if table is block:
        return merge(empty_rows(asset), blocks, NEVER_US).rows
    tags = tuple(dict.fromkeys(tag for one in blocks for tag in one.tags))
    same = [align(one, tags) for one in blocks]
    times = np.concatenate([one.times_us for one in same])
    _, last = np.unique(times[::-1], return_index=True)  # of predictions at one time, the last
    kept = len(times) - 1 - last
    values, marks = (np.concatenate([getattr(one, name) for one in same])[kept] for name in ("values", "quality"))
    return AssetRows(asset, times[kept], tags, values, marks, np.zeros((len(kept), 0), np.int32))


def _values(table: Table, number: int, plant: str, one: AssetRows) -> dict[str, Any]:
    found = {
        "id": number, "plant": plant, "asset": one.asset, "from_us": int(one.times_us[0]),
        "to_us": int(one.times_us[-1]), "data": pack_block(one), "is_packed": True,
    }  # fmt: skip
    return found | ({"num_rows": len(one.times_us)} if table is block else {})


def _replace(
    database: Database, table: Table, ids: Sequence[int], values: Sequence[dict[str, Any]], lease: leases.Lease
) -> None:
    with database.write() as connection:
        leases.check(connection, lease)
        gone = 0
        for start in range(0, len(ids), 500):
            gone += connection.execute(delete(table).where(table.c.id.in_(ids[start : start + 500]))).rowcount
        assert gone == len(ids), "only the holder of the lease removes blocks"
        connection.execute(insert(table), list(values))


def _length(row: Row[Any]) -> int:
    return len(unpack_block(row.data).times_us)


def _piece(rows: AssetRows, start: int) -> AssetRows:
    kept = slice(start, start + _MOST_ROWS)
    return AssetRows(
        rows.asset, rows.times_us[kept], rows.tags, rows.values[kept], rows.quality[kept], rows.rows[kept]
    )  # fmt: skip


def _small(table: Table) -> tuple[Any, ...]:
    return (table.c.is_packed.is_(False), table.c.to_us < to_us(utc_now() - _SETTLED))


def _crowded(table: Table) -> Select[Any]:
    """Return a query for the assets with many small blocks."""
    query = select(table.c.plant, table.c.asset).where(*_small(table))
    return query.group_by(table.c.plant, table.c.asset).having(func.count() >= _LEAST_BLOCKS)
