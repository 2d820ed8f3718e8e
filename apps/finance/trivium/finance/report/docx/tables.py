"""Tables of the note: a head that repeats on each page, numbers to the right, a last column of source keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trivium.finance.report.docx.markup import link, namespaced, run
from trivium.finance.report.outline import Grid, Line

__all__ = ["table"]

# A number column holds a bold date with a mark in the widest font that stands in for Arial.
_KEY_WIDTH, _NUMBER_WIDTH, _LEAST_NAME, _WIDEST_WORDS = 420, 1160, 1700, 4200
_MOST_LINES_TOGETHER = 20


def table(grid: Grid, styles: Mapping[str, str], width: int) -> str:
    """Return the markup of a table.

    Args:
        styles: ids of the document's styles, by name.
        width: of the text, in twentieths of a point.
    """
    widths = _widths(grid, width)
    properties = (
        f'<w:tblPr><w:tblStyle w:val="{styles["Research Table"]}"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
        '<w:tblLayout w:type="fixed"/><w:tblLook w:val="0420" w:firstRow="1" w:lastRow="0" w:firstColumn="0" '
        'w:lastColumn="0" w:noHBand="0" w:noVBand="1"/></w:tblPr>'
    )
    columns = "".join(f'<w:gridCol w:w="{one}"/>' for one in widths)
    rows = [_head(grid, styles, widths), *(_row(line, grid, styles, widths) for line in grid.lines)]
    if len(grid.lines) <= _MOST_LINES_TOGETHER:
        rows[:-1] = [_with_next(row) for row in rows[:-1]]
    return namespaced("w:tbl", properties, f"<w:tblGrid>{columns}</w:tblGrid>", *rows)


def _widths(grid: Grid, width: int) -> list[int]:
    """Return the width of each column: numbers alike, words by their longest text, the name takes the rest."""
    key = [_KEY_WIDTH] if grid.has_keys else []
    words = [_word_width(grid, place) for place in range(grid.num_texts)]
    num_numbers = len(grid.heads) - 1 - grid.num_texts
    left = width - sum(key) - sum(words)
    number = min(_NUMBER_WIDTH, max((left - _LEAST_NAME) // num_numbers, 500)) if num_numbers else 0
    name = max(left - number * num_numbers, _LEAST_NAME // 2)
    return [name, *words, *[number] * num_numbers, *key]


def _word_width(grid: Grid, place: int) -> int:
    longest = max((len(line.cells[place].text) for line in grid.lines if place < len(line.cells)), default=8)
    widest = _WIDEST_WORDS if len(grid.heads) == grid.num_texts + 1 else _WIDEST_WORDS // 2
    return min(max(longest, 8) * 100 + 160, widest)


def _head(grid: Grid, styles: Mapping[str, str], widths: Sequence[int]) -> str:
    heads = [*grid.heads, *([""] if grid.has_keys else [])]
    cells = [
        _cell(run(head), styles["Table Text" if place <= grid.num_texts else "Table Number"], widths[place])
        for place, head in enumerate(heads)
    ]
    return f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{''.join(cells)}</w:tr>"


def _with_next(row: str) -> str:
    """Keep a row on one page with the next one."""
    return re.sub(r"(<w:pStyle [^>]*/>)", r"\1<w:keepNext/>", row)


def _row(line: Line, grid: Grid, styles: Mapping[str, str], widths: Sequence[int]) -> str:
    properties = "<w:trPr><w:cantSplit/></w:trPr>"
    is_bold = line.role != "row"
    name = run(line.name, is_bold=is_bold)
    if line.role == "section":
        cell = _cell(name, styles["Table Text"], sum(widths), span=len(widths), fill="EEF2F6")
        return f"<w:tr>{properties}{cell}</w:tr>"
    cells = [_cell(name, styles["Table Text"], widths[0], indent=line.level * 140, is_ruled=is_bold)]
    for place, one in enumerate(line.cells, 1):
        style = styles["Table Text" if place <= grid.num_texts else "Table Number"]
        cells.append(_cell(run(one.text, is_bold=is_bold), style, widths[place], is_ruled=is_bold))
    if grid.has_keys:
        mark = link(f"source_{line.key}", str(line.key)) if line.key else ""
        cells.append(_cell(mark, styles["Table Number"], widths[-1], is_ruled=is_bold))
    return f"<w:tr>{properties}{''.join(cells)}</w:tr>"


def _cell(
    content: str, style: str, width: int, *, span: int = 1, indent: int = 0, fill: str = "", is_ruled: bool = False
) -> str:
    properties = f'<w:tcW w:w="{width}" w:type="dxa"/>'
    properties += f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    rule = '<w:top w:val="single" w:sz="4" w:space="0" w:color="8A97A5"/>'
    properties += f"<w:tcBorders>{rule}</w:tcBorders>" if is_ruled else ""
    properties += f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    indented = f'<w:ind w:left="{indent}"/>' if indent else ""
    paragraph = f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{indented}</w:pPr>{content}</w:p>'
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph}</w:tc>"
