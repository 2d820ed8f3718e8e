"""End a child process with its parent: a supervisor that is killed leaves nothing behind.

A thread looks at the parent's id every second; once it changes, the process gets SIGTERM, as from its supervisor.
"""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["follow_parent"]


def follow_parent(parent: int, *, every_s: float = 1.0) -> None:
    """Send this process SIGTERM, and SIGKILL ten seconds later, once `parent` is no longer its parent.

    Args:
        parent: process id that the parent itself passed on (it may be gone by now); 0 to follow nobody.
        every_s: how often to look.
    """
    if not parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_s)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10.0)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
