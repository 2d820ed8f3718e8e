"""What became of asking the archive for a study's priors: one row a study, of the last time that somebody asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from trivium.medical import tables
from trivium.service.database import utc_now
from trivium.service.jobs import JobState
from trivium.service.phrase import unpack
from trivium.service.tables import job

__all__ = ["Fetch", "Fetched", "fetch_of", "note_asked", "note_fetched"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: how many earlier studies the archive has (of those asked for), films it sent, what did not come."""

    studies: int
    films: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Where asking stands: `waiting`, `running`, `done` or `failed`; `progress` is a share, 0 to 1.

    `fetched` is known of one that is done; why one failed, its job says.
    """

    job_id: str
    state: str
    progress: float
    fetched: Fetched | None

    @property
    def is_on_its_way(self) -> bool:
        """Whether a job still has to end."""
        return self.state in ("waiting", "running")


def fetch_of(connection: Connection, study_id: str) -> Fetch | None:
    """Read where asking for a study's priors stands; None where nobody asked."""
    row = tables.fetch
    query = select(row, job.c.state, job.c.progress).select_from(row.outerjoin(job, job.c.id == row.c.job_id))
    found = connection.execute(query.where(row.c.study_id == study_id)).first()
    if found is None:
        return None
    fetched = None if found.studies is None else Fetched(found.studies, found.films, unpack(found.problem))
    if fetched is not None or found.state in (None, JobState.DONE):  # None: the job is long over, and removed
        return Fetch(found.job_id, "done", 1.0, fetched)
    state = {JobState.QUEUED: "waiting", JobState.RUNNING: "running"}.get(JobState(found.state), "failed")
    return Fetch(found.job_id, state, found.progress, None)


def note_asked(connection: Connection, study_id: str, job_id: str, actor: str) -> bool:
    """Keep which job asks; return whether that is new. A job that was quicker than this note is known already."""
    row = tables.fetch
    known = select(row.c.job_id).where(row.c.study_id == study_id)
    if connection.execute(known).scalar() == job_id:
        return False
    values = {"asked_by": actor, "asked_at": utc_now(), "studies": None, "films": None, "problem": ""}
    _put(connection, study_id, {"job_id": job_id, **values})
    return True


def note_fetched(connection: Connection, study_id: str, job_id: str, actor: str, fetched: Fetched) -> None:
    """Keep what came of a job."""
    told = {"studies": fetched.studies, "films": fetched.films, "problem": fetched.problem}
    _put(connection, study_id, {"job_id": job_id, "asked_by": actor, "asked_at": utc_now(), **told})


def _put(connection: Connection, study_id: str, values: dict[str, Any]) -> None:
    row = tables.fetch
    if not connection.execute(update(row).where(row.c.study_id == study_id).values(**values)).rowcount:
        connection.execute(insert(row).values(study_id=study_id, **values))
