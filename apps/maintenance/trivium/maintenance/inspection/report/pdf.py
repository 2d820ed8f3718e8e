"""The report in print: A4, upright; Chinese in a font of the machine, which is embedded (`TRIVIUM_CJK_FONT`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table

from trivium.maintenance.inspection.report.colors import UNSEEN, hex_color
from trivium.maintenance.inspection.report.document import Bars, Document, Grid
from trivium.maintenance.inspection.report.views import View
from trivium.service.printing.breaking import Prose
from trivium.service.printing.fonts import BOLD, REGULAR, drawing
from trivium.service.printing.text import draw, marked, others, printable, text_width
from trivium.service.text import Catalogue, catalogue

__all__ = ["render_pdf"]

_MARGIN = 17 * mm
_INK, _QUIET, _LINE = HexColor(0x16202B), HexColor(0x4A5967), HexColor(0xCFD6DD)
_TONES = {
    "good": (HexColor(0x14532D), HexColor(0xE7F6EC), HexColor(0x1C6B3C)),
    "bad": (HexColor(0x7F1512), HexColor(0xFDEAEA), HexColor(0xA3211B)),
    "wait": (HexColor(0x5C3800), HexColor(0xFFF3DC), HexColor(0x7A4B00)),
}
_GAP, _NARROW = 5 * mm, 3 * mm
_PADDING = 6  # of reportlab's frame, to each side
_BAR_HEIGHT = 34 * mm


def render_pdf(document: Document) -> bytes:
    """Return the report as a PDF document.

    Raises:
        InputError: if the Chinese font that the environment names cannot be embedded.
    """
    texts = catalogue("trivium.maintenance", document.language)
    named = [cell.text for _, cell in document.facts]
    # Every other text of the document stands in the catalogue.
    with drawing(others((document.title, *named, *texts.values()))):
        stream = io.BytesIO()
        margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN)
        made = SimpleDocTemplate(
            stream, pagesize=A4, title=printable(document.title), author="Trivium", displayDocTitle=True,
            lang={"zh": "zh-CN", "en": "en-US"}[document.language], **margins,
        )  # fmt: skip
        made.build(
            list(_story(document, texts, made.width - 2 * _PADDING)),
            onFirstPage=_foot(document),
            onLaterPages=_foot(document),
        )
        return stream.getvalue()


def _story(document: Document, texts: Catalogue, width: float) -> Iterator[Flowable]:
    body, head, note = _styles(document.language)
    title = ParagraphStyle("title", body, fontName=BOLD, fontSize=16, leading=20, leftIndent=0, spaceAfter=3 * mm)
    yield Prose(marked(document.title), title)
    yield _Verdict(document, width)
    yield Spacer(1, 3 * mm)
    yield _facts(document, body, width)
    yield Spacer(1, 3 * mm)
    for cell in document.sentences:
        yield Prose(marked(cell.text), body, bulletText="\N{BULLET}")
    yield KeepTogether([Prose(marked(document.views_heading), head), _Views(document, texts, width)])
    if document.close_ups:
        yield _CloseUps(document, width)
    if any(mark.is_hidden for view in document.views for mark in view.marks):
        yield Prose(marked(texts["inspection.hidden_mark"]), note)
    if document.bars:
        bars = document.bars
        chart = _Bars(bars, width)
        yield KeepTogether([Prose(marked(bars.heading), head), chart, Prose(marked(bars.alt), note)])
    yield CondPageBreak(30 * mm)
    yield Prose(marked(document.table.heading), head)
    yield (_table(document.table, body, width) if document.table.rows else Prose(marked(document.table.nothing), body))
    lines = [Prose(marked(line), note) for line in (*document.method, *document.notes)]
    yield KeepTogether([Prose(marked(texts["inspection.method"]), head), *lines])


def _styles(language: str) -> tuple[ParagraphStyle, ParagraphStyle, ParagraphStyle]:
    wrap = "CJK" if language == "zh" else None
    body = ParagraphStyle(
        "body", fontName=REGULAR, fontSize=9, leading=12.5, textColor=_INK, leftIndent=8, bulletIndent=0, wordWrap=wrap
    )
    head = ParagraphStyle(
        "head", body, fontName=BOLD, fontSize=11.5, leading=15, leftIndent=0, spaceBefore=4 * mm, spaceAfter=1.5 * mm
    )
    note = ParagraphStyle("note", body, fontSize=8, leading=11, textColor=_QUIET, leftIndent=0, spaceBefore=1 * mm)
    return body, head, note


class _Verdict(Flowable):
    """The verdict, large, in a box of its colour; dashed where it is no verdict of the part."""

    def __init__(self, document: Document, width: float) -> None:
        super().__init__()
        self.width, self.height = width, (20 if document.warning else 15) * mm
        self._document = document

    def draw(self) -> None:
        """Draw it."""
        ink, ground, line = _TONES[self._document.tone]
        canvas = self.canv
        canvas.setFillColor(ground)
        canvas.setStrokeColor(line)
        canvas.setLineWidth(2)
        if self._document.tone == "wait":
            canvas.setDash(6, 3)
        canvas.roundRect(0, 0, self.width, self.height, 3, fill=1)
        canvas.setFillColor(ink)
        size = 24.0
        warning = self._document.warning
        while text_width(self._document.verdict, size, is_bold=True) > self.width - 12 * mm:
            size -= 1
        draw(canvas, 5 * mm, self.height - 4.5 * mm - size * 0.6, self._document.verdict, size, is_bold=True)
        if warning:
            draw(canvas, 5 * mm, 3 * mm, warning, 9.5)


class _Views(Flowable):
    """Two pictures side by side with marks, axes, and the colour scale below."""

    def __init__(self, document: Document, texts: Catalogue, width: float) -> None:
        super().__init__()
        self._document, self._texts = document, texts
        self._each = (width - _GAP) / 2
        tall = max(self._each * view.height / view.width for view in document.views)
        self._legend = 15 * mm if document.limit is not None else 0
        self.width, self.height = width, tall + 12 * mm + self._legend
        self._tall = tall

    def draw(self) -> None:
        """Draw them."""
        for at, view in enumerate(self._document.views):
            self._picture(view, at * (self._each + _GAP), self._legend)
        if self._document.limit is not None:
            _draw_scale(self.canv, self._document.limit, self._texts, self.width)

    def _picture(self, view: View, x: float, y: float) -> None:
        canvas, scale = self.canv, self._each / view.width
        tall = view.height * scale
        foot = y + 12 * mm
        bottom = foot + (self._tall - tall) / 2
        canvas.drawImage(ImageReader(io.BytesIO(view.png)), x, bottom, self._each, tall)
        canvas.setStrokeColor(_LINE)
        canvas.setLineWidth(0.7)
        canvas.rect(x, y, self._each, self._tall + 12 * mm)
        for mark in view.marks:
            ends = ((mark.x, mark.y), mark.label(view.width, view.height))
            place, label = ((x + right * scale, bottom + tall - down * scale) for right, down in ends)
            _draw_mark(canvas, place, label, mark.number, is_hidden=mark.is_hidden)
        canvas.setStrokeColor(_INK)
        canvas.setFillColor(_INK)
        for name, (right, down) in zip("xyz", view.axes, strict=True):
            origin = (x + 10 * mm, y + 8 * mm)
            tip = (origin[0] + 6 * mm * right, origin[1] - 6 * mm * down)
            canvas.line(*origin, *tip)
            draw(canvas, tip[0] + 4 * right - 1.5, tip[1] - 4 * down - 2, name, 7)


class _Bars(Flowable):
    """The histogram."""

    def __init__(self, bars: Bars, width: float) -> None:
        super().__init__()
        self.width, self.height = min(width, 130 * mm), _BAR_HEIGHT
        self._bars = bars

    def draw(self) -> None:
        """Draw it."""
        canvas, bars, foot = self.canv, self._bars, 5 * mm
        top = float(bars.shares.max()) or 1.0
        each = self.width / len(bars.shares)
        canvas.setLineWidth(0.4)
        canvas.setStrokeColor(_QUIET)
        for at, share in enumerate(bars.shares.tolist()):
            middle = (bars.edges[at] + bars.edges[at + 1]) / 2
            canvas.setFillColor(HexColor(hex_color(float(middle / bars.edges[-1]))))
            canvas.rect(at * each, foot, each * 0.92, (self.height - foot - 4) * share / top, fill=1)
        canvas.setStrokeColor(_INK)
        canvas.setFillColor(_INK)
        canvas.line(0, foot, self.width, foot)
        for times in (-2, -1, 0, 1, 2):
            x = self.width * (times + 2) / 4
            if abs(times) == 1:
                canvas.setDash(3, 2)
                canvas.line(x, foot, x, self.height)
                canvas.setDash()
            _draw_middle(canvas, min(max(x, 8), self.width - 8), 1.5, _tick(times, bars.limit), 7)


def _draw_mark(
    canvas: Any, place: tuple[float, float], label: tuple[float, float], number: int, *, is_hidden: bool
) -> None:
    canvas.saveState()
    canvas.setFillColor(Color(1, 1, 1))
    canvas.setStrokeColor(_INK)
    canvas.setLineWidth(0.8)
    if is_hidden:
        canvas.setDash(2, 1.5)
    canvas.line(*place, *label)
    canvas.circle(*label, 5.5, fill=1)
    canvas.setFillColor(_INK)
    _draw_middle(canvas, label[0], label[1] - 2.5, str(number), 7)
    canvas.restoreState()


class _CloseUps(Flowable):
    """Pictures of regions in a row, each with a line of text below."""

    def __init__(self, document: Document, width: float) -> None:
        super().__init__()
        self._document = document
        self._each = min(26 * mm, (width - 5 * _NARROW) / 6)
        self.width, self.height = width, self._each + 6 * mm

    def draw(self) -> None:
        """Draw them."""
        pictures = zip(self._document.close_ups, self._document.close_up_texts, strict=True)
        for at, (view, text) in enumerate(pictures):
            x = at * (self._each + _NARROW)
            self.canv.drawImage(ImageReader(io.BytesIO(view.png)), x, 5 * mm, self._each, self._each)
            self.canv.setStrokeColor(_LINE)
            self.canv.rect(x, 5 * mm, self._each, self._each)
            self.canv.setFillColor(_QUIET)
            draw(self.canv, x, 1.5 * mm, text, 7.5)


def _draw_scale(canvas: Any, limit: float, texts: Catalogue, width: float) -> None:
    bar, steps = 90 * mm, 32
    left, bottom, tall = 6 * mm, 4.2 * mm, 3.6 * mm
    for step in range(steps):
        canvas.setFillColor(HexColor(hex_color(-1 + 2 * (step + 0.5) / steps)))
        canvas.rect(left + bar * step / steps, bottom, bar / steps + 0.3, tall, fill=1, stroke=0)
    canvas.setStrokeColor(_INK)
    canvas.setFillColor(_INK)
    canvas.setLineWidth(0.6)
    canvas.rect(left, bottom, bar, tall)
    for times in (-2, -1, 0, 1, 2):
        x = left + bar * (times + 2) / 4
        canvas.line(x, bottom - 2, x, bottom + tall)
        _draw_middle(canvas, x, bottom - 9, _tick(times, limit), 7)
    draw(canvas, left, bottom + tall + 3, texts["inspection.too_low"], 7)
    _draw_middle(canvas, left + bar / 2, bottom + tall + 3, texts["inspection.legend"], 7)
    draw(canvas, left + bar, bottom + tall + 3, texts["inspection.too_high"], 7, is_right=True)
    box, side = left + bar + 12 * mm, 1.2 * mm
    for row in range(3):
        for column in range(6):
            grey = UNSEEN[(row + column) % 2]
            canvas.setFillColor(Color(*(part / 255 for part in grey)))
            canvas.rect(box + column * side, bottom + row * side, side, side, fill=1, stroke=0)
    canvas.setFillColor(_INK)
    draw(canvas, min(box + 8.5 * mm, width - 30), bottom + 1.5, texts["inspection.not_seen"], 7)


def _draw_middle(canvas: Any, x: float, y: float, text: str, size: float) -> None:
    draw(canvas, x - text_width(text, size) / 2, y, text, size)


def _tick(times: int, limit: float) -> str:
    return "0" if not times else f"{times * limit:+g}".replace("-", "\N{EN DASH}")


def _facts(document: Document, body: ParagraphStyle, width: float) -> Table:
    """Return the head's facts in two columns."""
    label = ParagraphStyle("label", body, leftIndent=0, textColor=_QUIET, fontSize=8.5)
    value = ParagraphStyle("value", body, leftIndent=0, fontSize=8.5)
    cells = [(Prose(marked(name), label), Prose(marked(cell.text), value)) for name, cell in document.facts]
    rows = [(*cells[at], *(cells[at + 1] if at + 1 < len(cells) else ("", ""))) for at in range(0, len(cells), 2)]
    columns = [0.17 * width, 0.33 * width] * 2
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
    return Table(rows, colWidths=columns, style=style)


def _table(grid: Grid, body: ParagraphStyle, width: float) -> Table:
    right = ParagraphStyle("right", body, alignment=2, leftIndent=0, fontSize=8.5)
    left = ParagraphStyle("left", right, alignment=0)
    bold = ParagraphStyle("bold", right, fontName=BOLD)
    rows = [
        [
            Prose(marked(head), ParagraphStyle("b", bold, alignment=0 if at == 1 else 2))
            for at, head in enumerate(grid.heads)
        ]
    ]
    rows += [[Prose(marked(cell.text), left if at == 1 else right) for at, cell in enumerate(row)] for row in grid.rows]
    shares = (0.07, 0.09, 0.13, 0.15, 0.13, 0.23, 0.20)
    style = [
        ("LINEBELOW", (0, 0), (-1, 0), 1, _INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
    return Table(rows, colWidths=[share * width for share in shares], style=style, repeatRows=1)


def _foot(document: Document) -> Any:
    def write(canvas: Any, _document: Any) -> None:
        canvas.saveState()
        canvas.setFillColor(_QUIET)
        draw(canvas, _MARGIN, 9 * mm, f"{document.title}: {document.verdict}", 7.5)
        draw(canvas, A4[0] - _MARGIN, 9 * mm, str(canvas.getPageNumber()), 7.5, is_right=True)
        canvas.restoreState()

    return write
