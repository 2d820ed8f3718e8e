"""Which jobs need the sweeper: those whose runner is lost, and those whose message is. Called by `Jobs.recover`.

A runner is lost when its lease has run out, or at once when its process is known to have ended. A message can be lost
between the broker and a worker that dies; then the job waits in the database for nobody. That is told by order: a queue
is first in, first out, so a job that later ones have overtaken by seconds is no longer in it. Where nothing overtakes,
time tells, with waits that double. Jobs found this way go before the others, on the queue's `.again`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, func, select, update

from trivium.service import tables
from trivium.service.holders import is_gone, shown
from trivium.service.job import JobEvent, JobPolicy, JobState
from trivium.service.phrase import Phrase, pack

__all__ = ["Unheard", "again", "lost", "requeue", "resend", "unheard"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unheard:
    """A job that waits, and the queue on which its next message goes."""

    job_id: str
    queue: str


def again(queue: str) -> str:
    """Return the queue of jobs that were interrupted: they go before those that have not begun."""
    return f"{queue.removesuffix('.low')}.again"


def lost(connection: Connection, now: datetime) -> dict[str, str]:
    """Return running jobs without a living runner by id, with the reason: `gone` or `lease`."""
    job = tables.job
    found = {}
    query = select(job.c.id, job.c.lease_owner, job.c.lease_until).where(job.c.state == JobState.RUNNING)
    for row in connection.execute(query):
        if is_gone(row.lease_owner):
            found[row.id] = "gone"
        elif row.lease_until < now:
            found[row.id] = "lease"
    return found


def requeue(
    connection: Connection, job_id: str, cause: str, now: datetime, policy: JobPolicy
) -> tuple[JobEvent, str] | None:
    """Take a job from its lost runner: back into the queue, or to its end when it cannot go on.

    Args:
        cause: as `lost` told; looked at again here, where the row is locked.

    Returns:
        What goes into its history, and the queue of its next message (empty when it ended); None when its runner was
        not lost after all.
    """
    job = tables.job
    running = select(job).where(job.c.id == job_id, job.c.state == JobState.RUNNING)
    row = connection.execute(running.with_for_update(skip_locked=True)).first()
    if row is None or not (is_gone(row.lease_owner) if cause == "gone" else row.lease_until < now):
        return None
    values: dict[str, Any] = {"fence": row.fence + 1, "lease_until": None, "version": row.version + 1}
    state, queue, detail = JobState.QUEUED, again(row.queue), cause
    if row.cancel_requested:
        state, queue, detail = JobState.CANCELLED, "", ""
    elif row.attempts >= policy.max_attempts:
        state, queue, detail = JobState.QUARANTINED, "", _quarantine(row, values)
    values |= {"finished_at": now} if state.is_final else {"published_at": now, "sends": 1}
    connection.execute(update(job).where(job.c.id == job_id).values(state=state, **values))
    what = state if state.is_final else "recovered"
    return JobEvent(now, what, detail, row.stage, shown(row.lease_owner)), queue


def unheard(connection: Connection, now: datetime, policy: JobPolicy) -> list[Unheard]:
    """Return jobs that wait although no message for them can be on its way, oldest first."""
    job = tables.job
    # Jobs on their first message and first start tell how far their queue has come.
    is_in_order = and_(job.c.attempts == 1, job.c.sends == 1)
    newest = func.max(job.c.published_at).filter(is_in_order)
    running = select(job.c.queue, newest).where(job.c.state == JobState.RUNNING).group_by(job.c.queue)
    reached: dict[str, datetime | None] = {row[0]: row[1] for row in connection.execute(running)}
    waiting = (
        select(job.c.id, job.c.queue, job.c.published_at, job.c.sends)
        .where(job.c.state == JobState.QUEUED)
        .where((job.c.published_at.is_(None)) | (job.c.published_at < now - timedelta(seconds=policy.republish_s)))
        .order_by(job.c.published_at, job.c.created_at)
    )
    found = []
    for row in connection.execute(waiting):
        queue = _next_queue(row, reached, now, policy)
        if queue:
            found.append(Unheard(row.id, queue))
    return found


def resend(connection: Connection, jobs: Sequence[Unheard], now: datetime) -> list[Unheard]:
    """Mark jobs as sent once more; return those that still wait."""
    job = tables.job
    still = []
    for item in jobs:
        waits = update(job).where(job.c.id == item.job_id, job.c.state == JobState.QUEUED)
        if connection.execute(waits.values(published_at=now, sends=job.c.sends + 1)).rowcount:
            still.append(item)
    return still


def _next_queue(
    row: Row[*tuple[Any, ...]], reached: dict[str, datetime | None], now: datetime, policy: JobPolicy
) -> str:
    """Return the queue on which to send the job's message again; empty for not yet."""
    if row.published_at is None:
        return str(row.queue)
    newest = reached.get(row.queue)
    if newest and row.sends == 1 and (newest - row.published_at).total_seconds() > policy.republish_s:
        return again(row.queue)
    first = policy.republish_busy_s if row.queue in reached else policy.republish_s
    wait = min(first * 2.0 ** min(row.sends - 1, 16), policy.republish_longest_s)
    return str(row.queue) if (now - row.published_at).total_seconds() > wait else ""


def _quarantine(row: Row[Any], values: dict[str, Any]) -> str:
    reference = secrets.token_hex(4)
    reason = Phrase("the worker died {count} times while it ran this job", count=row.attempts)
    if row.stage:
        reason = Phrase("{died}, the last time in the stage '{stage}'", died=reason, stage=row.stage)
    values |= {"error": pack(reason), "error_reference": reference}
    log.error("job.quarantined", job_id=row.id, attempts=row.attempts, stage=row.stage, reference=reference)
    return pack(reason)
