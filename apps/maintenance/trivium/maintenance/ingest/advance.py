"""One asset's step from new readings to what is due: merge, complete what the state no longer has, lay out frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import make_frames, reasons_at, stuck_tags, times_of
from trivium.maintenance.ingest.merge import Merged, merge
from trivium.maintenance.ingest.predict import Due
from trivium.maintenance.ingest.state import NEVER_US, AssetState, Reach, covers, reach_of, read_back, shortened
from trivium.maintenance.registry import Asset, Registry
from trivium.maintenance.scorer import Scorer

__all__ = ["Advanced", "advance"]

_NOTHING_DUE = Due(np.zeros(0, np.int64), np.zeros(0, np.uint8), [])


@dataclass
class Advanced:
    """An asset after its new readings.

    Args:
        due: for the active model.
        shadow: for the one that scores beside it; None when there is none.
        stuck: tags that seem stuck.
    """

    merged: Merged
    state: AssetState
    due: Due
    shadow: Due | None
    stuck: list[str]


def advance(
    connection: Connection,
    registry: Registry,
    name: str,
    state: AssetState,
    parts: Sequence[AssetRows],
    scorer: Scorer | None,
    shadow: Scorer | None = None,
    *,
    is_history: bool = False,
) -> Advanced:
    """Merge an asset's new rows and lay out what is to be predicted; nothing is written.

    Args:
        parts: new readings, in the order in which they came.
        scorer: of the active model.
        shadow: of the model that scores beside it; what it looks back at is kept, too.
        is_history: rows that lie before what is known are scored by themselves, and not by the shadow.
    """
    asset = registry.asset_of(name)
    reach = _reach(asset, scorer).joined(_reach(asset, shadow))
    tags = tuple(tag.name for tag in asset.tags)
    tail = merge(state.tail, parts, state.watermark_us, tags)
    merged, complete_us = tail, state.complete_us
    is_beginning = complete_us == NEVER_US
    oldest = min(int(rows.times_us[0]) for rows in parts)
    newest = max(int(rows.times_us[-1]) for rows in parts)
    since_us = min(oldest, state.watermark_us + 1)
    if not covers(state, since_us, reach):  # complete from the blocks what the tail has not
        until = newest if is_history and newest < state.complete_us else None
        known, known_us = read_back(connection, state, registry.plant, since_us, reach, until)
        merged, is_beginning = merge(known, parts, state.watermark_us, tags), known_us == NEVER_US
        if until is None:
            tail, complete_us = merged, known_us
    kept, complete_us = shortened(tail.rows, complete_us, reach)
    after = AssetState(kept, state.version + 1, merged.watermark_us, complete_us, state.latest, state.trackers)
    if merged.fresh is None:
        return Advanced(merged, replace(after, version=state.version), _NOTHING_DUE, None, [])
    from_us = int(merged.fresh.times_us[0])
    if state.watermark_us < from_us:  # on a clock, times between the last reading and this one are due as well
        from_us = state.watermark_us + 1

    def due(one: Scorer | None) -> Due:
        return _due(asset, registry, merged.rows, from_us, reach.hold_s, one, is_beginning=is_beginning)

    beside = due(shadow) if shadow is not None and not is_history else None
    return Advanced(merged, after, due(scorer), beside, stuck_tags(asset, kept))


def _due(
    asset: Asset,
    registry: Registry,
    rows: AssetRows,
    from_us: int,
    hold_s: float,
    scorer: Scorer | None,
    *,
    is_beginning: bool,
) -> Due:
    step_s = scorer.step_s if scorer is not None else 0.0
    times = times_of(rows, step_s, hold_s)
    reasons = reasons_at(asset, rows, times, registry.outages.get(asset.name, ()), is_beginning=is_beginning)
    sensors = scorer.sensors if scorer is not None else None
    frames = list(make_frames(asset, rows, times, sensors, from_us, is_grid=step_s > 0)) if sensors is not None else []
    is_due = times >= from_us
    return Due(times[is_due], reasons[is_due], frames)


def _reach(asset: Asset, scorer: Scorer | None) -> Reach:
    startup_s = asset.startup_s if asset.running else 0.0
    history_rows, step_s = (scorer.history_rows, scorer.step_s) if scorer is not None else (0, 0.0)
    return reach_of(history_rows, step_s, hold_s=asset.hold_s, startup_s=startup_s)
