"""The commands `compare` and `fetch`, run in this process with a renderer of the tests' own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trivium.finance import fetch, pipeline
from trivium.finance.gather import gather, unique_names
from trivium.finance.samples import write_samples
from trivium.service.cli import run
from trivium.service.settings import current_settings
from trivium.service.store import BlobStore


def render_paper(content):
    """What a format gets, as JSON: enough to see that the command passed everything on."""
    comparison = content.comparison
    revenue = {
        f"{series.company.key} {span.label}": str(value.amount)
        for series in comparison.series
        for span in series.spans
        if (value := series.get("revenue", span.period)).is_available
    }
    concepts = sorted(
        {
            value.fact.concept.qname
            for series in comparison.series
            for (metric, _), value in series.values.items()
            if metric == "revenue" and value.fact
        }
    )
    return json.dumps(
        {
            "kind": comparison.kind,
            "revenue": revenue,
            "concepts": concepts,
            "language": content.language,
            "scale": str(content.scale),
            "unread": [name for name, _ in comparison.problems],
        }
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, Path]:
    return {path.name: path for path in write_samples(tmp_path_factory.mktemp("samples"))}


@pytest.fixture(autouse=True)
def paper(monkeypatch):
    monkeypatch.setattr(pipeline, "FORMATS", {"paper": ("application/json", f"{__name__}:render_paper")})
    monkeypatch.setitem(
        __import__("sys").modules, __name__, __import__("types").SimpleNamespace(render_paper=render_paper)
    )


def compare(*arguments: object, out: Path) -> int:
    return run(["finance", "compare", *map(str, arguments), "--out", str(out)])


def test_two_years_of_one_company(samples, tmp_path, capsys):
    code = compare(samples["TVMK_10-K_FY2023.htm"], samples["TVMK_10-K_FY2024.htm"], "--lang", "zh", out=tmp_path / "r")
    said = capsys.readouterr()
    written = json.loads((tmp_path / "r" / "comparison.paper").read_text())
    assert code == 0, said.err
    assert (written["kind"], written["language"], written["scale"]) == ("periods", "zh", "yi")
    assert len({label.split()[1] for label in written["revenue"]}) >= 3  # three years of income statements
    assert said.out == f"{tmp_path / 'r' / 'comparison.paper'}\n"
    assert said.err == ""


def test_one_bad_input_does_not_stop_the_rest(samples, tmp_path, capsys):
    bad = tmp_path / "scan.pdf"
    bad.write_bytes(b"%PDF-1.7 nothing")
    out = tmp_path / "there"
    out.mkdir()
    code = compare(bad, tmp_path / "missing.htm", samples["BRKF_10-K_FY2024.htm"], out=out)
    lines = capsys.readouterr().err.splitlines()
    assert code == 1
    assert lines[0] == f"{tmp_path / 'missing.htm'}: there is no such file; give the path of a filing"
    assert lines[1].startswith("scan.pdf: a PDF cannot be read yet; bring ")
    assert json.loads((out / "comparison.paper").read_text())["unread"][0] == "scan.pdf"


def test_nothing_readable_writes_nothing(tmp_path, capsys):
    empty = tmp_path / "empty.htm"
    empty.write_bytes(b"")
    assert compare(empty, out=tmp_path / "r") == 1
    assert "empty.htm: the file is empty" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
    assert compare(tmp_path / "missing.htm", out=tmp_path / "r") == 1


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (("--formats", "paper,doc"), "--formats doc is unknown; use paper"),
        (("--lang", "de"), "--lang de is unknown; use en, zh"),
        (("--scale", "dozen"), "--scale dozen is unknown; use full, thousand, wan, million, yi, billion"),
        (("--override", "revenue"), "--override 'revenue' is not COMPANY.METRIC=prefix:Concept"),
        (("--override", "A.sales=a:B"), "--override 'A.sales=a:B': no metric is called 'sales'"),
    ],
)
def test_wrong_use_is_exit_code_2(samples, tmp_path, capsys, wrong, line):
    assert compare(samples["BRKF_10-K_FY2024.htm"], *wrong, out=tmp_path / "r") == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_chosen_concept_is_taken(samples, tmp_path, capsys):
    name = samples["BRKF_10-K_FY2024.htm"]
    assert compare(name, "--override", "BRKF.revenue=us-gaap:NetIncomeLoss", out=tmp_path / "r") == 0
    written = json.loads((tmp_path / "r" / "comparison.paper").read_text())
    assert written["concepts"] == ["us-gaap:NetIncomeLoss"]
    assert compare(name, "--override", "AAPL.revenue=us-gaap:Revenues", out=tmp_path / "r") == 1
    assert capsys.readouterr().err == "--override AAPL: no filing here is this company's; there are BRKF\n"


def test_a_folder_that_cannot_be_written(samples, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert compare(samples["BRKF_10-K_FY2024.htm"], out=tmp_path / "file") == 1
    assert "cannot be written (File exists); give another folder" in capsys.readouterr().err


def test_files_beside_an_instance_come_along(tmp_path):
    for name in ("a-2024_htm.xml", "a-2024.xsd", "a-2024_pre.xml.gz", "b-2024_lab.xml", "notes.xml", "table.csv"):
        (tmp_path / name).write_text(name)
    store = BlobStore(tmp_path / "blobs")
    gathered, failures = gather([tmp_path / "a-2024_htm.xml"], store)
    assert [one.name for one in gathered] == ["a-2024_htm.xml", "a-2024.xsd", "a-2024_pre.xml.gz"]
    assert store.read(gathered[1].sha256) == b"a-2024.xsd"
    assert failures == []
    renamed, _ = gather([tmp_path / "notes.xml"], store)
    assert len(renamed) == 4  # no file shares its stem, so any of the four may be its own
    alone, _ = gather([tmp_path / "table.csv"], store)
    assert [one.name for one in alone] == ["table.csv"]


def test_equal_names_are_told_apart():
    assert unique_names(["a.htm", "a.htm", "b", "a.htm", "b"]) == ["a.htm", "a (2).htm", "b", "a (3).htm", "b (2)"]


def test_fetch_without_a_contact_says_what_to_do(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TRIVIUM_SEC_CONTACT", raising=False)
    current_settings.cache_clear()
    assert run(["finance", "fetch", "AAPL", "--out", str(tmp_path)]) == 1
    assert "give your name and address, such as 'Jane Doe jane@example.com'" in capsys.readouterr().err


def test_fetch_takes_the_contact_of_the_settings(tmp_path, capsys, monkeypatch):
    asked = {}

    def fetch_filings(ticker, folder, *, client, forms, years, progress):
        asked.update(ticker=ticker, agent=client._http.headers["User-Agent"], forms=forms, years=years)
        progress("fetch", 1.0)
        file = fetch.FetchedFile(folder / ticker / "10-K_2024-09-28.htm", "https://example.com", "0" * 64, 1, True)
        return fetch.FetchResult(fetch.Entity("Apple", "0000320193", "AAPL"), (file,), ())

    monkeypatch.setenv("TRIVIUM_SEC_CONTACT", "Jane Doe jane@example.com")
    current_settings.cache_clear()
    monkeypatch.setattr(fetch, "fetch_filings", fetch_filings)
    code = run(["finance", "fetch", "AAPL", "--out", str(tmp_path), "--forms", "10-k, 20-F", "--years", "3"])
    current_settings.cache_clear()
    assert code == 0
    assert asked == {
        "ticker": "AAPL",
        "agent": "Trivium Jane Doe jane@example.com",
        "forms": ["10-K", "20-F"],
        "years": 3,
    }
    assert capsys.readouterr().out == f"{tmp_path / 'AAPL' / '10-K_2024-09-28.htm'}\n"
