"""`trivium medical eval` on a folder that the test makes, and its baselines on labels worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.medical.films import png
from tests.vision.drawn import drawn_chest

from trivium.medical.evaluate.baselines import baselines
from trivium.medical.evaluate.labelled import LabelledFilms
from trivium.service.cli import run
from trivium.vision.findings import FINDINGS
from trivium.vision.metrics import macro_auroc

EFFUSION = FINDINGS.index("Effusion")


def labelled(patients: int = 20) -> LabelledFilms:
    """Return films of which the bright half has an effusion, two a patient."""
    n = 2 * patients
    labels = np.zeros((n, 15), bool)
    labels[: n // 2, EFFUSION] = True
    labels[n // 2 :, 0] = True
    films = np.random.default_rng(1).random((n, 64, 64)).astype(np.float32)
    films[: n // 2, :32] += 2
    return LabelledFilms(
        films, labels, np.repeat(np.arange(patients), 2), None, np.zeros((n, 15)), np.zeros((n, 15), bool),
        np.zeros(n, bool), tuple(range(n)),
    )  # fmt: skip


def test_baselines_learn_from_other_patients():
    data = labelled()
    rows = baselines(data, 1)
    assert list(rows) == ["majority", "best constant set", "random", "nearest neighbour", "raw pixels", "gold labels"]
    assert rows["best constant set"].present[:, EFFUSION].all()
    assert rows["best constant set"].present.sum() == len(data.labels)
    assert np.array_equal(rows["nearest neighbour"].present, data.labels)
    assert macro_auroc(rows["majority"].scores, data.labels) == 0.5  # whatever the shares of the parts
    scores = rows["raw pixels"].scores[:, EFFUSION]
    assert scores[: len(scores) // 2].min() > scores[len(scores) // 2 :].max()


@pytest.mark.slow
def test_a_folder_is_measured_and_written(tmp_path, capsys):
    chest = (drawn_chest(80, 80) * 200).astype(np.uint8)
    rows = ["file,patient_id,labels"]
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(png(chest + np.uint8(number)))
        rows.append(f"{number}.png,p{number},{'Effusion|Mass' if number % 2 else 'No Finding'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out"), "--rounds", "10"]) == 0
    found = json.loads((tmp_path / "out" / "eval.json").read_text())
    assert (found["films"], found["patients"], found["trained_on"]["films"]) == (12, 12, 0)
    assert found["systems"]["gold labels"]["micro_f1"] == {"value": 1, "low": 1, "high": 1}
    assert found["labels"]["Effusion"] == {"films": 6, "auroc": {"value": None, "low": None, "high": None}}
    texts = found["texts"]["systems"]
    assert texts["gold labels"]["bleu_4"] == {"value": 1, "low": 1, "high": 1}
    assert texts["best constant report"]["bleu_1"]["value"] > 0.5  # it read no film
    printed = capsys.readouterr().out
    assert "best constant set" in printed
    assert "best constant report" in printed


@pytest.mark.slow
def test_a_film_that_cannot_be_read_is_named_and_left_out(tmp_path, capsys):
    chest = (drawn_chest(80, 80) * 200).astype(np.uint8)
    rows = ["file,patient_id,labels,report"]
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(png(chest + np.uint8(number)))
        rows.append(f"{number}.png,p{number},{'Effusion' if number % 2 else 'No Finding'},Report {number}.")
    (tmp_path / "3.png").write_bytes(b"nothing")
    (tmp_path / "7.png").unlink()
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    out = tmp_path / "out"
    assert run(["medical", "eval", str(tmp_path), "--out", str(out), "--rounds", "10"]) == 1
    found = json.loads((out / "eval.json").read_text())
    assert (found["films"], found["patients"], found["labels"]["Effusion"]["films"]) == (10, 10, 4)
    assert [(one["file"], one["line"]) for one in found["left_out"]] == [("3.png", 5), ("7.png", 9)]
    assert "is neither DICOM nor PNG nor JPEG" in found["left_out"][0]["reason"]
    assert "2 of 12 films cannot be read and were left out:" in (out / "eval.txt").read_text()
    said = capsys.readouterr().err
    assert f"{tmp_path / '3.png'}: is neither DICOM nor PNG nor JPEG" in said
    assert f"{tmp_path / '7.png'}: there is no such file; line 9 of labels.csv was left out" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,labels\na.png,Mass\n", "lacks the column patient_id"),
        ("file,patient_id,labels\n", "names no film"),
        ("file,patient_id,labels\na.png,1,Mass\n", "names 1 patients, and at least 10 are needed"),
        ("file,patient_id,labels\na.png,1,Gout\n", "line 2: the label 'Gout' is unknown"),
        ("patient_id,labels,file\n1,Mass\n", "line 2: has no file"),
        (
            "file,patient_id,labels\n" + "".join(f"{n}.png,{n},Mass\n" for n in range(10)),
            "10 films cannot be read, the first is 0.png, line 2: there is no such file",
        ),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, capsys, content, message):
    (tmp_path / "labels.csv").write_text(content)
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
