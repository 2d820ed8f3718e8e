"""No operation of any app answers 5xx to what its description allows or forbids: a short run of the benchmark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.service.suite import needs_embedded_broker

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "openapi_fuzz.py"
APPS = ("/api", "/files", "/maintenance", "/medical", "/v1")


@pytest.mark.slow
def test_nothing_answers_5xx(tmp_path):
    needs_embedded_broker()
    command = [sys.executable, str(SCRIPT), "--seed", "7", "--examples", "4"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert re.search(r"^PASS: 0 of \d{3} requests answered 5xx$", ended.stdout, re.MULTILINE), (
        ended.stdout + ended.stderr
    )
    answered = dict(re.findall(r"^  (/\w+) +2xx (\d+)", ended.stdout, re.MULTILINE))
    reached = {app for app in APPS if int(answered.get(app, 0))}
    assert reached == {"/api", "/maintenance", "/medical", "/v1"}  # the one job has no result file
