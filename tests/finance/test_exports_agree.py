"""Every export of one comparison, read back: each number must be the one of its claim, exactly or as rounded."""

import functools
import io
import json
import re
from decimal import Decimal

import docx
import openpyxl
import pypdfium2
import pytest
from lxml import html
from tests.finance.report_cases import case

from trivium.finance.display import Scale, admitted, kind_of
from trivium.finance.report.content import Content
from trivium.finance.report.docx import render_docx
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.html import render_html
from trivium.finance.report.json import render_json
from trivium.finance.report.outline import Grid, build
from trivium.finance.report.pdf import render_pdf
from trivium.finance.report.xlsx import make_book
from trivium.service.printing.text import printable

WAYS = [("filing", "en", "million"), ("periods", "zh", "yi"), ("companies", "en", "billion")]


def _render(renderer, kind, language, scale):
    one = case(kind, language, scale)
    return renderer(Content(one.comparison, one.sentences, one.claims, language, Scale(scale)))


@functools.cache
def _printed(kind, language, scale):
    """The cells of the printed report that hold a number: (text, claim id, whether in points)."""
    one = case(kind, language, scale)
    content = Content(one.comparison, one.sentences, one.claims, language, Scale(scale))
    blocks = build(content, ExportWording(content.comparison, content.language, content.scale))
    return [block for block in blocks if isinstance(block, Grid)]


def _is_shown_as(text, claim, scale, *, is_points=False):
    """Whether a printed text stands for the claim's number, by the inverse of rounding."""
    bare = text.strip("()").removesuffix(" pp").removesuffix("个百分点").rstrip("%x").replace(",", "")
    sign = "-" if text.startswith("(") else ""
    decimals = len(bare.partition(".")[2])
    kind = kind_of(claim.unit)
    exponent = -2 if is_points or kind == "ratio" else scale.exponent if kind in ("money", "shares", "other") else 0
    if claim.unit == "rank":
        exponent = 0
    return admitted(Decimal(sign + bare), decimals, exponent).contains(claim.value)


@pytest.mark.parametrize(("kind", "language", "scale"), WAYS)
def test_json_holds_the_claims(kind, language, scale):
    claims = case(kind, language, scale).claims
    values = json.loads(_render(render_json, kind, language, scale))["values"]
    amounts = {key: Decimal(value["amount"]) for key, value in values.items() if "amount" in value}
    assert len(amounts) > 300
    assert amounts == {key: claims[key].value for key in amounts}


@pytest.mark.parametrize(("kind", "language", "scale"), WAYS)
def test_html_holds_the_claims_and_prints_their_rounding(kind, language, scale):
    claims = case(kind, language, scale).claims
    document = html.fromstring(_render(render_html, kind, language, scale))
    numbers = [element for element in document.iter() if element.get("data-value")]
    assert len(numbers) > 300
    checks = case(kind, language, scale).comparison.checks
    of_checks = {amount for check in checks for amount in (check.difference, check.tolerance)}
    unbound = {Decimal(element.get("data-value")) for element in numbers if not element.get("data-claim")}
    assert unbound <= of_checks | {claim.value for claim in claims.values()}
    for element in (element for element in numbers if element.get("data-claim")):
        claim = claims[element.get("data-claim")]
        assert Decimal(element.get("data-value")) == claim.value
        text = element.text_content().strip()
        if re.fullmatch(r"\(?[\d,.]+[%x]?( pp|个百分点)?\)?", text):
            is_points = element.get("data-unit") == "points"
            assert _is_shown_as(text, claim, Scale(scale), is_points=is_points), (text, claim)


@pytest.mark.parametrize(("kind", "language", "scale"), WAYS)
def test_xlsx_holds_the_claims(kind, language, scale):
    one = case(kind, language, scale)
    book, content = make_book(Content(one.comparison, one.sentences, one.claims, language, Scale(scale)))
    workbook = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    numbers = 0
    for (sheet, row, column), placed in book.placed.items():
        if placed.value is not None:
            numbers += 1
            found = workbook[sheet].cell(row + 1, column + 1).value
            expected = one.claims[placed.value.id].value * placed.factor
            assert found == pytest.approx(float(expected), rel=1e-12, abs=1e-12)
    assert numbers > 900


@pytest.mark.parametrize(("kind", "language", "scale"), WAYS)
def test_docx_prints_the_rounding_of_the_claims(kind, language, scale):
    claims = case(kind, language, scale).claims
    document = docx.Document(io.BytesIO(_render(render_docx, kind, language, scale)))
    numbers = 0
    for table, grid in zip(document.tables, _printed(kind, language, scale), strict=True):
        rows = [[cell.text for cell in row.cells] for row in table.rows][1:]
        for row, line in zip(rows, grid.lines, strict=True):
            for text, cell in zip(row[1:], line.cells, strict=False):
                if cell.value is not None:
                    numbers += 1
                    assert _is_shown_as(text, claims[cell.value.id], Scale(scale), is_points=cell.is_points)
                else:
                    assert not re.fullmatch(r"\(?[\d,]+(\.\d+)?[%x]?\)?", text) or grid.num_texts
    assert numbers > 300


@pytest.mark.parametrize(("kind", "language", "scale"), WAYS)
def test_pdf_prints_the_rounding_of_the_claims(kind, language, scale):
    claims = case(kind, language, scale).claims
    with pypdfium2.PdfDocument(_render(render_pdf, kind, language, scale)) as pdf:
        text = " ".join("".join(page.get_textpage().get_text_range() for page in pdf).split())
    squeezed = re.sub(r"[\s-]", "", text)
    numbers = 0
    for grid in _printed(kind, language, scale):
        for line in grid.lines:
            if grid.num_texts or line.role == "section":
                continue
            row = re.sub(r"[\s-]", "", printable(line.name + "".join(cell.text for cell in line.cells)))
            assert row in squeezed, line.name
            for cell in line.cells:
                if cell.value is not None:
                    numbers += 1
                    assert _is_shown_as(cell.text, claims[cell.value.id], Scale(scale), is_points=cell.is_points)
    assert numbers > 300


def test_one_digit_off_is_seen():
    claims = case("filing").claims
    claim = next(claim for key, claim in claims.items() if "/revenue/" in key and claim.unit == "USD")
    millions = round(claim.value / 10**6)
    assert _is_shown_as(f"{millions:,}", claim, Scale.MILLION)
    assert not _is_shown_as(f"{millions + 1:,}", claim, Scale.MILLION)
    assert not _is_shown_as(f"({millions:,})", claim, Scale.MILLION)
