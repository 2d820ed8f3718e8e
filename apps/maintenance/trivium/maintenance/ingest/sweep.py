"""Looked after about once a second: shards that nobody is on the way to, acknowledged batches that are lost, webhooks
that are due, shelves whose time is over, small blocks that are to be packed together, and once an hour drift.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy import select, update

from trivium.maintenance import tables
from trivium.maintenance.alerts import book, outbox
from trivium.maintenance.ingest import packing
from trivium.maintenance.ingest.ledger import ACCEPTED, DONE, LOST
from trivium.maintenance.stream import HISTORY, Streams
from trivium.service.celery_app import publisher
from trivium.service.database import Database, utc_now
from trivium.service.errors import UpstreamError
from trivium.service.jobs import Publish
from trivium.service.runtime import Runtime
from trivium.service.settings import Settings

__all__ = ["find_lost", "sweep", "waker"]

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 10.0
_SETTLE = timedelta(seconds=15)
_MOST = 500
_QUEUE = "maintenance"
_PACK_EVERY_S = 60.0
_DRIFT_EVERY_S = 3600.0
_opened: dict[int, tuple[Streams, Callable[[str], None]]] = {}
_looked_at = 0.0
_packed_at = 0.0
_drift_at = -math.inf


def waker(settings: Settings) -> Callable[[str], None]:
    """Return a function that sends a worker to a shard; a broker that does not take it is noted, and asked again."""
    publish = _publisher(settings)

    def wake(shard: str) -> None:
        queue = f"{_QUEUE}.low" if shard.startswith(f"{HISTORY}/") else _QUEUE
        try:
            publish("maintenance.drain", shard, queue)
        except UpstreamError as error:
            log.warning("shard.not_woken", shard=shard, error=error.line)

    return wake


def sweep(runtime: Runtime) -> None:
    """Wake what sleeps, and every ten seconds look for what is lost.

    Raises:
        UpstreamError: if broker or database cannot be asked.
    """
    global _drift_at, _looked_at, _packed_at
    if os.getpid() not in _opened:
        _opened[os.getpid()] = (Streams.open(runtime.settings), waker(runtime.settings))
    streams, wake = _opened[os.getpid()]
    for shard in streams.asleep():
        log.info("shard.woken", shard=shard)
        wake(shard)
    if outbox.is_due(runtime.database):
        _send(runtime, "maintenance.deliver", _QUEUE)
    if time.monotonic() - _packed_at > _PACK_EVERY_S:
        _packed_at = time.monotonic()
        if packing.is_due(runtime.database):
            _send(runtime, "maintenance.pack", f"{_QUEUE}.low")
    if time.monotonic() - _drift_at > _DRIFT_EVERY_S:
        _drift_at = time.monotonic()
        _send(runtime, "maintenance.drift", f"{_QUEUE}.low")
    if time.monotonic() - _looked_at > _LOOK_EVERY_S:
        _looked_at = time.monotonic()
        book.end_shelves(runtime.database, outbox.urls_of(runtime.settings.webhook_urls))
        for batch_id in find_lost(runtime.database, streams):
            log.error("batch.lost", batch_id=batch_id)


@functools.lru_cache(maxsize=4)
def _publisher(settings: Settings) -> Publish:
    return publisher(settings)


def _send(runtime: Runtime, task: str, queue: str) -> None:
    try:
        _publisher(runtime.settings)(task, "due", queue)
    except UpstreamError as error:
        log.warning("task.not_sent", task=task, error=error.line)


def find_lost(database: Database, streams: Streams) -> list[str]:
    """Mark batches that were acknowledged, are not in the database and in no stream any more; return their ids.

    The stream is asked first: an entry leaves it only after its transaction, so what is then not in the database either
    is nowhere. The oldest five hundred that are open are looked at.
    """
    batch, part = tables.batch, tables.part
    query = (
        select(batch.c.key, batch.c.batch_id, batch.c.num_parts, batch.c.entries)
        .where(batch.c.state == ACCEPTED, batch.c.received_at < utc_now() - _SETTLE)
        .order_by(batch.c.received_at)
        .limit(_MOST)
    )
    with database.read() as connection:
        waiting = connection.execute(query).all()
    gone = {row.key: {shard for shard, entry in row.entries if not streams.holds(shard, entry)} for row in waiting}
    lost = []
    for row in waiting:
        if not gone[row.key]:
            continue
        with database.write() as connection:
            stored = set(connection.execute(select(part.c.shard).where(part.c.batch_key == row.key)).scalars())
            missing = gone[row.key] - stored
            if not missing and len(stored) < row.num_parts:
                continue
            state = LOST if missing else DONE
            change = update(batch).where(batch.c.key == row.key, batch.c.state == ACCEPTED)
            if connection.execute(change.values(state=state, finished_at=utc_now())).rowcount and missing:
                lost.append(row.batch_id)
    return lost
