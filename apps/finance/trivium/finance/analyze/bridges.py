"""Bridges: how one value became another, in named steps that add up exactly.

What the named steps do not explain is a step of its own, `unexplained`. The label of a step is its `reason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from trivium.finance.analyze.breakdowns import AXES
from trivium.finance.analyze.changes import base_column
from trivium.finance.analyze.model import Breakdown, Bridge, Column, Message, Series, Status, Value
from trivium.finance.analyze.quantities import ARITHMETIC
from trivium.finance.records import Period

__all__ = ["UNEXPLAINED", "breakdown_bridge", "bridges", "cash_bridge", "net_debt_bridge", "operating_income_bridge"]

UNEXPLAINED = "unexplained"
_OPERATING_INCOME = (
    ("revenue", 1),
    ("cost_of_revenue", -1),
    ("research_and_development", -1),
    ("sga", -1),
)
_NET_DEBT = (
    ("operating_cash_flow", -1),
    ("capex", 1),
    ("acquisitions", 1),
    ("dividends_paid", 1),
    ("share_repurchases", 1),
)
_CASH = (
    ("operating_cash_flow", 1),
    ("investing_cash_flow", 1),
    ("financing_cash_flow", 1),
    ("fx_effect_on_cash", 1),
)


def bridges(series: Series, columns: Sequence[Column], breakdowns: Iterable[Breakdown]) -> tuple[Bridge, ...]:
    """Return the bridges that end in the last of a company's columns; one without both ends is left out.

    Args:
        columns: columns of this company, oldest first; breakdowns hold their values in the same order.
    """
    if not columns:
        return ()
    last = len(columns) - 1
    base = base_column(columns, last)
    found: list[Bridge | None] = []
    if base is not None:
        found += [breakdown_bridge(breakdown, base, last) for breakdown in breakdowns if breakdown.metric == "revenue"]
        found.append(operating_income_bridge(series, columns[base].span.period, columns[last].span.period))
    found.append(net_debt_bridge(series, columns[last].span.period))
    found.append(cash_bridge(series, columns[last].span.period))
    return tuple(bridge for bridge in found if bridge is not None)


def breakdown_bridge(breakdown: Breakdown, start: int, end: int) -> Bridge | None:
    """Return how the members moved the total between two columns; None where a total or every member is missing.

    A member that one of the columns lacks is not taken for zero: its part is in the unexplained step.
    """
    key = f"{breakdown.metric}_by_{AXES[breakdown.axis]}"
    steps = []
    for number, row in enumerate(breakdown.rows):
        before, after = row.values[start], row.values[end]
        label = Message("bridge.member", {"label": row.label})
        steps.append(_change(f"{key}.{number}", breakdown.metric, before, after, 1, label))
    return _bridge(key, breakdown.total.values[start], steps, breakdown.total.values[end])


def operating_income_bridge(series: Series, base: Period, period: Period) -> Bridge | None:
    """Return how revenue and costs moved operating income between two spans."""
    key = "operating_income"
    steps = [
        _change(
            f"{key}.{metric}",
            metric,
            series.get(metric, base),
            series.get(metric, period),
            sign,
            Message("bridge.change_in", {"metric": metric}),
        )
        for metric, sign in _OPERATING_INCOME
    ]
    return _bridge(key, series.get(key, base), steps, series.get(key, period))


def net_debt_bridge(series: Series, period: Period) -> Bridge | None:
    """Return how the cash flows of a span moved net debt from its opening to its closing balance.

    Debt in other currencies, leases and investments in anything but short-term paper are in the unexplained step.
    """
    return _balance_bridge(series, "net_debt", "net_debt", period, _NET_DEBT)


def cash_bridge(series: Series, period: Period) -> Bridge | None:
    """Return how the three cash flows moved cash, including restricted cash where the filing gives it."""
    with_restricted = _balance_bridge(series, "cash", "cash_incl_restricted", period, _CASH)
    return with_restricted or _balance_bridge(series, "cash", "cash", period, _CASH)


def _balance_bridge(
    series: Series, key: str, metric: str, period: Period, flows: Sequence[tuple[str, int]]
) -> Bridge | None:
    if period.start is None:
        return None
    opening = series.get(metric, Period(period.start - timedelta(days=1)))
    closing = series.get(metric, Period(period.end))
    steps = [_flow(f"{key}.{flow}", series.get(flow, period), sign) for flow, sign in flows]
    return _bridge(key, opening, steps, closing)


def _bridge(key: str, start: Value, steps: Iterable[Value | None], end: Value) -> Bridge | None:
    named = [step for step in steps if step is not None]
    units = {start.unit, end.unit, *(step.unit for step in named)}
    if start.amount is None or end.amount is None or not named or len(units) > 1:
        return None
    rest = ARITHMETIC.subtract(end.amount, start.amount)
    for step in named:
        assert step.amount is not None
        rest = ARITHMETIC.subtract(rest, step.amount)
    if rest:
        named.append(_unexplained(key, start, named, end, rest))
    return Bridge(key, start, tuple(named), end)


def _unexplained(key: str, start: Value, named: Sequence[Value], end: Value, rest: Decimal) -> Value:
    return Value(
        id=_step_id(f"{key}.{UNEXPLAINED}", end),
        metric=UNEXPLAINED,
        period=end.period,
        unit=end.unit,
        amount=rest,
        status=Status.DERIVED,
        reason=Message("bridge.unexplained"),
        formula="end - start - steps",
        inputs=(end, start, *named),
    )


def _change(name: str, metric: str, before: Value, after: Value, sign: int, label: Message) -> Value | None:
    if before.amount is None or after.amount is None or before.unit != after.unit:
        return None
    difference = f"{metric} - base({metric})"
    return Value(
        id=_step_id(name, after),
        metric=metric,
        period=after.period,
        unit=after.unit,
        amount=ARITHMETIC.subtract(after.amount, before.amount) * sign,
        status=Status.DERIVED,
        reason=label,
        formula=difference if sign > 0 else f"-({difference})",
        inputs=(after, before),
    )


def _flow(name: str, value: Value, sign: int) -> Value | None:
    if value.amount is None:
        return None
    return Value(
        id=_step_id(name, value),
        metric=value.metric,
        period=value.period,
        unit=value.unit,
        amount=value.amount * sign,
        status=Status.DERIVED,
        reason=Message("bridge.flow", {"metric": value.metric}),
        formula=value.metric if sign > 0 else f"-{value.metric}",
        inputs=(value,),
    )


def _step_id(name: str, value: Value) -> str:
    return f"{value.id.split('/', 1)[0]}/bridge.{name}/{value.period.key}"
