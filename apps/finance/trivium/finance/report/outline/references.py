"""Keys of sources: each row of numbers gets one, and the list of sources says what stands behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from trivium.finance.analyze.model import Comparison, Value
from trivium.finance.records import Filing
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline.blocks import Reference

__all__ = ["ReferenceList"]


class ReferenceList:
    """Gives keys in order of first use."""

    def __init__(self, comparison: Comparison, wording: ExportWording) -> None:
        self._wording = wording
        filings = [filing for series in comparison.series for filing in series.filings]
        self._letters = {id(filing): _letters(number) for number, filing in enumerate(filings)}
        self._rows: dict[str, tuple[int, str, tuple[Value, ...]]] = {}
        self._by_value: dict[str, int] = {}

    def key(self, row: str, name: str, values: Sequence[Value]) -> int:
        """Return the key of a row, made when it is first asked for; 0 for a row without any number."""
        available = tuple(value for value in values if value.is_available)
        if not available:
            return 0
        if row not in self._rows:
            self._rows[row] = (len(self._rows) + 1, name, available)
        number = self._rows[row][0]
        for value in available:
            self._by_value.setdefault(value.id, number)
        return number

    def first_key(self, values: Iterable[Value]) -> int:
        """Return the key of the first of these values that stands in a row with one; 0 if none does."""
        return next((self._by_value[value.id] for value in values if value.id in self._by_value), 0)

    def keys_of(self, values: Iterable[Value]) -> tuple[tuple[int, int], ...]:
        """Return the keys of the rows that values stand in, as runs; for others, of what they were computed from."""
        found: set[int] = set()
        for value in values:
            named = (value,) if value.id in self._by_value else value.inputs
            found |= {self._by_value[one.id] for one in named if one.id in self._by_value}
        return tuple(_runs(sorted(found)))

    def letter(self, filing: Filing) -> str:
        """Return the letter of a source file, `A` for the first."""
        return self._letters[id(filing)]

    def entries(self) -> tuple[Reference, ...]:
        """Return what stands behind every key given so far."""
        return tuple(Reference(number, name, self._lines(values)) for number, name, values in self._rows.values())

    def _lines(self, values: Sequence[Value]) -> tuple[str, ...]:
        """Return, grouped by concept or formula, the periods with their places."""
        grouped: dict[str, list[str]] = {}
        for value in values:
            period = self._wording.short_period(value.id.split("/", 1)[0], value.period)
            fact, filing = value.fact, value.filing
            if fact is not None and filing is not None and not value.inputs:
                label = f' "{fact.place.row_label}"' if fact.place.row_label else ""
                reason = f"; {self._wording.message(value.reason)}" if value.reason else ""
                where = f"{fact.concept.qname}{label}{reason}"
                grouped.setdefault(where, []).append(f"{period} {self.letter(filing)} {fact.fact_id}")
            else:
                grouped.setdefault(self._wording.formula(value.formula), []).append(period)
        return tuple(f"{where}: {', '.join(places)}" for where, places in grouped.items())


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of consecutive numbers as (first, last)."""
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def _letters(number: int) -> str:
    """Return A to Z, then AA, AB, ..."""
    before, last = divmod(number, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)
