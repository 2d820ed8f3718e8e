"""Who holds a job: a name for this process that another one on the same machine can check for life.

The name is `host:pid@system:start`: `system` stands for this boot and this process namespace, `start` for the moment
the process began, so that neither a reused id nor another container's process is taken for it. What cannot be told for
certain counts as alive; then the lease decides. Only Linux tells.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
from pathlib import Path

__all__ = ["is_gone", "shown", "this_process"]

_PROC = Path("/proc")
_ENDED = frozenset("ZX")  # waits to be collected, or is being removed


def this_process() -> str:
    """Return the name of this process as a holder of jobs; at most 120 characters."""
    name = f"{socket.gethostname()[:60]}:{os.getpid()}"
    start = _start_of(os.getpid())
    return f"{name}@{_system()}:{start}" if start and _system() else name


def is_gone(holder: str) -> bool:
    """Whether the process ran on this machine, in this process namespace, and has certainly ended."""
    name, _, check = holder.partition("@")
    system, _, start = check.partition(":")
    pid = name.rpartition(":")[2]
    if not start or not pid.isdecimal() or system != _system():
        return False
    return _start_of(int(pid)) != start


def shown(holder: str) -> str:
    """Return the part of a holder's name that people read: `host:pid`."""
    return holder.partition("@")[0]


@functools.cache
def _system() -> str:
    """Return a short digest of this boot and this process namespace; empty where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:12]


def _start_of(pid: int) -> str:
    """Return when a process began, in clock ticks since boot; empty when there is none."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in _ENDED else fields[19]
