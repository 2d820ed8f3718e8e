"""Merge a company's filings into one series: the latest filing wins, what it restated stays beside it.

Quarters and trailing twelve months that no filing prints are derived from spans that share an end or a start. Only
flows of money are subtracted or added: share counts and per-share values never are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from trivium.finance.analyze.company import company_key, describe_company
from trivium.finance.analyze.formulas import derive
from trivium.finance.analyze.mapping import Mapping as MetricMapping
from trivium.finance.analyze.model import Message, Series, Span, Status, Value
from trivium.finance.analyze.periods import balance_dates, filing_spans, own_spans
from trivium.finance.analyze.policy import MetricRule, Policy
from trivium.finance.analyze.splits import adjust_for_splits
from trivium.finance.records import Filing, Period

__all__ = ["build_series", "own_values"]

_PERIODIC = ("10-K", "10-Q", "20-F", "40-F", "6-K", "10-KT", "10-QT")
_Key = tuple[str, Period]


def build_series(filings: Sequence[Filing], policy: Policy, overrides: Mapping[str, str] | None = None) -> Series:
    """Read every metric of one company from all its filings.

    Args:
        filings: filings of one company, in any order.
        overrides: concepts the user chose for this company, by metric.
    """
    ordered = sorted((filing for filing in filings if _is_periodic(filing)), key=_age) or sorted(filings, key=_age)
    company = describe_company(ordered)
    series = Series(company, tuple(ordered), (), {})
    spans: dict[tuple[str, Period], Span] = {}
    for filing in ordered:
        mapping = MetricMapping(filing, policy, company.key, dict(overrides or {}))
        own = own_spans(filing, mapping.faces)
        for span in (*filing_spans(filing, mapping.faces), *own):
            if (span.kind, span.period) not in spans or span in own:
                spans[span.kind, span.period] = span
        _merge(series, _values(mapping, policy))
    series.spans = _in_order(spans.values())
    _derive_last_quarters(series, policy)
    _derive_trailing_years(series, policy)
    series.spans = _in_order(series.spans)
    derive(series)
    adjust_for_splits(series)
    return series


def own_values(filing: Filing, policy: Policy) -> list[tuple[str, Value]]:
    """Return every metric of the filing's own period as (period kind, value), in the policy's order.

    Kinds are `year`, or `quarter` and `ytd` (cash flow items `ytd` only), and `instant` for balances.
    """
    series = build_series([filing], policy)
    mapping = MetricMapping(filing, policy, company_key(filing))
    spans = own_spans(filing, mapping.faces)
    dates = balance_dates(filing, mapping.faces)
    rows: list[tuple[str, Value]] = []
    for key, rule in policy.rules.items():
        if rule.is_balance:
            if rule.statement == "cover":
                dates_here = tuple(period.end for metric, period in series.values if metric == key) or dates
            else:
                dates_here = dates
            if dates_here:
                rows.append(("instant", series.get(key, Period(max(dates_here)))))
            continue
        for span in spans:
            if rule.statement != "cash_flow" or span.kind != "quarter":
                rows.append((span.kind, series.get(key, span.period)))
    return rows


def _is_periodic(filing: Filing) -> bool:
    """Whether it is an annual or interim report; companyfacts also hold proxy statements and prospectuses."""
    return not filing.form or filing.form.upper().startswith(_PERIODIC)


def _age(filing: Filing) -> tuple[str, str, bool]:
    end = filing.period_end.isoformat() if filing.period_end else ""
    return end, filing.filed.isoformat() if filing.filed else "", filing.is_amendment


def _in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.period.end, span.period.days, span.kind)))


def _values(mapping: MetricMapping, policy: Policy) -> dict[_Key, Value]:
    flows = {
        span.period
        for span in (*filing_spans(mapping.filing, mapping.faces), *own_spans(mapping.filing, mapping.faces))
    }
    dates = {Period(day) for day in balance_dates(mapping.filing, mapping.faces)}
    found: dict[_Key, Value] = {}
    # The filing's own, latest period first: the concept chosen there is kept for its comparatives.
    for key, rule in policy.rules.items():
        if rule.statement == "cover":
            periods = {fact.period for fact in mapping.facts_of(rule)}
        else:
            periods = dates if rule.is_balance else flows
        for period in sorted(periods, key=lambda one: one.end, reverse=True):
            found[key, period] = mapping.value(key, period)
    return found


def _merge(series: Series, newer: Mapping[_Key, Value]) -> None:
    """Take a later filing's values, which restate earlier ones; only like restates like.

    What is near a metric (total equity in a later filing's roll-forward) never replaces the metric itself.
    """
    for key, value in newer.items():
        older = series.values.get(key)
        if older is None or not older.is_available:
            if older is None or value.is_available:
                series.values[key] = value
        elif value.is_available:
            if _says_the_same(older, value):
                series.values[key] = max((value, older), key=_precision)
            elif older.status is Status.DERIVED and value.status is Status.REPORTED:
                series.values[key] = value
            elif older.status is value.status:
                series.originals.setdefault(key, replace(older, id=f"{older.id}#original"))
                series.values[key] = value


def _says_the_same(one: Value, other: Value) -> bool:
    """Whether two filings give the same number, one possibly rounded more coarsely."""
    assert one.amount is not None
    assert other.amount is not None
    if one.unit != other.unit:
        return False
    slack = sum(Decimal(10) ** -_precision(value) / 2 for value in (one, other) if _precision(value) < 90)
    is_rounding = _precision(one) != _precision(other) and abs(one.amount - other.amount) <= slack
    return one.amount == other.amount or is_rounding


def _precision(value: Value) -> int:
    fact = value.fact
    return 99 if fact is None or fact.is_exact or fact.decimals is None else fact.decimals


def _flow_rules(policy: Policy) -> list[MetricRule]:
    return [rule for rule in policy.rules.values() if not rule.is_balance]


def _derive_last_quarters(series: Series, policy: Policy) -> None:
    """Add quarters that only a subtraction gives: the fourth one, and each one of the cash flow statement."""
    by_start: dict[object, list[Span]] = {}
    for span in series.spans:
        if span.kind != "ttm":
            by_start.setdefault(span.period.start, []).append(span)
    added: list[Span] = []
    for group in by_start.values():
        unique = sorted({span.period: span for span in group}.values(), key=lambda span: span.period.end)
        for shorter, longer in itertools.pairwise(unique):
            period = Period(end=longer.period.end, start=shorter.period.end + timedelta(days=1))
            if 63 <= period.days < 127:
                added += _subtract(series, policy, longer, shorter, period)
    series.spans = (*series.spans, *added)


def _subtract(series: Series, policy: Policy, whole: Span, part: Span, period: Period) -> list[Span]:
    known = any(span.kind == "quarter" and _is_near(span.period, period) for span in series.spans)
    quarter = 4 if whole.kind == "year" else whole.quarter
    for rule in _flow_rules(policy):
        key = (rule.key, period)
        if key in series.values and series.values[key].is_available:
            continue
        inputs = (series.get(rule.key, whole.period), series.get(rule.key, part.period))
        value_id = f"{series.company.key}/{rule.key}/{period.key}"
        if rule.unit != "money":
            reason = Message("reason.never_subtracted", {"unit": rule.unit})
            series.values[key] = Value(value_id, rule.key, period, inputs[0].unit, None, Status.ABSENT, reason)
        else:
            series.values[key] = _difference(series, value_id, rule.key, period, inputs, (whole.label, part.label))
    if known:
        return []
    return [Span("quarter", f"Q{quarter} FY{whole.fiscal_year}", period, whole.fiscal_year, quarter)]


def _difference(
    series: Series,
    value_id: str,
    metric: str,
    period: Period,
    inputs: tuple[Value, Value],
    labels: tuple[str, str],
) -> Value:
    whole, part = inputs
    if whole.amount is None or part.amount is None:
        missing = labels[0] if whole.amount is None else labels[1]
        reason = Message("reason.missing_span", {"span": missing})
        return Value(value_id, metric, period, whole.unit, None, Status.ABSENT, reason)
    return Value(
        value_id,
        metric,
        period,
        whole.unit,
        whole.amount - part.amount,
        Status.DERIVED,
        formula=f"{metric}[{labels[0]}] - {metric}[{labels[1]}]",
        inputs=inputs,
        notes=_basis_notes(series, inputs),
    )


def _derive_trailing_years(series: Series, policy: Policy) -> None:
    """Add trailing twelve months to the end of each year to date: last year + this year to date - last year to date."""
    spans = list(series.spans)
    added: dict[Period, Span] = {span.period: span for span in spans if span.kind == "ttm"}
    for now in spans:
        if now.kind != "ytd" and not (now.kind == "quarter" and now.quarter == 1):
            continue
        year = _one(span for span in spans if span.kind == "year" and _follows(now.period, span.period))
        before = year and _one(
            span
            for span in spans
            if span.period.start == year.period.start and span.kind == now.kind and span.quarter == now.quarter
        )
        if year is None or before is None:
            continue
        period = Period(end=now.period.end, start=before.period.end + timedelta(days=1))
        label = f"TTM {now.label}" if now.kind == "quarter" else f"TTM Q{now.quarter} FY{now.fiscal_year}"
        added.setdefault(period, Span("ttm", label, period, now.fiscal_year, now.quarter))
        _sum_trailing(series, policy, period, (year, now, before))
    series.spans = (*(span for span in spans if span.kind != "ttm"), *added.values())


def _sum_trailing(series: Series, policy: Policy, period: Period, spans: tuple[Span, Span, Span]) -> None:
    year, now, before = spans
    for rule in _flow_rules(policy):
        key = (rule.key, period)
        if key in series.values and series.values[key].is_available:
            continue
        inputs = tuple(series.get(rule.key, span.period) for span in spans)
        value_id = f"{series.company.key}/{rule.key}/{period.key}"
        amounts = [value.amount for value in inputs]
        reason = None
        if rule.unit != "money":
            reason = Message("reason.never_subtracted", {"unit": rule.unit})
        elif None in amounts:
            reason = Message("reason.missing_span", {"span": spans[amounts.index(None)].label})
        if reason is not None:
            series.values[key] = Value(value_id, rule.key, period, inputs[0].unit, None, Status.ABSENT, reason)
            continue
        first, second, third = (amount for amount in amounts if amount is not None)
        series.values[key] = Value(
            value_id,
            rule.key,
            period,
            inputs[0].unit,
            first + second - third,
            Status.DERIVED,
            formula=f"{rule.key}[{year.label}] + {rule.key}[{now.label}] - {rule.key}[{before.label}]",
            inputs=inputs,
            notes=_basis_notes(series, inputs),
        )


def _basis_notes(series: Series, inputs: Iterable[Value]) -> tuple[Message, ...]:
    """Say when a derivation mixes a restated number with one that was never restated."""
    values = list(inputs)
    restated = [(value.metric, value.period) in series.originals for value in values]
    return (Message("note.mixed_bases"),) if any(restated) and not all(restated) else ()


def _is_near(one: Period, other: Period) -> bool:
    assert one.start is not None
    assert other.start is not None
    return abs((one.start - other.start).days) <= 7 and abs((one.end - other.end).days) <= 7


def _follows(later: Period, earlier: Period) -> bool:
    return later.start is not None and later.start - earlier.end == timedelta(days=1)


def _one(spans: Iterable[Span]) -> Span | None:
    return next(iter(spans), None)
