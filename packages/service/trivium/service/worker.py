"""A worker: Celery on the queues of the apps it serves, with a sweeper beside it.

    trivium worker --queues finance

There are three kinds. A light one works in several forked processes, and yields the processor to pages. A prompt one is
the same for what must be on time, and yields nothing. A model worker has one process: models are in memory once.
Asked for queues of several kinds, a worker keeps one of each other kind beside it. Only the task modules of the apps
served are imported. A database with another schema is refused before anything starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog

from trivium.service import migrate, tracing
from trivium.service.app_spec import WORKERS, AppSpec, Queue, enabled_apps, require
from trivium.service.broker import broker_url
from trivium.service.celery_app import broker_queues, create_celery
from trivium.service.errors import InputError
from trivium.service.lifeline import follow_parent
from trivium.service.priority import yield_to_others
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
    tracing.configure(settings.traces_url)
    chosen = [queue for spec in specs for queue in spec.queues if queue.name in queues or not (queues or queue.missing)]
    mine = next(found for kind in WORKERS if (found := [queue for queue in chosen if queue.worker == kind]))
    others = [queue.name for queue in chosen if queue not in mine]
    beside = [["worker", "--no-sweeper", "--queues", ",".join(others)]] if others else []
    if with_sweeper:
        beside.insert(0, ["sweeper"])  # first: it looks for lost jobs while we import
    with _kept_beside(beside):
        _work(settings, specs, mine)


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


def _work(settings: Settings, specs: Sequence[AppSpec], queues: Sequence[Queue]) -> None:
    """Work on queues of one kind."""
    kind = queues[0].worker
    processes = 1 if kind == "model" else settings.light_processes
    specs = [spec for spec in specs if set(spec.queues) & set(queues)]
    app = create_celery(broker_url(settings), specs, processes=processes)
    app.loader.import_default_modules()
    wanted = [name for queue in queues for name in broker_queues(queue.name)]
    log.info("worker.started", kind=kind, queues=wanted, processes=processes)
    if kind != "prompt":
        yield_to_others(settings.worker_niceness)  # not before: what was interrupted waits for this start
    app.worker_main(["worker", "--queues", ",".join(wanted), "--without-gossip", "--without-mingle", "-l", "WARNING"])


@contextmanager
def _kept_beside(commands: Sequence[Sequence[str]]) -> Iterator[None]:
    """Run commands of ours for the length of the block; when one of them ends by itself, this process is told to."""
    is_over = threading.Event()

    def watch(process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if not is_over.is_set():
            log.error("worker.companion_ended", command=process.args, status=process.returncode)
            os.kill(os.getpid(), signal.SIGTERM)

    cli = [sys.executable, "-m", "trivium.service.cli"]
    parent = ["--parent", str(os.getpid())]
    processes = [subprocess.Popen([*cli, *command, *parent], stdin=subprocess.DEVNULL) for command in commands]
    for process in processes:
        threading.Thread(target=watch, args=(process,), name="companion", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _serving(specs: Sequence[AppSpec], queues: Sequence[str]) -> list[AppSpec]:
    known = {queue.name: spec for spec in specs for queue in spec.queues}
    for name in queues:
        if name not in known:
            raise InputError(f"no queue is called {name!r}", where="--queues", hint=f"known: {', '.join(known)}")
    serving = [spec for spec in specs if spec.tasks and any(not queues or q.name in queues for q in spec.queues)]
    if not serving:
        raise InputError("no enabled app has work for a worker", hint="check TRIVIUM_APPS with: trivium config show")
    return serving
