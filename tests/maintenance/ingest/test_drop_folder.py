"""Files put into a folder: taken in once, moved away, each with a receipt whose counts add up."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance.ingest.drop_folder import take_files
from trivium.maintenance.ingest.stored import read_readings
from trivium.service.errors import NotFoundError

ROWS = "asset,time,temp\n" + "".join(f"P1,{at(i)},{20 + i}\n" for i in range(5)) + f"P1,{at(9)},999\nP9,{at(1)},3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made


@pytest.fixture
def take(plant, folder: Path):
    """Takes what lies in the folder while a worker drains, and returns the receipts."""
    plant.register(pump("P1"))

    def run(**options) -> list[dict]:
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(0.02):
                plant.drain()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            return list(
                take_files(folder, PLANT, door=plant.door, database=plant.database, **{"settle_s": 0.0} | options)
            )
        finally:
            ended.set()
            worker.join()

    return run


def test_a_file_is_stored_moved_and_answered(plant, take, folder):
    (folder / "a.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    (receipt,) = take()
    assert (receipt["state"], receipt["rows"]) == ("done", 7)
    assert {name: count for name, count in receipt["verdicts"].items() if count} == {
        "accepted": 5, "out_of_range": 1, "unknown_sensor": 1,
    }  # fmt: skip
    assert json.loads((folder / "done" / "a.csv.gz.receipt.json").read_text()) == receipt
    assert sorted(path.name for path in folder.iterdir()) == ["done"]
    assert (
        len(read_readings(plant.database, PLANT, "P1", 0, 2**62).times_us) == 6
    )  # the one out of range is kept, marked


def test_the_same_file_again_is_stored_once_and_both_have_a_receipt(plant, take, folder):
    for _ in range(2):
        (folder / "a.csv").write_text(ROWS)
        (receipt,) = take()
    assert receipt["batches"] == json.loads((folder / "done" / "a.csv.receipt.json").read_text())["batches"]
    assert sorted(path.name for path in (folder / "done").iterdir()) == [
        "a.csv", "a.csv.2", "a.csv.2.receipt.json", "a.csv.receipt.json",
    ]  # fmt: skip


def test_what_cannot_be_read_is_set_aside_and_stops_nothing(take, folder):
    (folder / "bad.csv").write_text("asset,time,temp\nP1,soon,3\n")
    os.utime(folder / "bad.csv", (1, 1))
    (folder / "good.csv").write_text(ROWS)
    assert [(one["file"], one["state"]) for one in take()] == [("bad.csv", "failed"), ("good.csv", "done")]
    assert "'soon' is no time" in json.loads((folder / "failed" / "bad.csv.receipt.json").read_text())["error"]


def test_what_is_being_written_waits(take, folder):
    for name in ("a.csv.part", ".hidden.csv", "young.csv"):
        (folder / name).write_text(ROWS)
    assert take(settle_s=60.0) == []
    assert len(list(folder.iterdir())) == 3


def test_without_a_worker_the_file_stays(plant, folder):
    plant.register(pump("P1"))
    (folder / "a.csv").write_text(ROWS)
    with pytest.raises(NotFoundError, match="pieces are not stored"):
        list(take_files(folder, PLANT, door=plant.door, database=plant.database, settle_s=0.0, patience_s=0.1))
    assert (folder / "a.csv").is_file()
