"""The page without a browser: its buttons, what it shows of a job, and what it says when something is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pydantic.v1  # noqa: F401 - Gradio imports it from a thread of its own; twice at once is a deadlock error
import pytest
from tests.finance.deployment import OWNER, deployed, submit, work

from trivium.finance import pipeline
from trivium.finance.formats import FORMATS
from trivium.finance.overrides import overrides_of
from trivium.finance.samples import write_samples
from trivium.finance.ui import actions, build, charts, mapping, views
from trivium.finance.ui.document import open_document
from trivium.finance.ui.words import Words
from trivium.service.errors import InputError, NotFoundError
from trivium.service.jobs import JobState
from trivium.service.phrase import Phrase
from trivium.service.roles import Principal

EN, ZH = Words("en"), Words("zh")
PAIR = ("TVMK_10-K_FY2023.htm", "TVMK_10-K_FY2024.htm")
CHOICES = {"language": "en", "scale": "million", "formats": [], "rates": ""}


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, Path]:
    return {path.name: path for path in write_samples(tmp_path_factory.mktemp("samples"))}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(scope="module")
def done(runtime, samples):
    """One company over two filings."""
    return work(runtime, submit(runtime, [samples[name] for name in PAIR], formats=["html", "json"]))


@pytest.fixture(scope="module")
def peers(runtime, samples):
    """A bank and an insurer."""
    return work(runtime, submit(runtime, [samples["BRKF_10-K_FY2024.htm"], samples["SGIG_10-K_FY2024.htm"]]))


@pytest.fixture(scope="module")
def document(runtime, done):
    return open_document(runtime.store, done)


def visitor(
    job: str = "", language: str = "en", owner: str = OWNER, may: tuple[str, ...] = ("finance.read", "finance.run")
) -> SimpleNamespace:
    """What a handler asks of `gr.Request`."""
    query = {"job": job, "lang": language}
    state = SimpleNamespace(principal=Principal(owner, owner, frozenset(may), "password"))
    return SimpleNamespace(username=owner, query_params=query, cookies={}, headers={}, state=state)


@pytest.fixture(scope="module")
def page(runtime):
    """The handlers by name, and a way to read what they say by component."""
    demo = build(runtime)
    handlers = {function.fn.__name__: function.fn for function in demo.fns.values() if function.fn is not None}
    return demo, handlers


def said(updates, name: str) -> str:
    """Return the text that an update puts into a component, found by its element id."""
    found = [value for part, value in updates.items() if part.elem_id == name]
    value = found[0]["value"] if isinstance(found[0], dict) else found[0]
    return re.sub(r"<[^>]+>", " ", value)


# -- what the buttons do --------------------------------------------------------------------------------------------


def upload(runtime, path: Path) -> dict[str, str]:
    return {"name": path.name, "sha256": runtime.store.put_file(path).sha256}


def test_uploaded_files_become_a_job(runtime, samples):
    file = upload(runtime, samples[PAIR[0]])
    job = actions.submit_files(runtime, OWNER, EN, [file, file], CHOICES | {"formats": ["xlsx", "nonsense"]})
    assert [one.name for one in job.inputs] == ["TVMK_10-K_FY2023.htm", "TVMK_10-K_FY2023 (2).htm"]
    assert job.title == "2 files: TVMK_10-K_FY2023.htm, TVMK_10-K_FY2023 (2).htm"
    assert [name for name in job.request["formats"] if name != "xlsx"] == ["html", "json"]
    assert set(job.request["formats"]) <= set(FORMATS)


def test_nothing_to_compare_is_said_in_the_visitors_language(runtime):
    with pytest.raises(InputError, match="Add at least one filing first"):
        actions.submit_files(runtime, OWNER, EN, [], CHOICES)
    with pytest.raises(InputError, match="请先添加至少一份财报"):
        actions.submit_files(runtime, OWNER, ZH, [], CHOICES)
    with pytest.raises(NotFoundError, match="no such content"):
        actions.submit_files(runtime, OWNER, EN, [{"name": "a", "sha256": "0" * 64}], CHOICES)


def test_rates_typed_into_the_box_go_with_the_job(runtime, samples):
    files = [upload(runtime, samples[PAIR[0]])]
    typed = "EUR/USD,average,2024-01-01,2024-12-31,1.0824,ECB\nEUR/USD,closing,,2024-12-31,1.0389,ECB\n"
    job = actions.submit_files(runtime, OWNER, EN, files, CHOICES | {"rates": typed})
    assert [(row["kind"], row["rate"]) for row in job.request["rates"]] == [
        ("average", "1.0824"),
        ("closing", "1.0389"),
    ]
    assert actions.submit_files(runtime, OWNER, EN, files, CHOICES | {"rates": " \n"}).request["rates"] == []
    with pytest.raises(InputError, match="the rate '0' is not a positive number"):
        actions.submit_files(runtime, OWNER, EN, files, CHOICES | {"rates": "EUR/USD,closing,,2024-12-31,0,ECB"})


def test_a_ticker_becomes_a_job(runtime):
    asked = {"ticker": " aapl ", "forms": ["10-K"], "years": 3, "contact": "Jane Doe jane@example.com"}
    job = actions.submit_fetch(runtime, OWNER, EN, asked, CHOICES)
    assert (job.kind, job.title) == ("fetch", "AAPL from the SEC: 10-K, 3 years")
    assert job.request["ticker"] == "AAPL"
    assert job.request["contact"] == "Jane Doe jane@example.com"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"ticker": ""}, "Give a ticker first"),
        ({"forms": []}, "Choose at least one form"),
        ({"contact": ""}, "The SEC asks for your name and e-mail address"),
        ({"contact": "Jane"}, "'Jane' is no contact with an e-mail address"),
    ],
)
def test_what_a_fetch_lacks_is_said_before_anything_is_asked(runtime, wrong, line):
    asked = {"ticker": "AAPL", "forms": ["10-K"], "years": 1, "contact": "a@b.org"} | wrong
    with pytest.raises(InputError, match=line):
        actions.submit_fetch(runtime, OWNER, EN, asked, CHOICES)


def test_another_concept_is_kept_and_the_files_are_compared_again(runtime, done):
    again = actions.use_concept(runtime, OWNER, done.id, "TVMK", "capex", "us-gaap:Depreciation")
    assert again.inputs == done.inputs
    assert again.request["overrides"] == {"TVMK": {"capex": "us-gaap:Depreciation"}}
    assert overrides_of(runtime.database, OWNER) == {"TVMK": {"capex": "us-gaap:Depreciation"}}
    back = actions.clear_concept(runtime, OWNER, again.id, "TVMK", "capex")
    assert back.request["overrides"] == {}
    with pytest.raises(NotFoundError):
        actions.use_concept(runtime, "bob", done.id, "TVMK", "capex", "us-gaap:Depreciation")


def test_a_stopped_job_runs_again(runtime, samples):
    stopped = runtime.jobs.cancel(submit(runtime, [samples[PAIR[0]]], scale="wan").id, owner=OWNER)
    assert stopped.state is JobState.CANCELLED
    again = actions.run_again(runtime, OWNER, stopped.id)
    assert (again.inputs, again.request["scale"]) == (stopped.inputs, "wan")
    asked = {"ticker": "AAPL", "forms": ["10-K"], "years": 1, "contact": "a@b.org"}
    fetch = actions.submit_fetch(runtime, OWNER, EN, asked, CHOICES)
    assert actions.run_again(runtime, OWNER, fetch.id).kind == "fetch"


# -- what the page shows --------------------------------------------------------------------------------------------


def test_cards_say_value_change_and_status(document):
    # TVMK_10-K_FY2024.htm: net sales 2,569 and 2,419 million (restated), net income 287; EPS 2.41 and 2.32
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", views.cards(document, EN)))
    assert "Talvenmark Water Technologies, Inc., FY2024 2024-12-31" in text
    assert "Revenue 2,569 USD million +6.2% on FY2023 reported" in text
    assert "Operating margin 15.5% \u22120.5 pp on FY2023 derived" in text
    assert "Diluted EPS 2.41 USD per share +3.9% on FY2023 reported" in text
    assert "Net debt (375) USD million \u2212180 on 2023-12-31 derived" in text  # a negative base gives no percentage
    chinese = re.sub(r"<[^>]+>", " ", views.cards(document, ZH))
    assert "营业收入" in chinese
    assert "百万美元" in chinese
    assert "\u22120.5个百分点" in chinese  # although the report is in English


def test_banks_and_insurers_have_cards_of_their_own(runtime, peers):
    text = views.cards(open_document(runtime.store, peers), EN)
    assert "Efficiency ratio" in text
    assert "Combined ratio" in text
    assert text.count('<section class="tf-overview"') == 2


def test_many_companies_share_one_table(runtime, peers, monkeypatch):
    monkeypatch.setattr(views, "_MOST_CARDS", 1)
    text = views.cards(open_document(runtime.store, peers), EN)
    assert text.count("<tr>") == 3
    assert '<th scope="row">Brackenford Bancorp, Inc. <small>FY2024 USD million</small></th><td>891</td>' in text


def test_a_quarter_alone_speaks_for_itself(runtime, samples):
    job = work(runtime, submit(runtime, [samples["QRVN_10-Q_FY2024Q2.htm"]]))
    document = open_document(runtime.store, job)
    column = document.headline("QRVN")
    assert column["kind"] == "quarter"
    flow = document.cell("operating_cash_flow", "QRVN", column)
    assert flow is not None
    assert flow.amount == 1_779_000_000  # QRVN_10-Q_FY2024Q2.htm, the half year: no quarter is printed
    assert document.cell("net_debt", "QRVN", column) is not None


def test_charts_draw_what_the_report_says(document, runtime, peers):
    revenue = charts.revenue_chart(document, "TVMK", EN)
    assert list(revenue.data[0].x) == ["FY2021", "FY2022", "FY2023", "FY2024"]
    assert revenue.data[0].y[-1] == pytest.approx(2569, abs=0.5)  # in the report's millions
    assert revenue.data[0].customdata[-1] == "2,569"
    assert [line.name for line in revenue.data[1:]] == ["Gross margin", "Operating margin", "Net margin"]
    cash = charts.cash_flow_chart(document, "TVMK", EN)
    assert cash.data[1].y[-1] < 0 < cash.data[0].y[-1]
    segments = charts.segment_chart(document, 0, EN)
    assert sum(bar.y[-1] for bar in segments.data) == pytest.approx(revenue.data[0].y[-1], abs=0.5)
    side_by_side = charts.peer_chart(open_document(runtime.store, peers), EN)
    assert list(side_by_side.data[0].x)[:1] == ["BRKF FY2024"]
    empty = charts.segment_chart(document, None, ZH)
    assert empty.layout.annotations[0].text == "这些财报没有可用于此图的数字。"


def test_the_mapping_says_where_each_metric_stands(document):
    rows = {
        re.sub(r"<[^>]+>", "|", row).split("|||")[0].strip("|"): re.sub(r"<[^>]+>", "|", row)
        for row in mapping.mapping_table(document, EN).split("<tr>")
    }
    assert "us-gaap:|NetIncomeLoss" in rows["Net income"]
    assert "income statement, row 24" in rows["Net income"]
    assert "|287|" in rows["Net income"]
    choice = document.choice("TVMK", "total_assets")
    texts = dict(reversed(pair) for pair in mapping.offered(document, choice, EN))
    assert texts["us-gaap:Assets"].startswith("Total assets \u2013 us-gaap:Assets \u2013 balance sheet, row ")


def test_what_comes_from_outside_is_escaped(runtime, samples):
    sneaky = runtime.jobs.submit(
        app="finance", kind="compare", owner=OWNER, request={}, title="<img src=x onerror=alert(1)>"
    )
    for text in (views.progress(sneaky, EN, {}), views.past_jobs([sneaky], EN)):
        assert "<img" not in text
        assert "&lt;img" in text


def test_a_job_that_was_set_aside_names_its_stage_in_the_readers_words(done):
    reason = Phrase("{died}, the last time in the stage '{stage}'", died="it died", stage="analyze")
    aside = replace(done, state=JobState.QUARANTINED, error=reason)
    assert "最近一次在“正在分析”阶段" in views.progress(aside, ZH, {})
    assert "in the stage &#x27;Analysing&#x27;" in views.progress(aside, EN, {})


# -- the handlers ---------------------------------------------------------------------------------------------------


def test_the_page_opens_empty_in_both_languages(page):
    _, handlers = page
    assert "Compare company filings" in said(handlers["open"](visitor()), "tf-head")
    chinese = handlers["open"](visitor(language="zh"))
    assert "公司财报对比" in said(chinese, "tf-head")
    assert "将财报拖放到此处" in said(chinese, "tf-drop")


def test_a_link_opens_a_finished_job(page, done):
    _, handlers = page
    updates = handlers["open"](visitor(done.id))
    assert "Talvenmark Water Technologies, Inc." in said(updates, "tf-cards")
    frame = next(value for part, value in updates.items() if part.elem_id == "tf-report")
    assert f'src="../files/{done.id}/comparison.html?inline=1"' in frame
    assert "comparison.json" in said(updates, "tf-downloads")


def test_someone_elses_job_is_not_there(page, done):
    _, handlers = page
    updates = handlers["open"](visitor(done.id, owner="bob"))
    assert "There is no such comparison, or it is not yours." in said(updates, "tf-alert")
    assert not [part for part in updates if part.elem_id == "tf-cards"]


def test_who_may_only_read_runs_nothing(page, done, runtime):
    _, handlers = page
    before = len(runtime.jobs.recent(owner=OWNER, app="finance", limit=50))
    reader = visitor(done.id, may=("finance.read",))
    updates = handlers["use"](done.id, ("TVMK", "total_assets"), "us-gaap:Assets", reader)
    assert "this needs the permission finance.run" in said(updates, "tf-alert")
    assert len(runtime.jobs.recent(owner=OWNER, app="finance", limit=50)) == before


def test_a_failed_job_shows_its_line_and_reference(page, runtime, tmp_path):
    files = []
    for name in ("scan.pdf", "empty.htm"):
        path = tmp_path / name
        path.write_bytes(b"%PDF-1.7" if name.endswith("pdf") else b"")
        files.append(path)
    job = work(runtime, submit(runtime, files))
    assert job.state is JobState.FAILED
    text = said(page[1]["open"](visitor(job.id)), "tf-job")
    assert "scan.pdf: a PDF cannot be read yet; empty.htm: the file is empty" in text
    assert f"Reference {job.error_reference}" in text


def test_files_that_could_not_be_read_are_named_beside_the_results(page, runtime, samples, tmp_path):
    bad = tmp_path / "scan.pdf"
    bad.write_bytes(b"%PDF-1.7")
    job = work(runtime, submit(runtime, [bad, samples["BRKF_10-K_FY2024.htm"]]))
    text = said(page[1]["open"](visitor(job.id)), "tf-job")
    assert "Could not be read" in text
    assert "scan.pdf: a PDF cannot be read yet" in text


def test_what_an_english_job_said_is_chinese_for_a_chinese_reader(page, runtime, samples, tmp_path):
    scan = tmp_path / "scan.htm"
    scan.write_bytes(b"<html><body>Revenue 1,234</body></html>")
    alone = work(runtime, submit(runtime, [scan], language="en"))
    bring = "请提供内联 XBRL 文件（.htm）、XBRL 实例文档（.xml，或含链接库的 .zip）、SEC 的 companyfacts（.json），"
    line = f"scan.htm：这个 HTML 页面不含内联 XBRL；{bring}或 CSV、XLSX 格式的报表"
    assert alone.error.startswith("scan.htm: an HTML page without inline XBRL; bring the filing's")
    assert f"{line} <small>" in views.progress(alone, ZH, {})
    beside = work(runtime, submit(runtime, [samples[PAIR[0]], scan], language="en"))
    assert f"<li>{line}</li>" in views.progress(beside, ZH, actions.problems_of(runtime, beside))


def test_the_page_shows_a_sentence_that_the_checker_took_out_and_why(page, runtime, samples, monkeypatch):
    told = pipeline.narrate

    def turned(*arguments):
        first, *others = told(*arguments)
        return (replace(first, text=first.text.replace("rose", "fell")), *others)

    monkeypatch.setattr(pipeline, "narrate", turned)
    job = work(runtime, submit(runtime, [samples[PAIR[0]]]))
    text = said(page[1]["open"](visitor(job.id)), "tf-job")
    assert "Sentences left out by the checker" in text
    assert "Could not be read" not in text
    assert "revenue fell" in text
    chinese = views.progress(job, ZH, actions.problems_of(runtime, job))
    assert "<b>核对时略去的语句</b><ul><li>略去一句：“" in chinese


def test_a_running_job_shows_stages_and_a_way_to_stop(page, runtime, samples):
    job = submit(runtime, [samples[PAIR[0]]])
    updates = page[1]["open"](visitor(job.id, "zh"))
    html = next(value["value"] for part, value in updates.items() if part.elem_id == "tf-job")
    assert f'data-job="{job.id}"' in html
    assert html.count("data-stage=") == 5
    assert f'data-cancel="{job.id}"' in html
    assert "等待处理" in html


def test_choosing_a_concept_offers_the_statements_lines(page, done):
    _, handlers = page
    event = gr.EventData(None, {"company": "TVMK", "metric": "total_assets"})
    updates = handlers["offer"](done.id, event, visitor())
    radio = next(value for part, value in updates.items() if part.elem_id == "tf-concepts")
    assert radio["label"] == "Concepts offered for Total assets of TVMK"
    assert radio["value"] == "us-gaap:Assets"
    nothing = handlers["use"](done.id, ("TVMK", "total_assets"), None, visitor())
    assert "Choose one of the concepts first." in said(nothing, "tf-alert")


def test_our_own_mistake_shows_a_reference_only(page, monkeypatch, done):
    monkeypatch.setattr(views, "cards", lambda document, words: 1 / 0)
    text = said(page[1]["open"](visitor(done.id)), "tf-alert")
    assert re.search(r"Something went wrong inside Trivium; the log has the details. +Reference [0-9a-f]{8}", text)


@pytest.mark.slow
def test_the_page_reaches_neither_pipeline_nor_tasks():
    program = (
        "import sys\n"
        "from unittest.mock import MagicMock\n"
        # Only our own modules are asked about; Gradio and Plotly would take most of ten seconds.
        "sys.modules |= {name: MagicMock() for name in ('gradio', 'plotly', 'plotly.graph_objects')}\n"
        "import trivium.finance.ui.page\n"
        "bad = [n for n in sys.modules if n.startswith(('trivium.finance.pipeline', 'trivium.finance.tasks', "
        "'trivium.finance.parse', 'trivium.finance.analyze'))]\n"
        "print(bad)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
