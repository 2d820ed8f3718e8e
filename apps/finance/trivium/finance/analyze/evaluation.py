"""Evaluate expressions over the values of a company: amounts, units, rounding and the reason where there is none.

The language and its meaning are described in expressions.py, its arithmetic in quantities.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from trivium.finance.analyze.expressions import Binary, Call, Expression, Name, Negative, Number, metrics_of
from trivium.finance.analyze.model import Message, Series, Span, Status, Value
from trivium.finance.analyze.quantities import (
    ARITHMETIC,
    PURE,
    Absence,
    Quantity,
    add,
    divide,
    multiply,
    negative,
    read_unit,
    rounding_error,
    unit_text,
)
from trivium.finance.records import Period

__all__ = ["Outcome", "Scope", "absent_value", "evaluate", "make_value"]

_YEAR_DAYS = Decimal(365)
_OPENING_SLACK_DAYS = 3
_NO_SUCH_LINE = frozenset({"reason.not_reported", "reason.no_line_on_face"})
_PLAIN = frozenset({*_NO_SUCH_LINE, "reason.not_tagged", "reason.missing_input"})
_OWN_REASONS = frozenset(
    {
        "reason.missing_input",
        "reason.missing_opening",
        "reason.missing_prior",
        "reason.nm",
        "reason.not_for_template",
        "reason.unit_mismatch",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression gave.

    Args:
        amount: full precision.
        unit: `USD`, `USD/shares`, `days`; `pure` when everything cancelled.
        error: the largest deviation that the rounding of the reported inputs explains, >= 0.
        formula: the terms that were used, with the chosen alternatives and without optional terms that are not there;
            it parses again and holds only numbers, metrics, `avg`, `opening` and `prior`, so it can be replayed over
            `inputs` (a workbook does).
        inputs: the values used, each once, in order of first appearance; `avg(x)` gives closing, then opening.
        notes: terms that counted as zero, annualisation, unequal weeks, and the notes of the inputs.
    """

    amount: Decimal
    unit: str
    error: Decimal
    formula: str
    inputs: tuple[Value, ...]
    notes: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where metric names are looked up: a fiscal span, or (span None) one balance date.

    Args:
        balance_date: the closing date; the span's end where there is a span.
        computed: values that are not in the series, by key: ratios computed before.
        anchors: for each metric that may be optional, the metric that proves its statement was read.
    """

    series: Series
    balance_date: date
    span: Span | None = None
    computed: Mapping[str, Value] = field(default_factory=dict)
    anchors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_span(
        cls, series: Series, span: Span, anchors: Mapping[str, str], computed: Mapping[str, Value] | None = None
    ) -> Scope:
        """Return the scope of a fiscal span."""
        return cls(series, span.period.end, span, computed or {}, anchors)

    def closing(self, metric: str) -> Value:
        """Return the flow of the span or the balance at its end, available or not."""
        if metric in self.computed:
            return self.computed[metric]
        periods = [Period(self.balance_date)] if self.span is None else [self.span.period, Period(self.balance_date)]
        found = [value for period in periods if (value := self.series.values.get((metric, period))) is not None]
        available = next((value for value in found if value.is_available), None)
        return available or (found[0] if found else self.series.get(metric, periods[0]))

    def opening(self, metric: str) -> Value:
        """Return the balance on the day before the span; up to 3 days off where an issuer's dates do not meet."""
        span = self._need_span()
        assert span.period.start is not None
        day = span.period.start - timedelta(days=1)
        for offset in sorted(range(-_OPENING_SLACK_DAYS, _OPENING_SLACK_DAYS + 1), key=abs):
            value = self.series.values.get((metric, Period(day + timedelta(days=offset))))
            if value is not None and value.is_available:
                return value
        return self.series.get(metric, Period(day))

    def prior(self) -> Scope | None:
        """Return the scope one year earlier: same kind of span, about as long; None where there is none."""
        span = self._need_span()
        for other in self.series.spans:
            gap = (span.period.end - other.period.end).days
            is_close = other.kind == span.kind and abs(span.period.days - other.period.days) <= 10
            if is_close and 350 <= gap <= 380:
                return replace(self, balance_date=other.period.end, span=other, computed={})
        return None

    def _need_span(self) -> Span:
        assert self.span is not None, "this function needs a span, not a balance date"
        return self.span


def evaluate(expression: Expression, scope: Scope) -> Outcome:
    """Evaluate an expression.

    Raises:
        Absence: with the reason, if an input is missing, units clash or a base is not positive.
    """
    part = _part(expression, scope)
    if part.is_dropped:
        raise _missing(next(metrics_of(expression)))
    inputs = tuple({value.id: value for value in part.inputs}.values())
    notes = dict.fromkeys(_frozen(note) for note in part.notes)
    for value in inputs:
        notes.update(dict.fromkeys(_frozen(note) for note in value.notes))
    return Outcome(
        amount=part.amount,
        unit=unit_text(part.unit),
        error=part.error,
        formula=part.text,
        inputs=inputs,
        notes=tuple(Message(key, dict(values)) for key, values in notes),
    )


def absent_value(series: Series, metric: str, period: Period, reason: Message) -> Value:
    """Return the absent value of a metric, with the reason."""
    return Value(f"{series.company.key}/{metric}/{period.key}", metric, period, "", None, Status.ABSENT, reason)


def make_value(series: Series, metric: str, period: Period, expression: Expression, scope: Scope, unit: str) -> Value:
    """Evaluate an expression and return a derived value, or an absent one with the reason."""
    try:
        outcome = evaluate(expression, scope)
        unit = _expect_unit(outcome, unit)
    except Absence as absence:
        return absent_value(series, metric, period, absence.reason)
    return Value(
        id=f"{series.company.key}/{metric}/{period.key}",
        metric=metric,
        period=period,
        unit=unit,
        amount=outcome.amount,
        status=Status.DERIVED,
        formula=outcome.formula,
        inputs=outcome.inputs,
        notes=outcome.notes,
    )


def _part(expression: Expression, scope: Scope) -> Quantity:
    match expression:
        case Number(amount):
            return Quantity(amount, PURE, text=str(amount))
        case Name("days"):
            days = scope._need_span().period.days
            return Quantity(Decimal(days), (("days",), ()), text=str(days))
        case Name(metric, is_optional):
            return _metric(metric, is_optional, scope)
        case Negative(operand):
            return negative(_part(operand, scope))
        case Binary(operator, left, right):
            return _BINARY[operator](_part(left, scope), _part(right, scope), operator)
        case Call("first", arguments):
            return _first(arguments, scope)
        case Call(function, (argument,)):
            return _call(function, argument, scope)
    raise AssertionError(expression)


def _metric(metric: str, is_optional: bool, scope: Scope) -> Quantity:
    value = scope.closing(metric)
    if value.is_available:
        return _leaf(value, metric)
    if is_optional and _has_no_such_line(value, metric, scope):
        note = Message("note.counted_as_zero", {"metric": metric})
        return Quantity(Decimal(0), PURE, notes=(note,), is_dropped=True)
    raise _absent(value, metric)


def _has_no_such_line(value: Value, metric: str, scope: Scope) -> bool:
    anchor = scope.anchors[metric]
    is_unlisted = value.reason is None or value.reason.key in _NO_SUCH_LINE
    return is_unlisted and scope.closing(anchor).is_available


def _leaf(value: Value, text: str) -> Quantity:
    assert value.amount is not None
    return Quantity(value.amount, read_unit(value.unit), rounding_error(value), text, inputs=(value,))


def _first(arguments: tuple[Expression, ...], scope: Scope) -> Quantity:
    absence: Absence | None = None
    for argument in arguments:
        try:
            return _part(argument, scope)
        except Absence as found:
            absence = absence or found
            if not found.is_plain:
                raise
    assert absence is not None
    raise absence


def _call(function: str, argument: Expression, scope: Scope) -> Quantity:
    if function == "annual":
        return _annual(_part(argument, scope), scope)
    assert isinstance(argument, Name)
    metric = argument.metric
    if function in ("opening", "avg"):
        return _balance(function, metric, scope)
    current = _metric(metric, False, scope) if function == "growth" else None
    prior = scope.prior()
    base_value = None if prior is None else prior.closing(metric)
    if prior is None or base_value is None or not base_value.is_available:
        raise Absence(Message("reason.missing_prior", {"metric": metric}))
    base = _leaf(base_value, f"prior({metric})")
    return base if current is None else _growth(current, base, scope, prior)


def _balance(function: str, metric: str, scope: Scope) -> Quantity:
    closing = _metric(metric, False, scope) if function == "avg" else None
    value = scope.opening(metric)
    if not value.is_available:
        raise Absence(Message("reason.missing_opening", {"metric": metric, "date": value.period.end.isoformat()}))
    opening = _leaf(value, f"opening({metric})")
    if closing is None:
        return opening
    total = add(closing, opening, "+")
    half = Decimal("0.5")
    return replace(total, amount=total.amount * half, error=total.error * half, text=f"avg({metric})", strength=3)


def _growth(current: Quantity, base: Quantity, scope: Scope, prior: Scope) -> Quantity:
    if base.amount <= 0 or current.amount < 0:
        raise Absence(Message("reason.nm", {"metric": current.text}))
    ratio = divide(current, base, "/")
    weeks, base_weeks = scope._need_span().weeks, prior._need_span().weeks
    notes = ratio.notes
    if weeks != base_weeks:
        notes += (Message("note.weeks_differ", {"weeks": str(weeks), "base_weeks": str(base_weeks)}),)
    return replace(ratio, amount=ratio.amount - 1, text=f"{ratio.text} - 1", strength=1, notes=notes)


def _annual(part: Quantity, scope: Scope) -> Quantity:
    span = scope._need_span()
    if span.kind in ("year", "ttm"):
        return part
    days = Decimal(span.period.days)
    factor = ARITHMETIC.divide(_YEAR_DAYS, days)
    return replace(
        part,
        amount=ARITHMETIC.divide(ARITHMETIC.multiply(part.amount, _YEAR_DAYS), days),
        error=part.error * factor,
        text=f"{part.within(2)} * {_YEAR_DAYS} / {days}",
        strength=2,
        notes=(*part.notes, Message("note.annualised", {"days": str(days)})),
    )


_BINARY = {"+": add, "-": add, "*": multiply, "/": divide}


def _absent(value: Value, metric: str) -> Absence:
    if value.reason is not None and value.reason.key in _OWN_REASONS:
        return Absence(value.reason, is_plain=value.reason.key in _PLAIN)
    is_plain = value.reason is None or value.reason.key in _PLAIN
    return Absence(Message("reason.missing_input", {"metric": metric}), is_plain=is_plain)


def _missing(metric: str) -> Absence:
    return Absence(Message("reason.missing_input", {"metric": metric}), is_plain=True)


def _frozen(note: Message) -> tuple[str, tuple[tuple[str, str], ...]]:
    return note.key, tuple(note.values.items())


def _expect_unit(outcome: Outcome, kind: str) -> str:
    """Return the unit of an outcome, held against the kind its table promises.

    Args:
        kind: `money`, `money/shares`, or a unit: `pure`, `times` (pure, told as 1.5x), `days`, `shares`.

    Raises:
        Absence: if the inputs gave another unit.
    """
    money, _, below = outcome.unit.partition("/")
    is_money = re.fullmatch("[A-Z]{3}", money) is not None
    seen = f"money/{below}" if is_money and below else "money" if is_money else outcome.unit
    if kind == "times" and seen == "pure":
        return "times"
    if seen != kind:
        raise Absence(Message("reason.unit_mismatch", {"left": outcome.unit, "right": kind}))
    return outcome.unit
