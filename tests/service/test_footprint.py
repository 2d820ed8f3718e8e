"""Memory of a suite's processes, read from a folder that is written as Linux writes `/proc`."""

from __future__ import annotations

import pytest

from trivium.service import doctor, footprint
from trivium.service.footprint import Part, parts

CLI = ("python", "-m", "trivium.service.cli")


@pytest.fixture
def proc(tmp_path):
    def start(pid: int, parent: int, words: tuple[str, ...], mebibytes: int) -> None:
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} 1 1 0")
        (folder / "cmdline").write_bytes("\0".join((*words, "")).encode())
        (folder / "smaps_rollup").write_text(
            f"0-f ---p\nRss: 9999999 kB\nPss: {mebibytes * 1024} kB\nPss_Dirty: 5 kB\n"
        )

    start(10, 1, (*CLI, "up"), 65)
    start(11, 10, (*CLI, "web", "--parent", "10"), 290)
    for pid, mebibytes in ((12, 100), (13, 150)):
        start(pid, 10 if pid == 12 else 12, (*CLI, "worker", "--queues", "finance,priors"), mebibytes)
    start(14, 10, (*CLI, "worker", "--queues", "medical"), 3100)
    start(15, 10, ("valkey-server",), 6)
    start(20, 1, (*CLI, "web"), 999)  # of another suite
    return tmp_path


def test_parts_are_those_below_the_supervisor(proc):
    kinds = {"finance": "light", "priors": "light", "medical": "model"}
    assert parts(10, kinds, proc) == [
        Part("finance,priors", "light", 2, 150.0, 400),
        Part("medical", "model", 1, 3100.0, 3072),
        Part("web", "web", 1, 290.0, 600),
    ]
    assert parts(99, kinds, proc) == []


def test_a_process_that_may_not_be_read_or_is_gone_is_left_out(proc):
    (proc / "11" / "smaps_rollup").unlink()
    (proc / "14" / "cmdline").unlink()
    assert [part.name for part in parts(10, {"finance": "light", "medical": "model"}, proc)] == ["finance,priors"]


def test_the_doctor_notes_what_is_larger_than_planned(migrated, monkeypatch):
    def told() -> list[tuple[str, str, str]]:
        return [(one.verdict, one.what, one.seen) for one in doctor.examine(migrated) if one.what.startswith("memory")]

    plan = "planned for a process, at most: web 600 MiB, light 400 MiB, prompt 400 MiB, model 3072 MiB; none runs here"
    assert told() == [("ok", "memory", plan)]
    (migrated.home / "supervisor.lock").write_text("10")
    found = [Part("medical", "model", 1, 3100.0, 3072), Part("finance", "light", 3, 150.0, 400)]
    monkeypatch.setattr(footprint, "parts", lambda pid, kinds: found if pid == 10 else [])
    assert told() == [
        ("note", "memory medical", "3100 MiB of 3072 planned"),
        ("ok", "memory finance", "3 processes, the largest 150 MiB of 400 planned"),
    ]
