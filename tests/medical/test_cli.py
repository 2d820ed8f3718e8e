"""`trivium medical draft` on files, in this process, with what ships."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.medical.films import dicom, png
from tests.vision.drawn import drawn_chest

from trivium.service.cli import run
from trivium.vision.findings import FINDINGS

STATES = {"present", "absent", "uncertain", "not_assessed"}


def draft(*arguments: object) -> int:
    return run(["medical", "draft", *map(str, arguments)])


@pytest.mark.slow
def test_every_film_gets_all_findings_and_a_bad_one_stops_nothing(tmp_path, capsys):
    chest = (drawn_chest() * 255).astype(np.uint8)
    files = {
        "small.png": png(chest[::5, ::5].copy()),
        "lateral.dcm": dicom(chest, ViewPosition="LL"),
        "child.dcm": dicom(chest, ViewPosition="PA", PatientAge="004Y"),
        "noise.png": png(np.random.default_rng(1).integers(0, 255, (200, 200), np.uint8)),
        "bad.png": b"nothing",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out"
    assert draft(*(tmp_path / name for name in files), "--out", out) == 1
    said = capsys.readouterr()
    assert "bad.png: is neither DICOM nor PNG nor JPEG" in said.err
    read = {
        name: json.loads((out / name / "draft.json").read_text()) for name in ("small", "lateral", "child", "noise")
    }
    for document in read.values():
        assert [one["name"] for one in document["findings"]] == list(FINDINGS)
        assert all(0 <= one["probability"] <= 1 and one["state"] in STATES for one in document["findings"])
        assert document["status"] == "draft"
    assert read["lateral"]["refused"].startswith("the header says that this is a lateral view")
    assert "the patient is under 16 years" in read["child"]["refused"]
    assert "does not look like a frontal chest film" in read["noise"]["refused"]
    assert read["noise"]["sections"] == {}
    whole = "".join((out / name / file).read_text() for name in read for file in ("draft.json", "draft.txt"))
    assert "Invented" not in whole
    assert "INV-4711" not in whole


def test_wrong_use_is_exit_code_2(tmp_path, capsys):
    assert draft(tmp_path / "a.png", "--out", tmp_path, "--lang", "de") == 2
    assert "--lang de is unknown; use en, zh" in capsys.readouterr().err
