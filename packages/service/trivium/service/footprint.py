"""How much memory the running suite's processes take, beside what a process of each kind is planned to take at most.

Read from `/proc`, so on Linux alone; elsewhere there is nothing to tell. Memory is proportional (PSS): what processes
share is divided among them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trivium.service.app_spec import AppSpec

__all__ = ["Part", "below", "command", "memory_mib", "parts", "planned_mib", "running", "status"]

_PROC = Path("/proc")
_PLANNED_MIB: Mapping[str, int] = {"web": 600, "light": 400, "prompt": 400, "model": 3072}
_MODULE = "trivium.service.cli"


@dataclass(frozen=True, slots=True)
class Part:
    """Processes of one name: their kind, how many, what the largest takes, and what one is planned to take, in MiB."""

    name: str
    kind: str
    count: int
    largest_mib: float
    planned_mib: int


def planned_mib(specs: Sequence[AppSpec]) -> dict[str, int]:
    """Return what a process of each kind that these apps have is planned to take at most, in MiB."""
    kinds = {"web", *_kinds(specs).values()}
    return {kind: planned for kind, planned in _PLANNED_MIB.items() if kind in kinds}


def running(home: Path, specs: Sequence[AppSpec]) -> list[Part]:
    """Return the parts of the suite that runs on a home folder; none where none runs on this machine."""
    try:
        supervisor = int((home / "supervisor.lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    return parts(supervisor, _kinds(specs))


def _kinds(specs: Sequence[AppSpec]) -> dict[str, str]:
    """Return the kind of worker of each queue."""
    return {queue.name: queue.worker for spec in specs for queue in spec.queues}


def parts(supervisor: int, kinds: Mapping[str, str], proc: Path = _PROC) -> list[Part]:
    """Return the web server and the workers of a running suite.

    Args:
        supervisor: process id of `trivium up` or `demo`.
        kinds: kind of worker (`light`, `prompt`, `model`) by queue.
    """
    found: dict[str, list[float]] = defaultdict(list)
    kind_of: dict[str, str] = {}
    for pid in below(supervisor, proc):
        words = command(pid, proc)
        kind = "web" if _MODULE in words and "web" in words else ""
        name = kind
        if _MODULE in words and "--queues" in words:
            name = words[words.index("--queues") + 1]
            kind = kinds.get(name.partition(",")[0], "")
        if kind:
            with suppress(OSError):
                size = memory_mib(pid, proc)
                found[name].append(size)
                kind_of[name] = kind
    return [
        Part(name, kind_of[name], len(sizes), max(sizes), _PLANNED_MIB[kind_of[name]])
        for name, sizes in sorted(found.items())
    ]


def below(root: int, proc: Path = _PROC) -> set[int]:
    """Return a process and all that it started, directly or not, while their parents live."""
    parents = {}
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int(status(int(folder.name), proc)[1])
    own, waiting = {root} & parents.keys(), {root}
    while waiting:
        waiting = {pid for pid, parent in parents.items() if parent in waiting} - own
        own |= waiting
    return own


def status(pid: int, proc: Path = _PROC) -> list[str]:
    """Return the fields of a process's `stat` from its state on; the name before them may hold blanks."""
    return (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()


def command(pid: int, proc: Path = _PROC) -> list[str]:
    """Return the words that a process was started with; none when it is gone."""
    try:
        return (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def memory_mib(pid: int, proc: Path = _PROC) -> float:
    """Return the proportional memory of a process.

    Raises:
        OSError: if it is gone, or somebody else's.
    """
    lines = (proc / str(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
