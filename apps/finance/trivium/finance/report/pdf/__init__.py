"""The comparison as a printable report: A4, bookmarks, page numbers, and numbers that lead to the list of sources."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate, Paragraph, Spacer, Table

from trivium.finance.analyze.model import Comparison
from trivium.finance.report import outline
from trivium.finance.report.content import Content
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline import Block, Finding, Grid, Reference, References, build, key_text, texts
from trivium.finance.report.pdf.charts import charts
from trivium.finance.report.pdf.tables import NAVY, table
from trivium.service.evidence import Claim
from trivium.service.printing.breaking import Prose
from trivium.service.printing.fonts import BOLD, REGULAR, drawing
from trivium.service.printing.text import draw, marked, others, printable, text_width
from trivium.service.text import catalogue

__all__ = ["render_pdf"]

_MARGIN = 16 * mm
_MOST_UPRIGHT = 7
_CHART_HEIGHT = 130
_MOST_BESIDE = 5
_ROOM = {1: 58 * mm, 2: 40 * mm}
"""What must be left on a page for a heading of each level to start there: it, a table's head and some rows."""

_TOTAL = "pages"

_BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=8.8, leading=12, spaceAfter=3, alignment=TA_LEFT)
_STYLES = {
    "title": ParagraphStyle("title", _BODY, fontName=BOLD, fontSize=19, leading=23, textColor=NAVY, spaceAfter=2),
    "subtitle": ParagraphStyle("subtitle", _BODY, textColor="#5B6672", spaceAfter=8),
    "heading1": ParagraphStyle(
        "heading1", _BODY, fontName=BOLD, fontSize=13, leading=17, textColor=NAVY, spaceBefore=12, spaceAfter=4
    ),
    "heading2": ParagraphStyle(
        "heading2", _BODY, fontName=BOLD, fontSize=10, leading=13, textColor=NAVY, spaceBefore=6, spaceAfter=3
    ),
    "caption": ParagraphStyle("caption", _BODY, fontSize=7.5, leading=10, textColor="#5B6672", spaceAfter=1),
    "note": ParagraphStyle("note", _BODY, fontSize=7.2, leading=9.6, textColor="#5B6672", spaceAfter=1.5),
    "finding": ParagraphStyle("finding", _BODY, leftIndent=10, bulletIndent=1, spaceAfter=2),
    "source": ParagraphStyle(
        "source", _BODY, fontSize=6.6, leading=8.6, leftIndent=20, firstLineIndent=-20, spaceAfter=1
    ),
}


def render_pdf(content: Content) -> bytes:
    """Return the comparison as a PDF document.

    Raises:
        ValueError: if a number has no claim, or its claim says another number.
        InputError: if the Chinese font that the environment names cannot be embedded.
    """
    wording = ExportWording(content.comparison, content.language, content.scale)
    blocks = build(content, wording)
    widest = max((len(block.heads) for block in blocks if isinstance(block, Grid) and not block.num_texts), default=0)
    size = landscape(A4) if widest - 1 > _MOST_UPRIGHT else A4
    title = printable(wording.export("report_title", names=wording.names(), periods=wording.periods()))
    # Every text of the document stands in its blocks or in the catalogue.
    with drawing(others((title, *texts(blocks), *catalogue("trivium.finance", content.language).values()))):
        return _drawn(content, blocks, size, title, wording)


def _drawn(
    content: Content, blocks: Sequence[Block], size: tuple[float, float], title: str, wording: ExportWording
) -> bytes:
    comparison = content.comparison
    stream = io.BytesIO()
    document = _Document(stream, size, title, wording)
    created = comparison.created.isoformat() if comparison.created else ""
    subtitle = " | ".join(filter(None, (wording.say(f"kind_{comparison.kind}"), created, wording.money())))
    story: list[Flowable] = [_paragraph(title, "title"), _paragraph(subtitle, "subtitle")]
    story += _flowables(
        blocks, document.width, _row_of_charts(comparison, content.claims, wording, document.width), wording.language
    )
    document.build(story, canvasmaker=document.canvas)
    return stream.getvalue()


class _Document(BaseDocTemplate):
    """One frame a page; headings become bookmarks; the number of pages is filled in at the end."""

    def __init__(self, stream: io.BytesIO, size: tuple[float, float], title: str, wording: ExportWording) -> None:
        tongue = {"zh": "zh-CN", "en": "en-US"}[wording.language]
        super().__init__(
            stream,
            pagesize=size,
            title=title,
            author="Trivium",
            lang=tongue,
            displayDocTitle=True,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=_MARGIN,
            bottomMargin=_MARGIN,
        )
        frame = Frame(_MARGIN, _MARGIN, self.width, self.height, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._furniture))
        self._title, self._size = title, size
        before, _, rest = wording.export("page_of", page="\n", pages="\r").partition("\n")
        self._page, self._of, self._after = (before, *rest.split("\r"))
        self._number = 0

    def canvas(self, *args: Any, **options: Any) -> Canvas:
        """Return the canvas that knows at the end how many pages there are."""
        return _Canvas(self._after, *args, **options)

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's name)
        """Turn headings into bookmarks of the outline."""
        style = getattr(getattr(flowable, "style", None), "name", "")
        if style in ("heading1", "heading2"):
            self._number += 1
            key = f"heading-{self._number}"
            self.canv.bookmarkHorizontal(key, 0, self.frame._y + flowable.height)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level=int(style[-1]) - 1, closed=style[-1] == "1")

    def _furniture(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFillColor("#5B6672")
        draw(canvas, _MARGIN, self._size[1] - 10 * mm, self._title, 7)
        words = f"{self._page}{canvas.getPageNumber()}{self._of}"
        right = self._size[0] - _MARGIN - text_width(f"000{self._after}", 7)
        draw(canvas, right, 9 * mm, words, 7, is_right=True)
        canvas.translate(right, 9 * mm)
        canvas.doForm(_TOTAL)
        canvas.restoreState()


class _Canvas(Canvas):
    """Fills in the number of pages when the last one is done."""

    def __init__(self, after: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._after_total = after

    def save(self) -> None:
        """Write the form that every page shows, then the document."""
        if self._code:
            self.showPage()
        self.beginForm(_TOTAL)
        self.setFillColor("#5B6672")
        draw(self, 0, 0, f"{self.getPageNumber() - 1}{self._after_total}", 7)
        self.endForm()
        super().save()


def _flowables(blocks: Sequence[Block], width: float, charts_row: Table | None, language: str) -> Iterator[Flowable]:
    num_grids = 0
    for block in blocks:
        match block:
            case outline.Heading(text, level):
                yield CondPageBreak(_ROOM[level])
                yield _paragraph(text, f"heading{level}")
            case outline.Paragraph(text, is_note):
                yield _paragraph(text, "note" if is_note else "body", language)
            case Finding():
                yield _finding(block, language)
            case Grid():
                if block.caption:
                    yield _paragraph(block.caption, "caption")
                yield table(block, width)
                num_grids += 1
                if num_grids == 1 and charts_row is not None:
                    yield charts_row
                    yield Spacer(1, 6)
            case References(entries):
                yield from (_reference(entry) for entry in entries)


def _paragraph(text: str, style: str, language: str = "en") -> Paragraph:
    chosen = _STYLES.get(style, _BODY)
    if language == "zh":
        chosen = ParagraphStyle(chosen.name, chosen, wordWrap="CJK")
    return Prose(marked(text), chosen)


def _finding(block: Finding, language: str) -> Paragraph:
    keys = ", ".join(
        f'<a href="#source-{first}" color="#1F5F99">{key_text(first, last)}</a>' for first, last in block.keys
    )
    raised = f" <super size=5.5>{keys}</super>" if keys else ""
    style = _STYLES["finding"]
    if language == "zh":
        style = ParagraphStyle(style.name, style, wordWrap="CJK")
    return Prose(f"{marked(block.text)}{raised}", style, bulletText="\N{BULLET}")


def _reference(entry: Reference) -> Paragraph:
    text = f"{entry.name}. {'; '.join(entry.lines)}"
    start = f'<a name="source-{entry.key}"/><b>{entry.key}</b>&nbsp;&nbsp;'
    return Paragraph(f"{start}{marked(text)}", _STYLES["source"])


def _row_of_charts(
    comparison: Comparison, claims: Mapping[str, Claim], wording: ExportWording, width: float
) -> Table | None:
    """Return the charts side by side; below each other where they have many columns."""
    gap = 16.0
    is_wide = len(comparison.columns) > _MOST_BESIDE
    each = width if is_wide else (width - gap) / 2
    drawn = charts(comparison, claims, wording, (each, _CHART_HEIGHT))
    if not drawn:
        return None
    rows: list[list[Any]] = [[one] for one in drawn] if is_wide else [[*drawn, *[""] * (2 - len(drawn))]]
    padding = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
    return Table(rows, colWidths=[width] if is_wide else [each + gap, each], style=padding)
