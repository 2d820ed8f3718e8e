"""Jobs in the database, which is the truth; the broker only carries their ids.

A job is `queued`, then `running` under a lease, then `done`, `failed`, `cancelled` or `quarantined` (started too
often). Whoever runs it holds a fence number; a write with an older fence changes nothing and raises `LeaseLostError`,
so that a worker which was thought dead cannot overwrite its successor. Running is in `runner.py`, recovery is called
by `sweeper.py`.

    job = runtime.jobs.submit(app="finance", kind="compare", owner=owner, request={...}, inputs=(JobInput(...),))
    runtime.jobs.get(job.id, owner=owner).state
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from trivium.service import tables
from trivium.service.database import Database, utc_now
from trivium.service.errors import NotFoundError, UpstreamError
from trivium.service.evidence import ReportFile

__all__ = [
    "Job",
    "JobEvent",
    "JobInput",
    "JobPolicy",
    "JobState",
    "Jobs",
    "LeaseLostError",
    "Publish",
]

log = structlog.get_logger(__name__)

Publish = Callable[[str, str, str], None]
"""Send `(task name, job id, queue)` to the broker; raises `UpstreamError` when it cannot be reached."""


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


class LeaseLostError(Exception):
    """Somebody else holds the job now, or it has ended: stop, and write nothing more."""


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """How long things may take, in seconds, and how often a job may start."""

    lease_s: float = 6.0
    renew_s: float = 2.0
    sweep_s: float = 1.0
    republish_s: float = 30.0
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class JobInput:
    """One file of a job, by the hash of its content in the blob store; size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history."""

    at: datetime
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stood when it was read.

    Args:
        request: what the user asked for, as JSON; its meaning is the app's.
        stage: key of the stage that runs, `parse`; empty before the first.
        progress: share of the work done, 0 to 1.
        attempts: how often it was started.
        fence: number that a write by its runner must carry.
        report_sha256: blob with the report as JSON; empty until done.
        error: one line for the user; empty unless failed or quarantined.
        error_reference: id that the log carries too.
        version: grows with every visible change.
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
    files: tuple[ReportFile, ...] = field(default=())

    @property
    def task(self) -> str:
        """Name of the Celery task that runs it."""
        return f"{self.app}.{self.kind}"


class Jobs:
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
        self._database = database
        self._publish = publish
        self._queue_of = queue_of
        self.policy = policy or JobPolicy()
        self._now = now

    # -- for those who ask for work -----------------------------------------------------------------------------

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
        job_id, now = secrets.token_hex(8), self._now()
        values = {
            "id": job_id,
            "app": app,
            "kind": kind,
            "queue": self._queue_of(app, kind) + (".low" if can_wait else ""),
            "owner": owner,
            "idempotency_key": idempotency_key or job_id,
            "title": title or kind,
            "request": dict(request),
            "inputs": [{"name": item.name, "sha256": item.sha256, "size": item.size} for item in inputs],
            "state": JobState.QUEUED,
            "created_at": now,
            "published_at": now,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(tables.job).values(values))
                self._note(connection, job_id, JobState.QUEUED)
        except IntegrityError:
            if not idempotency_key:
                raise
            return self._by_key(app, owner, idempotency_key)
        job = self.get(job_id)
        self._send([job])
        return job

    def get(self, job_id: str, *, owner: str | None = None) -> Job:
        """Read a job with its result files.

        Args:
            owner: only a job of this owner is found; None for any (workers, administrators).

        Raises:
            NotFoundError: if there is none, or it is someone else's.
        """
        with self._database.read() as connection:
            row = connection.execute(select(tables.job).where(tables.job.c.id == job_id)).first()
            if row is None or (owner is not None and row.owner != owner):
                raise NotFoundError("no such job", where=job_id[:32])
            return _job(row, _files(connection, job_id))

    def recent(self, *, owner: str | None = None, app: str = "", limit: int = 100) -> list[Job]:
        """Read jobs, newest first, without their files.

        Args:
            owner: only this owner's; None for everyone's.
            app: only this app's; empty for all.
        """
        query = select(tables.job).order_by(tables.job.c.created_at.desc(), tables.job.c.id).limit(limit)
        if owner is not None:
            query = query.where(tables.job.c.owner == owner)
        if app:
            query = query.where(tables.job.c.app == app)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query)]

    def events(self, job_id: str) -> list[JobEvent]:
        """Read a job's history, oldest first."""
        event = tables.job_event
        query = select(event).where(event.c.job_id == job_id).order_by(event.c.id)
        with self._database.read() as connection:
            return [JobEvent(row.at, row.what, row.detail) for row in connection.execute(query)]

    def cancel(self, job_id: str, *, owner: str | None = None) -> Job:
        """Ask a job to stop: at once when it waits, at its next sign of progress when it runs.

        Raises:
            NotFoundError: if there is none, or it is someone else's.
        """
        self.get(job_id, owner=owner)
        job, now = tables.job, self._now()
        with self._database.write() as connection:
            waiting = update(job).where(job.c.id == job_id, job.c.state == JobState.QUEUED)
            ended = {"state": JobState.CANCELLED, "finished_at": now, "fence": job.c.fence + 1}
            if connection.execute(waiting.values(version=job.c.version + 1, **ended)).rowcount:
                self._note(connection, job_id, JobState.CANCELLED)
            else:
                running = update(job).where(job.c.id == job_id, job.c.state == JobState.RUNNING)
                asked = running.where(~job.c.cancel_requested).values(cancel_requested=True, version=job.c.version + 1)
                if connection.execute(asked).rowcount:
                    self._note(connection, job_id, "cancel")
        return self.get(job_id)

    # -- for the one who runs it --------------------------------------------------------------------------------

    def claim(self, job_id: str, holder: str) -> Job | None:
        """Take a job that waits, under a lease and a new fence.

        Returns:
            The job, or None when there is nothing to do: it runs elsewhere, it has ended, or it is unknown.
        """
        job, now = tables.job, self._now()
        take = (
            update(job)
            .where(job.c.id == job_id, job.c.state == JobState.QUEUED)
            .values(
                state=JobState.RUNNING,
                attempts=job.c.attempts + 1,
                fence=job.c.fence + 1,
                lease_owner=holder,
                lease_until=now + timedelta(seconds=self.policy.lease_s),
                started_at=now,
                stage="",
                progress=0.0,
                version=job.c.version + 1,
            )
        )
        with self._database.write() as connection:
            if not connection.execute(take).rowcount:
                return None
            self._note(connection, job_id, JobState.RUNNING, holder)
        return self.get(job_id)

    def renew(self, job: Job) -> bool:
        """Keep the lease for another `lease_s`.

        Returns:
            Whether someone asked the job to stop.

        Raises:
            LeaseLostError: if the fence is old.
        """
        until = self._now() + timedelta(seconds=self.policy.lease_s)
        with self._database.write() as connection:
            self._fenced(connection, job, lease_until=until)
            asked = select(tables.job.c.cancel_requested).where(tables.job.c.id == job.id)
            return bool(connection.execute(asked).scalar_one())

    def report_progress(self, job: Job, stage: str, progress: float, *, is_new_stage: bool) -> None:
        """Record how far the job is.

        Raises:
            LeaseLostError: if the fence is old.
        """
        with self._database.write() as connection:
            self._fenced(connection, job, stage=stage, progress=progress, version=tables.job.c.version + 1)
            if is_new_stage:
                self._note(connection, job.id, "stage", stage)

    def finish(self, job: Job, *, title: str, report_sha256: str, files: Sequence[ReportFile]) -> None:
        """Record the result and end the job, in one transaction; the names of the files must differ.

        Raises:
            LeaseLostError: if the fence is old.
        """
        with self._database.write() as connection:
            name = title or job.title
            self._end(connection, job, JobState.DONE, title=name, report_sha256=report_sha256, progress=1.0, stage="")
            for position, file in enumerate(files):
                row = {"job_id": job.id, "position": position, "name": file.name, "media_type": file.media_type}
                connection.execute(insert(tables.job_file).values(**row, sha256=file.sha256, size=file.size))

    def fail(self, job: Job, *, error: str, reference: str) -> None:
        """End the job with a line for the user.

        Raises:
            LeaseLostError: if the fence is old.
        """
        with self._database.write() as connection:
            self._end(connection, job, JobState.FAILED, detail=error, error=error, error_reference=reference)

    def stop(self, job: Job) -> None:
        """End the job because someone asked for it.

        Raises:
            LeaseLostError: if the fence is old.
        """
        with self._database.write() as connection:
            self._end(connection, job, JobState.CANCELLED)

    # -- for the sweeper ----------------------------------------------------------------------------------------

    def recover(self) -> list[Job]:
        """Put jobs whose lease ran out back into the queue, end those that cannot go on, and publish again.

        Returns:
            The jobs that were published again.
        """
        now = self._now()
        with self._database.write() as connection:
            job = tables.job
            lost = and_(job.c.state == JobState.RUNNING, job.c.lease_until < now)
            rows = connection.execute(select(job).where(lost)).all()
            again = [row.id for row in rows if self._recover_one(connection, row)]
            stale = or_(
                job.c.published_at.is_(None),
                job.c.published_at < now - timedelta(seconds=self.policy.republish_s),
            )
            unheard = select(job.c.id).where(job.c.state == JobState.QUEUED, stale, job.c.id.not_in(again))
            again += connection.execute(unheard).scalars().all()
            if again:
                connection.execute(update(job).where(job.c.id.in_(again)).values(published_at=now))
        jobs = [self.get(job_id) for job_id in again]
        self._send(jobs)
        return jobs

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

    # -- private ------------------------------------------------------------------------------------------------

    def _send(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            try:
                self._publish(job.task, job.id, job.queue)
            except UpstreamError as error:
                log.warning("job.publish_failed", job_id=job.id, error=error.line, reference=error.reference)
                unsent = update(tables.job).where(tables.job.c.id == job.id).values(published_at=None)
                with self._database.write() as connection:
                    connection.execute(unsent)

    def _by_key(self, app: str, owner: str, key: str) -> Job:
        job = tables.job
        query = select(job.c.id).where(job.c.app == app, job.c.owner == owner, job.c.idempotency_key == key)
        with self._database.read() as connection:
            job_id = connection.execute(query).scalar_one()
        return self.get(job_id)

    def _recover_one(self, connection: Connection, row: Row[Any]) -> bool:
        """Return whether the job goes back into the queue."""
        job = tables.job
        values: dict[str, Any] = {"fence": row.fence + 1, "lease_until": None, "version": row.version + 1}
        if row.cancel_requested:
            state, detail = JobState.CANCELLED, ""
        elif row.attempts >= self.policy.max_attempts:
            reference = secrets.token_hex(4)
            state = JobState.QUARANTINED
            detail = f"the worker died {row.attempts} times while it ran this job"
            values |= {"error": detail, "error_reference": reference}
            log.error("job.quarantined", job_id=row.id, attempts=row.attempts, reference=reference)
        else:
            state, detail = JobState.QUEUED, f"{row.lease_owner} did not renew its lease"
        if state.is_final:
            values["finished_at"] = self._now()
        connection.execute(update(job).where(job.c.id == row.id).values(state=state, **values))
        self._note(connection, row.id, state if state.is_final else "recovered", detail)
        return not state.is_final

    def _end(self, connection: Connection, job: Job, state: JobState, *, detail: str = "", **values: Any) -> None:
        version = tables.job.c.version + 1
        ended = {"state": state, "finished_at": self._now(), "lease_until": None, "version": version}
        self._fenced(connection, job, **ended, **values)
        self._note(connection, job.id, state, detail)

    def _fenced(self, connection: Connection, job: Job, **values: Any) -> None:
        row = tables.job
        held = and_(row.c.id == job.id, row.c.fence == job.fence, row.c.state == JobState.RUNNING)
        if not connection.execute(update(row).where(held).values(**values)).rowcount:
            raise LeaseLostError(f"job {job.id}: fence {job.fence} no longer holds")

    def _note(self, connection: Connection, job_id: str, what: str, detail: str = "") -> None:
        values = {"job_id": job_id, "at": self._now(), "what": str(what), "detail": detail}
        connection.execute(insert(tables.job_event).values(values))


def _job(row: Row[Any], files: tuple[ReportFile, ...] = ()) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__ if name != "files"}
    values["inputs"] = tuple(JobInput(**item) for item in row.inputs)
    values["state"] = JobState(row.state)
    return Job(**values, files=files)


def _files(connection: Connection, job_id: str) -> tuple[ReportFile, ...]:
    file = tables.job_file
    query = select(file).where(file.c.job_id == job_id).order_by(file.c.position)
    rows = connection.execute(query)
    return tuple(ReportFile(row.name, row.media_type, row.sha256, row.size) for row in rows)
