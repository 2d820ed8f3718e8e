"""An archive of reports, made here in the layout of Indiana University's, measured by the command."""

import json
import tarfile
import zipfile

import numpy as np
import pytest

from trivium.medical.evaluate.archive import read_archive
from trivium.medical.evaluate.reports import report_of
from trivium.medical.evaluate.rule_labels import rule_labels
from trivium.medical.narrate import load_phrases
from trivium.service.cli import run
from trivium.vision.findings import PATHOLOGIES

XML = (
    '<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/><MedlineCitation><Article><Abstract>'
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
        (tmp_path / f"{number}.xml").write_text(XML.format(number=number, asked=asked, said=said))
    (tmp_path / "empty.xml").write_text(XML.format(number=0, asked="Cough", said=""))
    return tmp_path


def test_systems_that_see_no_film(archive, capsys):
    assert len(read_archive(archive)[0]) == 60
    assert run(["medical", "eval", str(archive), "--out", str(archive / "out"), "--rounds", "20"]) == 0
    found = json.loads((archive / "out" / "eval.json").read_text())
    assert (found["reports"], found["scored"]) == (60, 12)
    systems = found["texts"]["systems"]
    assert systems["nearest indication"]["bleu_4"]["value"] == 1
    assert 0 < systems["best constant report"]["bleu_4"]["value"] < 1
    constant = systems["best constant report"]["label_micro_f1"]["value"]
    assert constant < 1  # it states one finding or none, whatever the film shows
    for name in ("gold labels, random", "gold labels, central", "best match (peeks)"):
        assert systems[name]["label_micro_f1"]["value"] == systems[name]["normal_accuracy"]["value"] == 1
    assert "12 of 60 reports scored; split drawn" in capsys.readouterr().out


def test_a_report_that_is_no_xml_is_named_and_left_out(archive, capsys):
    (archive / "7.xml").write_text("<eCitation>")
    out = archive / "out"
    assert run(["medical", "eval", str(archive), "--out", str(out), "--rounds", "20"]) == 1
    found = json.loads((out / "eval.json").read_text())
    assert (found["reports"], [one["file"] for one in found["left_out"]]) == (59, ["7.xml"])
    assert "1 of 60 reports cannot be read and were left out:" in (out / "eval.txt").read_text()
    assert f"{archive / '7.xml'}: cannot be read (" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_an_archive_as_it_is_downloaded_with_the_split_of_papers(archive, tmp_path_factory, kind):
    """Ids of the split carry the film's number behind the report's; reports that it leaves out are not used."""
    rows = [{"id": f"CXR{number}_IM-0001-1001"} for number in range(40)]
    split = {"train": rows[:25], "val": rows[25:30], "test": [*rows[30:], {"id": "CXR9999_IM-1"}]}
    (archive / "annotation.json").write_text(json.dumps(split))
    folder = tmp_path_factory.mktemp("packed")
    packed = folder / f"reports.{kind}"
    if kind == "tgz":
        with tarfile.open(packed, "w:gz") as stream:
            stream.add(archive, "ecgen-radiology")
    else:
        with zipfile.ZipFile(packed, "w") as stream:
            for path in sorted(archive.iterdir()):
                stream.write(path, f"ecgen-radiology/{path.name}")
    assert run(["medical", "eval", str(packed), "--out", str(folder / "out"), "--rounds", "10"]) == 0
    found = json.loads((folder / "out" / "eval.json").read_text())
    assert (found["split"], found["learned_from"], found["chosen_on"], found["scored"]) == (
        "annotation.json",
        25,
        5,
        10,
    )


def test_a_text_states_what_it_neither_denies_nor_guesses():
    said = rule_labels("No pneumothorax. Possible mass. Small left pleural effusion and pleural thickening.")
    assert [name for name, is_said in zip(PATHOLOGIES, said, strict=True) if is_said] == [
        "Effusion",
        "Pleural_Thickening",
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_draft_read_by_rule_states_what_it_was_made_from(language):
    """Every set of one or two findings, in the words of drafts."""
    phrases = load_phrases(language)
    for first in range(1, 15):
        for second in range(first, 15):
            present = np.zeros(15, bool)
            present[[first, second]] = True
            assert rule_labels(report_of(present, phrases)) == tuple(present[1:].tolist())


def test_what_is_no_archive_is_one_line(tmp_path, capsys):
    (tmp_path / "1.xml").write_text(XML.format(number=1, asked="Cough", said=USUAL))
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "holds 1 reports with findings, and at least 20 are needed" in capsys.readouterr().err
    (tmp_path / "2.xml").write_text("<eCitation>")
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "2.xml" in capsys.readouterr().err
    (tmp_path / "2.xml").unlink()
    (tmp_path / "annotation.json").write_text('{"train": []}')
    for number in range(30):
        (tmp_path / f"{number}.xml").write_text(XML.format(number=number, asked="Cough", said=USUAL))
    assert run(["medical", "eval", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "annotation.json is no split" in capsys.readouterr().err
    bad = tmp_path / "reports.tgz"
    bad.write_bytes(b"hello")
    assert run(["medical", "eval", str(bad), "--out", str(tmp_path / "out")]) == 1
    assert "give a folder, .zip, .tar or .tgz of reports" in capsys.readouterr().err
    assert run(["medical", "eval", str(tmp_path / "1.xml"), "--out", str(tmp_path / "out")]) == 1
    assert "is no folder" in capsys.readouterr().err
