"""A stretch of an asset's readings and predictions, thinned out to what a screen can show, with every spike kept.

Time is cut into as many buckets as there are columns to draw; of each the least and the greatest value stay, so that
one bad second in a month is still seen. Where there are fewer readings than that, all of them are given as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Table, select

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import AssetRows, unpack_block
from trivium.maintenance.ingest.quality import UNCERTAIN
from trivium.service.database import Database

__all__ = ["Curve", "read_stored", "read_trend", "thin_out", "trend_of_predictions"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One tag, thinned out.

    Args:
        times_us: (B,) int64, of each bucket's first reading.
        low, high: (B,) least and greatest value; equal where a bucket holds one reading.
    """

    name: str
    times_us: np.ndarray
    low: np.ndarray
    high: np.ndarray


def thin_out(name: str, times_us: np.ndarray, values: np.ndarray, from_us: int, to_us: int, buckets: int) -> Curve:
    """Keep the least and greatest value of each bucket.

    Args:
        times_us: (N,) int64, sorted.
        values: (N,), NaN where there is none.
    """
    known = ~np.isnan(values)
    times_us, values = times_us[known], values[known]
    if len(times_us) <= buckets:
        return Curve(name, times_us, values, values)
    place = (times_us - from_us) * buckets // max(to_us - from_us + 1, 1)
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return Curve(name, times_us[starts], low, high)


def read_trend(
    database: Database, plant: str, asset: str, tags: Sequence[str], from_us: int, to_us: int, buckets: int
) -> list[Curve]:
    """Return the curves of some tags between two times, both included; good readings only."""
    return read_stored(database, tables.block, plant, asset, tags, from_us, to_us, buckets)


def trend_of_predictions(
    database: Database, plant: str, asset: str, names: Sequence[str], from_us: int, to_us: int, buckets: int
) -> list[Curve]:
    """Return the curves of those of some outputs that there are; of one made anew, the range of both."""
    found = read_stored(database, tables.prediction, plant, asset, names, from_us, to_us, buckets)
    return [one for one in found if len(one.times_us)]


def read_stored(
    database: Database,
    table: Table,
    plant: str,
    asset: str,
    tags: Sequence[str],
    from_us: int,
    to_us: int,
    buckets: int,
) -> list[Curve]:
    """Return the curves of a table of blocks.

    Thinned out block by block, so that a month at one reading a second needs no memory for all of it.
    """
    where = (table.c.plant == plant, table.c.asset == asset, table.c.to_us >= from_us, table.c.from_us <= to_us)
    query = select(table.c.data).where(*where).order_by(table.c.from_us)
    parts: dict[str, list[Curve]] = {tag: [] for tag in tags}
    with database.read() as connection:
        for data in connection.execute(query).scalars():
            rows = unpack_block(data)
            for one in _curves_of_block(rows, tags, from_us, to_us, buckets):
                parts[one.name].append(one)
    return [_joined(tag, found, from_us, to_us, buckets) for tag, found in parts.items()]


def _curves_of_block(rows: AssetRows, tags: Sequence[str], from_us: int, to_us: int, buckets: int) -> Iterator[Curve]:
    """Yield the tags that a block has, thinned out, all columns at once."""
    first, last = np.searchsorted(rows.times_us, (from_us, to_us + 1))
    names = [tag for tag in tags if tag in rows.tags]
    if first == last or not names:
        return
    columns = [rows.tags.index(tag) for tag in names]
    times, values = rows.times_us[first:last], rows.values[first:last][:, columns]
    is_bad = rows.quality[first:last][:, columns] > UNCERTAIN  # of a prediction: why it was not scored; NaN anyway
    if is_bad.any():
        values = np.where(is_bad, np.nan, values)
    place = (times - from_us) * buckets // max(to_us - from_us + 1, 1)
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    low, high = np.fmin.reduceat(values, starts, axis=0), np.fmax.reduceat(values, starts, axis=0)
    for column, name in enumerate(names):
        if (~np.isnan(values[:, column])).sum() <= len(starts):
            yield thin_out(name, times, values[:, column], from_us, to_us, buckets)  # as they are
            continue
        known = ~np.isnan(low[:, column])
        yield Curve(name, times[starts][known], low[known, column], high[known, column])


def _joined(tag: str, parts: Sequence[Curve], from_us: int, to_us: int, buckets: int) -> Curve:
    """Join the curves of blocks; those of one bucket become one."""
    if not parts:
        return Curve(tag, np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    times = np.concatenate([one.times_us for one in parts])
    order = np.argsort(times, kind="stable")
    times = times[order]
    low, high = (np.concatenate([getattr(one, name) for one in parts])[order] for name in ("low", "high"))
    if len(times) <= buckets:
        return Curve(tag, times, low, high)
    place = (times - from_us) * buckets // max(to_us - from_us + 1, 1)
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    return Curve(tag, times[starts], np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts))
