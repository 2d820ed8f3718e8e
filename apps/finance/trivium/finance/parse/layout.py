"""Where a tagged element stands on the printed page: HTML table, row, column and the label its row carries."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

__all__ = ["Spot", "TableLayout", "folded"]

XHTML = "{http://www.w3.org/1999/xhtml}"
_TABLE, _ROW, _CELLS = f"{XHTML}table", f"{XHTML}tr", (f"{XHTML}td", f"{XHTML}th")


@dataclass(frozen=True, slots=True)
class Spot:
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
        self._rows: dict[etree._Element, tuple[int, int, str]] = {}
        self._columns: dict[etree._Element, int] = {}

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
        if row not in self._rows:
            self._number_rows(row)
        table, number, label = self._rows[row]
        if cell not in self._columns:
            self._columns.update((one, column) for column, one in enumerate(cell.getparent().iterchildren(*_CELLS)))
        return Spot(table, number, self._columns[cell], label)

    def _number_rows(self, row: etree._Element) -> None:
        table = next(row.iterancestors(_TABLE), None)
        if table is None:
            self._rows[row] = (-1, 0, _label(row))
            return
        rows = [one for one in table.iter(_ROW) if next(one.iterancestors(_TABLE)) is table]
        for number, one in enumerate(rows):
            self._rows[one] = (self._table_numbers[table], number, _label(one))


def _label(row: etree._Element) -> str:
    for cell in row.iterchildren(*_CELLS):
        text = folded("".join(cell.itertext()))
        if text:
            return text
    return ""
