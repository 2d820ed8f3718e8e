"""Import of history: resumable, exactly once, in its own lane, with counts at the end."""

from __future__ import annotations

import gzip

import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance.ingest import history
from trivium.maintenance.ingest.files import read_history
from trivium.maintenance.registry import Asset, Registry, Tag
from trivium.service.errors import InputError, NotFoundError


def silent(done: int, whole: int) -> None:
    assert 0 <= done <= whole


def send(plant, path):
    return history.import_file(path, PLANT, door=plant.door, database=plant.database, progress=silent)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_PIECE_ROWS", 100)
    path = tmp_path / "year.csv.gz"
    lines = [f"P1,{at(-90_000 + i)},{20 + i % 7}\n" for i in range(250)]
    lines[120] = f"P1,{at(-90_000 + 120)},Bad Input\n"
    path.write_bytes(gzip.compress(("asset,time,temp\n" + "".join(lines)).encode()))
    return path


def test_an_import_that_was_stopped_goes_on(plant, file, monkeypatch):
    plant.register(pump("P1"))
    real, calls = plant.door.take, []

    def stop_at_second(*given, **options):
        calls.append(options["options"].batch_id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(plant.door, "take", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        send(plant, file)
    plant.notes.close()
    plant.drain()
    monkeypatch.setattr(plant.door, "take", real)
    report = send(plant, file)
    assert (report.num_rows, report.num_sent, len(report.batch_ids)) == (250, 2, 3)
    plant.notes.close()
    plant.drain()
    done = history.settle(plant.database, PLANT, report, progress=silent)
    assert {name: count for name, count in done.verdicts.items() if count} == {"accepted": 249, "bad_quality": 1}
    assert done.issues[0]["what"] == "says 'Bad Input'"
    assert send(plant, file).num_sent == 0
    assert all(shard.startswith("history/") for shard in plant.streams.lengths())


def test_the_same_in_every_piece_is_told_once(plant, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_PIECE_ROWS", 100)
    plant.register(pump("P1"))
    path = tmp_path / "other.csv"
    path.write_text("asset,time,temp\n" + "".join(f"P9,{at(number)},20\n" for number in range(250)))
    report = send(plant, path)
    plant.notes.close()
    plant.drain()
    (issue,) = history.settle(plant.database, PLANT, report, progress=silent).issues
    assert (issue["rows"], issue["row"], issue["what"]) == (250, 1, "the registry has no asset 'P9'")


def test_a_header_alone_is_refused(plant, tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("asset,time,temp\n")
    with pytest.raises(InputError, match=r"bare.csv: has no row below its first line; give a header and rows"):
        send(plant, path)


def test_no_worker_is_told(plant, file):
    plant.register(pump("P1"))
    report = send(plant, file)
    with pytest.raises(NotFoundError, match="3 of 3 pieces are not stored after 0 s; check that a worker runs"):
        history.settle(plant.database, PLANT, report, progress=silent, patience_s=0.0)


def test_what_cannot_be_read_is_named(plant, file, tmp_path):
    plant.register(pump("P1"))
    broken = tmp_path / "cut.csv.gz"
    broken.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"cut.csv.gz: is no complete gzip file"):
        send(plant, broken)
    with pytest.raises(InputError, match=r"none.csv: cannot be read \(No such file or directory\)"):
        send(plant, tmp_path / "none.csv")
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match=r"empty.csv: is empty"):
        send(plant, empty)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("asset,time,temp\n" + f"P1,{at(0)},1\n" * 100 + "P1,soon,1\n")
    with pytest.raises(InputError, match=r"row 1, time: 'soon' is no time .* \(counted from row 101\)"):
        send(plant, wrong)


def test_a_replay_names_the_file_and_the_row_that_it_cannot_read(tmp_path):
    path = tmp_path / "history.csv"
    rows = "".join(f"TI-7,{1767225600 + number},20.5\n" for number in range(5_000))
    path.write_text(f"tag,timestamp,value\n{rows}TI-7,17672")
    registry = Registry("north", assets={"P-1": Asset("P-1", (Tag("TI-7", "P-1"),))})
    with pytest.raises(InputError) as caught:
        read_history([path], registry, progress=lambda done, whole: None)
    assert caught.value.line == ("history.csv: line 2: has 2 cells, the header has 3 (counted from row 5,001)")
