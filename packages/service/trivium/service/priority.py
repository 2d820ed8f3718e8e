"""Let jobs yield to pages: a worker takes the processor only as far as the web server and other programs leave it.

On one small machine three long jobs would otherwise take every core in turn with the pages. Jobs lose nothing while
nobody clicks. POSIX only.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["yield_to_others"]

_AUTOGROUP = Path("/proc/self/autogroup")


def yield_to_others(niceness: int) -> None:
    """Lower the priority of this process and of what it starts from now on; never raise it.

    Args:
        niceness: 0 (as usual) to 19 (last).
    """
    if niceness <= os.getpriority(os.PRIO_PROCESS, 0):
        return
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    # Linux weighs whole sessions against each other first where no control groups do, and niceness within one only
    # (sched(7), "The autogroup feature"). A session that is not ours, such as a terminal's, stays as it is.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _AUTOGROUP.write_text(str(niceness), encoding="ascii")
