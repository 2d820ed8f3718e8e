"""Accounting identities held against the reported numbers: the table of identities.toml, and parts of a year.

A check has a verdict and both sides; it never changes a value. Derived values are never evidence for a check.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from importlib import resources
from typing import Literal

from trivium.finance.analyze.evaluation import Outcome, Scope, evaluate
from trivium.finance.analyze.expressions import Expression, Name, parse
from trivium.finance.analyze.formulas import anchors, balance_dates
from trivium.finance.analyze.model import Breakdown, Check, CheckForm, Column, Message, Series, Span, Status, Value
from trivium.finance.analyze.quantities import Absence, rounding_error
from trivium.finance.records import Period

__all__ = ["BREAKDOWN_CHECK", "PARTS_CHECK", "Identity", "check_breakdowns", "check_identities", "identities"]

PARTS_CHECK = "parts_add_up_to_the_span"
BREAKDOWN_CHECK = "breakdown_adds_up"
_SIGNS = {"equal": "=", "at_most": "≤"}
_LINES_BETWEEN = "reason.lines_between"  # says more than that an input is missing or derived
_ADDITIVE = (
    "revenue",
    "gross_profit",
    "operating_income",
    "pretax_income",
    "net_income",
    "operating_cash_flow",
    "capex",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """One row of identities.toml.

    Args:
        sides: pairs of left and right, in order of preference; `equations` are the same as texts.
        unless_label: rows after which the statement has more lines before the result, so that the sides need not agree.
        allowance: share of the right side by which the left may fall short without being wrong.
    """

    key: str
    kind: Literal["flow", "balance"]
    relation: Literal["equal", "at_most"]
    sides: tuple[tuple[Expression, Expression], ...]
    equations: tuple[str, ...]
    unless_label: str = ""
    allowance: Decimal = Decimal(0)


@functools.cache
def identities() -> tuple[Identity, ...]:
    """Return the identities in reading order.

    Raises:
        ValueError: if an expression of the table does not parse.
    """
    table = tomllib.loads((resources.files(__package__) / "identities.toml").read_text(encoding="utf-8"))
    return tuple(
        Identity(
            key=row["key"],
            kind=row["kind"],
            relation=row["relation"],
            sides=tuple((parse(left), parse(right)) for left, right in row["sides"]),
            equations=tuple(f"{left} {_SIGNS[row['relation']]} {right}" for left, right in row["sides"]),
            unless_label=row.get("unless_label", ""),
            allowance=Decimal(row.get("allowance", 0)),
        )
        for row in table["identity"]
    )


def check_identities(series: Series) -> tuple[Check, ...]:
    """Return the checks of one company, identity by identity, oldest period first.

    An identity that has its inputs in no period appears once, as not applicable to the latest one, with the reason.
    """
    checks: list[Check] = []
    for identity in identities():
        found = [_check(identity, scope) for scope in _scopes(identity, series)]
        checks += _applicable(found)
    for metric in _ADDITIVE:
        checks += _applicable(_check_parts(series, metric))
    return tuple(checks)


def check_breakdowns(breakdowns: Iterable[Breakdown], columns: Sequence[Column]) -> tuple[Check, ...]:
    """Return, for every breakdown and column, whether the members add up to the total.

    Only revenue must: operating income and assets may have parts that belong to no segment, so a difference there is
    not applicable, with the amount in the reason.
    """
    return tuple(
        _check_breakdown(breakdown, index, columns[index].span)
        for breakdown in breakdowns
        for index, difference in enumerate(breakdown.difference.values)
        if difference.is_available
    )


def _scopes(identity: Identity, series: Series) -> Iterator[Scope]:
    if identity.kind == "balance":
        for day in balance_dates(series):
            yield Scope(series, day, anchors=anchors())
    else:
        for span in series.spans:
            if span.kind != "ttm":
                yield Scope.of_span(series, span, anchors())


def _applicable(checks: Sequence[Check]) -> list[Check]:
    held = [check for check in checks if check.verdict != "not_applicable"]
    return held or list(checks[-1:])


def _check(identity: Identity, scope: Scope) -> Check:
    failed: dict[int, Check] = {}
    reason: Message | None = None
    for place, sides in enumerate(identity.sides):
        try:
            left, right = (_reported(side, scope, identity.unless_label) for side in sides)
            check = _compare(identity, scope, sides, left, right)
        except Absence as absence:
            if reason is None or absence.reason.key == _LINES_BETWEEN:
                reason = absence.reason
            continue
        if check.verdict == "holds":
            return replace(check, form=_form(identity, place, failed))
        failed[place] = check
    for place, check in failed.items():
        return replace(check, form=_form(identity, place, failed))
    period = Period(scope.balance_date) if scope.span is None else scope.span.period
    return Check(identity.key, scope.series.company.key, period, "not_applicable", reason=reason)


def _form(identity: Identity, place: int, failed: Iterable[int]) -> CheckForm | None:
    """Return which form a check shows, where the identity has several, and the others that did not hold."""
    equations = identity.equations
    others = tuple(equations[other] for other in failed if other != place)
    return CheckForm(place + 1, len(equations), equations[place], others) if len(equations) > 1 else None


def _reported(side: Expression, scope: Scope, unless_label: str) -> Outcome:
    outcome = evaluate(side, scope)
    for value in outcome.inputs:
        if unless_label and value.fact is not None and re.search(unless_label, value.fact.place.row_label):
            raise Absence(Message(_LINES_BETWEEN, {"metric": value.metric}))
    for value in outcome.inputs:
        if value.fact is None:
            raise Absence(Message("reason.derived_input", {"metric": value.metric}))
    return outcome


def _compare(
    identity: Identity, scope: Scope, sides: tuple[Expression, Expression], left: Outcome, right: Outcome
) -> Check:
    if left.unit != right.unit:
        raise Absence(Message("reason.unit_mismatch", {"left": left.unit, "right": right.unit}))
    company = scope.series.company.key
    period = Period(scope.balance_date) if scope.span is None else scope.span.period
    difference, tolerance = left.amount - right.amount, left.error + right.error
    excess = difference if identity.relation == "at_most" else abs(difference)
    verdict: Literal["holds", "fails", "not_applicable"] = "holds" if excess <= tolerance else "fails"
    reason = None
    if verdict == "fails" and 0 < -difference <= identity.allowance * right.amount + tolerance:
        verdict, reason = "not_applicable", Message("reason.participating_securities")
    return Check(
        key=identity.key,
        company=company,
        period=period,
        verdict=verdict,
        left=_side(sides[0], left, f"{company}/{identity.key}.left/{period.key}", period),
        right=_side(sides[1], right, f"{company}/{identity.key}.right/{period.key}", period),
        difference=difference,
        tolerance=tolerance,
        reason=reason,
    )


def _side(side: Expression, outcome: Outcome, value_id: str, period: Period) -> Value:
    if isinstance(side, Name):
        return outcome.inputs[0]
    metric = value_id.split("/")[1]
    return Value(
        id=value_id,
        metric=metric,
        period=period,
        unit=outcome.unit,
        amount=outcome.amount,
        status=Status.DERIVED,
        formula=outcome.formula,
        inputs=outcome.inputs,
        notes=outcome.notes,
    )


def _check_parts(series: Series, metric: str) -> list[Check]:
    checks = []
    for span in series.spans:
        if span.kind in ("year", "ytd") and span.quarter != 1:
            whole = series.get(metric, span.period)
            parts = [series.get(metric, part.period) for part in _parts(series, span, metric)]
            checks.append(_compare_parts(series.company.key, span, whole, parts))
    return checks


def _parts(series: Series, span: Span, metric: str) -> list[Span]:
    """Return reported spans that follow each other and fill the span: quarters, or a part-year and a quarter."""
    assert span.period.start is not None
    shorter = [
        other
        for other in series.spans
        if other.kind in ("quarter", "ytd")
        and other.period.days < span.period.days
        and series.get(metric, other.period).fact is not None
    ]
    found: list[Span] = []
    start = span.period.start
    while start <= span.period.end:
        nexts = [part for part in shorter if part.period.start == start and part.period.end <= span.period.end]
        if not nexts:
            return []
        found.append(min(nexts, key=lambda part: part.period.days))
        start = found[-1].period.end + timedelta(days=1)
    return found


def _compare_parts(company: str, span: Span, whole: Value, parts: Sequence[Value]) -> Check:
    if whole.fact is None or not parts:
        reason = Message("reason.parts_not_reported", {"metric": whole.metric, "span": span.label})
        return Check(PARTS_CHECK, company, span.period, "not_applicable", reason=reason)
    units = {whole.unit, *(part.unit for part in parts)}
    if len(units) > 1:
        reason = Message("reason.unit_mismatch", {"left": whole.unit, "right": ", ".join(sorted(units - {whole.unit}))})
        return Check(PARTS_CHECK, company, span.period, "not_applicable", reason=reason)
    total = sum((part.amount for part in parts if part.amount is not None), Decimal(0))
    assert whole.amount is not None
    difference = whole.amount - total
    tolerance = rounding_error(whole) + sum((rounding_error(part) for part in parts), Decimal(0))
    right = Value(
        id=f"{company}/{PARTS_CHECK}.{whole.metric}/{span.period.key}",
        metric=whole.metric,
        period=span.period,
        unit=whole.unit,
        amount=total,
        status=Status.DERIVED,
        formula=" + ".join(f"{part.metric}[{part.period.key}]" for part in parts),
        inputs=tuple(parts),
    )
    verdict: Literal["holds", "fails"] = "holds" if abs(difference) <= tolerance else "fails"
    return Check(PARTS_CHECK, company, span.period, verdict, whole, right, difference, tolerance)


def _check_breakdown(breakdown: Breakdown, index: int, span: Span) -> Check:
    total, difference = breakdown.total.values[index], breakdown.difference.values[index]
    members = [row.values[index] for row in breakdown.rows if row.values[index].is_available]
    amount = sum((member.amount for member in members if member.amount is not None), Decimal(0))
    tolerance = rounding_error(total) + sum((rounding_error(member) for member in members), Decimal(0))
    assert difference.amount is not None
    verdict: Literal["holds", "fails", "not_applicable"] = "holds"
    reason = None
    if abs(difference.amount) > tolerance:
        verdict = "fails" if breakdown.metric == "revenue" else "not_applicable"
        reason = Message("reason.unallocated", {"metric": breakdown.metric, "axis": breakdown.axis})
    company = breakdown.company
    left = Value(
        id=f"{company}/{BREAKDOWN_CHECK}.{breakdown.metric}.{breakdown.axis}/{total.period.key}",
        metric=breakdown.metric,
        period=total.period,
        unit=total.unit,
        amount=amount,
        status=Status.DERIVED,
        formula=" + ".join(f"[{row.label}]" for row in breakdown.rows if row.values[index].is_available),
        inputs=tuple(members),
    )
    return Check(BREAKDOWN_CHECK, company, span.period, verdict, left, total, -difference.amount, tolerance, reason)
