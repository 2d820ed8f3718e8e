"""A sentence that the checker takes out, with its reason: told by every export, by the page and by the report."""

import io
import json
from dataclasses import replace

import docx
import pytest
from lxml import html
from openpyxl import load_workbook
from tests.finance.made_report import QORVANE, made, samples

from trivium.finance import pipeline
from trivium.finance.check import check
from trivium.finance.claims import context_of
from trivium.finance.pipeline import CompareRequest, SourceFile
from trivium.finance.report.content import Content
from trivium.finance.report.docx import render_docx
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.html import render_html
from trivium.finance.report.json import render_json
from trivium.finance.report.outline import Paragraph, build
from trivium.finance.report.xlsx import render_xlsx
from trivium.service.store import BlobStore

# The reason by hand: revenue rose, so that a word for falling has no falling number behind it.
LANGUAGES = {
    "en": ("rose", "fell", "Sentences left out", "fell"),
    "zh": ("增长", "下降", "略去的语句", "下降"),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def case(request):
    """Return what a renderer is given, the sentence taken out, and the heading to expect."""
    language = request.param
    rising, falling, heading, word = LANGUAGES[language]
    one = made(QORVANE, language)
    false = [replace(s, text=s.text.replace(rising, falling)) for s in one.sentences if rising in s.text][:1]
    kept, removed = check([*one.sentences, *false], one.claims, language, context=context_of(one.comparison))
    assert (len(kept), len(removed)) == (len(one.sentences), 1)
    assert removed[0].sentence == false[0]
    assert word in removed[0].reason
    return Content(one.comparison, kept, one.claims, language, one.scale, removed), removed[0], heading


def test_the_page_and_the_workbook_and_the_note_show_it(case):
    content, removed, heading = case
    part = html.fromstring(render_html(content)).get_element_by_id("left_out")
    assert part.findtext("h2") == heading
    assert part.findtext("ul/li/q") == removed.sentence.text
    book = load_workbook(io.BytesIO(render_xlsx(content)))
    rows = [[cell.value for cell in row] for row in book.worksheets[-1].iter_rows()]
    assert any(row[1] == heading and removed.sentence.text in row[2] for row in rows if row[2])
    note = [paragraph.text for paragraph in docx.Document(io.BytesIO(render_docx(content))).paragraphs]
    assert heading in note
    assert any(removed.sentence.text in text for text in note[note.index(heading) :])


def test_the_reason_is_in_the_readers_language(case):
    content, removed, _ = case
    (told,) = json.loads(render_json(content))["left_out"]
    wording = ExportWording(content.comparison, content.language, content.scale)
    assert told == {"text": removed.sentence.text, "reason": wording.told(removed.reason)}
    assert (told["reason"] == removed.reason) is (content.language == "en")
    blocks = build(content, wording)
    assert Paragraph(wording.say("left_out", **told)) in blocks


def test_without_one_there_is_no_such_part(case):
    content, _, heading = case
    none = replace(content, removed=())
    assert heading not in render_html(none)
    assert json.loads(render_json(none))["left_out"] == []


def test_a_report_names_it_among_its_problems(monkeypatch, tmp_path):
    one = made()
    (first, *others) = one.sentences
    false = replace(first, text=first.text.replace("rose", "fell"))
    monkeypatch.setattr(pipeline, "narrate", lambda *_: (false, *others))
    store = BlobStore(tmp_path)
    sources = tuple(SourceFile(name, store.put(samples()[name]).sha256) for name in QORVANE)
    report = pipeline.run(CompareRequest(sources, ("json",)), store=store, models=None, progress=lambda *_: None)
    (line,) = report.problems
    assert line.startswith(f"a sentence was left out: {false.text}: ")
    assert line.removeprefix("a sentence was left out: ").removeprefix(f"{false.text}: ")
    (told,) = json.loads(store.read(report.files[0].sha256))["left_out"]
    assert told["text"] == false.text
