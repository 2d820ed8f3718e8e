"""The sweeper: puts jobs of dead workers back on the road, in a process of its own.

However many sweepers run, one holds the lease row and works; another takes over when it stops renewing. `trivium up`
runs one, which outlives its workers; each `trivium worker` elsewhere runs one beside it. Not a thread of the worker,
because a worker forks children at any time.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time

import structlog

from trivium.service.app_spec import AppSpec, resolve
from trivium.service.errors import TriviumError
from trivium.service.retention import purge
from trivium.service.runtime import Runtime

__all__ = ["purge_in_background", "sweep_forever", "sweep_once"]

log = structlog.get_logger(__name__)

_LEASE = "sweeper"
_PURGE_LEASE = "retention"
_PURGE_EVERY_S = 3600.0


def sweep_forever(runtime: Runtime, stop: threading.Event) -> None:
    """Sweep every `sweep_s` until told to stop. A database that is away is logged and asked again."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    next_purge = time.monotonic()
    while not stop.is_set():
        try:
            if sweep_once(runtime, holder) and time.monotonic() >= next_purge:
                next_purge = time.monotonic() + _PURGE_EVERY_S
                purge_in_background(runtime, holder)
        except TriviumError as error:
            log.warning("sweeper.failed", error=error.line, reference=error.reference)
        stop.wait(runtime.jobs.policy.sweep_s)


def purge_in_background(runtime: Runtime, holder: str) -> threading.Thread | None:
    """Start a purge beside the sweeping, which must not wait for it; None when it is off or runs elsewhere."""
    days = runtime.settings.job_retention_days
    if not days or not runtime.jobs.hold(_PURGE_LEASE, holder, seconds=_PURGE_EVERY_S):
        return None

    def work() -> None:
        try:
            purge(runtime, days=days)
        except TriviumError as error:
            log.warning("retention.failed", error=error.line, reference=error.reference)

    thread = threading.Thread(target=work, name="retention", daemon=True)
    thread.start()
    return thread


def sweep_once(runtime: Runtime, holder: str) -> bool:
    """Recover lost jobs and let apps look after theirs, if `holder` is elected; return whether it is."""
    if not runtime.jobs.hold(_LEASE, holder, seconds=3 * runtime.jobs.policy.sweep_s):
        return False
    for job in runtime.jobs.recover():
        log.info("job.published_again", job_id=job.id, attempts=job.attempts)
    for spec in runtime.apps:
        if spec.sweep and not spec.missing:
            _sweep_app(spec, runtime)
    return True


def _sweep_app(spec: AppSpec, runtime: Runtime) -> None:
    """Let an app look after its own; one that cannot keeps nobody else from being looked after."""
    try:
        resolve(spec.sweep)(runtime)
    except TriviumError as error:
        log.warning("sweeper.app_failed", app=spec.name, error=error.line, reference=error.reference)
