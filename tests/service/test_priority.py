"""How far a worker yields: itself, its children, and its session where sessions are weighed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ASK = """
import os, sys
from pathlib import Path
from trivium.service.priority import yield_to_others

for niceness in map(int, sys.argv[1:]):
    yield_to_others(niceness)
child = os.popen("nice").read().strip()
group = Path("/proc/self/autogroup")
print(os.getpriority(os.PRIO_PROCESS, 0), child, group.read_text() if group.exists() else "")
"""


def _weighs_sessions() -> bool:
    """Tell whether this kernel weighs sessions: a control group with a share of its own leaves the file empty."""
    group = Path("/proc/self/autogroup")
    return group.exists() and group.read_text() != ""


def _after(*niceness: int, is_leader: bool = True) -> list[str]:
    """Return the niceness of a process and of its child, and last the weight of its session, after these calls."""
    command = [sys.executable, "-c", _ASK, *map(str, niceness)]
    return subprocess.run(
        command, start_new_session=is_leader, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()


def test_a_worker_and_its_children_yield_and_are_never_raised() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)  # whoever runs the tests may have lowered theirs
    lower = str(min(ours + 7, 19))
    assert _after(int(lower))[:2] == [lower, lower]
    assert _after(int(lower), ours + 3)[:2] == [lower, lower]
    assert _after(ours)[:2] == [str(ours), str(ours)]


@pytest.mark.skipif(not _weighs_sessions(), reason="sessions are not weighed here")
def test_its_own_session_yields_too_and_a_session_of_others_does_not() -> None:
    lower = min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)
    assert _after(lower)[-1] == str(lower)
    assert _after(lower, is_leader=False)[-1] == _after(0, is_leader=False)[-1]
