"""The words that only the workbook, the note and the printed report need, beside those of every report."""

from __future__ import annotations

from trivium.finance.analyze.model import Column, Comparison, Status, Value
from trivium.finance.display import Scale, header
from trivium.finance.records import Period
from trivium.finance.report.wording import Wording
from trivium.service.text import catalogue

__all__ = ["ExportWording"]


class ExportWording(Wording):
    """Texts for one export."""

    def __init__(self, comparison: Comparison, language: str, scale: Scale) -> None:
        super().__init__(comparison, language, scale)
        self._exports = catalogue("trivium.finance", language)
        self._comparison = comparison

    def export(self, key: str, /, **values: object) -> str:
        """Return a text of the catalogue's section `export`."""
        return self._exports.say(f"export.{key}", **values)

    def short_period(self, company: str, period: Period) -> str:
        """Return a period's fiscal label alone where the company has one, else its days."""
        span = self._spans.get((company, period))
        return self.span(span) if span is not None and span.kind != "date" else self.days(period)

    def names(self) -> str:
        """Return the names of the companies, in order."""
        return ", ".join(dict.fromkeys(series.company.name for series in self._comparison.series))

    def periods(self) -> str:
        """Return the first and the last fiscal label: `FY2021 - FY2024`."""
        labels = list(dict.fromkeys(self.span(column.span) for column in self._comparison.columns))
        return labels[0] if len(labels) == 1 else f"{labels[0]} - {labels[-1]}"

    def heads(self, columns: tuple[Column, ...]) -> list[tuple[str, str, str]]:
        """Return what stands over each column: fiscal label (after the company's key among several), end, notes.

        An end with notes has an asterisk.
        """
        has_companies = len({column.company.key for column in columns}) > 1
        found = []
        for column in columns:
            end = "" if column.span.kind == "date" else column.span.period.end.isoformat()
            notes = "; ".join(self.message(note) for note in column.notes)
            found.append((self.column(column, with_company=has_companies), f"{end}*" if notes else end, notes))
        return found

    def money(self) -> str:
        """Return the scale of amounts, once for the whole export: `USD million`, `USD, CNY million`."""
        currencies = list(dict.fromkeys(series.company.currency for series in self._comparison.series))
        return ", ".join(header(currency, self.scale, self.language) for currency in currencies if currency)

    def units(self, units: set[str]) -> str:
        """Return the heads of a row's units: `USD million`, `USD per share`, `%`."""
        return ", ".join(self.unit(unit) for unit in sorted(units) if unit != "rank")

    def absence(self, value: Value) -> str:
        """Return what an absent value shows: `n/a`, or `nm` where a number would mean nothing."""
        assert value.status is Status.ABSENT
        return self.say("nm" if value.reason is not None and value.reason.key == "reason.nm" else "na")
