"""What is printed above columns of numbers that stand for members, such as segments side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lxml import etree

from trivium.finance.parse.layout import CELLS, ROW, TABLE, XHTML, folded
from trivium.finance.records import Fact, Place

__all__ = ["name_columns"]

_NUMBER = "{http://www.xbrl.org/2013/inlineXBRL}nonFraction"
_BREAKS = frozenset(f"{XHTML}{name}" for name in ("br", "div", "p"))
# A heading that says when or in what, not of what.
_NO_NAME = re.compile(
    r"\W*|.*\b(?:(?:19|20)\d\d|years?|months|weeks|quarter|ended|as of|at|thousands|millions|billions)\b.*",
    re.IGNORECASE,
)
_MARKS = re.compile(r"(\s*\(\w\))+$")
_WIDEST = 1000


def name_columns(rows: Iterable[Sequence[tuple[Fact, etree._Element]]]) -> None:
    """Give the facts of each row their columns' headings, where one concept and period stand there for several members.

    Args:
        rows: the facts with dimensions in each row of a table, with their elements.
    """
    above: dict[etree._Element, dict[int, str]] = {}
    for facts in rows:
        if len(facts) == 1 or len({(fact.concept, fact.period) for fact, _ in facts}) == len(facts):
            continue
        row = next(facts[0][1].iterancestors(ROW))
        table = next(row.iterancestors(TABLE), None)
        if table is None:
            continue
        if table not in above:
            above[table] = _headings(table)
        places = [columns for columns, _ in _spread(row)] if above[table] else []
        for fact, _ in facts:
            column = fact.place.column or 0
            if column < len(places):
                over = next((above[table][place] for place in places[column] if place in above[table]), "")
                if over:
                    here = fact.place
                    fact.place = Place(here.locator, here.table, here.row, here.column, here.row_label, over)


def _headings(table: etree._Element) -> dict[int, str]:
    """Return the lowest text above the first number of each column, of those that are no period or unit."""
    found: dict[int, str] = {}
    for row in table.iter(ROW):
        if next(row.iter(_NUMBER), None) is not None:
            break
        for columns, cell in _spread(row):
            text = _text(cell)
            if not _NO_NAME.fullmatch(text):
                found.update(dict.fromkeys(columns, text))
    return found


def _spread(row: etree._Element) -> Iterator[tuple[range, etree._Element]]:
    """Yield each cell with the columns it covers, from 0; at most `_WIDEST` columns in all."""
    start = 0
    for cell in row.iterchildren(*CELLS):
        width = cell.get("colspan", "1")
        end = start + (1 if width == "1" or not (width.isascii() and width.isdigit()) else int(width[:4]))
        yield range(start, end if end < _WIDEST else _WIDEST), cell
        start = end


def _text(cell: etree._Element) -> str:
    """Return a cell's text, its lines apart, without marks of footnotes such as `(1)`."""
    return _MARKS.sub("", folded("".join(_pieces(cell))))


def _pieces(element: etree._Element) -> Iterator[str]:
    edge = " " if element.tag in _BREAKS else ""
    yield edge
    yield element.text or ""
    for child in element:
        yield from _pieces(child)
        yield child.tail or ""
    yield edge
