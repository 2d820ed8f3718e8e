"""Run something on two ranks under torchrun, and say all that is known when it fails or hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import psutil
import pytest

TIMEOUT_S = 300
_COMMAND = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d")


def run_on_two_ranks(*words: str, **environment: str) -> None:
    """Run `torchrun ... WORDS` and fail with the whole output of both ranks unless it ends well.

    One that takes longer than `TIMEOUT_S` shows where each of its processes stood.
    """
    command = [*_COMMAND, "--rdzv-endpoint", "localhost:0", *words]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1", **environment}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=settings, stdout=output, stderr=subprocess.STDOUT)
        try:
            code = process.wait(TIMEOUT_S)
            ending = f"ended with {code}"
        except subprocess.TimeoutExpired:
            _abort(process.pid)
            process.wait()
            code, ending = 1, f"did not end within {TIMEOUT_S} s, on a machine with load {os.getloadavg()}"
        output.seek(0)
        if code:
            pytest.fail(f"torchrun {' '.join(words)} {ending}:\n{output.read()}", pytrace=False)


def _abort(pid: int) -> None:
    """End a process and all below it, ranks first, each of which prints its stacks."""
    parent = psutil.Process(pid)
    for process in (*parent.children(recursive=True), parent):
        process.send_signal(signal.SIGABRT)
