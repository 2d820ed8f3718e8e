"""The watched folder: films in subfolders, receipts that name no study, resends, failures, unfinished files."""

from __future__ import annotations

import gzip
import json
import os

import pytest
from sqlalchemy import func, select
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.folder import take_films
from trivium.service.errors import InputError, UpstreamError

LATER = 4102444800.0  # 2100: everything has settled by then


@pytest.fixture
def site(tmp_path):
    (tmp_path / "in" / "Quorla 1961").mkdir(parents=True)
    with deployed(tmp_path / "home") as runtime:
        yield runtime, tmp_path / "in"


def take(runtime, folder, **more):
    options = {"language": "en", "now": lambda: LATER, **more}
    return list(take_films(folder, runtime=runtime, vault=open_vault(runtime.settings), **options))


def lying(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_films_are_taken_and_put_away(site):
    runtime, folder = site
    (folder / "Quorla 1961" / "IM1").write_bytes(planted("1.2.1"))
    (folder / "IM2.gz").write_bytes(gzip.compress(planted("1.2.2")))
    (folder / "again").write_bytes(planted("1.2.1"))
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7 Quorla")
    for name in ("DICOMDIR", ".hidden", "IM3.part"):
        (folder / name).write_bytes(b"no film yet")
    for seconds, name in enumerate(("Quorla 1961/IM1", "IM2.gz", "again", "letter.pdf")):
        os.utime(folder / name, (1000 + seconds, 1000 + seconds))
    receipts = take(runtime, folder)
    assert [(one["state"], one.get("is_new")) for one in receipts] == [
        ("done", True), ("done", True), ("done", False), ("failed", None),
    ]  # fmt: skip
    assert receipts[3]["error"].startswith("the file: is neither DICOM nor PNG nor JPEG")
    assert lying(folder) == {
        "DICOMDIR", ".hidden", "IM3.part", "done/Quorla 1961/IM1", "done/Quorla 1961/IM1.receipt.json", "done/IM2.gz",
        "done/IM2.gz.receipt.json", "done/again", "done/again.receipt.json", "failed/letter.pdf",
        "failed/letter.pdf.receipt.json",
    }  # fmt: skip
    with runtime.database.read() as connection:
        study = connection.execute(select(tables.study)).one()
        assert connection.execute(select(func.count()).select_from(tables.image)).scalar_one() == 2
    written = "".join(path.read_text() for path in folder.rglob("*.receipt.json"))
    assert study.id not in written
    assert study.pseudonym not in written
    assert json.loads((folder / "done/again.receipt.json").read_text())["is_new"] is False
    assert take(runtime, folder) == []


def test_a_file_that_is_still_written_waits(site):
    runtime, folder = site
    (folder / "IM1").write_bytes(planted("1.2.1"))
    assert take(runtime, folder, now=lambda: (folder / "IM1").stat().st_mtime + 1.0) == []
    assert lying(folder) == {"IM1"}


def test_what_was_taken_can_be_removed(site):
    runtime, folder = site
    (folder / "IM1").write_bytes(planted("1.2.1"))
    (folder / "IM2").write_bytes(b"no film")
    take(runtime, folder, removes=True)
    assert lying(folder) == {"failed/IM2", "failed/IM2.receipt.json"}


def test_while_the_database_is_away_films_wait(site, monkeypatch):
    runtime, folder = site
    (folder / "IM1").write_bytes(planted("1.2.1"))

    def away(*_args, **_more):
        raise UpstreamError("the database is away")

    monkeypatch.setattr("trivium.medical.network.folder.receive", away)
    with pytest.raises(UpstreamError):
        take(runtime, folder)
    assert lying(folder) == {"IM1"}


def test_a_folder_that_is_not_there(site):
    runtime, folder = site
    with pytest.raises(InputError, match="is no folder; make it"):
        take(runtime, folder / "nowhere")
