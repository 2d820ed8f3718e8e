"""A historian's swinging door in front of a model that learned from raw readings: how far scores may differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.maintenance.ingest.test_frames import swinging_door
from tests.maintenance.test_backtest import BEGIN_S, DAY_S, MACHINE, rows_of

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import make_frames, stuck_tags, times_of
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.merge import empty_rows, merge
from trivium.maintenance.ingest.monitor import Monitor
from trivium.maintenance.simulator.machines import _COLUMNS, _NOISE

STALENESS_S = 600.0
# The historian's own deadband is registered, as is how long it may say nothing.
ASSET = replace(
    MACHINE.asset(),
    running="",
    tags=tuple(
        replace(tag, deadband=_NOISE[column], staleness_s=STALENESS_S)
        for tag, column in zip(MACHINE.asset().tags, _COLUMNS, strict=True)
    ),
)


@pytest.fixture(scope="module")
def monitor() -> Monitor:
    learned = learn_asset(ASSET, rows_of(MACHINE, BEGIN_S - 3 * DAY_S, BEGIN_S, step_s=10), step_s=60).monitor
    assert learned is not None
    return learned


def thinned(rows: AssetRows, width: float) -> AssetRows:
    """Put each tag by itself through a door of so many standard deviations of its noise."""
    seconds = rows.times_us // 10**6 - BEGIN_S
    parts = []
    for place, (tag, column) in enumerate(zip(rows.tags, _COLUMNS, strict=True)):
        kept = swinging_door(seconds, rows.values[:, place], width * _NOISE[column])
        good, none = np.zeros((len(kept), 1), np.uint8), np.zeros((len(kept), 0), np.int32)
        parts.append(AssetRows(rows.asset, rows.times_us[kept], (tag,), rows.values[kept][:, [place]], good, none))
    return merge(empty_rows(rows.asset), parts, -(2**62), rows.tags).rows


def scores(monitor: Monitor, rows: AssetRows) -> np.ndarray:
    times = times_of(rows, monitor.step_s, STALENESS_S)
    frames = make_frames(ASSET, rows, times, monitor.sensors, int(times[0]), is_grid=True)
    return np.concatenate([one.outputs[:, 0] for one in monitor.score(list(frames))])


@pytest.mark.parametrize(("width", "kept", "median", "most"), [(0.5, 0.65, 0.02, 0.4), (1.0, 0.4, 0.03, 0.5)])
def test_scores_of_a_thinned_out_copy_are_close_and_nothing_is_stuck(monitor, width, kept, median, most):
    raw = rows_of(MACHINE, BEGIN_S, BEGIN_S + DAY_S, step_s=10)
    copy = thinned(raw, width)
    assert (~np.isnan(copy.values)).mean() * len(copy.times_us) < kept * len(raw.times_us)
    off = np.abs(scores(monitor, raw) - scores(monitor, copy))[10:]
    assert len(off) == DAY_S // 60 - 10
    assert np.median(off) < median  # of a score whose limit is 1
    assert off.max() < most
    assert stuck_tags(ASSET, copy) == []
