"""The chaos benchmark of ingest in short: two workers and a broker die; no batch is lost, none has its effect twice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.service.suite import needs_embedded_broker

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "ingest_chaos.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
def test_nothing_is_lost_or_doubled_while_processes_are_killed():
    needs_embedded_broker()
    options = ("--seconds", "9", "--every", "4", "--brokers", "1", "--pause", "0.5", "--seed", "1")
    ended = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, timeout=300)
    last = (ended.stdout.strip().splitlines() or [""])[-1]
    assert re.match(r"(PASS|FAIL): acknowledged batches lost 0, effects doubled 0, recovery p99 ", last), (
        ended.stdout + ended.stderr
    )
    assert "killed 2 workers, 1 brokers" in ended.stdout
