"""A worker process: Celery on the queues of the apps it serves, with a sweeper beside it.

    trivium worker --queues finance

Only the task modules of those apps are imported. A database with another schema is refused before anything starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import structlog

from trivium.service import migrate
from trivium.service.app_spec import AppSpec, enabled_apps, require
from trivium.service.broker import broker_url
from trivium.service.celery_app import create_celery, queue_names
from trivium.service.errors import InputError
from trivium.service.lifeline import follow_parent
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.sweeper import sweep_forever

__all__ = ["run_sweeper", "run_worker"]

log = structlog.get_logger(__name__)


def run_worker(settings: Settings, queues: Sequence[str] = (), *, parent: int = 0, with_sweeper: bool = True) -> None:
    """Work until told to stop (SIGTERM: finish the running jobs, at most ten seconds).

    Args:
        queues: names of queues; none for those of every enabled app.
        parent: process to end with; 0 for none.
        with_sweeper: run one beside it; not needed where `trivium up` runs one.

    Raises:
        InputError: if a queue is unknown, an extra is missing, or the schema is not this release's.
        UpstreamError: if there is no broker.
    """
    specs = _serving(enabled_apps(settings.apps), queues)
    for spec in specs:
        require(spec)
    runtime = open_runtime(settings)
    migrate.check(runtime.database)
    runtime.close()  # the children open their own: connections do not survive a fork
    follow_parent(parent)
    if not with_sweeper:
        _work(settings, specs, queues)
        return
    command = [sys.executable, "-m", "trivium.service.cli", "sweeper", "--parent", str(os.getpid())]
    sweeper = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # first: it looks for lost jobs while we import
    try:
        _work(settings, specs, queues)
    finally:
        sweeper.terminate()
        sweeper.wait()


def run_sweeper(settings: Settings, *, parent: int = 0) -> None:
    """Sweep until told to stop, or until `parent`, the worker beside it, is gone."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    follow_parent(parent)
    runtime = open_runtime(settings)
    try:
        sweep_forever(runtime, stop)
    finally:
        runtime.close()


def _work(settings: Settings, specs: Sequence[AppSpec], queues: Sequence[str]) -> None:
    app = create_celery(broker_url(settings), specs, processes=settings.light_processes)
    app.loader.import_default_modules()
    wanted = [name for spec in specs for name in queue_names(spec) if not queues or name.partition(".")[0] in queues]
    log.info("worker.started", queues=wanted, processes=settings.light_processes)
    app.worker_main(["worker", "--queues", ",".join(wanted), "--without-gossip", "--without-mingle", "-l", "WARNING"])


def _serving(specs: Sequence[AppSpec], queues: Sequence[str]) -> list[AppSpec]:
    known = {queue.name: spec for spec in specs for queue in spec.queues}
    for name in queues:
        if name not in known:
            raise InputError(f"no queue is called {name!r}", where="--queues", hint=f"known: {', '.join(known)}")
    serving = [spec for spec in specs if spec.tasks and any(not queues or q.name in queues for q in spec.queues)]
    if not serving:
        raise InputError("no enabled app has work for a worker", hint="check TRIVIUM_APPS with: trivium config show")
    return serving
