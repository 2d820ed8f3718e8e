"""Frames: what holds and for how long, the model's own clock, thinned-out signals, and what counts as stuck."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Reason, held_at, make_frames, reasons_at, stuck_tags, times_of
from trivium.maintenance.ingest.quality import ABSENT, BAD, GOOD
from trivium.maintenance.registry import Asset, Tag

S = 1_000_000


def rows(times_s, *columns, tags=("temp", "speed")) -> AssetRows:
    values = np.column_stack([np.array(column, float) for column in columns])
    marks = np.where(np.isnan(values), ABSENT, GOOD).astype(np.uint8)
    times = (np.array(times_s) * S).astype(np.int64)
    return AssetRows("P1", times, tags[: len(columns)], values, marks, np.zeros((len(times), 0)))


def asset(**changes) -> Asset:
    tags = (Tag("temp", "P1", staleness_s=10, rate_s=1), Tag("speed", "P1", staleness_s=60, rate_s=1, deadband=5))
    return Asset("P1", tags, **changes)


def test_a_value_holds_to_its_limit_and_not_before_it_came():
    found = held_at(rows([10, 20], [1, 2]), np.array([9, 10, 19, 20, 30, 31]) * S, {"temp": 10})[:, 0]
    np.testing.assert_equal(found, [np.nan, 1, 1, 2, 2, np.nan])


def test_a_bad_reading_neither_holds_nor_ends_what_holds():
    given = rows([0, 5], [1, 7])
    given.quality[1, 0] = BAD
    np.testing.assert_equal(held_at(given, np.array([5, 10, 11]) * S, {"temp": 10})[:, 0], [1, 1, np.nan])


def test_the_clock_ticks_while_readings_are_fresh():
    times = times_of(rows([0.5, 2.0, 7.2, 40.0], [1, 1, 1, 1]), 2.0, 10.0)
    assert (times // S).tolist() == [
        2,
        4,
        6,
        8,
        10,
        12,
        14,
        16,
        40,
    ]  # to 17.2, ten seconds after the last before the gap
    assert times_of(rows([0.5, 2.0], [1, 1]), 0.0, 10.0).tolist() == [500_000, 2_000_000]
    assert times_of(rows([], []), 2.0, 10.0).tolist() == []


def test_a_gap_ends_a_frame():
    given = rows([0, 1, 2, 100, 101], [1, 2, 3, 4, 5])
    frames = list(make_frames(asset(), given, given.times_us, ("temp",), 0, is_grid=True))
    assert [frame.values[:, 0].tolist() for frame in frames] == [[1, 2, 3], [4, 5]]
    (one,) = make_frames(asset(), given, given.times_us, ("temp",), 0, is_grid=False)
    assert len(one.times_us) == 5
    (later,) = make_frames(asset(), given, given.times_us, ("temp",), 101 * S, is_grid=True)
    assert (later.first, len(later.times_us)) == (1, 2)


def test_reasons():
    given = rows([0, 1, 2, 3, 4, 5, 80], [1] * 7, [600, 600, 0, 600, 600, 600, np.nan])
    found = reasons_at(
        asset(running="speed > 500", startup_s=2), given, given.times_us, ((4 * S, 4 * S),), is_beginning=False
    )
    assert found.tolist() == [
        Reason.SCORED, Reason.SCORED, Reason.STOPPED, Reason.STARTUP, Reason.OUTAGE, Reason.SCORED,
        Reason.UNKNOWN_STATE,  # its speed is too old
    ]  # fmt: skip


def test_thirty_equal_readings_are_stuck():
    flat, moving = [5.0] * 40, list(range(40))
    assert stuck_tags(asset(), rows(range(40), flat, moving)) == ["temp"]
    assert stuck_tags(asset(), rows(range(29), flat[:29], moving[:29])) == []
    assert stuck_tags(asset(), rows(range(40), moving, flat)) == ["speed"]  # comes at its rate: it was not thinned out


def swinging_door(times: np.ndarray, values: np.ndarray, deviation: float) -> np.ndarray:
    """Return which points the compression keeps (Bristol 1987): a new one when no line fits, or after five minutes."""
    kept, start = [0], 0
    upper, lower = np.inf, -np.inf
    for now in range(1, len(values)):
        upper = min(upper, (values[now] + deviation - values[start]) / (times[now] - times[start]))
        lower = max(lower, (values[now] - deviation - values[start]) / (times[now] - times[start]))
        if lower > upper or times[now] - times[start] > 300:
            start = now - 1
            kept.append(start)
            upper = (values[now] + deviation - values[start]) / (times[now] - times[start])
            lower = (values[now] - deviation - values[start]) / (times[now] - times[start])
    return np.array([*kept, len(values) - 1])


@pytest.mark.parametrize("deviation", [2.5, 5.0])
def test_a_thinned_out_signal_is_close_to_the_raw_one_and_not_stuck(deviation):
    """Held, not interpolated: within the deviation, and what the signal moves between two points that were kept."""
    rng = np.random.default_rng(0)
    times = np.arange(3600)
    raw = 3000 + 40 * np.sin(times / 600) + rng.normal(scale=0.5, size=3600)
    kept = swinging_door(times, raw, deviation)
    assert len(kept) < 400
    given = rows(times[kept], np.full(len(kept), 20.0), raw[kept])
    held = held_at(given, times * S, {"speed": 600})[:, 0]
    moved = np.abs(np.diff(raw[kept]))
    between = np.r_[moved, 0.0][np.searchsorted(times[kept], times, side="right") - 1]
    assert (np.abs(held - raw) <= between + 2 * deviation).all()
    assert "speed" not in stuck_tags(asset(), given)


def test_a_historian_that_repeats_a_value_now_and_then_is_not_stuck():
    given = rows(np.arange(40) * 600, np.linspace(0, 1, 40), [3000.0] * 40)  # a heartbeat every ten minutes
    assert stuck_tags(asset(), given) == []
