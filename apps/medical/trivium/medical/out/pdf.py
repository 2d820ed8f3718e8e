"""The report as PDF: one column, and across every page what it is while nobody has signed it.

A report with characters that Helvetica lacks is set in a Chinese font of the machine, which is embedded
(`trivium.service.printing.fonts`).
"""

from __future__ import annotations

import functools
import io
from html import escape
from typing import Any

from reportlab.lib.colors import Color
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

from trivium.medical.out.outgoing import Outgoing
from trivium.medical.out.text import heading_lines, signature_lines
from trivium.service.printing.fonts import REGULAR, chinese_font, drawing
from trivium.service.printing.text import others, printable
from trivium.service.text import Catalogue, catalogue

__all__ = ["render"]

_MARK_COLOR = Color(0.75, 0.1, 0.1, alpha=0.22)
_MARGIN = 20 * mm


def render(report: Outgoing) -> bytes:
    """Return the PDF.

    Raises:
        InputError: if the font of `TRIVIUM_CJK_FONT` cannot be used.
    """
    texts = catalogue("trivium.medical", report.language)
    heading, ending = heading_lines(report, texts), signature_lines(report, texts)
    mark = texts[f"out.{report.mark}"] if report.mark else ""
    letters = frozenset(printable("".join([*heading, *ending, report.text, mark, *texts.values()])))
    if not others(letters):
        return _made(report, texts, heading, ending, mark, REGULAR)
    with drawing(letters):  # one font for the whole, so that its Latin letters are wanted too
        return _made(report, texts, heading, ending, mark, chinese_font())


def _made(report: Outgoing, texts: Catalogue, heading: list[str], ending: list[str], mark: str, font: str) -> bytes:
    body = ParagraphStyle("body", fontName=font, fontSize=10.5, leading=15, alignment=TA_LEFT, wordWrap=_wrap(font))
    title = ParagraphStyle("title", parent=body, fontSize=15, leading=20, spaceAfter=4 * mm)
    head = ParagraphStyle("head", parent=body, fontSize=11.5, leading=16, spaceBefore=4 * mm, spaceAfter=1 * mm)
    small = ParagraphStyle("small", parent=body, fontSize=8.5, leading=12, textColor=Color(0.25, 0.25, 0.25))
    story: list[Any] = [Paragraph(escape(heading[0]), title)]
    story += [Paragraph(escape(line), small) for line in [*heading[1:], texts["draft.disclaimer_short"]]]
    for name, sentences in report.sections:
        story.append(Paragraph(escape(texts[f"section.{name}"]), head))
        story += [Paragraph(escape(sentence), body) for sentence in sentences]
    story.append(Spacer(1, 6 * mm))
    story += [Paragraph(escape(line), small) for line in ending]
    out = io.BytesIO()
    margins = {"leftMargin": _MARGIN, "rightMargin": _MARGIN, "topMargin": _MARGIN, "bottomMargin": _MARGIN}
    document = SimpleDocTemplate(out, pagesize=A4, title=heading[0], author="Trivium", **margins)
    draw = functools.partial(_draw_mark, mark=mark, font=font)
    document.build(story, onFirstPage=draw, onLaterPages=draw)
    return out.getvalue()


def _draw_mark(canvas: Any, _document: Any, *, mark: str, font: str) -> None:
    """Write the mark across the page, and in plain words at its foot."""
    if not mark:
        return
    width, height = A4
    canvas.saveState()
    canvas.setFillColor(_MARK_COLOR)
    canvas.setFont(font, 46)
    canvas.translate(width / 2, height / 2)
    canvas.rotate(52)
    canvas.drawCentredString(0, 0, mark)
    canvas.restoreState()
    canvas.saveState()
    canvas.setFont(font, 9)
    canvas.setFillColor(Color(0.6, 0.1, 0.1))
    canvas.drawCentredString(width / 2, 10 * mm, mark)
    canvas.restoreState()


def _wrap(font: str) -> str | None:
    return None if font == REGULAR else "CJK"
