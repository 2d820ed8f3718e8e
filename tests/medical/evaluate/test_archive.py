"""An archive of reports, made here in the layout of Indiana University's, measured by the command."""

import json

import pytest

from trivium.medical.evaluate.archive import read_archive
from trivium.service.cli import run

XML = (
    '<?xml version="1.0" encoding="utf-8"?><eCitation><MedlineCitation><Article><Abstract>'
    '<AbstractText Label="INDICATION">{asked}</AbstractText><AbstractText Label="FINDINGS">{said}</AbstractText>'
    '<AbstractText Label="IMPRESSION">Nothing.</AbstractText></Abstract></Article></MedlineCitation></eCitation>'
)
USUAL = "The heart is normal in size. The lungs are clear."


@pytest.fixture
def archive(tmp_path):
    """Three kinds of report that the indication tells apart; half of them the usual one."""
    for number in range(60):
        asked, said = (
            ("Chest pain", USUAL)
            if number % 2
            else ("Fever and cough", "There is a consolidation in the right lower lobe today.")
            if number % 4
            else ("Dyspnea after surgery", "A left pleural effusion has a small size now.")
        )
        (tmp_path / f"{number}.xml").write_text(XML.format(asked=asked, said=said))
    (tmp_path / "empty.xml").write_text(XML.format(asked="Cough", said=""))
    return tmp_path


def test_systems_that_see_no_film(archive, capsys):
    assert len(read_archive(archive)) == 60
    assert run(["medical", "eval", str(archive), "--out", str(archive / "out"), "--rounds", "20"]) == 0
    found = json.loads((archive / "out" / "eval.json").read_text())
    assert (found["reports"], found["scored"]) == (60, 12)
    systems = found["texts"]["systems"]
    assert systems["nearest indication"]["bleu_4"]["value"] == 1
    assert 0 < systems["best constant report"]["bleu_4"]["value"] < 1
    assert "12 of 60 reports scored" in capsys.readouterr().out


def test_what_is_no_archive_is_one_line(tmp_path, capsys):
    (tmp_path / "1.xml").write_text(XML.format(asked="Cough", said=USUAL))
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "holds 1 reports with findings" in capsys.readouterr().err
    (tmp_path / "2.xml").write_text("<eCitation>")
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "2.xml" in capsys.readouterr().err
