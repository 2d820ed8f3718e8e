"""The commands facts and metrics: what they write, and how they fail."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from tests.finance.inline_doc import filing_bytes, number
from tests.finance.test_periods import lines

from trivium.service.cli import run

INCOME, BALANCE, CASH = lines(1)
FLOWS, DATES = ["2024-01-01/2024-12-31"], ["2024-12-31"]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "ex.htm.gz"
    path.write_bytes(gzip.compress(filing_bytes(INCOME, BALANCE, CASH, flows=FLOWS, dates=DATES)))
    return path


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_facts_of_one_file_to_standard_output(page, capsys):
    assert run(["finance", "facts", str(page)]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows[0] == ["concept", "start", "end", "instant", "dims", "unit", "value", "decimals", "fact_id"]
    assert len(rows) == 1 + 4 + 3 + 6
    assert rows[1][:8] == ["us-gaap:Revenues", "2024-01-01", "2024-12-31", "", "", "USD", "1000000", "-6"]


def test_facts_of_several_files_name_the_file(page, tmp_path, capsys):
    out = tmp_path / "facts.csv"
    assert run(["finance", "facts", str(page), str(page), "--out", str(out)]) == 0
    rows = rows_of(out.read_text())
    assert rows[0][0] == "file"
    assert {row[0] for row in rows[1:]} == {str(page)}
    assert len(rows) == 1 + 2 * 13
    assert capsys.readouterr().out == ""


def test_one_bad_file_does_not_stop_the_rest(page, tmp_path, capsys):
    out, bad = tmp_path / "facts.csv", tmp_path / "report.pdf"
    bad.write_bytes(b"%PDF-1.7")
    assert run(["finance", "facts", str(bad), str(page), str(tmp_path / "gone.htm"), "--out", str(out)]) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[0].startswith(f"{bad}: a PDF cannot be read yet; bring the filing's inline XBRL")
    assert error[1] == f"{tmp_path / 'gone.htm'}: there is no such file; give the path of a filing"
    assert len(rows_of(out.read_text())) == 1 + 13


def test_what_could_not_be_read_is_said_and_the_rest_is_written(tmp_path, capsys):
    path = tmp_path / "ex.htm"
    broken = number("Goodwill", "1", "gone", id="f9")
    path.write_bytes(filing_bytes(INCOME, BALANCE, CASH, flows=FLOWS, dates=DATES, extra=broken))
    assert run(["finance", "facts", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{path}: fact f9: its context 'gone' is not there\n"
    assert len(rows_of(captured.out)) == 1 + 13


def test_metrics_have_a_status_and_a_reason(page, tmp_path):
    out = tmp_path / "metrics.csv"
    assert run(["finance", "metrics", str(page), "--out", str(out)]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert {row["status"] for row in rows} == {"reported", "derived", "absent"}
    assert all(row["reason"] for row in rows if row["status"] != "reported")
    assert all(bool(row["value"]) == (row["status"] != "absent") for row in rows)
    (revenue,) = (row for row in rows if row["metric"] == "revenue")
    assert (revenue["file"], revenue["value"], revenue["period_kind"]) == ("ex", "1000000", "year")


def test_metrics_by_a_users_policy(page, tmp_path, capsys):
    policy = tmp_path / "mine.toml"
    policy.write_text('[revenue]\nconcepts = ["NetIncomeLoss"]\nlabels = []\nproxies = []\n')
    assert run(["finance", "metrics", str(page), "--policy", str(policy)]) == 0
    (revenue,) = (row for row in csv.DictReader(io.StringIO(capsys.readouterr().out)) if row["metric"] == "revenue")
    assert revenue["concept"] == "us-gaap:NetIncomeLoss"
    policy.write_text("[revenue")
    assert run(["finance", "metrics", str(page), "--policy", str(policy)]) == 1
    assert capsys.readouterr().err.startswith(f"trivium: {policy}: the mapping policy cannot be read")


def test_an_output_that_cannot_be_written(page, tmp_path, capsys):
    out = tmp_path / "no" / "such" / "facts.csv"
    assert run(["finance", "facts", str(page), "--out", str(out)]) == 1
    assert (
        capsys.readouterr().err == f"trivium: {out}: cannot be written (No such file or directory); give another path\n"
    )


@pytest.mark.parametrize("arguments", [["facts"], ["metrics"], ["facts", "--nonsense"]])
def test_wrong_use_exits_with_2(arguments):
    assert run(["finance", *arguments]) == 2


@pytest.mark.parametrize("command", ["facts", "metrics"])
def test_help_has_an_example(command, capsys):
    assert run(["finance", command, "--help"]) == 0
    assert f"Example: trivium finance {command}" in " ".join(capsys.readouterr().out.split())
