"""A process that keeps freed memory asks the system for no new pages when it needs as much again."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
from trivium.core_model.train.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
counts = []
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [bytearray(32 << 20) for _ in range(2)]
    del pieces
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(counts[-1])
"""


def page_faults(mode: str) -> int:
    """Return how many pages the system handed out when 64 MiB were taken for the third time."""
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_pages_of_what_was_freed_are_used_again():
    if not (left := page_faults("leave")):
        pytest.skip("this system counts no page faults")
    assert page_faults("keep") <= 8 < left  # at least 32, where pages have 2 MiB
