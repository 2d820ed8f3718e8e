"""The types of the analysis: values that know their source, fiscal spans, and the comparison that reports print.

Amounts are Decimals in full units. A missing amount is None and carries its reason; it is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from trivium.finance.records import Fact, Filing, Period

__all__ = [
    "Breakdown",
    "Bridge",
    "Change",
    "Check",
    "Company",
    "Comparison",
    "Message",
    "Row",
    "Series",
    "Span",
    "Status",
    "Table",
    "Value",
]


class Status(StrEnum):
    """How a value came to be."""

    REPORTED = "reported"
    DERIVED = "derived"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Message:
    """A text of the catalogue by key, with what to fill in; rendered in the reader's language by the report."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One metric in one period, with its source or its derivation, or the reason why it is absent.

    Args:
        id: `company/metric/period`, unique within an analysis; the id of the claim it becomes.
        metric: key of the policy (`revenue`), of a ratio (`gross_margin`) or of a computed item.
        unit: `USD`, `shares`, `USD/shares`, `pure` (a ratio: 0.25 is 25 %), `days`, `times`.
        reason: why it is absent, or how it was derived when a formula does not say it all.
        fact, filing: the source of a reported value.
        formula: for a derived value, in metric keys: `revenue - cost_of_revenue`.
        inputs: the values the formula used.
        notes: what the reader must know to use it (53 weeks, mixed bases, split-adjusted by 10).
    """

    id: str
    metric: str
    period: Period
    unit: str
    amount: Decimal | None
    status: Status
    reason: Message | None = None
    fact: Fact | None = None
    filing: Filing | None = None
    formula: str = ""
    inputs: tuple[Value, ...] = ()
    notes: tuple[Message, ...] = ()

    @property
    def is_available(self) -> bool:
        """Whether there is an amount."""
        return self.amount is not None


@dataclass(frozen=True, slots=True)
class Span:
    """One fiscal column: the flow period and, by its end, the balance date.

    Args:
        kind: `year`, `quarter`, `ytd` (from the year's start), `ttm` (trailing twelve months) or `date` (a
            balance date).
        label: the issuer's fiscal label: `FY2024`, `Q3 FY2025`, `9M FY2025`, `TTM Q3 FY2025`.
        period: its days. The balance date is `Period(end=period.end)`.
    """

    kind: Literal["year", "quarter", "ytd", "ttm", "date"]
    label: str
    period: Period
    fiscal_year: int
    quarter: int | None = None

    @property
    def weeks(self) -> int:
        """Length in whole weeks, rounded: 52 or 53 for a year, 13 or 14 for a quarter."""
        return round(self.period.days / 7)


@dataclass(frozen=True, slots=True)
class Company:
    """One company of the analysis.

    Args:
        key: short and unique in the analysis: ticker, else a slug of the name.
        template: `industrial`, `bank`, `insurer` or `other`: which statement layout and ratios fit.
        accounting: `US-GAAP`, `IFRS` or empty when unknown.
        currency: reporting currency, ISO 4217.
    """

    key: str
    name: str
    identifier: str
    template: str
    accounting: str
    currency: str


@dataclass(slots=True)
class Series:
    """All values of one company, after its filings were merged.

    Args:
        filings: its filings, oldest period first.
        spans: every fiscal span for which its filings give flows, oldest first.
        values: by (metric, period); the latest filing that reports a period wins (restated basis).
        originals: values of the first filing that reported a period, only where they differ from `values`.
        adjusted: share and per-share values on today's share basis, only where a split came between.
    """

    company: Company
    filings: tuple[Filing, ...]
    spans: tuple[Span, ...]
    values: dict[tuple[str, Period], Value]
    originals: dict[tuple[str, Period], Value] = field(default_factory=dict)
    adjusted: dict[tuple[str, Period], Value] = field(default_factory=dict)

    def get(self, metric: str, period: Period) -> Value:
        """Return the value, or an absent one that says the sources give none for this period."""
        found = self.values.get((metric, period))
        if found is not None:
            return found
        value_id = f"{self.company.key}/{metric}/{period.key}"
        return Value(value_id, metric, period, "", None, Status.ABSENT, Message("reason.not_reported"))


@dataclass(frozen=True, slots=True)
class Change:
    """A value against its base, in the same row.

    Args:
        absolute: amount minus base; for a margin the difference of two ratios (points are its hundredfold).
        relative: absolute over base as a ratio; absent with a reason ("nm") when the base is <= 0 or the sign flips.
        is_points: whether the row is a percentage, so that its change is told in percentage points.
    """

    value: Value
    base: Value
    absolute: Value
    relative: Value
    is_points: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a metric over the columns, oldest column first.

    Args:
        label: the issuer's own printed label, used where the catalogue has no text for the metric.
        level: indentation, 0 for totals and stand-alone items.
        changes: against the previous comparable column; None where there is none.
    """

    metric: str
    values: tuple[Value, ...]
    changes: tuple[Change | None, ...] = ()
    label: str = ""
    level: int = 0
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: `income_statement`, `balance_sheet`, `cash_flow`, `ratios`, `common_size`, ...

    Args:
        columns: its own columns (quarters, balance dates); empty where it has those of the comparison.
    """

    key: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One metric split along one axis (segments, products, geography), tied to its total.

    Args:
        axis: local name of the axis, `StatementBusinessSegmentsAxis`.
        rows: one a member, label as printed or from the linkbase; values by column of its company.
        total: the undimensioned values by column.
        difference: total minus the members' sum by column; an amount of 0 means the table ties.
    """

    metric: str
    axis: str
    rows: tuple[Row, ...]
    total: Row
    difference: Row
    company: str = ""


@dataclass(frozen=True, slots=True)
class Bridge:
    """How one value became another: start, named steps that add up, end."""

    key: str
    start: Value
    steps: tuple[Value, ...]
    end: Value


@dataclass(frozen=True, slots=True)
class CheckForm:
    """Which of the ways to write an identity a check holds the numbers against.

    Args:
        number: from 1, in order of preference; `count` is how many there are.
        equation: both sides in the language of formulas, `total_liabilities + equity = liabilities_and_equity`.
        failed: the other ways that had their inputs and did not hold.
    """

    number: int
    count: int
    equation: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """An accounting identity held against the numbers. It reports and never overwrites.

    Args:
        key: `assets_equal_liabilities_and_equity`, ...
        verdict: `holds`, `fails` or `not_applicable`.
        left, right: both sides; `difference` is left minus right.
        tolerance: the largest difference that rounding of the inputs explains.
        form: the one that held, or the first that failed; None where an identity has one way only, or no inputs.
    """

    key: str
    company: str
    period: Period
    verdict: Literal["holds", "fails", "not_applicable"]
    left: Value | None = None
    right: Value | None = None
    difference: Decimal | None = None
    tolerance: Decimal = Decimal(0)
    reason: Message | None = None
    form: CheckForm | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the comparison: a company in a fiscal span.

    Args:
        notes: what makes it less comparable: 53 weeks, period end 36 days after the first company's.
    """

    company: Company
    span: Span
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a report prints. Tables share `columns`; rows hold one value a column.

    Args:
        kind: one filing, one company over periods, or several companies.
        tables: statements, then `common_size_*`, `ratios`, `peers` (ranks and medians), in reading order.
        restated: pairs of (original, restated) values that differ.
        problems: what could not be read, in words, per source name.
        created: date of the analysis.
        is_converted: whether a user gave exchange rates for ranks and medians of amounts.
    """

    kind: Literal["filing", "periods", "companies"]
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]
    series: tuple[Series, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    checks: tuple[Check, ...] = ()
    restated: tuple[tuple[Value, Value], ...] = ()
    notes: tuple[Message, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    created: date | None = None
    is_converted: bool = False
