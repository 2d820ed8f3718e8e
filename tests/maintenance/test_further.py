"""Further files to learn from: their assets come behind a fleet's own, help to learn, and are never judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, write
from typer.testing import CliRunner

from trivium.maintenance.analyze import life
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.cli import app
from trivium.maintenance.parse.further import with_further
from trivium.maintenance.parse.reader import read_file
from trivium.service.errors import InputError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write(tmp_path / "own.txt", cmapss_text(10, seed=9)[0]),
        write(tmp_path / "more.txt", cmapss_text(6, seed=8, conditions=2)[0]),
    )


def test_rows_of_further_files_come_behind(files):
    own, more = (read_file(path) for path in files)
    both = with_further(own, files[1:])
    assert len(both) == len(own) + len(more)
    assert both.asset_names == (*own.asset_names, *(f"{name} of more.txt" for name in more.asset_names))
    assert np.array_equal(both.values[len(own) :], more.values)
    assert np.array_equal(both.age, np.concatenate([own.age, more.age]))
    assert np.array_equal(histories(both).remaining[: len(own)], histories(own).remaining)
    assert histories(both).failures == 16
    assert len({both.sha256, own.sha256, more.sha256}) == 3
    assert with_further(own, ()) is own


def test_an_asset_that_is_there_already_is_refused(files, tmp_path):
    own = read_file(files[0])
    lines = [line for line in files[0].read_text().splitlines() if line.startswith("7 ")]
    again = write(tmp_path / "again.txt", "\n".join(f"70{line[1:]}" for line in lines))
    with pytest.raises(
        InputError, match=r"again.txt: its unit 70 begins like unit 7 that is there already; give files"
    ):
        with_further(own, [files[1], again])


def test_other_sensors_are_refused(files, tmp_path):
    text = "\n".join(line.rsplit(maxsplit=1)[0] for line in files[1].read_text().splitlines())
    with pytest.raises(InputError, match=r"few.txt: has 20 sensors, .*own.txt has 21; learn from fleets with the same"):
        with_further(read_file(files[0]), [write(tmp_path / "few.txt", text)])


def test_every_fold_learns_from_further_assets_and_none_is_judged(files, monkeypatch):
    both, learned = with_further(read_file(files[0]), files[1:]), []

    def judge(fleet, lives, horizon, learn, judge, seed, with_usual):
        learned.append(set(fleet.asset[learn].tolist()))
        told = {f"{name}{end}": np.zeros(len(judge)) for name in life.CANDIDATES for end in ("", life._RISK)}
        return told | {"rows": judge}

    monkeypatch.setattr(life, "_judge", judge)
    found = life.cross_validate(
        both, histories(both), 30, seed=4, partial=Partial(None), progress=lambda share: None, num_judged=10
    )
    assert set(both.asset[found.rows].tolist()) == set(range(10))
    assert all(one >= set(range(10, 16)) for one in learned)
    assert sorted(len(one) for one in learned) == [14] * 5  # eight of its own


def test_the_command_refuses_further_files_of_a_csv(files, tmp_path):
    table = write(tmp_path / "t.csv", "asset,time,p,failure\n" + "".join(f"a,{i},{i}.5,{i % 2}\n" for i in range(60)))
    arguments = [str(table), "--format", "csv", "--out", str(tmp_path / "m"), "--also", str(files[1])]
    ended = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(ended.exception, InputError)
    assert ended.exception.line == "--also: further files are for the layout cmapss; put all rows into one CSV"


@pytest.mark.slow
def test_the_card_names_further_files(files, tmp_path):
    arguments = [str(files[0]), "--format", "cmapss", "--out", str(tmp_path / "m"), "--also", str(files[1])]
    ended = CliRunner().invoke(app, ["train", *arguments])
    assert ended.exit_code == 0, ended.output
    assert "16 failures in history\n" in ended.output
    assert "6 of them in files that are learned from, not judged\n" in ended.output
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "- learned from in every fold, never judged: `more.txt`\n" in card
    data = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))["data"]
    assert (data["file"], data["also"], data["assets"], data["failures"]) == ("own.txt", "more.txt", 10, 10)
