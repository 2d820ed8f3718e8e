"""Where a tagged element stands on the printed page: HTML table, row, column and the label its row carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

__all__ = ["Spot", "TableLayout", "folded"]

XHTML = "{http://www.w3.org/1999/xhtml}"
_TABLE, _ROW, _CELLS = f"{XHTML}table", f"{XHTML}tr", (f"{XHTML}td", f"{XHTML}th")


class Spot(NamedTuple):
    """Numbers of table, row and cell, all from 0 in document order, and the row's label."""

    table: int
    row: int
    column: int
    row_label: str


def folded(text: str) -> str:
    """Return the text with every run of white space (non-breaking included) as one blank, ends trimmed."""
    return " ".join(text.split())


class TableLayout:
    """Answers where an element stands; each table and row is looked at once."""

    def __init__(self, root: etree._Element) -> None:
        self._table_numbers = {table: number for number, table in enumerate(root.iter(_TABLE))}
        self._rows: dict[etree._Element, tuple[int, int]] = {}
        self._spots: dict[etree._Element, Spot] = {}

    def spot(self, element: etree._Element) -> Spot | None:
        """Return the innermost table cell the element stands in, or None outside tables."""
        cell = None
        row = element.getparent()
        # Steps to the parent are quicker than iterancestors() with its filter: most facts are two steps from their row.
        while row is not None and (tag := row.tag) != _ROW:
            if tag in _CELLS:
                cell = row
            elif tag == _TABLE:
                return None
            row = row.getparent()
        if row is None or cell is None:
            return None
        if cell not in self._spots:
            self._look_at(row, cell.getparent())
        return self._spots[cell]

    def _look_at(self, row: etree._Element, parent: etree._Element) -> None:
        """Number the cells of a row; damaged pages have them in another element, which then is their parent."""
        if row not in self._rows:
            self._number_rows(row)
        table, number = self._rows[row]
        label = _label(row.iterchildren(*_CELLS))
        for column, cell in enumerate(parent.iterchildren(*_CELLS)):
            self._spots[cell] = Spot(table, number, column, label)

    def _number_rows(self, row: etree._Element) -> None:
        table = next(row.iterancestors(_TABLE), None)
        if table is None:
            self._rows[row] = (-1, 0)
            return
        rows = table.iter(_ROW)
        if next(table.iterdescendants(_TABLE), None) is not None:
            rows = (one for one in rows if next(one.iterancestors(_TABLE)) is table)
        number_of_table = self._table_numbers[table]
        self._rows.update((one, (number_of_table, number)) for number, one in enumerate(rows))


def _label(cells: Iterable[etree._Element]) -> str:
    return next(filter(None, (folded("".join(cell.itertext())) for cell in cells)), "")
