"""The sweeper: puts jobs of dead workers back on the road, in a process of its own beside each worker.

However many sweepers run, one holds the lease row and works; another takes over when it stops renewing. Run by
`trivium worker`; not a thread of the worker, because a worker forks children at any time.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading

import structlog

from trivium.service.errors import TriviumError
from trivium.service.runtime import Runtime

__all__ = ["sweep_forever", "sweep_once"]

log = structlog.get_logger(__name__)

_LEASE = "sweeper"


def sweep_forever(runtime: Runtime, stop: threading.Event) -> None:
    """Sweep every `sweep_s` until told to stop. A database that is away is logged and asked again."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    while not stop.wait(runtime.jobs.policy.sweep_s):
        try:
            sweep_once(runtime, holder)
        except TriviumError as error:
            log.warning("sweeper.failed", error=error.line, reference=error.reference)


def sweep_once(runtime: Runtime, holder: str) -> bool:
    """Recover lost jobs if `holder` is, or becomes, the elected sweeper; return whether it is."""
    if not runtime.jobs.hold(_LEASE, holder, seconds=3 * runtime.jobs.policy.sweep_s):
        return False
    for job in runtime.jobs.recover():
        log.info("job.published_again", job_id=job.id, attempts=job.attempts)
    return True
