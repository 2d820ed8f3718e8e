"""How long a job still takes: from the medians of the stages of earlier jobs of its kind.

Only jobs that ended well count, each with its last start. What a stage took in one job is the time from its beginning
to the next stage's, several visits added up. A stage that fewer than half of the jobs had is not expected.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from trivium.service import tables
from trivium.service.database import Database
from trivium.service.job import Job, JobEvent, JobState

__all__ = ["Estimate", "Estimates", "durations", "remaining"]

_JOBS = 50
_LEAST_JOBS = 3
_KEPT_S = 30.0

Stages = dict[str, float]
"""Seconds of each stage of one job, in the order of their beginning; the time before the first is the stage ``."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a job still takes once it runs.

    Args:
        remaining_s: seconds, 0 or more.
        num_jobs: earlier jobs that it rests on.
        is_late: the stage takes longer already than half of the earlier jobs took.
    """

    remaining_s: float
    num_jobs: int
    is_late: bool


class Estimates:
    """Estimates for the jobs of one database; what earlier jobs took is read again every half minute.

    Args:
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._kept: dict[tuple[str, str], tuple[list[Stages], float]] = {}
        self._lock = threading.Lock()

    def of(self, job: Job) -> Estimate | None:
        """Estimate one job; None when it has ended or fewer than three jobs of its kind ended well before."""
        if job.state.is_final:
            return None
        earlier = self._earlier(job.app, job.kind)
        if len(earlier) < _LEAST_JOBS:
            return None
        if job.state == JobState.QUEUED or job.stage_at is None:
            return remaining(earlier, None, 0.0)
        return remaining(earlier, job.stage, (self._now() - job.stage_at).total_seconds())

    def _earlier(self, app: str, kind: str) -> list[Stages]:
        with self._lock:
            found, until = self._kept.get((app, kind), ([], 0.0))
        if time.monotonic() < until:
            return found
        found = self._read(app, kind)
        with self._lock:
            self._kept[app, kind] = (found, time.monotonic() + _KEPT_S)
        return found

    def _read(self, app: str, kind: str) -> list[Stages]:
        job, event = tables.job, tables.job_event
        done = (job.c.app == app, job.c.kind == kind, job.c.state == JobState.DONE)
        newest = select(job.c.id).where(*done).order_by(job.c.finished_at.desc()).limit(_JOBS)
        with self._database.read() as connection:
            ids = connection.execute(newest).scalars().all()
            rows = connection.execute(select(event).where(event.c.job_id.in_(ids)).order_by(event.c.id)).all()
        histories: dict[str, list[JobEvent]] = {job_id: [] for job_id in ids}
        for row in rows:
            histories[row.job_id].append(JobEvent(row.at, row.what, row.detail, row.stage, row.worker))
        return [durations(events) for events in histories.values()]


def durations(events: Iterable[JobEvent]) -> Stages:
    """Return the seconds of each stage of a job's last start, from its history, oldest event first."""
    took: Stages = {}
    stage, since = "", None
    for event in events:
        if event.what == JobState.RUNNING:
            took, stage, since = {}, "", event.at
        elif since is not None and event.what in ("stage", JobState.DONE):
            took[stage] = took.get(stage, 0.0) + (event.at - since).total_seconds()
            stage, since = event.stage, event.at
    return took


def remaining(earlier: Sequence[Stages], stage: str | None, elapsed_s: float) -> Estimate:
    """Estimate from what earlier jobs took.

    Args:
        earlier: at least one.
        stage: that runs now; None for a job that has not begun.
        elapsed_s: how long the stage has run.
    """
    expected = [name for name in _in_order(earlier) if 2 * sum(name in took for took in earlier) >= len(earlier)]
    medians = {name: statistics.median(took[name] for took in earlier if name in took) for name in expected}
    if stage is None:
        return Estimate(sum(medians.values()), len(earlier), is_late=False)
    later = expected[expected.index(stage) + 1 :] if stage in expected else []
    now_s = medians.get(stage, 0.0)
    total_s = max(now_s - elapsed_s, 0.0) + sum(medians[name] for name in later)
    return Estimate(total_s, len(earlier), is_late=elapsed_s > now_s)


def _in_order(earlier: Sequence[Stages]) -> list[str]:
    """Return the stages in the order in which most jobs had them."""
    places: dict[str, list[int]] = {}
    for took in earlier:
        for place, name in enumerate(took):
            places.setdefault(name, []).append(place)
    return sorted(places, key=lambda name: statistics.mean(places[name]))
