"""A finished comparison as the page reads it: `comparison.json` from the store, with look-ups by metric and company."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trivium.service.jobs import Job
from trivium.service.store import BlobStore

__all__ = ["Cell", "Document", "open_document"]

_APART = ("common_size", "peer", "quarters")
_KINDS = ("year", "quarter", "ytd", "ttm")
"""Which column speaks for a company: its newest year, else its newest quarter, ..."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a table with its change; both as objects of the JSON, None where there is none."""

    value: Mapping[str, Any]
    change: Mapping[str, Any] | None = None

    @property
    def amount(self) -> float | None:
        """The amount in full units, for drawing only: what is printed is `shown`."""
        text = self.value.get("amount")
        return None if text is None else float(text)

    @property
    def shown(self) -> str:
        """The value as the report's tables print it."""
        return str(self.value["shown"])


class Document:
    """One `comparison.json`.

    Attributes:
        data: the whole JSON; docs/report-json.md describes it.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self._rows: dict[tuple[str, str], tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = {}
        for table in data["tables"]:
            group = "quarters" if table["key"].startswith("quarters") else "years"
            if group == "years" and table["key"].startswith(_APART):
                continue
            for row in table["rows"]:
                self._rows.setdefault((group, row["metric"]), (row, table["columns"] or data["columns"]))

    @property
    def companies(self) -> list[Mapping[str, Any]]:
        """The companies in the report's order."""
        return list(self.data["companies"])

    @property
    def has_quarters(self) -> bool:
        """Whether there are tables by quarter."""
        return any(group == "quarters" for group, _ in self._rows)

    def columns(self, company: str, basis: str = "years") -> list[tuple[int, Mapping[str, Any]]]:
        """Return a company's columns with their places, oldest first; `basis` is `years` or `quarters`."""
        columns = self.data["columns"]
        if basis == "quarters":
            columns = next((cols for (group, _), (_, cols) in self._rows.items() if group == "quarters"), [])
        return [(place, column) for place, column in enumerate(columns) if column["company"] == company]

    def headline(self, company: str) -> Mapping[str, Any]:
        """Return the column that speaks for a company."""
        columns = [column for _, column in self.columns(company)]
        for kind in _KINDS:
            if found := [column for column in columns if column["kind"] == kind]:
                return max(found, key=lambda column: str(column["end"]))
        return columns[-1]

    def cell(self, metric: str, company: str, column: Mapping[str, Any], basis: str = "years") -> Cell | None:
        """Return a metric in a column, balances at its end; None where no table has such a row.

        Where a quarter gives nothing, as cash flow statements do, the year to date that ends with it speaks.
        """
        found = self._rows.get((basis, metric))
        if found is None:
            return None
        row, columns = found
        same_end = [
            Cell(self.data["values"][row["values"][place]], _at(row["changes"], place))
            for place, one in enumerate(columns)
            if one["company"] == company and one["end"] == column["end"]
        ]
        exact = [
            cell
            for cell, one in zip(same_end, _of(columns, company, column["end"]), strict=True)
            if one["kind"] in (column["kind"], "date")
        ]
        ranked = [cell for cell in (*exact, *same_end) if cell.amount is not None] or exact or same_end
        return ranked[0] if ranked else None

    def value(self, key: str) -> Mapping[str, Any]:
        """Return a value by its id."""
        found: Mapping[str, Any] = self.data["values"][key]
        return found

    def series(self, metric: str, company: str, basis: str = "years") -> list[tuple[str, Cell | None]]:
        """Return a metric over a company's columns as (fiscal label, cell), oldest first."""
        return [
            (str(column["name"]), self.cell(metric, company, column, basis))
            for _, column in self.columns(company, basis)
        ]

    def breakdowns(self, company: str) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the tables of segments, products and regions of a company, with their places."""
        return [(place, one) for place, one in enumerate(self.data["breakdowns"]) if one["company"] in ("", company)]

    def choice(self, company: str, metric: str) -> Mapping[str, Any] | None:
        """Return the mapping of one metric."""
        return next((one for one in self.data["mapping"] if (one["company"], one["metric"]) == (company, metric)), None)

    def candidates(self, choice: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return what could be chosen for a metric instead."""
        return list(self.data["candidates"].get(choice.get("candidates") or "", ()))


def open_document(store: BlobStore, job: Job) -> Document | None:
    """Read the comparison of a job; None when it has none."""
    file = next((file for file in job.files if file.name == "comparison.json"), None)
    return None if file is None else _read(store, file.sha256)


@functools.lru_cache(maxsize=8)
def _read(store: BlobStore, sha256: str) -> Document:
    return Document(json.loads(store.read(sha256)))


def _of(columns: Sequence[Mapping[str, Any]], company: str, end: str) -> list[Mapping[str, Any]]:
    return [column for column in columns if column["company"] == company and column["end"] == end]


def _at(changes: Sequence[Any], place: int) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = changes[place] if place < len(changes) else None
    return found
