"""Derived metrics: the table of formulas.toml applied to every fiscal span and balance date of a company.

Definitions that differ between houses are stated in the table: debt is what the balance sheet calls debt (operating
leases are not in it), net debt takes off cash and short-term investments only, invested capital is financing based.
Shares at a balance date are not a formula but a rule, `shares_at`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any, Literal

from trivium.finance.analyze.evaluation import Scope, absent_value, make_value
from trivium.finance.analyze.expressions import Expression, metrics_of, parse
from trivium.finance.analyze.model import Message, Series, Status, Value
from trivium.finance.records import Period

__all__ = ["Formula", "anchors", "derive", "formulas", "shares_at"]

SHARES_METRIC = "shares_at_period_end"
_COVER_DAYS = 90
_SAYS_NOTHING = frozenset({"reason.not_reported", "reason.no_line_on_face", "reason.not_tagged"})


@dataclass(frozen=True, slots=True)
class Formula:
    """One row of formulas.toml.

    Args:
        kind: whether it is computed for fiscal spans or for balance dates.
        unit: what the result must be: `money`, `shares`, `pure`, ...
        not_for: templates where the result is absent because it would mean nothing.
        only_for: templates that have the metric at all; empty for all.
        exact, stand_in: a metric that must not, or must, come from a proxy of the mapping policy that includes
            another metric; empty for none.
    """

    metric: str
    text: str
    expression: Expression
    kind: Literal["flow", "balance"]
    unit: str
    not_for: frozenset[str] = frozenset()
    only_for: frozenset[str] = frozenset()
    exact: str = ""
    stand_in: str = ""


@functools.cache
def formulas() -> tuple[Formula, ...]:
    """Return the formulas in the order they are applied.

    Raises:
        ValueError: if the table has an expression that does not parse or an optional metric without an anchor.
    """
    rows = []
    for row in _table()["formula"]:
        formula = Formula(
            metric=row["metric"],
            text=row["formula"],
            expression=parse(row["formula"]),
            kind=row["kind"],
            unit=row["unit"],
            not_for=frozenset(row.get("not_for", ())),
            only_for=frozenset(row.get("only_for", ())),
            exact=row.get("exact", ""),
            stand_in=row.get("stand_in", ""),
        )
        rows.append(formula)
    return tuple(rows)


@functools.cache
def anchors() -> Mapping[str, str]:
    """Return, for each metric that may be optional, the metric that proves its statement was read."""
    return dict(_table()["anchors"])


def derive(series: Series) -> None:
    """Add the derived metrics to `series.values`, in place; a value that is there is never replaced.

    An absent value is added too, with the reason, unless the series already says why the metric is absent.
    """
    dates = balance_dates(series)
    for formula in formulas():
        if formula.only_for and series.company.template not in formula.only_for:
            continue
        if formula.kind == "flow":
            for span in series.spans:
                _apply(formula, series, span.period, Scope.of_span(series, span, anchors()))
        else:
            for day in dates:
                _apply(formula, series, Period(day), Scope(series, day, anchors=anchors()))
    for day in dates:
        key = (SHARES_METRIC, Period(day))
        if key not in series.values:
            series.values[key] = shares_at(series, day)


def balance_dates(series: Series) -> tuple[date, ...]:
    """Return the days for which a balance sheet was read or a fiscal span ends, oldest first."""
    read = {period.end for (metric, period), value in series.values.items() if _is_balance_total(metric, value)}
    return tuple(sorted(read | {span.period.end for span in series.spans}))


def shares_at(series: Series, day: date) -> Value:
    """Return the shares outstanding for a balance date: of that day, else of the cover page that follows it.

    The cover page of a filing counts the shares some weeks after the balance date (at most 90 days here, so it is never
    the next quarter's); the note gives its date. Weighted averages are never used instead.
    """
    counts = [
        (period.end, value)
        for (metric, period), value in series.values.items()
        if metric == "shares_outstanding" and value.is_available and 0 <= (period.end - day).days <= _COVER_DAYS
    ]
    if not counts:
        return absent_value(
            series, SHARES_METRIC, Period(day), Message("reason.missing_input", {"metric": "shares_outstanding"})
        )
    counted, value = min(counts, key=lambda pair: pair[0])
    note = Message("note.shares_counted", {"date": counted.isoformat()})
    notes = value.notes if counted == day else (*value.notes, note)
    return Value(
        id=f"{series.company.key}/{SHARES_METRIC}/{Period(day).key}",
        metric=SHARES_METRIC,
        period=Period(day),
        unit=value.unit,
        amount=value.amount,
        status=Status.DERIVED,
        formula="shares_outstanding",
        inputs=(value,),
        notes=notes,
    )


def _apply(formula: Formula, series: Series, period: Period, scope: Scope) -> None:
    key = (formula.metric, period)
    existing = series.values.get(key)
    if existing is not None and (existing.is_available or _is_open(existing)):
        return
    if _is_stand_in(formula.exact, scope) or (formula.stand_in and not _is_stand_in(formula.stand_in, scope)):
        return
    if series.company.template in formula.not_for:
        reason = Message("reason.not_for_template", {"template": series.company.template})
        value = absent_value(series, formula.metric, period, reason)
    else:
        value = make_value(series, formula.metric, period, formula.expression, scope, formula.unit)
    if value.is_available or (_says_more(value) and (existing is None or _says_nothing(existing))):
        series.values[key] = value


def _is_stand_in(metric: str, scope: Scope) -> bool:
    reason = scope.closing(metric).reason if metric else None
    return reason is not None and bool(reason.values.get("includes"))


def _says_more(value: Value) -> bool:
    """Whether the reason is more than a circle: revenue less gross profit, which would need the cost of revenue."""
    return value.reason is None or value.reason.values.get("metric") != value.metric


def _says_nothing(value: Value) -> bool:
    return value.reason is None or value.reason.key in _SAYS_NOTHING


def _is_open(value: Value) -> bool:
    """Whether a line of the statement may be the metric or a part of it: a formula without that line would be wrong."""
    return value.reason is not None and value.reason.key == "reason.open_line"


def _is_balance_total(metric: str, value: Value) -> bool:
    return metric in ("total_assets", "liabilities_and_equity") and value.is_available


@functools.cache
def _table() -> dict[str, Any]:
    text = (resources.files(__package__) / "formulas.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    for row in table["formula"]:
        optional = metrics_of(parse(row["formula"]), only_optional=True)
        missing = [name for name in optional if name not in table["anchors"]]
        if missing:
            raise ValueError(f"formula of {row['metric']}: optional {', '.join(missing)} needs a line in [anchors]")
    return table
