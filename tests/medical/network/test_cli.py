"""The commands that bring films in: what they say when they cannot, and that a folder is taken in from the terminal."""

from __future__ import annotations

import pytest
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.service.cli import run
from trivium.service.settings import current_settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    current_settings.cache_clear()
    yield tmp_path
    current_settings.cache_clear()


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["listen"], 1, "trivium: TRIVIUM_MEDICAL_DICOM_PORT: is not set; 11112 is usual\n"),
        (["listen", "--lang", "xx"], 1, "TRIVIUM_MEDICAL_DICOM_PORT: is not set"),
        (["watch", "in", "--lang", "xx"], 2, "--lang xx is unknown; use en, zh"),
        (["priors"], 2, "Missing argument 'study'"),
    ],
)
def test_what_cannot_be_done_is_one_line(home, capsys, words, code, line):
    assert run(["medical", *words]) == code
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_a_folder_is_taken_in(home, capsys, monkeypatch):
    folder = home / "in"
    folder.mkdir()
    (folder / "Quorla.dcm").write_bytes(planted())
    (folder / "Quorla.txt").write_bytes(b"no film")
    with deployed(home / "home") as runtime:
        monkeypatch.setattr("trivium.service.runtime.open_runtime", lambda _settings: runtime)
        monkeypatch.setattr(
            "trivium.medical.network.folder._finished", lambda folder, _before: sorted(folder.iterdir())
        )
        assert run(["medical", "watch", str(folder), "--once"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[12:57] for line in lines] == ["  taken", "  the file: is neither DICOM nor PNG nor JPEG"]
    assert "Quorla" not in "".join(lines)
