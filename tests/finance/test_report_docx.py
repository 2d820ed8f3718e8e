import functools
import io
import re
import zipfile
from dataclasses import replace

import docx
import pypdfium2
import pytest
from docx.oxml.ns import qn
from tests.finance.report_cases import case
from tests.finance.workbooks import converted, needs_soffice

from trivium.finance.display import Scale
from trivium.finance.report.content import Content
from trivium.finance.report.docx import render_docx
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline import Grid, build

TITLE = f"{case('periods').comparison.series[0].company.name}: FY2021 - FY2024"


def _render(one, language="en", scale=Scale.MILLION):
    return render_docx(Content(one.comparison, one.sentences, one.claims, language, scale))


@functools.cache
def _document(kind, language="en"):
    return docx.Document(io.BytesIO(_render(case(kind, language), language)))


def _texts(document, style):
    return [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == style]


@pytest.mark.parametrize("kind", ["filing", "periods", "companies"])
def test_tables_hold_the_numbers_of_the_outline(kind):
    one = case(kind)
    document = _document(kind)
    content = Content(one.comparison, one.sentences, one.claims, "en", Scale.MILLION)
    blocks = build(content, ExportWording(content.comparison, content.language, content.scale))
    grids = [block for block in blocks if isinstance(block, Grid)]
    assert len(document.tables) == len(grids)
    for table, grid in zip(document.tables, grids, strict=True):
        rows = [[cell.text for cell in row.cells] for row in table.rows]
        assert rows[0][: len(grid.heads)] == list(grid.heads)
        for row, line in zip(rows[1:], grid.lines, strict=True):
            assert row[0] == line.name
            if line.role != "section":
                assert row[1 : 1 + len(line.cells)] == [cell.text for cell in line.cells]


def test_headings_findings_and_captions_have_styles():
    document = _document("periods")
    assert _texts(document, "Title") == [TITLE]
    parts = _texts(document, "Heading 1")
    assert parts[:5] == ["Key findings", "Overview", "Statements", "Common size", "Ratios"]
    assert parts[-3:] == ["What could not be read", "Method and mapping", "Sources"]
    assert _texts(document, "Heading 2")[:3] == ["Income statement", "Balance sheet", "Cash flow statement"]
    assert "USD million" in _texts(document, "Caption")
    findings = _texts(document, "List Bullet")
    sentences = [sentence.text for sentence in case("periods").sentences]
    assert [finding[: len(text)] for finding, text in zip(findings, sentences, strict=True)] == sentences


def test_every_key_leads_to_a_source():
    body = _document("periods").element.body
    anchors = {link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))}
    names = {mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))}
    assert len(anchors) > 100
    assert anchors <= names
    sources = _texts(_document("periods"), "Source")
    assert sources[0].startswith("1\tRevenue. us-gaap:")
    assert re.search(r"FY2024 B \S+", sources[0])


def test_companies_whose_periods_do_not_compare_have_no_peers():
    assert "Peers" in _texts(_document("companies"), "Heading 1")
    assert "Peers" not in _texts(_document("apart"), "Heading 1")


def test_head_rows_repeat_and_pages_are_numbered():
    document = _document("periods")
    assert all(table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None for table in document.tables)
    section = document.sections[0]
    assert section.header.paragraphs[0].text == TITLE
    fields = [field.get(qn("w:instr")) for field in section.footer._element.iter(qn("w:fldSimple"))]
    assert fields == ["PAGE", "NUMPAGES"]
    assert document.core_properties.title == TITLE


def test_chinese_has_its_font_and_language():
    content = _render(case("periods", "zh"), "zh")
    document = docx.Document(io.BytesIO(content))
    assert _texts(document, "Heading 1")[:2] == ["要点", "概览"]
    styles = zipfile.ZipFile(io.BytesIO(content)).read("word/styles.xml").decode()
    assert 'w:eastAsia="Microsoft YaHei"' in styles
    assert '<w:lang w:val="zh-CN" w:eastAsia="zh-CN"' in styles
    assert document.core_properties.language == "zh-CN"


def test_markup_in_names_stays_text():
    one = case("filing")
    (series,) = one.comparison.series
    company = replace(series.company, name="A<b> & \x07Co")
    changed = replace(one, comparison=replace(one.comparison, series=(replace(series, company=company),)))
    document = docx.Document(io.BytesIO(_render(changed)))
    assert _texts(document, "Title") == ["A<b> & Co: FY2022 - FY2024"]


@needs_soffice
@pytest.mark.slow
def test_a_word_processor_opens_it_and_prints_every_finding(tmp_path):
    pdf = pypdfium2.PdfDocument(converted(_render(case("periods", "zh"), "zh"), "note.docx", "pdf", tmp_path))
    text = re.sub(r"\s", "", "".join(page.get_textpage().get_text_range() for page in pdf))
    for sentence in case("periods", "zh").sentences:
        assert re.sub(r"\s", "", sentence.text)[:40] in text


def test_amounts_a_share_have_their_unit_beside_peers_too():
    tables = [[row.cells[0].text for row in table.rows] for table in _document("companies").tables]
    (peers,) = (
        names for names in tables if "Gross margin" in names and "Revenue growth" in names and "Revenue" in names
    )
    assert "Revenue per share (USD per share)" in peers
