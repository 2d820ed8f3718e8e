"""Over four hundred forged files, each refused by its reader in its own words, within bounded memory and reading.

The readers run in child processes with a memory limit (`child.py`), one for each kind of reader, two at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ANSWERS = tomllib.loads((HERE / "answers.toml").read_text(encoding="utf-8"))
CASES = [(door, name) for door, answers in ANSWERS.items() for name in answers]
_LIBRARY_BYTES = 40 << 20  # a decoder or a loader that is imported by the first file that needs it
_LARGEST_FILE = 7 << 20

pytestmark = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="bytes read are counted in /proc")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each reader said, by door and name of the case."""
    # Made here: pytest's factory is not safe to be used first by two threads at once.
    folders = {door: tmp_path_factory.mktemp(door) for door in ANSWERS}

    def run(door: str) -> dict[str, dict]:
        command = [sys.executable, str(HERE / "child.py"), door, str(folders[door])]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        found = [json.loads(line) for line in ended.stdout.splitlines()]
        last = found[-1]["name"] if found else "nothing"
        assert ended.returncode == 0, f"{door} died after {last}: {ended.stderr[-2000:]}"
        return {item["name"]: item for item in found}

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ANSWERS, pool.map(run, ANSWERS), strict=True))


def test_there_are_enough_and_none_is_without_an_answer(told):
    assert len(CASES) >= 300
    assert {(door, name) for door, items in told.items() for name in items} == set(CASES)


@pytest.mark.parametrize(("door", "name"), CASES, ids=lambda value: str(value).replace(" ", "-"))
def test_it_is_refused_in_words(told, door, name):
    item = told[door][name]
    assert item["is_ours"], f"{item['kind']}: {item['line']}"  # an error of ours, with a reference
    assert ANSWERS[door][name] in item["line"]
    assert "\n" not in item["line"]
    assert len(item["line"]) < 1500
    assert "Traceback" not in item["line"]
    assert item["read"] < _LIBRARY_BYTES + _LARGEST_FILE
