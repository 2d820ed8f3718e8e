"""The numbers a report shows, with all that its Source panel needs: place, printed row, formula, inputs, reason.

A number enters only when a claim stands behind it. What a derived number was computed from enters with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trivium.finance.analyze.model import Comparison, Message, Status, Value
from trivium.finance.display import Scale
from trivium.finance.records import Fact, Filing
from trivium.finance.report.sources import Heading, PrintedRow, PrintedTable, Tables, file_name, printed_exponent
from trivium.finance.report.wording import Wording
from trivium.service.evidence import Claim, FactAnchor, JsonPointer, Locator, SheetCell

__all__ = ["Ledger", "plain", "to_script"]

_SHARED = ("name", "company", "period", "status", "unit", "formula", "reason")


class Ledger:
    """Collects the values a report shows and writes them once, as JSON.

    Args:
        claims: every claim of the report, by value id.
    """

    def __init__(self, comparison: Comparison, claims: Mapping[str, Claim], wording: Wording) -> None:
        self._claims = claims
        self._wording = wording
        self._names: dict[str, str] = {}
        self._points: set[str] = set()
        self._values: dict[str, Value] = {}
        self._places: dict[str, int] = {}
        self._companies = {series.company.key: series.company.name for series in comparison.series}
        self._filings: list[Filing] = [filing for series in comparison.series for filing in series.filings]
        self._numbers = {id(filing): number for number, filing in enumerate(self._filings)}
        self._tables = [Tables(filing) for filing in self._filings]
        self._rows: dict[tuple[int, int], tuple[PrintedTable, set[int]]] = {}

    def add(self, value: Value, name: str = "", *, is_points: bool = False) -> None:
        """Take a value that the report shows.

        Args:
            name: what the report calls it; else its metric's name.
            is_points: whether it is a difference of ratios, told in percentage points.

        Raises:
            ValueError: if no claim stands behind an available value, or the claim says another number.
        """
        if name:
            self._names.setdefault(value.id, name)
        if is_points:
            self._points.add(value.id)
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if one.id not in self._values:
                self._check(one)
                self._values[one.id] = one
                self._places[one.id] = len(self._places)
                waiting.extend(one.inputs)

    def number_of(self, filing: Filing) -> int:
        """Return the position of a filing in the list of sources, from 0."""
        return self._numbers[id(filing)]

    @property
    def shown(self) -> list[Value]:
        """Every value taken so far, and what each was computed from."""
        return list(self._values.values())

    @property
    def filings(self) -> Sequence[Filing]:
        """Every source, in the order of the report's list."""
        return self._filings

    def to_data(self) -> dict[str, Any]:
        """Return values, printed tables and filings as JSON-ready data.

        Inputs are positions in `values`; the texts of `_SHARED`, which repeat, are positions in `words`.
        """
        words: dict[str, int] = {}
        values = [self._entry(value) for value in self._values.values()]
        for entry in values:
            for key in _SHARED:
                if key in entry:
                    entry[key] = words.setdefault(entry[key], len(words))
        tables = {f"{filing}.{table}": self._excerpt(*found) for (filing, table), found in self._rows.items()}
        return {
            "values": values,
            "words": list(words),
            "tables": tables,
            "filings": [self._filing(filing) for filing in self._filings],
        }

    def _check(self, value: Value) -> None:
        if value.amount is None:
            return
        claim = self._claims.get(value.id)
        if claim is None:
            raise ValueError(f"no claim stands behind {value.id!r}")
        if claim.value != value.amount:
            raise ValueError(f"{value.id!r} is {value.amount}, its claim says {claim.value}")

    def _entry(self, value: Value) -> dict[str, Any]:
        wording, company = self._wording, value.id.split("/", 1)[0]
        entry: dict[str, Any] = {"id": value.id, "name": self._names.get(value.id) or wording.value_name(value)}
        if company in self._companies:
            entry["company"] = self._companies[company]
        entry["period"] = wording.period(company, value.period)
        entry["status"] = value.status.value
        if value.amount is not None:
            entry["amount"] = plain(value.amount)
            entry["unit"] = "points" if value.id in self._points else value.unit
        if value.formula:
            entry["formula"] = wording.formula(value.formula)
            entry["inputs"] = [self._places[given.id] for given in value.inputs]
        if value.reason is not None and not _is_label(value.reason):
            entry["reason"] = wording.message(value.reason)
        if value.notes:
            entry["notes"] = [wording.message(note) for note in value.notes]
        if value.status is Status.REPORTED and value.fact is not None and value.filing is not None:
            entry["source"] = self._source(value.filing, value.fact)
        return entry

    def _source(self, filing: Filing, fact: Fact) -> dict[str, Any]:
        number = self.number_of(filing)
        exponent = printed_exponent(fact)
        source: dict[str, Any] = {
            "filing": number,
            "concept": fact.concept.qname,
            "anchor": _anchor(fact.place.locator),
            "printed": fact.printed,
            "scale": "" if exponent is None else self._scale(exponent),
            "decimals": self._decimals(fact),
            "label": fact.place.row_label,
            "members": fact.dimensions_text,
        }
        table = self._tables[number].table_of(fact)
        if table is not None:
            assert fact.place.table is not None
            assert fact.place.row is not None
            rows = self._rows.setdefault((number, fact.place.table), (table, set()))[1]
            rows.update(row.number for row in table.around(fact.place.row))
            source |= {"table": fact.place.table, "row": fact.place.row, "column": _column(table, fact)}
        return {key: content for key, content in source.items() if content != ""}

    def _scale(self, exponent: int) -> str:
        named = next((scale for scale in Scale if scale.exponent == exponent), None)
        return f"× 10^{exponent}" if named is None else self._wording.say(f"scale_{named}")

    def _decimals(self, fact: Fact) -> str:
        if fact.is_exact:
            return self._wording.say("decimals_exact")
        return "" if fact.decimals is None else str(fact.decimals).replace("-", "−")

    def _excerpt(self, table: PrintedTable, wanted: set[int]) -> dict[str, Any]:
        rows = [row for row in table.rows if row.number in wanted]
        used = {heading for row in rows for heading in row.facts}
        columns = [heading for heading in table.columns if heading in used]
        return {
            "columns": [[table.columns.index(heading), self._heading(heading)] for heading in columns],
            "rows": [
                [row.number, self._row_label(row), [_printed(row, heading) for heading in columns]] for row in rows
            ],
        }

    def _heading(self, heading: Heading) -> str:
        period = self._wording.length(heading.period) if heading.period else ""
        return "\n".join(filter(None, (period, heading.members)))

    def _filing(self, filing: Filing) -> dict[str, str]:
        return {
            "company": filing.entity.name,
            "form": filing.form,
            "period": self._wording.fiscal(filing),
            "end": filing.period_end.isoformat() if filing.period_end else "",
            "filed": filing.filed.isoformat() if filing.filed else "",
            "accession": filing.accession,
            "file": file_name(filing.source.name),
            "sha256": filing.source.sha256,
        }

    def _row_label(self, row: PrintedRow) -> str:
        return f"{row.label} · {self._wording.days(row.period)}" if row.period else row.label


def plain(amount: Decimal) -> str:
    """Return a number in full, without an exponent or trailing zeros after the point."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_script(data: object) -> str:
    """Return JSON that no text inside can end: `<` is written as an escape."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _is_label(reason: Message) -> bool:
    """Whether a reason is only the name of a step of a bridge."""
    return reason.key.startswith("bridge.")


def _column(table: PrintedTable, fact: Fact) -> int:
    row = next(row for row in table.rows if row.number == fact.place.row)
    heading = next((heading for heading, one in row.facts.items() if one is fact), None)
    return -1 if heading is None else table.columns.index(heading)


def _printed(row: PrintedRow, heading: Heading) -> str:
    fact = row.facts.get(heading)
    return "" if fact is None else fact.printed


def _anchor(locator: Locator) -> str:
    match locator:
        case FactAnchor(document, fact_id):
            return f"{document}#{fact_id}" if document else f"#{fact_id.removeprefix('#')}"
        case SheetCell(sheet, address):
            return f"{sheet}!{address}" if sheet else address
        case JsonPointer(pointer):
            return pointer
        case _:
            raise TypeError(f"a fact of a filing does not lie at {locator}")
