"""What a job is: its states, the files and requests it carries, its history. `jobs.py` keeps and changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from trivium.service.evidence import ReportFile

__all__ = ["Job", "JobEvent", "JobInput", "JobPolicy", "JobState", "LeaseLostError"]


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the job by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def can_retry(self) -> bool:
        """Whether the job ended without a result, so that its owner may have it tried again."""
        return self in (JobState.FAILED, JobState.CANCELLED, JobState.QUARANTINED)


class LeaseLostError(Exception):
    """Somebody else holds the job now, or it has ended: stop, and write nothing more."""


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """How long things may take, in seconds, and how often a job may start.

    A message that is sent without need is dropped by whoever receives it, so every `republish` value is about cost, not
    about safety: the first waits of a job whose queue stands still are short, and double up to the longest.

    Args:
        lease_s: how long a job stays with a process that says nothing; a process that is known to have ended loses
            it at the next sweep.
        renew_s: how often a lease is renewed; a third of it, so that two renewals may fail.
        sweep_s: how often lost jobs are looked for.
        republish_s: wait before a message is sent again while nothing of its queue runs; and how far a job may be
            overtaken by later ones of its queue before its message counts as lost.
        republish_busy_s: the same wait while the queue's workers are busy, when waiting is normal.
        republish_longest_s: both waits double from message to message, up to this.
        max_attempts: starts in a row before a job is set aside.
    """

    lease_s: float = 6.0
    renew_s: float = 2.0
    sweep_s: float = 1.0
    republish_s: float = 5.0
    republish_busy_s: float = 60.0
    republish_longest_s: float = 300.0
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class JobInput:
    """One file of a job, by the hash of its content in the blob store; size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history.

    Args:
        what: a state, or `stage`, `cancel`, `recovered`, `retry`.
        detail: the error of a job that failed; of `recovered`, `gone` (its process ended) or `lease` (it ran out).
        stage: key of the stage that began, or in which it happened.
        worker: `host:pid`.
    """

    at: datetime
    what: str
    detail: str = ""
    stage: str = ""
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stood when it was read.

    Args:
        request: what the user asked for, as JSON; its meaning is the app's.
        stage: key of the stage that runs, `parse`; empty before the first.
        progress: share of the work done, 0 to 1.
        attempts: how often it was started since it was submitted or retried.
        fence: number that a write by its runner must carry.
        report_sha256: blob with the report as JSON; empty until done.
        error: one line for the user; empty unless failed or quarantined.
        error_reference: id that the log carries too.
        version: grows with every visible change.
        origin: id of the job that this one replays, which may be gone; empty for none.
        stage_at: when the stage began.
        trace: W3C trace context of the request for it (`tracing.py`); empty when nothing was traced.
    """

    id: str
    app: str
    kind: str
    queue: str
    owner: str
    title: str
    request: Mapping[str, Any]
    inputs: tuple[JobInput, ...]
    state: JobState
    stage: str
    progress: float
    attempts: int
    fence: int
    cancel_requested: bool
    report_sha256: str
    error: str
    error_reference: str
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    origin: str = ""
    stage_at: datetime | None = None
    trace: str = ""
    files: tuple[ReportFile, ...] = ()

    @property
    def can_cancel(self) -> bool:
        """Whether its owner may still ask it to stop."""
        return not (self.state.is_final or self.cancel_requested)

    @property
    def task(self) -> str:
        """Name of the Celery task that runs it."""
        return f"{self.app}.{self.kind}"
