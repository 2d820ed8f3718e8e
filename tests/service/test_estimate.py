"""Estimates: medians of stages, worked out by hand."""

from datetime import UTC, datetime, timedelta

from trivium.service.estimate import Estimate, durations, remaining
from trivium.service.job import JobEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(second: float, what: str, stage: str = "") -> JobEvent:
    return JobEvent(START + timedelta(seconds=second), what, "", stage)


def test_stages_of_the_last_start_count_and_repeated_ones_add_up():
    events = [
        event(0, "queued"), event(5, "running"), event(6, "stage", "parse"), event(20, "recovered"),
        event(30, "running"), event(31, "stage", "parse"), event(34, "stage", "check"), event(35, "cancel"),
        event(36, "stage", "parse"), event(38, "done"),
    ]  # fmt: skip
    assert durations(events) == {"": 1.0, "parse": 5.0, "check": 2.0}


def test_later_stages_and_what_is_left_of_this_one():
    earlier = [{"": 1.0, "parse": 4.0, "check": 2.0}, {"": 1.0, "parse": 6.0, "check": 10.0}, {"": 3.0, "parse": 5.0}]
    # medians: 1, 5 and, of the two that had it, 6; two of three jobs had the stage check
    assert remaining(earlier, None, 0.0) == Estimate(12.0, 3, is_late=False)
    assert remaining(earlier, "parse", 2.0) == Estimate(9.0, 3, is_late=False)
    assert remaining(earlier, "parse", 7.0) == Estimate(6.0, 3, is_late=True)
    assert remaining(earlier, "check", 1.0) == Estimate(5.0, 3, is_late=False)


def test_a_stage_that_few_jobs_had_is_not_expected():
    earlier = [{"parse": 4.0, "fetch": 60.0}, {"parse": 4.0}, {"parse": 4.0}]
    assert remaining(earlier, "parse", 1.0) == Estimate(3.0, 3, is_late=False)
    assert remaining(earlier, "fetch", 1.0) == Estimate(0.0, 3, is_late=True)
