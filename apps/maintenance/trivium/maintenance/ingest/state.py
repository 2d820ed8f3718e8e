"""Where each asset stands: the readings that its next predictions need, kept small beside the blocks of all readings.

The tail is complete from `complete_us` on; before that it holds, of each tag, only the last good reading, which may
still be held. Where that is not enough, for rows that are very late or a model that looks back further than the one
before, `read_back` collects what it takes from the blocks, and the outcome is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import AssetRows, pack_block, unpack_block
from trivium.maintenance.ingest.merge import empty_rows, merge
from trivium.maintenance.ingest.quality import UNCERTAIN

__all__ = [
    "NEVER_US",
    "AssetState",
    "Reach",
    "covers",
    "load_states",
    "reach_of",
    "read_back",
    "save_states",
    "shortened",
]

NEVER_US = -(2**62)
_MARGIN_ROWS = 64  # late rows within so many need no look into the blocks
_CHUNK = 500


@dataclass(frozen=True)
class Reach:
    """How far back predictions look.

    Args:
        rows: that lie before a prediction, whenever they came; 0 for a model on a clock.
        window_s: time that lies before a prediction.
        margin_s: time within which late rows need no look into the blocks.
        hold_s: the longest staleness limit of the asset's tags.
    """

    rows: int = 0
    window_s: float = 0.0
    margin_s: float = 0.0
    hold_s: float = 0.0

    @property
    def window_us(self) -> int:
        """Time before a prediction, in microseconds."""
        return round(1e6 * self.window_s)

    def joined(self, other: Reach) -> Reach:
        """Return what is enough for both."""
        return Reach(*(max(getattr(self, name), getattr(other, name)) for name in Reach.__dataclass_fields__))


def reach_of(history_rows: int, step_s: float, *, hold_s: float, startup_s: float) -> Reach:
    """Return the reach of a model.

    Args:
        history_rows: before the row that is predicted; on the model's clock when `step_s` is above 0.
        startup_s: for how long the asset has to have run.
    """
    if step_s <= 0:
        return Reach(history_rows, startup_s, 0.0, hold_s)
    return Reach(0, max(history_rows * step_s, startup_s), _MARGIN_ROWS * step_s, hold_s)


@dataclass
class AssetState:
    """State of one asset.

    Args:
        version: grows with each change; 0 when there is none yet.
        watermark_us: newest reading.
        complete_us: from here on the tail has every reading; NEVER_US when it has all there are.
        latest: the newest prediction, as pages show it.
        trackers: where each cause of an alert stands.
    """

    tail: AssetRows
    version: int = 0
    watermark_us: int = NEVER_US
    complete_us: int = NEVER_US
    latest: dict[str, Any] = field(default_factory=dict)
    trackers: dict[str, Any] = field(default_factory=dict)


def load_states(
    connection: Connection, plant: str, assets: Sequence[str], cache: Mapping[str, AssetState]
) -> dict[str, AssetState]:
    """Read the states of assets; those in `cache` whose version still holds are taken from there."""
    table, versions = tables.state, dict[str, int]()
    for names in _chunks(assets):
        query = select(table.c.asset, table.c.version).where(table.c.plant == plant, table.c.asset.in_(names))
        versions |= {row.asset: row.version for row in connection.execute(query)}
    known = {name: cache[name] for name in assets if name in cache and cache[name].version == versions.get(name, 0)}
    for names in _chunks([name for name in assets if name in versions and name not in known]):
        query = select(table).where(table.c.plant == plant, table.c.asset.in_(names))
        for row in connection.execute(query):
            tail = unpack_block(row.tail)
            known[row.asset] = AssetState(
                tail, row.version, row.watermark_us, row.complete_us, dict(row.latest), dict(row.trackers)
            )
    return {name: known.get(name) or AssetState(empty_rows(name)) for name in assets}


def save_states(connection: Connection, plant: str, states: Mapping[str, AssetState]) -> None:
    """Write states in place of those before."""
    table = tables.state
    for names in _chunks(list(states)):
        connection.execute(delete(table).where(table.c.plant == plant, table.c.asset.in_(names)))
    rows = [
        {
            "plant": plant,
            "asset": name,
            "version": state.version,
            "watermark_us": state.watermark_us,
            "tail": pack_block(state.tail),
            "complete_us": state.complete_us,
            "latest": state.latest,
            "trackers": state.trackers,
        }
        for name, state in states.items()
    ]
    connection.execute(insert(table), rows)


def covers(state: AssetState, since_us: int, reach: Reach) -> bool:
    """Tell whether the tail has all that predictions from a time on look at.

    It has not for rows that are very late, nor for the first ones of a model that looks back further than the last.
    """
    if state.complete_us == NEVER_US:
        return True
    if since_us - reach.window_us < state.complete_us:
        return False
    first, last = np.searchsorted(state.tail.times_us, (state.complete_us, since_us))
    return bool(last - first >= reach.rows)


def shortened(rows: AssetRows, complete_us: int, reach: Reach) -> tuple[AssetRows, int]:
    """Return the tail that later predictions need, and from when on it is complete.

    Args:
        rows: complete from `complete_us` on.
    """
    num_rows = len(rows.times_us)
    place = max(num_rows - reach.rows - _MARGIN_ROWS, 0)
    if place and (reach.window_s or reach.margin_s):
        keep_us = int(rows.times_us[-1]) - reach.window_us - round(1e6 * reach.margin_s)
        place = min(place, int(np.searchsorted(rows.times_us, keep_us)))
    if place <= 0 or (complete_us != NEVER_US and rows.times_us[place] <= complete_us):
        place = int(np.searchsorted(rows.times_us, complete_us)) if complete_us != NEVER_US else 0
    if place <= 0:
        return rows, complete_us
    good = rows.quality[:place] <= UNCERTAIN
    last = place - 1 - np.argmax(good[::-1], axis=0)
    kept = np.unique(np.r_[last[good.any(axis=0)], np.arange(place, num_rows)])
    tail = AssetRows(
        rows.asset, rows.times_us[kept], rows.tags, rows.values[kept], rows.quality[kept], rows.rows[kept]
    )  # fmt: skip
    return tail, max(int(rows.times_us[place]) if place < num_rows else complete_us, complete_us)


def read_back(
    connection: Connection, state: AssetState, plant: str, since_us: int, reach: Reach, until_us: int | None = None
) -> tuple[AssetRows, int]:
    """Collect from the blocks what predictions from `since_us` on need.

    Returns:
        The readings up to `until_us`, with those that the tail has from before; and from when on they are complete.
    """
    asset, num_rows = state.tail.asset, 2 * reach.rows
    while True:
        from_us = since_us - reach.window_us
        if reach.rows:
            from_us = min(from_us, _time_of_row(connection, plant, asset, since_us, num_rows))
        from_us -= round(1e6 * reach.hold_s)
        found = _read_blocks(connection, plant, asset, from_us, until_us)
        table = tables.block
        where = (table.c.plant == plant, table.c.asset == asset, table.c.from_us < from_us)
        has_earlier = connection.execute(select(table.c.id).where(*where).limit(1)).first() is not None
        if not has_earlier:
            from_us = NEVER_US
        if not has_earlier or np.searchsorted(found.times_us, since_us) >= reach.rows:
            break
        num_rows *= 4  # blocks overlap where each tag comes by itself
    before = state.tail.until(from_us)
    return merge(before, [found], NEVER_US).rows, from_us


def _read_blocks(connection: Connection, plant: str, asset: str, from_us: int, until_us: int | None) -> AssetRows:
    """Return the readings from a time on."""
    table = tables.block
    query = select(table.c.data).where(table.c.plant == plant, table.c.asset == asset, table.c.to_us >= from_us)
    if until_us is not None:
        query = query.where(table.c.from_us <= until_us)
    blocks = [unpack_block(data) for data in connection.execute(query.order_by(table.c.id)).scalars()]
    found = merge(empty_rows(asset), blocks, NEVER_US).rows
    is_kept = found.times_us >= from_us
    if until_us is not None:
        is_kept &= found.times_us <= until_us
    return AssetRows(
        asset, found.times_us[is_kept], found.tags, found.values[is_kept], found.quality[is_kept], found.rows[is_kept]
    )  # fmt: skip


def _time_of_row(connection: Connection, plant: str, asset: str, before_us: int, rows: int) -> int:
    """Return a time before which blocks hold so many rows up to another time; of the first when there are fewer."""
    table, count, time_us = tables.block, 0, before_us
    query = (
        select(table.c.from_us, table.c.num_rows)
        .where(table.c.plant == plant, table.c.asset == asset, table.c.from_us < before_us)
        .order_by(table.c.from_us.desc())
    )
    for row in connection.execute(query):
        time_us = row.from_us
        count += row.num_rows
        if count > rows:
            break
    return time_us


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))
