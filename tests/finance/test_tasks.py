"""The two tasks, run in this process: what goes into a job and what comes out of it."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from tests.finance.deployment import OWNER, deployed, submit, work
from tests.finance.test_fetch import sec as server  # noqa: F401 - a fixture

from trivium.finance import fetch, tasks
from trivium.finance.samples import write_samples
from trivium.service.jobs import JobState
from trivium.service.settings import current_settings


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, Path]:
    return {path.name: path for path in write_samples(tmp_path_factory.mktemp("samples"))}


@pytest.fixture
def runtime(tmp_path):
    with deployed(tmp_path / "home") as opened:
        yield opened


def document(runtime, job) -> dict:
    file = next(file for file in job.files if file.name == "comparison.json")
    return json.loads(runtime.store.read(file.sha256))


def test_the_names_are_what_the_platform_sends():
    assert (tasks.compare.name, tasks.fetch.name) == ("finance.compare", "finance.fetch")


def test_a_comparison_always_writes_json(runtime, samples):
    job = work(runtime, submit(runtime, [samples["BRKF_10-K_FY2024.htm"]], formats=[], language="zh", scale="yi"))
    assert job.state is JobState.DONE, job.error
    assert [file.name for file in job.files] == ["comparison.json"]
    assert job.title == "Brackenford Bancorp, Inc.：2022财年 - 2024财年"
    told = document(runtime, job)
    assert (told["language"], told["scale"], told["companies"][0]["key"]) == ("zh", "yi", "BRKF")
    stages = [event.stage for event in runtime.jobs.events(job.id) if event.what == "stage"]
    assert stages == ["parse", "analyze", "narrate", "check", "report"]


def test_a_chosen_concept_reaches_the_report(runtime, samples):
    chosen = {"BRKF": {"revenue": "us-gaap:NetIncomeLoss"}}
    job = work(runtime, submit(runtime, [samples["BRKF_10-K_FY2024.htm"]], overrides=chosen))
    mapping = next(one for one in document(runtime, job)["mapping"] if one["metric"] == "revenue")
    assert mapping["override"] == "us-gaap:NetIncomeLoss"
    assert {use["concept"] for use in mapping["uses"]} == {"us-gaap:NetIncomeLoss"}


def test_rates_reach_the_comparison_and_are_looked_at_first(runtime, samples):
    row = {"pair": "EUR/USD", "kind": "closing", "from": "", "to": "2024-12-31", "rate": "1.0389", "source": "ECB"}
    files = [samples["BRKF_10-K_FY2024.htm"]]
    job = work(runtime, submit(runtime, files, rates=[row]))
    assert job.state is JobState.DONE, job.error
    wrong = work(runtime, submit(runtime, files, rates=[row | {"rate": "-1"}]))
    assert "the rate '-1' is not a positive number" in wrong.error
    shapeless = work(runtime, submit(runtime, files, rates=[row | {"rate": 1.0389}]))
    assert "is not a list of rows of text" in shapeless.error


def test_bad_files_are_named_and_do_not_stop_the_rest(runtime, samples, tmp_path):
    bad = tmp_path / "scan.pdf"
    bad.write_bytes(b"%PDF-1.7")
    job = work(runtime, submit(runtime, [bad, samples["BRKF_10-K_FY2024.htm"]]))
    assert job.state is JobState.DONE
    assert document(runtime, job)["problems"][0]["file"] == "scan.pdf"
    alone = work(runtime, submit(runtime, [bad]))
    assert alone.state is JobState.FAILED
    assert alone.error.startswith("scan.pdf: a PDF cannot be read yet; bring ")


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({"formats": "html"}, "formats: 'html' is not a list of names"),
        ({"formats": ["doc"]}, "unknown format doc"),
        ({"language": "de"}, "unknown language 'de'"),
        ({"overrides": ["revenue"]}, "overrides: is not company to metric to concept"),
    ],
)
def test_a_malformed_request_fails_with_a_line(runtime, samples, request_, line):
    job = work(runtime, submit(runtime, [samples["BRKF_10-K_FY2024.htm"]], **request_))
    assert job.state is JobState.FAILED
    assert line in job.error
    assert len(job.error_reference) == 8


@pytest.fixture
def sec(server, samples, monkeypatch):  # noqa: F811
    """The SEC on this machine; every document in it is one sample filing."""
    annual = samples["QRVN_10-K_FY2024.htm"].read_bytes()
    for path in [path for path in server.pages if path.endswith(".htm")]:
        server.pages[path] = annual
    client = functools.partial(fetch.SecClient, www_url=server.url, data_url=server.url, rate_hz=1000)
    monkeypatch.setattr(tasks, "SecClient", client)
    return server


def test_fetched_filings_are_compared_and_kept(runtime, sec):
    asked = {"ticker": "exc", "forms": ["10-K"], "years": 1, "contact": "Jane Doe jane@example.com", "formats": []}
    job = work(runtime, runtime.jobs.submit(app="finance", kind="fetch", owner=OWNER, request=asked))
    assert job.state is JobState.DONE, job.error
    assert [file.name for file in job.files] == ["comparison.json", "10-K_2024-12-28.htm"]
    assert document(runtime, job)["companies"][0]["key"] == "QRVN"
    assert set(sec.agents) == {"Trivium Jane Doe jane@example.com"}
    stages = [event.stage for event in runtime.jobs.events(job.id) if event.what == "stage"]
    assert stages[:2] == ["fetch", "parse"]


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({}, "contact for the SEC: '' is no contact with an e-mail address"),
        ({"contact": "a@b.org", "ticker": "NOPE"}, "SEC lists no company with the ticker NOPE"),
        ({"contact": "a@b.org", "years": "two"}, "years: 'two' is no number of years; give 1 to 30"),
    ],
)
def test_what_cannot_be_fetched_is_said(runtime, sec, monkeypatch, request_, line):
    monkeypatch.delenv("TRIVIUM_SEC_CONTACT", raising=False)
    current_settings.cache_clear()
    request = {"ticker": "EXC", "forms": ["10-K"]} | request_
    job = work(runtime, runtime.jobs.submit(app="finance", kind="fetch", owner=OWNER, request=request))
    assert job.state is JobState.FAILED
    assert line in job.error
