"""In what a table is printed: its currency, its scale, and from them the unit of each value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.parse.statement import cells
from trivium.finance.parse.statement.columns import Block, Column, label_before, label_text
from trivium.finance.parse.statement.sheets import Cell, Grid
from trivium.finance.records import Unit, intern_concept

__all__ = ["Measures", "find_measures", "is_measure_row"]

_SHARES = intern_concept("http://www.xbrl.org/2003/instance", "shares", "xbrli")
_PURE = Unit((intern_concept("http://www.xbrl.org/2003/instance", "pure", "xbrli"),))
_MEASURE = re.compile(r"(?:reporting )?currency|units?|单位|币种|(?:货币|计量|金额)单位")


@dataclass(slots=True)
class Measures:
    """Currency and scales of one table, and which of them its values wanted but no text names.

    Args:
        currency: ISO code; `XXX` where no text names one.
        money: power of ten of amounts; None where no text names one.
        shares: power of ten of numbers of shares.
    """

    currency: str
    money: int | None
    shares: int
    is_currency_missed: bool = False
    is_scale_missed: bool = False

    def unit_of(self, label: str, heading: str, printed: cells.Printed, column: Column) -> tuple[Unit, int]:
        """Return the unit of a value and the power of ten that its printed number is to be multiplied by."""
        kind = cells.row_kind(label, heading)
        if printed.is_percent:
            return _PURE, 0
        if kind == "ratio":
            return _PURE, -2 if "%" in cells.fold(label) else 0
        if kind == "count":
            return _PURE, 0
        own = cells.money_scale(label)
        if kind == "shares":
            return Unit((_SHARES,)), self.shares if own is None else own
        code = cells.currency_of(column.header) or self.currency
        currency = intern_concept("http://www.xbrl.org/2003/iso4217", code, "iso4217")
        if kind == "per_share":
            return Unit((currency,), (_SHARES,)), 0
        power = self.money if own is None else own
        self.is_scale_missed |= power is None
        self.is_currency_missed |= code == "XXX"
        return Unit((currency,)), power or 0


def find_measures(grid: Grid, block: Block, titles: Sequence[str]) -> Measures:
    """Find currency and scale in the titles and headers of a table."""
    rows = grid.rows[block.first : block.last]
    headers = [column.header for column in block.columns]
    texts = [*titles, *_said_by_rows(rows), *headers, grid.name]
    currency = next(filter(None, map(cells.currency_of, texts)), "") or _printed_currency(rows)
    money = next((scale for text in texts if (scale := cells.money_scale(text)) is not None), None)
    return Measures(currency or "XXX", money, cells.share_scale(" | ".join(texts), money or 0))


def _said_by_rows(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Return what rows such as `Currency,USD,USD` say, as one would write it in a title: `Currency: USD`."""
    named = ((label_before(row, len(row)), row) for row in rows if row and is_measure_row(row))
    return [f"{label}: {label_text(cell)}" for label, row in named for cell in row[1:] if label_text(cell)]


def _printed_currency(rows: Sequence[Sequence[Cell]]) -> str:
    signs = (cells.currency_of(cell) for row in rows for cell in row if isinstance(cell, str) and len(cell) <= 24)
    return next(filter(None, signs), "")


def is_measure_row(row: Sequence[Cell]) -> bool:
    """Whether a row says in which currency or unit its columns are, and holds no number."""
    return (
        bool(row)
        and bool(_MEASURE.fullmatch(cells.fold(label_text(row[0]))))
        and not any(isinstance(cell, Decimal) or cells.looks_numeric(label_text(cell)) for cell in row[1:])
    )
