"""The maintenance app's Celery tasks: wake-ups that may be lost or come twice, and its jobs.

`maintenance.drain` names a shard, `maintenance.deliver` sends webhooks, `maintenance.pack` packs small blocks together,
`maintenance.drift` looks whether readings moved.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from celery import shared_task

from trivium.maintenance.alerts import outbox
from trivium.maintenance.backtest_job import run_backtest
from trivium.maintenance.ingest import packing
from trivium.maintenance.ingest.drift import look_at_all
from trivium.maintenance.ingest.scorers import scorer_of, shadow_of
from trivium.maintenance.ingest.sweep import waker
from trivium.maintenance.inspection.job import run_inspection, run_people, run_wear_job
from trivium.maintenance.registry import Registries
from trivium.maintenance.scoring import Drainer
from trivium.maintenance.stream import Streams
from trivium.service.holders import this_process
from trivium.service.runner import run_job
from trivium.service.runtime import current_runtime

__all__ = ["backtest", "deliver", "drain", "inspect", "pack", "people", "wear"]

_BUDGET_S = 1.0  # then another shard's turn comes


@shared_task(name="maintenance.drain")
def drain(stream: str) -> None:
    """Drain the shard of a stream; send the next worker when something is left."""
    drainer, wake = _parts(os.getpid())
    _, _, shard = stream.partition("/")
    if drainer.drain(shard, budget_s=_BUDGET_S):
        wake(stream)


@shared_task(name="maintenance.deliver")
def deliver(_reason: str) -> None:
    """Send the webhooks that are due."""
    runtime = current_runtime()
    settings = runtime.settings
    outbox.deliver(runtime.database, settings.webhook_secret.get_secret_value(), outbox.urls_of(settings.webhook_urls))


@shared_task(name="maintenance.pack")
def pack(_reason: str) -> None:
    """Pack small blocks of readings into large ones."""
    packing.pack_due(current_runtime().database, this_process())


@shared_task(name="maintenance.drift")
def drift(_reason: str) -> None:
    """Compare readings and predictions with what models learned from."""
    look_at_all(current_runtime().database)


@shared_task(name="maintenance.backtest")
def backtest(job_id: str) -> None:
    """Replay what is stored of a plant; a job."""
    run_job(job_id, lambda context: run_backtest(context, current_runtime().database))


@shared_task(name="maintenance.inspect")
def inspect(job_id: str) -> None:
    """Hold a scan against its CAD; a job of the worker that holds models."""
    run_job(job_id, lambda context: run_inspection(context, current_runtime().database))


@shared_task(name="maintenance.wear")
def wear(job_id: str) -> None:
    """Compare two scans of a part; a job of the worker that holds models."""
    run_job(job_id, lambda context: run_wear_job(context, current_runtime().database))


@shared_task(name="maintenance.people")
def people(job_id: str) -> None:
    """Find people near a machine; a job of the worker that holds models. Information only."""
    run_job(job_id, lambda context: run_people(context, current_runtime().database))


@functools.cache
def _parts(pid: int) -> tuple[Drainer, Callable[[str], None]]:
    """Return what this process works with; connections do not survive a fork."""
    runtime = current_runtime()
    streams = Streams.open(runtime.settings)
    drainer = Drainer(
        runtime.database,
        streams,
        Registries(runtime.database),
        scorer_of=scorer_of,
        shadow_of=shadow_of,
        holder=this_process(),
        webhooks=outbox.urls_of(runtime.settings.webhook_urls),
    )
    return drainer, waker(runtime.settings)
