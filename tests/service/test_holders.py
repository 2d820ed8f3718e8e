"""Names of processes: who has certainly ended, and who may be alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trivium.service.holders import is_gone, shown, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")


def test_this_process_is_alive_and_shown_by_host_and_number():
    assert not is_gone(this_process())
    assert shown(this_process()).endswith(f":{os.getpid()}")
    assert len(this_process()) <= 120


def test_a_process_that_was_killed_is_gone_even_before_it_is_collected():
    code = "import time; from trivium.service.holders import this_process as p; print(p(), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    name = process.stdout.readline().strip()
    assert not is_gone(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name)
    process.communicate()
    assert is_gone(name)


@pytest.mark.parametrize("change", ["worker-1", "host:1", "host:1@", "host:x@{system}:1", "host:999999999@other:1"])
def test_what_cannot_be_told_counts_as_alive(change):
    system = this_process().partition("@")[2].partition(":")[0]
    assert not is_gone(change.format(system=system))


def test_a_reused_number_is_another_process():
    name, _, check = this_process().partition("@")
    system, _, start = check.partition(":")
    assert is_gone(f"{name}@{system}:{int(start) - 1}")
