"""Retention: jobs that ended long ago go, with their history, their files and the blobs that nothing else needs.

First rows, then blobs, so that a process killed in between leaves no job without its files: the hashes wait in a table
until they are dealt with. A blob stays while any job or any app's table refers to it, and for a day after somebody
stored or chose the same content; with that day, a job submitted at this moment keeps its files. What a legal hold is on
(`holds.py`) stays, and no blob goes while a backup is made. Run by the sweeper once an hour, and by `trivium jobs
purge`. Off unless TRIVIUM_JOB_RETENTION_DAYS says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select

from trivium.service import tables
from trivium.service.app_spec import installed_apps, resolve
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.holds import held
from trivium.service.job import JobState
from trivium.service.runtime import Runtime

__all__ = ["BLOBS_LEASE", "Purged", "needed_blobs", "purge"]

log = structlog.get_logger(__name__)

BLOBS_LEASE = "blobs"
"""Held by whoever takes blobs away, or needs that nobody does: a purge, a backup."""
_HOLD_S = 600.0
_UNUSED_S = 24 * 3600.0
_BATCH = 200
_ACTOR = "retention"
_FINAL = [state for state in JobState if state.is_final]


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed, or would remove: jobs, blobs, and the bytes of these."""

    jobs: int
    blobs: int
    bytes: int


def purge(
    runtime: Runtime, *, days: int, actor: str = _ACTOR, is_dry_run: bool = False, now: datetime | None = None
) -> Purged:
    """Remove jobs that ended more than `days` days ago.

    Args:
        days: 0 keeps everything.
        actor: who has it done.
        is_dry_run: only count.
        now: None for the time now.
    """
    if days <= 0:
        return Purged(0, 0, 0)
    before = (now or utc_now()) - timedelta(days=days)
    if is_dry_run:
        return _count(runtime, before)
    runtime.store.restore_outgoing()
    num_jobs = 0
    while ids := _purge_batch(runtime, before, actor):
        num_jobs += len(ids)
    sizes = _purge_blobs(runtime)
    purged = Purged(num_jobs, len(sizes), sum(sizes))
    if num_jobs or sizes:
        log.info("jobs.purged", before=before.isoformat(), jobs=num_jobs, blobs=len(sizes), bytes=purged.bytes)
    return purged


def needed_blobs(connection: Connection) -> set[str]:
    """Return the hashes of all blobs that jobs and the apps' tables refer to."""
    return {*_hashes(connection), *_app_hashes(connection)}


def _purge_batch(runtime: Runtime, before: datetime, actor: str) -> Sequence[str]:
    job, expiry = tables.job, tables.blob_expiry
    with runtime.database.write(is_durable=True) as connection:
        # A row that somebody retries or replays at this moment is locked, and left for the next time.
        told = (job.c.id, job.c.version, job.c.app, job.c.kind, job.c.owner, job.c.state)
        oldest = select(*told).where(*_is_over(before)).order_by(job.c.finished_at).limit(_BATCH)
        rows = connection.execute(oldest.with_for_update(skip_locked=True)).all()
        ids = [row.id for row in rows]
        if ids:
            hashes = set(_hashes(connection, job.c.id.in_(ids)))
            known = connection.execute(select(expiry.c.sha256).where(expiry.c.sha256.in_(hashes))).scalars().all()
            for sha256 in sorted(hashes - set(known)):
                connection.execute(insert(expiry).values(sha256=sha256, since=utc_now()))
            connection.execute(delete(job).where(job.c.id.in_(ids)))
        runtime.audit.append(connection, *(_entry(row, actor) for row in rows))
    return ids


def _entry(row: Row[*tuple[Any, ...]], actor: str) -> Entry:
    about = {"app": row.app, "kind": row.kind, "owner": row.owner, "state": row.state}
    return Entry("job.purged", actor, "job", row.id, str(row.version), about)


def _purge_blobs(runtime: Runtime) -> list[int]:
    """Remove the blobs that wait and are needed no more; return their sizes."""
    expiry = tables.blob_expiry
    with runtime.database.read() as connection:
        waiting = connection.execute(select(expiry.c.sha256).order_by(expiry.c.sha256)).scalars().all()
        needed = needed_blobs(connection) if waiting else set()
    holder = f"purge:{os.getpid()}"
    if not waiting or not runtime.jobs.hold(BLOBS_LEASE, holder, seconds=_HOLD_S):  # a backup runs: the next time
        return []
    try:
        return _discard(runtime, waiting, needed)
    finally:
        runtime.jobs.release(BLOBS_LEASE, holder)


def _discard(runtime: Runtime, waiting: Sequence[str], needed: Collection[str]) -> list[int]:
    expiry = tables.blob_expiry
    sizes, settled = [], []
    for sha256 in waiting:
        size = None if sha256 in needed else runtime.store.discard(sha256, unused_s=_UNUSED_S)
        if size is not None:
            sizes.append(size)
        if size is not None or sha256 in needed or sha256 not in runtime.store:
            settled.append(sha256)
    for start in range(0, len(settled), _BATCH):
        with runtime.database.write() as connection:
            connection.execute(delete(expiry).where(expiry.c.sha256.in_(settled[start : start + _BATCH])))
    return sizes


def _count(runtime: Runtime, before: datetime) -> Purged:
    job, expiry = tables.job, tables.blob_expiry
    stays = or_(job.c.state.not_in(_FINAL), job.c.finished_at >= before, held())
    with runtime.database.read() as connection:
        num_jobs = connection.execute(select(func.count()).select_from(job).where(*_is_over(before))).scalar_one()
        going = {*_hashes(connection, *_is_over(before)), *connection.execute(select(expiry.c.sha256)).scalars()}
        going -= {*_hashes(connection, stays), *_app_hashes(connection)}
    sizes = [size for sha256 in going if (size := runtime.store.unused_size(sha256, unused_s=_UNUSED_S)) is not None]
    return Purged(num_jobs, len(sizes), sum(sizes))


def _is_over(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return tables.job.c.state.in_(_FINAL), tables.job.c.finished_at < before, ~held()


def _hashes(connection: Connection, *which: ColumnElement[bool]) -> Iterator[str]:
    """Yield the blobs that jobs refer to: all jobs, or those that meet the conditions."""
    job, file = tables.job, tables.job_file
    for row in connection.execute(select(job.c.inputs, job.c.report_sha256).where(*which)):
        yield from (item["sha256"] for item in row.inputs)
        if row.report_sha256:
            yield row.report_sha256
    yield from connection.execute(select(file.c.sha256).join(job).where(*which)).scalars()


def _app_hashes(connection: Connection) -> Iterator[str]:
    for spec in installed_apps():
        if spec.blobs:
            yield from resolve(spec.blobs)(connection)
