"""Excerpts of printed tables, rebuilt from the facts that share one: the row a number stands in and those around it.

Only what a filing tags can be shown: rows without a tagged number, and signs printed outside a tag, are not here.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import PurePath

from trivium.finance.records import Dimension, Fact, Filing, Period

__all__ = ["AROUND", "Heading", "PrintedRow", "PrintedTable", "Tables", "file_name", "printed_exponent"]

AROUND = 3
"""Rows shown above and below the one a number stands in."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a column of a printed table holds: a period, members, or both where neither alone tells columns apart."""

    period: Period | None
    members: str = ""


@dataclass(slots=True)
class PrintedRow:
    """One row: its number in the table, its label, and the fact of each column that has one.

    Args:
        period: the one period of all its facts, in a table whose columns are members only.
    """

    number: int
    label: str
    facts: dict[Heading, Fact] = field(default_factory=dict)
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A printed table as far as it is tagged: columns as printed from left to right, rows from the top."""

    columns: tuple[Heading, ...]
    rows: tuple[PrintedRow, ...]

    def around(self, row: int, distance: int = AROUND) -> tuple[PrintedRow, ...]:
        """Return the row with this number and up to `distance` rows before and after it."""
        place = next(index for index, one in enumerate(self.rows) if one.number == row)
        return self.rows[max(place - distance, 0) : place + distance + 1]


class Tables:
    """The printed tables of one filing, by number; each is rebuilt when it is first asked for."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._built: dict[int, PrintedTable] = {}

    def table_of(self, fact: Fact) -> PrintedTable | None:
        """Return the table a fact stands in; None for a fact outside tables."""
        number, row = fact.place.table, fact.place.row
        if number is None or row is None:
            return None
        if number not in self._built:
            self._built[number] = _rebuild(self._facts_by_table[number])
        return self._built[number]

    @functools.cached_property
    def _facts_by_table(self) -> dict[int, list[Fact]]:
        found: dict[int, list[Fact]] = defaultdict(list)
        for fact in self._filing.facts:
            if fact.place.table is not None and fact.is_numeric:
                found[fact.place.table].append(fact)
        return found


def printed_exponent(fact: Fact) -> int | None:
    """Return the power of ten between what is printed and the value: 6 for `391,035` in millions; None if unclear."""
    try:
        printed = Decimal(fact.printed.replace(",", "").strip())
    except InvalidOperation:
        return None
    if not printed or not fact.value:
        return None
    exponent = fact.value.adjusted() - printed.adjusted()
    return exponent if abs(fact.value) == abs(printed).scaleb(exponent) else None


def file_name(source: str) -> str:
    """Return a source's file name without the folders it lay in."""
    return PurePath(source.replace("\\", "/")).name or source


def _rebuild(facts: Iterable[Fact]) -> PrintedTable:
    by_row: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.place.row is not None:
            by_row[fact.place.row].append(fact)
    has_members = any(_repeats(row) for row in by_row.values())
    has_periods = not has_members or any(len({fact.period for fact in row}) > 1 for row in by_row.values())
    names = _names(fact for row in by_row.values() for fact in row)
    rows, order = [], dict[Heading, int]()
    for number in sorted(by_row):
        first = by_row[number][0]
        row = PrintedRow(number, first.place.row_label, period=None if has_periods else first.period)
        for fact in by_row[number]:
            heading = Heading(fact.period if has_periods else None, names[fact.dimensions] if has_members else "")
            row.facts.setdefault(heading, fact)
            order.setdefault(heading, fact.place.column or 0)
        rows.append(row)
    return PrintedTable(tuple(sorted(order, key=lambda heading: order[heading])), tuple(rows))


def _repeats(row: list[Fact]) -> bool:
    """Whether one row holds two facts of one period with other members, so that its columns are not periods alone."""
    return len({(fact.period, fact.dimensions) for fact in row}) > len({fact.period for fact in row})


def _names(facts: Iterable[Fact]) -> dict[tuple[Dimension, ...], str]:
    """Name each fact's members: by what is printed above their columns where that tells them apart, else by tag."""
    printed: dict[tuple[Dimension, ...], str] = {}
    for fact in facts:
        printed.setdefault(fact.dimensions, fact.place.column_label)
    above = [label for dimensions, label in printed.items() if dimensions]
    if all(above) and len(set(above)) == len(above):
        return printed
    return {dimensions: ", ".join(map(_tag, dimensions)) for dimensions in printed}


def _tag(dimension: Dimension) -> str:
    return (dimension.typed or "") if dimension.member is None else dimension.member.name.removesuffix("Member")
