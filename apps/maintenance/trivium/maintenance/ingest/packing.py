"""Pack an asset's small blocks into large ones, so that a month of readings is drawn within a second.

A plant that sends a few rows a second of each asset makes thousands of small blocks an hour; unpacking them one by one
takes longer than reading what is in them. Packing changes no reading: what is read before and after is equal. It runs
in the lane that can wait, one process at a time.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, delete, func, insert, select

from trivium.maintenance.ingest import leases
from trivium.maintenance.ingest.codec import AssetRows, pack_block, unpack_block
from trivium.maintenance.ingest.merge import empty_rows, merge
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.state import NEVER_US
from trivium.maintenance.tables import block as table
from trivium.service.database import Database, utc_now

__all__ = ["is_due", "pack_asset", "pack_due"]

log = structlog.get_logger(__name__)

_LEAST_BLOCKS = 100
_MOST_ROWS = 20_000  # of a packed block
_MOST_AT_ONCE = 2_000  # blocks in one transaction, which others wait for
_MOST_ASSETS = 200
_SETTLED = timedelta(minutes=2)
_LEASE = "packing"


def is_due(database: Database) -> bool:
    """Tell whether an asset has enough small blocks."""
    with database.read() as connection:
        return connection.execute(_crowded().limit(1)).first() is not None


def pack_due(database: Database, holder: str) -> int:
    """Pack the blocks of assets that have many; return how many blocks went into larger ones."""
    lease = leases.claim(database, _LEASE, holder)
    if lease is None:
        return 0
    packed = 0
    try:
        with leases.renewing(database, lease, lambda: None):
            with database.read() as connection:
                due = connection.execute(_crowded().limit(_MOST_ASSETS)).all()
            for row in due:
                packed += pack_asset(database, row.plant, row.asset, lease)
    finally:
        leases.release(database, lease)
    return packed


def pack_asset(database: Database, plant: str, asset: str, lease: leases.Lease) -> int:
    """Pack the oldest small blocks of one asset, those first that were stored first; return how many."""
    own = (table.c.plant == plant, table.c.asset == asset)
    with database.read() as connection:
        query = select(table).where(*own, *_small()).order_by(table.c.id).limit(_MOST_AT_ONCE)
        small = connection.execute(query).all()
        if not small:
            return 0
        first, last = min(row.from_us for row in small), max(row.to_us for row in small)
        near = (table.c.is_packed, table.c.num_rows < _MOST_ROWS, table.c.to_us >= first, table.c.from_us <= last)
        large = connection.execute(select(table).where(*own, *near).order_by(table.c.id)).all()
    rows = sorted([*small, *large], key=lambda row: row.id)
    whole = merge(empty_rows(asset), [unpack_block(row.data) for row in rows], NEVER_US).rows
    pieces = [_piece(whole, start) for start in range(0, len(whole.times_us), _MOST_ROWS)]
    values = [
        {
            "plant": plant, "asset": asset, "from_us": int(one.times_us[0]), "to_us": int(one.times_us[-1]),
            "num_rows": len(one.times_us), "data": pack_block(one), "is_packed": True,
        }
        for one in pieces
    ]  # fmt: skip
    ids = [row.id for row in rows]
    with database.write() as connection:
        leases.check(connection, lease)
        gone = 0
        for start in range(0, len(ids), 500):
            gone += connection.execute(delete(table).where(table.c.id.in_(ids[start : start + 500]))).rowcount
        assert gone == len(ids), "only the holder of the lease removes blocks"
        connection.execute(insert(table), values)
    return len(small)


def _piece(rows: AssetRows, start: int) -> AssetRows:
    kept = slice(start, start + _MOST_ROWS)
    return AssetRows(
        rows.asset, rows.times_us[kept], rows.tags, rows.values[kept], rows.quality[kept], rows.rows[kept]
    )  # fmt: skip


def _small() -> tuple[ColumnElement[bool], ...]:
    return (table.c.is_packed.is_(False), table.c.to_us < to_us(utc_now() - _SETTLED))


def _crowded():  # type: ignore[no-untyped-def]
    """Return a query for the assets with many small blocks."""
    query = select(table.c.plant, table.c.asset, func.count().label("blocks")).where(*_small())
    return query.group_by(table.c.plant, table.c.asset).having(func.count() >= _LEAST_BLOCKS)
