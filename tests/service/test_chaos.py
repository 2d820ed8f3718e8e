"""The chaos benchmark in short: twenty jobs, one kill of each kind; nothing is lost, nothing happens twice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.service.suite import needs_embedded_broker

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
def test_nothing_is_lost_or_doubled_while_processes_are_killed(tmp_path):
    needs_embedded_broker()
    command = [
        sys.executable,
        str(SCRIPT),
        "--jobs",
        "20",
        "--seed",
        "1",
        "--rounds",
        "1",
        "--every",
        "2",
        "--window",
        "4",
    ]
    ended = subprocess.run([*command, "--home", str(tmp_path / "home")], capture_output=True, text=True, timeout=240)
    last = ended.stdout.strip().splitlines()[-1]
    assert re.match(r"(PASS|FAIL): lost 0, duplicated effects 0, recovery p99 ", last), ended.stdout + ended.stderr
    assert "jobs 20 in " in ended.stdout
    for kind in ("child", "worker", "broker", "web"):
        assert re.search(rf"^  {kind} +kills +1 ", ended.stdout, re.MULTILINE), ended.stdout
    assert "left behind" not in ended.stderr
