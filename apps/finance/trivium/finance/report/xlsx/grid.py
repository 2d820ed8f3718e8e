"""A sheet before it is written: cells by place, and how the sheet is seen and printed. No Excel here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from trivium.finance.analyze.model import Value
from trivium.finance.report.xlsx.styles import Role

__all__ = ["Amount", "Computed", "Content", "Link", "Sheet", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `note` becomes the cell's comment."""

    text: str
    role: Role = "row"
    level: int = 0
    is_right: bool = False
    is_wrapped: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """A value. The first cell that shows it is its home: input or formula; any other cell refers to it.

    Args:
        is_points: shown in percentage points, so the cell holds a hundredfold.
        formula: a formula of its own over cells of this sheet (a rank, a median), instead of the value's.
    """

    value: Value
    role: Role = "row"
    is_points: bool = False
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Computed:
    """A number or word that belongs to a sheet and is no value of its own: a difference, a verdict.

    Args:
        expected: what it gives with the numbers of the report.
        formula: over cells of this sheet; empty for a plain number.
    """

    expected: Decimal | str
    unit: str = ""
    formula: str = ""
    role: Role = "row"


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to another sheet."""

    text: str
    sheet: str


_LETTERS = 1.35
"""Letters of nine points that fit in a column's unit of width, which is a digit of eleven points."""

Content = Text | Amount | Computed | Link


@dataclass(slots=True)
class Sheet:
    """One sheet.

    Args:
        name: as on its tab.
        widths: width of each column in characters, from the left.
        head: rows (first, last) repeated on every printed page; panes are frozen below and right of `frozen_columns`.
        has_key: whether column A holds stable keys, which are folded away.
        merged: rows whose text runs over the columns from the second to the last.
        heights: rows of more than one line, with their lines.
        names: defined names, each of a row from its first to its last column.
        printed_rows: how many rows are printed, from the top; 0 for all.
    """

    name: str
    widths: tuple[float, ...]
    head: tuple[int, int] = (0, 0)
    frozen_columns: int = 0
    has_key: bool = True
    cells: dict[tuple[int, int], Content] = field(default_factory=dict)
    merged: set[int] = field(default_factory=set)
    heights: dict[int, int] = field(default_factory=dict)
    names: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    printed_rows: int = 0

    def put(self, row: int, column: int, *contents: Content | None) -> None:
        """Put contents side by side; None leaves a cell empty."""
        for offset, content in enumerate(contents):
            if content is not None:
                self.cells[row, column + offset] = content

    def paragraph(self, row: int, text: Text) -> None:
        """Put a text over all columns, as high as it needs."""
        self.put(row, 1, text)
        self.merged.add(row)
        self.fit(row, text.text, sum(self.widths[1:]))

    def fit(self, row: int, text: str, width: float) -> None:
        """Make a row high enough for a wrapped text in cells of this width in characters."""
        letters = sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)
        lines = sum(1 for _ in text.splitlines()) - 1 + math.ceil(letters / (width * _LETTERS)) if text else 1
        self.heights[row] = max(self.heights.get(row, 1), lines)

    @property
    def pixels(self) -> int:
        """Width of the columns that are not folded away, in pixels."""
        return int(7 * sum(self.widths[1:] if self.has_key else self.widths))

    def section(self, row: int, text: str) -> None:
        """Put the title of a group of rows, over all columns."""
        self.put(row, 1, Text(text, "section"), *[Text("", "section")] * (len(self.widths) - 2))

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and columns in use."""
        return max(row for row, _ in self.cells) + 1, max(column for _, column in self.cells) + 1
