"""Jobs in the database, which is the truth; the broker only carries their ids.

A job is `queued`, then `running` under a lease, then `done`, `failed`, `cancelled` or `quarantined` (started too
often). Its owner can have a job without a result tried again, or any job done anew as another job. What its runner may
do is in `held_jobs.py`, running in `runner.py`; `recovery.py` tells what is lost, `sweeper.py` asks for it,
`retention.py` removes what is old.

    job = runtime.jobs.submit(app="finance", kind="compare", owner=owner, request={...}, inputs=(JobInput(...),))
    runtime.jobs.get(job.id, owner=owner).state
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from trivium.service import recovery, tables, tracing
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, UpstreamError
from trivium.service.estimate import Estimate, Estimates
from trivium.service.held_jobs import HeldJobs
from trivium.service.job import Job, JobEvent, JobInput, JobPolicy, JobState, LeaseLostError
from trivium.service.job_rows import found_row, job_of, read_job
from trivium.service.phrase import unpack
from trivium.service.security_log import OPERATOR

__all__ = ["Job", "JobEvent", "JobInput", "JobPolicy", "JobState", "Jobs", "LeaseLostError", "Publish"]

log = structlog.get_logger(__name__)

Publish = Callable[[str, str, str], None]
"""Send `(task name, job id, queue)` to the broker; raises `UpstreamError` when it cannot be reached."""


class Jobs(HeldJobs):
    """The jobs of one database.

    Args:
        publish: sends a message to the broker.
        queue_of: gives the queue of `(app, kind)`.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        *,
        publish: Publish,
        queue_of: Callable[[str, str], str],
        policy: JobPolicy | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(database, policy=policy, now=now)
        self._publish = publish
        self._queue_of = queue_of
        self._audit = Audit(database, now=lambda: self._now())
        self._estimates = Estimates(database, now=lambda: self._now())

    # -- for those who ask for work -----------------------------------------------------------------------------

    @tracing.span("job.submit", {})
    def submit(
        self,
        *,
        app: str,
        kind: str,
        owner: str,
        request: Mapping[str, Any],
        inputs: Sequence[JobInput] = (),
        title: str = "",
        idempotency_key: str = "",
        can_wait: bool = False,
    ) -> Job:
        """Record a job and tell the workers. A broker that is down delays the job, it does not lose it.

        Args:
            title: how lists call it; the report's title replaces it.
            idempotency_key: the same key from the same owner gives the job that is already there, whatever its
                state; empty for a job of its own.
            can_wait: let jobs that people wait for go first.

        Returns:
            The job, new or found.
        """
        values = {
            "app": app,
            "kind": kind,
            "queue": self._queue_of(app, kind) + (".low" if can_wait else ""),
            "owner": owner,
            "title": title or kind,
            "request": dict(request),
            "inputs": [{"name": item.name, "sha256": item.sha256, "size": item.size} for item in inputs],
        }
        try:
            with self._database.write(is_durable=True) as connection:
                job_id = self._insert(connection, values, idempotency_key)
                files = [item.sha256 for item in inputs]
                self._record(connection, "job.submitted", job_id, actor=owner, app=app, kind=kind, inputs=files)
        except IntegrityError:
            if not idempotency_key:
                raise
            return self._by_key(app, owner, idempotency_key)
        return self._sent(job_id)

    def get(self, job_id: str, *, owner: str | None = None) -> Job:
        """Read a job with its result files.

        Args:
            owner: only a job of this owner is found; None for any (workers, administrators).

        Raises:
            NotFoundError: if there is none, or it is someone else's.
        """
        return read_job(self._database, job_id, owner)

    def recent(
        self,
        *,
        owner: str | None = None,
        app: str = "",
        apps: Collection[str] | None = None,
        state: JobState | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Read jobs, newest first, without their files.

        Args:
            owner: only this owner's; None for everyone's.
            app: only this app's; empty for all.
            apps: only those of these apps; None for all.
            state: only those in this state; None for all.
        """
        query = select(tables.job).order_by(tables.job.c.created_at.desc(), tables.job.c.id).limit(limit)
        if owner is not None:
            query = query.where(tables.job.c.owner == owner)
        if app:
            query = query.where(tables.job.c.app == app)
        if apps is not None:
            query = query.where(tables.job.c.app.in_(apps))
        if state is not None:
            query = query.where(tables.job.c.state == state)
        with self._database.read() as connection:
            return [job_of(row) for row in connection.execute(query)]

    def events(self, job_id: str) -> list[JobEvent]:
        """Read a job's history, oldest first."""
        event = tables.job_event
        query = select(event).where(event.c.job_id == job_id).order_by(event.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query)
            return [JobEvent(row.at, row.what, unpack(row.detail), row.stage, row.worker) for row in rows]

    def estimate(self, job: Job) -> Estimate | None:
        """Estimate how long a job still takes; None when it has ended, or too few of its kind have."""
        return self._estimates.of(job)

    def cancel(self, job_id: str, *, owner: str | None = None) -> Job:
        """Ask a job to stop: at once when it waits, at its next sign of progress when it runs.

        Raises:
            NotFoundError: if there is none, or it is someone else's.
        """
        with self._database.write(is_durable=True) as connection:
            row = self._locked(connection, job_id, owner)
            if row.state == JobState.QUEUED:
                ended = {"finished_at": self._now(), "fence": row.fence + 1}
                self._set(connection, row, JobState.CANCELLED, **ended)
                self._note(connection, job_id, JobState.CANCELLED)
                self._record(connection, "job.cancelled", job_id, actor=owner or OPERATOR, was=row.state)
            elif row.state == JobState.RUNNING and not row.cancel_requested:
                self._set(connection, row, JobState.RUNNING, cancel_requested=True)
                self._note(connection, job_id, "cancel", stage=row.stage)
                self._record(connection, "job.cancelled", job_id, actor=owner or OPERATOR, was=row.state)
        return self.get(job_id)

    @tracing.span("job.retry", {})
    def retry(self, job_id: str, *, owner: str | None = None) -> Job:
        """Have a job without a result tried again, with a full count of attempts; one that waits or runs is left alone.

        What the job did `once` stays done.

        Raises:
            NotFoundError: if there is none, or it is someone else's.
            InputError: if it is done.
        """
        fresh = {
            "attempts": 0, "stage": "", "stage_at": None, "progress": 0.0, "cancel_requested": False, "error": "",
            "error_reference": "", "started_at": None, "finished_at": None, "published_at": self._now(), "sends": 1,
            "trace": tracing.headers().get(tracing.TRACEPARENT, ""),
        }  # fmt: skip
        with self._database.write(is_durable=True) as connection:
            row = self._locked(connection, job_id, owner)
            if row.state == JobState.DONE:
                raise InputError("the job is done", where=job_id, hint="replay it to do the same work as a new job")
            is_over = JobState(row.state).can_retry
            if is_over:
                self._set(connection, row, JobState.QUEUED, fence=row.fence + 1, **fresh)
                self._note(connection, job_id, "retry")
                self._record(connection, "job.retried", job_id, actor=owner or OPERATOR, was=row.state)
        return self._sent(job_id) if is_over else self.get(job_id)

    @tracing.span("job.replay", {})
    def replay(self, job_id: str, *, owner: str | None = None, idempotency_key: str = "") -> Job:
        """Do the same work, with the same files, as a new job of the same owner.

        Args:
            idempotency_key: as for `submit`.

        Raises:
            NotFoundError: if there is none, or it is someone else's.
        """
        copied = ("app", "kind", "queue", "owner", "title", "request", "inputs")
        with self._database.read() as connection:
            row = found_row(connection, select(tables.job).where(tables.job.c.id == job_id), job_id, owner)
        try:
            with self._database.write(is_durable=True) as connection:
                row = self._locked(connection, job_id, owner)  # retention waits, or was first
                values = {name: getattr(row, name) for name in copied}
                new_id = self._insert(connection, values | {"origin": job_id}, idempotency_key)
                self._record(connection, "job.replayed", new_id, actor=owner or OPERATOR, origin=job_id)
        except IntegrityError:
            if not idempotency_key:
                raise
            return self._by_key(row.app, row.owner, idempotency_key)
        return self._sent(new_id)

    # -- for the sweeper ----------------------------------------------------------------------------------------

    def recover(self) -> list[Job]:
        """Put jobs whose runner is lost back into the queue, end those that cannot go on, publish lost messages again.

        Returns:
            The jobs that were published again.
        """
        now, messages = self._now(), []
        with self._database.read() as connection:
            lost = recovery.lost(connection, now)
            unheard = recovery.unheard(connection, now, self.policy)
        for job_id, cause in lost.items():
            with self._database.write() as connection:
                outcome = recovery.requeue(connection, job_id, cause, now, self.policy)
                if outcome:
                    event, queue = outcome
                    self._note(connection, job_id, event.what, event.detail, stage=event.stage, worker=event.worker)
                    messages += [recovery.Unheard(job_id, queue)] if queue else []
        if unheard:
            with self._database.write() as connection:
                messages += recovery.resend(connection, unheard, now)
        jobs = [(self.get(item.job_id), item.queue) for item in messages]
        self._send(jobs)
        return [job for job, _ in jobs]

    def hold(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take or keep a named lease of which there is one holder at a time.

        Returns:
            Whether `holder` has it now.
        """
        lease, now = tables.lease, self._now()
        mine = {"holder": holder, "until": now + timedelta(seconds=seconds)}
        free = or_(lease.c.holder == holder, lease.c.until < now)
        try:
            with self._database.write() as connection:
                if connection.execute(update(lease).where(lease.c.name == name, free).values(mine)).rowcount:
                    return True
                if connection.execute(select(lease.c.name).where(lease.c.name == name)).first():
                    return False
                connection.execute(insert(lease).values(name=name, **mine))
        except IntegrityError:  # another one was first between the two statements
            return False
        return True

    def release(self, name: str, holder: str) -> None:
        """Give a named lease back, if `holder` has it."""
        lease = tables.lease
        mine = update(lease).where(lease.c.name == name, lease.c.holder == holder)
        with self._database.write() as connection:
            connection.execute(mine.values(until=self._now() - timedelta(seconds=1)))

    # -- private ------------------------------------------------------------------------------------------------

    def _insert(self, connection: Connection, values: Mapping[str, Any], idempotency_key: str) -> str:
        """Insert a job that waits, and return its id."""
        job_id, now = secrets.token_hex(8), self._now()
        values = {**values, "trace": tracing.headers().get(tracing.TRACEPARENT, "")}
        own = {"id": job_id, "idempotency_key": idempotency_key or job_id, "state": JobState.QUEUED}
        connection.execute(insert(tables.job).values(**values, **own, created_at=now, published_at=now, sends=1))
        self._note(connection, job_id, JobState.QUEUED)
        return job_id

    def _record(self, connection: Connection, action: str, job_id: str, *, actor: str, **detail: Any) -> None:
        """Put what somebody did to a job, at the version that it has now, into the audit log."""
        version = connection.execute(select(tables.job.c.version).where(tables.job.c.id == job_id)).scalar_one()
        self._audit.append(connection, Entry(action, actor, "job", job_id, str(version), detail))

    def _sent(self, job_id: str) -> Job:
        """Send the message of a job that begins to wait, and return the job."""
        job = self.get(job_id)
        with tracing.span("job.message", {"job.id": job.id, "job.app": job.app, "job.kind": job.kind}):
            self._send([(job, job.queue)])
        return job

    def _send(self, jobs: Iterable[tuple[Job, str]]) -> None:
        """Send messages; once the broker refuses one, the rest is left to the sweeper, which asks every second."""
        unsent = list(jobs)
        while unsent:
            job, queue = unsent[0]
            try:
                self._publish(job.task, job.id, queue)
            except UpstreamError as error:
                log.warning("job.publish_failed", jobs=len(unsent), error=error.line, reference=error.reference)
                ids = [job.id for job, _ in unsent]
                waits = update(tables.job).where(tables.job.c.id.in_(ids), tables.job.c.state == JobState.QUEUED)
                with self._database.write() as connection:
                    connection.execute(waits.values(published_at=None, sends=0))
                return
            unsent.pop(0)

    def _locked(self, connection: Connection, job_id: str, owner: str | None) -> Row[Any]:
        """Read a job's row and keep others from changing it until the transaction ends."""
        query = select(tables.job).where(tables.job.c.id == job_id).with_for_update()
        return found_row(connection, query, job_id, owner)

    @staticmethod
    def _set(connection: Connection, row: Row[Any], state: JobState, **values: Any) -> None:
        change = update(tables.job).where(tables.job.c.id == row.id)
        connection.execute(change.values(state=state, version=row.version + 1, **values))

    def _by_key(self, app: str, owner: str, key: str) -> Job:
        job = tables.job
        query = select(job.c.id).where(job.c.app == app, job.c.owner == owner, job.c.idempotency_key == key)
        with self._database.read() as connection:
            job_id = connection.execute(query).scalar_one()
        return self.get(job_id)
