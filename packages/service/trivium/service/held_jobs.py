"""Jobs for the one who runs them: taken under a lease and a fence, led to their end, written to only while both hold.

Whoever takes a job gets a fence number; a write with an older one changes nothing and raises `LeaseLostError`, so that
a worker which was thought dead cannot overwrite its successor. Used by `runner.py`; asking for jobs is in `jobs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from trivium.service import tables
from trivium.service.database import Database, utc_now
from trivium.service.evidence import ReportFile
from trivium.service.holders import shown
from trivium.service.job import Job, JobPolicy, JobState, LeaseLostError
from trivium.service.job_rows import read_job
from trivium.service.phrase import pack

__all__ = ["HeldJobs"]


class HeldJobs:
    """What the runner of a job may do with it.

    Args:
        policy: how long a lease lasts.
        now: the clock.
    """

    def __init__(
        self, database: Database, *, policy: JobPolicy | None = None, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self.policy = policy or JobPolicy()
        self._now = now

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
                stage_at=now,
                progress=0.0,
                version=job.c.version + 1,
            )
        )
        with self._database.write() as connection:
            if not connection.execute(take).rowcount:
                return None
            self._note(connection, job_id, JobState.RUNNING, worker=shown(holder))
        return read_job(self._database, job_id)

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
        began = {"stage_at": self._now()} if is_new_stage else {}
        with self._database.write() as connection:
            self._fenced(connection, job, stage=stage, progress=progress, version=tables.job.c.version + 1, **began)
            if is_new_stage:
                self._note(connection, job.id, "stage", stage=stage)

    def once(self, job: Job, name: str, write: Callable[[Connection], object], *, is_durable: bool = False) -> bool:
        """Write to the database under the job's fence, once in the job's life, however often it is started.

        Args:
            name: of this effect within the job; at most 120 characters.
            write: makes the changes on the connection it is given; they are committed together with the name.
            is_durable: whether the commit waits for the disk, as it must where `write` adds to the audit log.

        Returns:
            Whether it was written now; False when an earlier start of the job had done it.

        Raises:
            LeaseLostError: if the fence is old; nothing is written.
        """
        effect = tables.job_effect
        with self._database.write(is_durable=is_durable) as connection:
            self._fenced(connection, job, fence=job.fence)  # locks the row: the fence holds until the commit
            known = select(effect.c.name).where(effect.c.job_id == job.id, effect.c.name == name)
            if connection.execute(known).first():
                return False
            connection.execute(insert(effect).values(job_id=job.id, name=name, at=self._now()))
            write(connection)
        return True

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
            told = pack(error)
            self._end(connection, job, JobState.FAILED, detail=told, error=told, error_reference=reference)

    def stop(self, job: Job) -> None:
        """End the job because someone asked for it.

        Raises:
            LeaseLostError: if the fence is old.
        """
        with self._database.write() as connection:
            self._end(connection, job, JobState.CANCELLED)

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

    def _note(
        self, connection: Connection, job_id: str, what: str, detail: str = "", *, stage: str = "", worker: str = ""
    ) -> None:
        values = {"what": str(what), "detail": detail, "stage": stage, "worker": worker}
        connection.execute(insert(tables.job_event).values(job_id=job_id, at=self._now(), **values))
