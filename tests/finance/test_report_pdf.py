import ctypes
import functools
import re

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from tests.finance.report_cases import case

from trivium.finance.display import Scale
from trivium.finance.report.content import Content
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline import Grid, Heading, build
from trivium.finance.report.pdf import render_pdf
from trivium.service.errors import InputError
from trivium.service.printing import fonts
from trivium.service.printing.text import marked, printable, runs


def _rendered_anew(kind, language="en"):
    one = case(kind, language)
    return render_pdf(Content(one.comparison, one.sentences, one.claims, language, Scale.MILLION))


_render = functools.cache(_rendered_anew)


@functools.cache
def _pages(kind, language="en"):
    with pypdfium2.PdfDocument(_render(kind, language)) as pdf:
        return tuple(page.get_textpage().get_text_range() for page in pdf)


def _blocks(kind, language="en"):
    one = case(kind, language)
    content = Content(one.comparison, one.sentences, one.claims, language, Scale.MILLION)
    return build(content, ExportWording(content.comparison, content.language, content.scale))


def _squeezed(text):
    return re.sub(r"[\s\ufffe\x02-]", "", printable(text))


@pytest.mark.parametrize(("kind", "language"), [("filing", "en"), ("periods", "zh"), ("companies", "en")])
def test_every_row_and_finding_can_be_read_out_again(kind, language):
    text = _squeezed("".join(_pages(kind, language)))
    rows = 0
    for grid in (block for block in _blocks(kind, language) if isinstance(block, Grid)):
        for line in grid.lines:
            if line.role != "section" and not grid.num_texts:
                rows += 1
                assert _squeezed(line.name + "".join(cell.text for cell in line.cells)) in text, line.name
    assert rows > 100
    for sentence in case(kind, language).sentences:
        assert _squeezed(sentence.text) in text


def test_pages_are_numbered_and_table_heads_repeat():
    pages = _pages("periods")
    assert len(pages) > 6
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in " ".join(text.split())
    tables = pages[: next(place for place, text in enumerate(pages) if "The number at the end of a row" in text)]
    heads = [text for text in tables if "Item" in text and "2024-12-31" in text]
    ratios = [text for text in tables[1:] if "Gross margin" in text or "Net debt per share" in text]
    assert len(ratios) > 1
    assert all(text in heads for text in ratios[1:])


def test_headings_are_bookmarks_and_metadata_is_set():
    content = _render("periods")
    with pypdfium2.PdfDocument(content) as pdf:
        marks = [(mark.get_title(), mark.level) for mark in pdf.get_toc()]
        metadata = pdf.get_metadata_dict()
    headings = [(block.text, block.level - 1) for block in _blocks("periods") if isinstance(block, Heading)]
    assert marks == headings
    name = case("periods").comparison.series[0].company.name
    assert (metadata["Title"], metadata["Author"]) == (f"{name}: FY2021 - FY2024", "Trivium")
    assert b"/Lang (en-US)" in content
    assert b"/Lang (zh-CN)" in _render("periods", "zh")


def test_numbers_lead_to_the_sources():
    with pypdfium2.PdfDocument(_render("periods")) as pdf:
        sources = next(
            number for number, page in enumerate(_pages("periods")) if "The number at the end of a row" in page
        )
        targets = [target for page in pdf for target in _targets(pdf, page)]
    assert len(targets) > 600
    assert all(target >= sources for target in targets)


def _targets(pdf, page):
    """Yield the page number each link of a page leads to."""
    position, link = ctypes.c_int(0), pdfium.FPDF_LINK()
    while pdfium.FPDFLink_Enumerate(page, position, link):
        destination = pdfium.FPDFLink_GetDest(pdf, link)
        yield pdfium.FPDFDest_GetDestPageIndex(pdf, destination)


def test_text_is_split_by_font_and_escaped():
    assert runs("a < b\N{MINUS SIGN}营业收入 2") == (("a < b\N{EN DASH}", False), ("营业收入", True), (" 2", False))
    assert marked("<b>\x07") == "&lt;b&gt;"
    assert marked("收入 & 1").endswith("收入</font> &amp; 1")


def test_a_font_that_cannot_be_embedded_is_refused(monkeypatch, tmp_path):
    wrong = tmp_path / "wrong.ttf"
    wrong.write_bytes(b"not a font")
    monkeypatch.setenv(fonts.VARIABLE, str(wrong))
    with pytest.raises(InputError, match=r"wrong\.ttf.*cannot be embedded.*name a TrueType or OpenType font"):
        fonts.chinese_font()


def test_a_truetype_font_of_the_machine_is_embedded_in_part():
    font = fonts.chinese_font()
    if font == "STSong-Light":
        pytest.skip("this machine has no TrueType font with Chinese")
    content = _render("filing", "zh")
    assert b"/FontFile2" in content
    assert len(content) < 1_500_000


def test_postscript_outlines_are_converted_and_drawn(monkeypatch):
    """With only Noto CJK on a machine, another reader than ours draws the characters: dark pixels, not blanks."""
    faces = fonts._listed("CFF")
    if not faces:
        pytest.skip("this machine has no OpenType font with Chinese and PostScript outlines")
    path, index = faces[0]
    monkeypatch.setenv(fonts.VARIABLE, f"{path}#{index}")
    content = _rendered_anew("filing", "zh")
    assert b"/FontFile2" in content
    assert b"STSong" not in content
    with pypdfium2.PdfDocument(content) as pdf:
        page = pdf[0].get_textpage()
        assert "营业收入" in page.get_text_range()
        place = page.get_text_range().index("营业收入")
        left, bottom, right, top = (round(2 * edge) for edge in page.get_charbox(place))
        image = pdf[0].render(scale=2).to_pil().convert("L")
    letter = image.crop((left, image.height - top, right, image.height - bottom))
    dark = sum(pixel < 128 for pixel in letter.tobytes()) / (letter.width * letter.height)
    assert 0.1 < dark < 0.8


def test_without_a_font_the_viewer_is_asked_for_one(monkeypatch):
    monkeypatch.delenv(fonts.VARIABLE, raising=False)
    monkeypatch.setattr(fonts, "_found", lambda: iter(()))
    fonts._chinese_font.cache_clear()
    try:
        content = _rendered_anew("filing", "zh")
    finally:
        fonts._chinese_font.cache_clear()
    assert b"/STSong-Light" in content
    with pypdfium2.PdfDocument(content) as pdf:
        assert "营业收入" in "".join(page.get_textpage().get_text_range() for page in pdf)
