"""Where results go: whole or not at all, and never over what they are made from."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import TextIO

import pytest
import typer

from trivium.service.cli import run
from trivium.service.errors import InputError
from trivium.service.terminal import output_stream, refuse_input

SHEET = "Income statement (USD in millions),2024\nRevenue,120\nNet income,12\n"


def test_a_result_that_breaks_off_leaves_what_lay_there(tmp_path: Path):
    out = tmp_path / "facts.csv"
    out.write_text("earlier\n")
    out.chmod(0o640)
    with (
        pytest.raises(InputError, match=r"facts\.csv: cannot be written \(No space left on device\)"),
        output_stream(out) as stream,
    ):
        _break_off(stream)
    assert out.read_text() == "earlier\n"
    with output_stream(out) as stream:
        stream.write("later\n")
    assert (out.read_text(), out.stat().st_mode & 0o777) == ("later\n", 0o640)
    assert os.listdir(tmp_path) == ["facts.csv"]


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path):
    link, real = tmp_path / "link.csv", tmp_path / "real.csv"
    link.symlink_to(real)
    for path in (link, Path("/dev/null")):
        with output_stream(path) as stream:
            stream.write("rows\n")
    assert (link.is_symlink(), real.read_text(), Path("/dev/null").is_char_device()) == (True, "rows\n", True)


def test_an_input_is_not_written_over_by_any_path_to_it(tmp_path: Path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    (tmp_path / "other.csv").symlink_to(sheet)
    with pytest.raises(typer.BadParameter, match=r"other\.csv is one of the inputs"):
        refuse_input(tmp_path / "other.csv", [tmp_path / "absent.csv", sheet])
    refuse_input(tmp_path / "new.csv", [sheet])
    refuse_input(None, [sheet])


@pytest.mark.parametrize("command", ["finance facts", "finance metrics", "maintenance predict", "vision vqa films.zip"])
def test_a_file_is_not_replaced_by_what_is_read_from_it(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    assert run([*command.split(), str(sheet), "--out", str(sheet)]) == 2
    assert "is one of the inputs; give another path" in capsys.readouterr().err
    assert sheet.read_text() == SHEET


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", Full())
    assert run(["finance", "facts", str(sheet)]) == 1
    told = capsys.readouterr().err
    assert "the disk that the result goes to is full" in told
    assert "inside Trivium" not in told


def _break_off(stream: TextIO) -> None:
    stream.write("half of ")
    raise OSError(errno.ENOSPC, "No space left on device")
