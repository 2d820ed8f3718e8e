"""The words of a report in the reader's language: names of metrics, periods, formulas, units. Not sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trivium.finance.analyze.model import Check, Column, Comparison, Message, Span, Value
from trivium.finance.display import Kind, Scale, cell, header, kind_of, message_text, metric_names
from trivium.finance.records import Filing, Period
from trivium.service.phrase import translate
from trivium.service.text import catalogue

__all__ = ["Wording"]

_NAME = re.compile(r"\[[^\]]*\]|(?:higher|lower) is better|[a-z][a-z_]*[a-z]")  # what stands in brackets is a label
_OPERATORS = {" - ": " − ", " * ": " × ", " / ": " ÷ "}
_OPTIONAL = re.compile(r"(?<=\w)\?(?=[\s)]|$)")
_ROLES = ("change", "relative_change", "common_size", "cagr")


class Wording:
    """Texts for one report.

    Args:
        comparison: what the report prints; gives the fiscal labels of periods.
        language: `en` or `zh`.
        scale: of amounts and share counts.
    """

    def __init__(self, comparison: Comparison, language: str, scale: Scale) -> None:
        self.language = language
        self.scale = scale
        self._texts = catalogue("trivium.finance", language)
        self._spans: dict[tuple[str, Period], Span] = {}
        spans = [(series.company.key, span) for series in comparison.series for span in series.spans]
        spans += [(column.company.key, column.span) for column in comparison.columns]
        for company, span in spans:
            self._spans[company, span.period] = span
        self._formulas: dict[str, str] = {}
        self._periods: dict[tuple[str, Period], str] = {}

    def say(self, key: str, /, **values: object) -> str:
        """Return a text of the catalogue's section `report`."""
        return self._texts.say(f"report.{key}", **values)

    @property
    def points_suffix(self) -> str:
        """What stands behind a difference of two ratios in percentage points, in a table."""
        return self._texts["unit.points_suffix"]

    def told(self, text: str) -> str:
        """Return what the reader of the sources said, in the report's language."""
        return translate(text, self.language)

    def title(self, section: str, key: str) -> str:
        """Return the text of `section.key`, or the key in words where the catalogue has none."""
        return self._texts.get(f"{section}.{key}") or in_words(key)

    def metric(self, metric: str, printed: str = "") -> str:
        """Return a metric's name, else its printed label, else its key in words."""
        return (*metric_names(metric, self.language), printed, in_words(metric))[0] or in_words(metric)

    def value_name(self, value: Value) -> str:
        """Return the name of a value that no table names: its metric and, for a computed one, its role."""
        printed = value.fact.place.row_label if value.fact else ""
        name = self.metric(value.metric, printed)
        role = value.id.rsplit("/", 1)[-1]
        return f"{name}: {self.say(role)}" if role in _ROLES else name

    def message(self, message: Message) -> str:
        """Return a message in the reader's language."""
        return message_text(message, self.language)

    def span(self, span: Span) -> str:
        """Return a fiscal span as short as a column head needs it: `FY2024`, `2025财年第三季度`."""
        label = span.period.key if span.kind == "date" else span.label
        return self.say(
            f"span_{span.kind}",
            label=label,
            year=span.fiscal_year,
            quarter=span.quarter or "",
            months=round(span.period.days / 30.4),
        )

    def period(self, company: str, period: Period) -> str:
        """Return a period with its fiscal label, where the company has one: `FY2024 (2023-10-01 to 2024-09-28)`."""
        found = self._periods.get((company, period))
        if found is None:
            days = self.days(period)
            span = self._spans.get((company, period))
            found = f"{self.span(span)} ({days})" if span is not None and span.kind != "date" else days
            self._periods[company, period] = found
        return found

    def fiscal(self, filing: Filing) -> str:
        """Return the fiscal period a filing is of, as the issuer labels it: `FY2024`, `Q3 FY2025`."""
        if filing.fiscal_year is None:
            return filing.fiscal_period
        kind = "quarter" if filing.fiscal_period.startswith("Q") else "year"
        label = f"FY{filing.fiscal_year}" if kind == "year" else f"{filing.fiscal_period} FY{filing.fiscal_year}"
        return self.say(f"span_{kind}", label=label, year=filing.fiscal_year, quarter=filing.fiscal_period[1:])

    def days(self, period: Period) -> str:
        """Return a period by its days: `2024-09-28`, `2023-10-01 to 2024-09-28`."""
        end = period.end.isoformat()
        return end if period.start is None else self.say("from_to", start=period.start.isoformat(), end=end)

    def length(self, period: Period) -> str:
        """Return a period as a printed table heads it, on two lines: `12 months to`, `2024-09-28`."""
        end = period.end.isoformat()
        return end if period.start is None else self.say("months_to", months=round(period.days / 30.4), end=end)

    def column(self, column: Column, *, with_company: bool) -> str:
        """Return a column's fiscal label, after its company's key where a table holds several companies."""
        label = self.span(column.span)
        return f"{column.company.key} {label}" if with_company else label

    def formula(self, text: str) -> str:
        """Return a formula with metric and function names in words: `Revenue − Cost of revenue`."""
        if text not in self._formulas:
            named = _NAME.sub(self._named, text)
            for written, printed in _OPERATORS.items():
                named = named.replace(written, printed)
            named = _OPTIONAL.sub(self.say("if_any"), named)
            self._formulas[text] = named
        return self._formulas[text]

    def form(self, check: Check) -> str:
        """Return which form of an identity a check shows, and which did not hold; empty where it has one only."""
        if check.form is None:
            return ""
        one, equation = check.form, self.formula(check.form.equation)
        failed = [self.say("check_form_failed", equation=self.formula(other)) for other in one.failed]
        told = self.say("check_form", number=one.number, count=one.count, equation=equation)
        return self.say("check_forms_between").join([told, *failed])

    def _named(self, found: re.Match[str]) -> str:
        names = metric_names(found[0], self.language)
        key = found[0].replace(" ", "_")
        return names[0] if names else self._texts.get(f"report.function_{key}", found[0])

    def unit(self, unit: str, scale: Scale | None = None) -> str:
        """Return what a unit is called in a table head: `USD million`, `%`, `x`, `days`, `USD per share`."""
        kind: Kind = kind_of(unit)
        if kind in ("money", "shares", "other"):
            return header(unit, self.scale if scale is None else scale, self.language)
        if kind == "per_share":
            return self.say("per_share", currency=self.title("unit", f"name_{unit.removesuffix('/shares')}"))
        return self.say(f"unit_{kind}")

    def number(self, value: Value) -> str:
        """Return an available value as tables print it, in the report's scale."""
        assert value.amount is not None
        return cell(value.amount, value.unit, self.scale)

    def scales(self, units: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the table heads of each unit in every scale, for the unit switch."""
        return {unit: {scale.value: self.unit(unit, scale) for scale in Scale} for unit in units}


def in_words(key: str) -> str:
    """Return a key as words: `net_debt` as `Net debt`."""
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
