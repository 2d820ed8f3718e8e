"""What processes on this machine use: memory now, processor time since they began, summed by what they are.

Run: `python benchmarks/processes.py PID` with the id of a running `trivium up` prints the memory of its parts.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import defaultdict

from trivium.service.footprint import below, command, memory_mib, status

__all__ = ["memory", "processor"]

_TICKS = os.sysconf("SC_CLK_TCK")


def memory(root: int) -> dict[str, float]:
    """Return the proportional memory of a process and all below it, in MiB by part."""
    found: dict[str, float] = defaultdict(float)
    for pid in below(root):
        with contextlib.suppress(OSError):
            found[_part(pid)] += memory_mib(pid)
    return _named(found)


def processor(root: int) -> dict[str, float]:
    """Return the processor seconds of a process and all below it by part, those that ended below one included."""
    found: dict[str, float] = defaultdict(float)
    for pid in below(root):
        with contextlib.suppress(OSError):
            # utime, stime, and both of the children that it has waited for
            found[_part(pid)] += sum(map(int, status(pid)[11:15])) / _TICKS
    return _named(found)


def _named(found: dict[str, float]) -> dict[str, float]:
    return {name: amount for name, amount in sorted(found.items()) if name}


def _part(pid: int) -> str:
    """Return what a process is, from its command; empty when it is gone."""
    words = command(pid) or [""]
    if "valkey" in words[0]:
        return "broker"
    if "chrom" in words[0]:
        kind = re.search(r"--type=(\w+)", " ".join(words))  # it writes its own command as one word
        return f"browser ({kind[1] if kind else 'main'})"
    if "trivium.service.cli" in words:
        if "worker" in words:
            return f"worker {words[words.index('--queues') + 1]}" if "--queues" in words else "worker"
        return words[words.index("trivium.service.cli") + 1]
    if "multiprocessing" in " ".join(words):
        return "tabs"
    return "driver of the browser" if "node" in words[0] else "this benchmark" if words[0] else ""


if __name__ == "__main__":
    parts = memory(int(sys.argv[1]))
    print("\n".join(f"{name}: {mebibytes:.0f} MiB" for name, mebibytes in parts.items()))
