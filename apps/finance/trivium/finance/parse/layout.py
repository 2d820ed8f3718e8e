"""Where a tagged element stands on the printed page: HTML table, row, column and the label its row carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

__all__ = ["CELLS", "ROW", "TABLE", "XHTML", "Spot", "TableLayout", "folded"]

XHTML = "{http://www.w3.org/1999/xhtml}"
TABLE, ROW, CELLS = f"{XHTML}table", f"{XHTML}tr", (f"{XHTML}td", f"{XHTML}th")


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
    """Answers where an element stands; each table and row is looked at once.

    Args:
        tables: every table of the document, in document order.
    """

    def __init__(self, tables: Iterable[etree._Element]) -> None:
        self._table_numbers = {table: number for number, table in enumerate(tables)}
        self._rows: dict[etree._Element, tuple[int, int]] = {}
        self._labels: dict[etree._Element, str] = {}
        self._cells: dict[etree._Element, list[etree._Element]] = {}

    def spot(self, element: etree._Element) -> Spot | None:
        """Return the innermost table cell the element stands in, or None outside tables."""
        cell = None
        row = element.getparent()
        # Steps to the parent are quicker than iterancestors() with its filter: most facts are two steps from their row.
        while row is not None and (tag := row.tag) != ROW:
            if tag in CELLS:
                cell = row
            elif tag == TABLE:
                return None
            row = row.getparent()
        if row is None or cell is None:
            return None
        if row not in self._rows:
            self._number_rows(row)
        label = self._labels.get(row)
        if label is None:
            label = self._labels[row] = _label(row.iterchildren(*CELLS))
        # Damaged pages have the cells of a row in another element.
        parent = cell.getparent()
        cells = self._cells.get(parent)
        if cells is None:
            cells = self._cells[parent] = list(parent.iterchildren(*CELLS))
        return Spot(*self._rows[row], cells.index(cell), label)

    def _number_rows(self, row: etree._Element) -> None:
        table = next(row.iterancestors(TABLE), None)
        if table is None:
            self._rows[row] = (-1, 0)
            return
        rows = table.iter(ROW)
        if next(table.iterdescendants(TABLE), None) is not None:
            rows = (one for one in rows if next(one.iterancestors(TABLE)) is table)
        number_of_table = self._table_numbers[table]
        self._rows.update((one, (number_of_table, number)) for number, one in enumerate(rows))


def _label(cells: Iterable[etree._Element]) -> str:
    return next(filter(None, (folded("".join(cell.itertext())) for cell in cells)), "")
