"""The commands for a connected plant: what they say when there is nothing, no such plant, or when it is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from trivium.maintenance.cli import app
from trivium.service.errors import NotFoundError


@pytest.fixture
def run(tmp_path: Path, empty_file: Path, monkeypatch):
    (tmp_path / "trivium.db").write_bytes(empty_file.read_bytes())
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path))
    tags = tmp_path / "tags.csv"
    tags.write_text("tag,asset,unit\nTI-1,P-1,degC\n")
    invoke = CliRunner().invoke
    assert invoke(app, ["tags", str(tags), "--plant", "north"]).output == "north: 1 assets, 1 tags\n"
    return lambda *words: invoke(app, list(words))


def test_a_preview_shows_what_was_understood_and_keeps_nothing(run, tmp_path):
    tags = tmp_path / "new.csv"
    tags.write_text(
        "tag;asset;description;unit;low;high;rate;deadband;running\nSI-2;P-2;speed;rpm;0;4000;10;0,5;SI-2 > 500\n"
    )
    lines = run("tags", str(tags), "--plant", "south", "--preview").output.splitlines()
    assert lines == [
        "P-2  SI-2  0 to 4000 rpm  every 10 s, held 100 s  deadband 0.5  speed",
        "P-2  runs while SI-2 > 500; starts up for 0 s",
    ]
    assert isinstance(run("batches", "--plant", "south").exception, NotFoundError)


def test_nothing_is_said_to_be_nothing(run):
    assert run("batches", "--plant", "north").output == "north: none\n"
    assert run("dead-letters", "--plant", "north").output == "north: none\n"


@pytest.mark.parametrize("command", ["batches", "dead-letters"])
def test_a_plant_that_is_not_there_is_told(run, command):
    ended = run(command, "--plant", "nord")
    assert isinstance(ended.exception, NotFoundError)
    assert ended.exception.line == "nord: no plant is registered under this name; import its tags first"


def test_an_unknown_state_is_refused(run):
    ended = run("batches", "--plant", "north", "--state", "gone")
    assert ended.exit_code == 2
    assert "--state gone is unknown" in ended.output


def test_an_outage_of_an_asset_that_is_not_there_makes_no_plant(run):
    times = ("--from", "2026-03-01T00:00Z", "--to", "2026-03-09T00:00Z")
    for asset, plant in (("P-9", "north"), ("P-1", "nord")):
        ended = run("outage", asset, "--plant", plant, *times)
        assert isinstance(ended.exception, NotFoundError)
        assert ended.exception.line == f"{asset}: the plant {plant} has no such asset; import its tags first"
    assert isinstance(run("batches", "--plant", "nord").exception, NotFoundError)


def test_an_outage_is_told_in_utc(run):
    ended = run(
        "outage", "P-1", "--plant", "north", "--from", "2026-03-01T00:00+01:00", "--to", "2026-03-09T00:00+01:00"
    )
    assert ended.output == "north: P-1 is not scored from 2026-02-28 23:00Z to 2026-03-08 23:00Z\n"


def test_an_asset_is_retired_and_registered_again(run, tmp_path):
    told = run("retire", "P-1", "--plant", "north", "--why", "sold")
    assert told.output == "north: P-1 is retired\n"
    again = run("retire", "P-1", "--plant", "north")
    assert isinstance(again.exception, NotFoundError)
    assert again.exception.line_in("zh") == "P-1：工厂 north 没有这台设备"
    times = ("--from", "2026-03-01T00:00Z", "--to", "2026-03-09T00:00Z")
    assert isinstance(run("outage", "P-1", "--plant", "north", *times).exception, NotFoundError)
    run("tags", str(tmp_path / "tags.csv"), "--plant", "north")
    assert run("outage", "P-1", "--plant", "north", *times).exit_code == 0
