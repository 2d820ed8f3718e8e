from __future__ import annotations

import subprocess
import sys

from trivium.service.log_files import LARGEST_BYTES, last_line, rotate, rotate_all


def test_a_large_log_begins_anew_while_a_process_writes_to_it(tmp_path):
    log = tmp_path / "web.log"
    script = (
        "import sys\nfor line in sys.stdin: print(line.strip(), flush=True); print('.', file=sys.stderr, flush=True)"
    )
    with log.open("ab") as file:  # as the supervisor does
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE, text=True
        )
    log.chmod(0o600)

    def say(line: str) -> None:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        process.stderr.readline()  # it is written

    say("first " * 20)
    assert not rotate(log, largest_bytes=1000)
    assert rotate(log, largest_bytes=100)
    say("second")
    assert log.read_text() == "second\n"  # at the new end, with no hole before it
    beside = tmp_path / "web.log.1"
    assert beside.read_text().startswith("first first")
    assert beside.stat().st_mode & 0o777 == 0o600
    say("third " * 20)
    assert rotate(log, largest_bytes=100)
    assert beside.read_text().startswith("second\nthird")
    process.communicate()


def test_a_log_that_is_not_there_is_left_alone(tmp_path):
    assert not rotate(tmp_path / "none.log")
    assert list(tmp_path.iterdir()) == []


def test_one_that_cannot_be_rotated_keeps_no_other_from_it(tmp_path):
    for name in ("a.log", "b.log", "c.txt"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(LARGEST_BYTES + 1)
    (tmp_path / "a.log.1").mkdir()  # nothing can be copied there
    rotate_all(tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir() if path.is_file()}
    assert sizes == {
        "a.log": LARGEST_BYTES + 1, "b.log": 0, "b.log.1": LARGEST_BYTES + 1, "c.txt": LARGEST_BYTES + 1,
    }  # fmt: skip


def test_the_last_line_names_the_file(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("one\ntwo\n\n")
    assert last_line(log) == f"two; see {log}"
    log.write_text("")
    assert last_line(log) == f"no output; see {log}"
