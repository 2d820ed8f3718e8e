"""Tables on paper: a head that repeats after a page break, numbers that lead to their sources."""

from __future__ import annotations

from typing import Any

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph, Table

from trivium.finance.report.outline import Cell, Grid, Line
from trivium.service.printing.fonts import BOLD, REGULAR
from trivium.service.printing.text import LINK, Number, marked, text_width

__all__ = ["NAVY", "table"]

NAVY = HexColor(0x14304F)
_RULE, _BAND, _TOTAL = HexColor(0xD5DCE3), HexColor(0xEEF2F6), HexColor(0x8A97A5)
_SIZE = 7.2
_KEY_WIDTH, _LEAST_NAME, _WIDEST_WORDS, _PADDING = 20, 90, 150, 7

_NAME = ParagraphStyle("name", fontName=REGULAR, fontSize=_SIZE, leading=_SIZE * 1.2)
_STRONG = ParagraphStyle("strong", _NAME, fontName=BOLD)
_HEAD = ParagraphStyle("head", _STRONG, textColor=white, wordWrap="")
_HEAD_RIGHT = ParagraphStyle("head-right", _HEAD, alignment=TA_RIGHT)


def table(grid: Grid, width: float) -> Table:
    """Return a table as wide as the text, `width` in points."""
    heads = [
        Paragraph(marked(head), _HEAD if place <= grid.num_texts else _HEAD_RIGHT)
        for place, head in enumerate(grid.heads)
    ]
    rows: list[list[Any]] = [[*heads, *([""] if grid.has_keys else [])]]
    rows += [_row(line, grid) for line in grid.lines]
    return Table(rows, colWidths=_widths(grid, width), repeatRows=1, style=_style(grid), spaceAfter=8, hAlign="LEFT")


def _row(line: Line, grid: Grid) -> list[Any]:
    is_strong = line.role != "row"
    style = _STRONG if is_strong else _NAME
    if line.level:
        style = ParagraphStyle("indented", style, leftIndent=7 * line.level)
    name = Paragraph(marked(line.name), style)
    num_columns = len(grid.heads) + grid.has_keys
    if line.role == "section":
        return [name, *[""] * (num_columns - 1)]
    cells: list[Any] = [name]
    for place, one in enumerate(line.cells, 1):
        cells.append(_words(one, style) if place <= grid.num_texts else _number(one, line, is_strong))
    cells += [""] * (len(grid.heads) - len(cells))
    if grid.has_keys:
        cells.append(Number(str(line.key), _SIZE - 1, _anchor(line), colour=LINK) if line.key else "")
    return cells


def _words(one: Cell, style: ParagraphStyle) -> Paragraph:
    return Paragraph(marked(one.text), ParagraphStyle("words", style, leftIndent=0, splitLongWords=1))


def _number(one: Cell, line: Line, is_strong: bool) -> Number | str:
    if not one.text:
        return ""
    return Number(one.text, _SIZE, _anchor(line) if one.value is not None else "", is_bold=is_strong)


def _anchor(line: Line) -> str:
    return f"source-{line.key}" if line.key else ""


def _widths(grid: Grid, width: float) -> list[float]:
    """Return the width of each column: as wide as its longest number or word; the name takes the rest."""
    found = [_needed(grid, place) for place in range(1, len(grid.heads))]
    rest = width - sum(found) - (_KEY_WIDTH if grid.has_keys else 0)
    if rest < _LEAST_NAME:
        # Too many columns: all give way alike.
        share = (width - _LEAST_NAME - (_KEY_WIDTH if grid.has_keys else 0)) / sum(found)
        found, rest = [one * share for one in found], _LEAST_NAME
    return [rest, *found, *([_KEY_WIDTH] if grid.has_keys else [])]


def _needed(grid: Grid, place: int) -> float:
    texts = [line.cells[place - 1] for line in grid.lines if len(line.cells) >= place]
    widest = max((text_width(one.text, _SIZE, is_bold=True) for one in texts), default=0)
    heads = max(text_width(part, _SIZE, is_bold=True) for part in grid.heads[place].split("\n"))
    is_words = place <= grid.num_texts
    limit = _WIDEST_WORDS * (1.4 if len(grid.heads) <= 3 else 1)
    return min(max(widest, heads) + _PADDING, limit) if is_words else max(widest, heads, 34) + _PADDING


def _style(grid: Grid) -> list[tuple[Any, ...]]:
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, 0), NAVY),
        ("FONTSIZE", (0, 0), (-1, -1), _SIZE),
        ("LEADING", (0, 0), (-1, -1), _SIZE * 1.2),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("VALIGN", (0, 1), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, _RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("TOPPADDING", (0, 0), (-1, -1), 1.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
    ]
    for number, line in enumerate(grid.lines, 1):
        if line.role == "section":
            style += [("SPAN", (0, number), (-1, number)), ("BACKGROUND", (0, number), (-1, number), _BAND)]
        elif line.role == "total":
            style.append(("LINEABOVE", (0, number), (-1, number), 0.6, _TOTAL))
    return style
