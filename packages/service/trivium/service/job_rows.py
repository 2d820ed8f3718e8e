"""Rows of the tables of jobs as `Job`s."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, select

from trivium.service import tables
from trivium.service.database import Database
from trivium.service.errors import NotFoundError
from trivium.service.evidence import ReportFile
from trivium.service.job import Job, JobInput, JobState
from trivium.service.phrase import unpack

__all__ = ["found_row", "job_of", "read_job"]


def read_job(database: Database, job_id: str, owner: str | None = None) -> Job:
    """Read a job with its result files.

    Args:
        owner: only a job of this owner is found; None for any.

    Raises:
        NotFoundError: if there is none, or it is someone else's.
    """
    with database.read() as connection:
        row = found_row(connection, select(tables.job).where(tables.job.c.id == job_id), job_id, owner)
        return job_of(row, _files(connection, job_id))


def found_row(connection: Connection, query: Select[Any], job_id: str, owner: str | None) -> Row[Any]:
    """Return the row that a query of one job finds; as of none, `NotFoundError` where it is another owner's."""
    row = connection.execute(query).first()
    if row is None or (owner is not None and row.owner != owner):
        raise NotFoundError("no such job", where=job_id[:32])
    return row


def job_of(row: Row[Any], files: tuple[ReportFile, ...] = ()) -> Job:
    """Return a row as a job."""
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__ if name != "files"}
    values["inputs"] = tuple(JobInput(**item) for item in row.inputs)
    values["state"] = JobState(row.state)
    values["error"] = unpack(row.error)
    return Job(**values, files=files)


def _files(connection: Connection, job_id: str) -> tuple[ReportFile, ...]:
    file = tables.job_file
    query = select(file).where(file.c.job_id == job_id).order_by(file.c.position)
    rows = connection.execute(query)
    return tuple(ReportFile(row.name, row.media_type, row.sha256, row.size) for row in rows)
