"""When an alert is raised, gets worse and returns; what is said does not depend on how time is cut."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.alerts.rules import Rule, rules_of
from trivium.maintenance.alerts.tracker import Tracker

RULE = Rule("anomaly", "score", 1.5, 4.0, 1.0, 20.0, 120, 300, 900, 3600, "s")


def follow(values: np.ndarray, rule: Rule = RULE, cuts: int = 1, step_s: float = 1.0) -> list[tuple]:
    """Return `(what, second, severity, since in seconds)` of each change."""
    times = (np.arange(len(values)) * step_s * 1e6).astype(np.int64)
    stored, found, start = None, [], 0
    for part in np.array_split(values, cuts):
        tracker = Tracker(rule, "m", stored)
        for one in tracker.follow(times[start : start + len(part)], part):
            found.append((one.what, (start + one.row) * step_s, one.severity, one.since_us / 1e6))
        stored = tracker.to_json()
        start += len(part)
    return found


def test_one_alert_from_a_step_that_lasts_and_its_return():
    values = np.r_[np.full(600, 0.5), np.full(1200, 3.0), np.full(3000, 0.5)]
    # level = 3 - 2.5 exp(-t/120): above 1 after 26.8 s, above 1.5 after 61.3 s, raised 300 s later;
    # back below 1 after 120 ln(2.5/0.5) = 193.1 s, returned 900 s later
    assert follow(values) == [("raised", 961, "warning", 626.0), ("returned", 2893, "warning", 626.0)]


def test_what_is_said_does_not_depend_on_the_cut():
    rng = np.random.default_rng(3)
    spans = ((2, 0.3, 4000), (4, 0.6, 900), (4, 1.8, 1500), (2, 0.3, 6000))
    values = np.concatenate([rng.gamma(*span) for span in spans])
    values[rng.integers(0, len(values), 300)] = np.nan
    whole = follow(values)
    assert [one[0] for one in whole] == ["raised", "worsened", "returned"]
    for cuts in (2, 37, 2300):
        assert follow(values, cuts=cuts) == whole


def test_a_spike_raises_nothing_and_a_severe_fault_is_critical_at_once():
    spike = np.full(4000, 0.4)
    spike[2000:2010] = 1e6
    assert follow(spike) == []
    # capped at 20: level = 20 - 19.6 exp(-t/120) is above 4 after 24.4 s, and a fifth of 300 s later it is raised
    assert follow(np.r_[np.full(100, 0.4), np.full(900, 50.0)])[0][:3] == ("raised", 184, "critical")


def test_it_is_quiet_for_an_hour_after_a_return():
    burst = np.r_[np.full(900, 3.0), np.full(1500, 0.3)]
    changes = follow(np.concatenate([burst] * 4))
    raised = [second for what, second, *_ in changes if what == "raised"]
    returned = [second for what, second, *_ in changes if what == "returned"]
    assert len(raised) == 2
    assert raised[1] - returned[0] >= RULE.cool_down


def test_what_is_not_scored_neither_raises_nor_returns():
    stop = np.full(7200, np.nan)
    assert follow(np.r_[np.full(200, 3.0), stop, np.full(200, 3.0)]) == []  # not 300 s together
    changes = follow(np.r_[np.full(900, 3.0), stop])
    assert [what for what, *_ in changes] == ["raised"]


def test_late_predictions_are_passed_over_and_another_model_begins_anew():
    times = (np.arange(1000) * 1e6).astype(np.int64)
    tracker = Tracker(RULE, "m")
    assert [one.what for one in tracker.follow(times, np.full(1000, 3.0))] == ["raised"]
    assert list(tracker.follow(times[:500], np.full(500, 0.0))) == []
    other = Tracker(RULE, "n", tracker.to_json())
    assert (other.severity, other.level) == ("warning", 0.0)
    assert [one.what for one in other.follow(times + 10**9, np.full(1000, 0.1))] == ["returned"]


def test_a_model_of_cycles_counts_rows():
    (rule,) = rules_of(("rul", "rul_low", "rul_high", "p_fail"), 0.0)
    values = np.r_[np.full(20, 0.05), np.full(10, 0.9)]
    assert follow(values, rule, step_s=86_400)[0][:2] == ("raised", 24 * 86_400)


def test_levels_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"anomaly: clear_at \(2\) < raise_at \(1\)"):
        Rule("anomaly", "score", 1, 4, 2, 20, 1, 1, 1, 1, "s")
