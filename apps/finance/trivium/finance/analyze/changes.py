"""Period against period: changes with their base, common size tables, compound growth.

A relative change needs a positive base and a value that is not negative; otherwise it is absent with the reason `nm`.
Ratios change in points: their absolute change is a difference of ratios, and they have no relative change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal

from trivium.finance.analyze.model import Change, Column, Message, Series, Status, Table, Value
from trivium.finance.analyze.quantities import ARITHMETIC
from trivium.finance.records import Period

__all__ = ["COMMON_SIZE_BASES", "base_column", "cagr", "change", "common_size", "with_changes"]

COMMON_SIZE_BASES = {"income_statement": "revenue", "balance_sheet": "total_assets", "cash_flow": "revenue"}
"""The metric that is 100 % in the common size form of each statement table."""


def change(base: Value, value: Value) -> Change:
    """Return how a value differs from its base, as an amount and relative to the base."""
    is_points = value.unit == "pure"
    return Change(value, base, _absolute(base, value), _relative(base, value, is_points=is_points), is_points)


def base_column(columns: Sequence[Column], index: int) -> int | None:
    """Return the column that a column is compared with: its company's span of the same kind one year earlier.

    A year of 53 weeks may be compared with one of 52; spans that differ by more than 10 days are not compared.
    """
    column = columns[index]
    for other, candidate in enumerate(columns):
        gap = (column.span.period.end - candidate.span.period.end).days
        is_alike = candidate.company.key == column.company.key and candidate.span.kind == column.span.kind
        if is_alike and 350 <= gap <= 380 and abs(column.span.period.days - candidate.span.period.days) <= 10:
            return other
    return None


def with_changes(table: Table, columns: Sequence[Column]) -> Table:
    """Return the table with the changes of every row; None in a column that has nothing to be compared with."""
    bases = [base_column(columns, index) for index in range(len(columns))]
    rows = tuple(
        dataclasses.replace(
            row,
            changes=tuple(
                None if base is None else change(row.values[base], value)
                for base, value in zip(bases, row.values, strict=True)
            ),
        )
        for row in table.rows
    )
    return Table(table.key, rows)


def common_size(table: Table, columns: Sequence[Column], series: Mapping[str, Series]) -> Table:
    """Return a statement table over its base, `common_size_<key>`; rows in another unit (per share) are left out.

    Args:
        table: `income_statement`, `balance_sheet` or `cash_flow`.
        series: by company key, for the bases.
    """
    metric = COMMON_SIZE_BASES[table.key]
    bases = [_in_column(series[column.company.key], metric, column) for column in columns]
    rows = []
    for row in table.rows:
        units = {value.unit for value in row.values if value.is_available}
        if not units or units <= {base.unit for base in bases}:
            values = tuple(_share(value, base) for value, base in zip(row.values, bases, strict=True))
            rows.append(dataclasses.replace(row, values=values, changes=()))
    return Table(f"common_size_{table.key}", tuple(rows))


def cagr(first: Value, last: Value, years: int) -> Value:
    """Return the compound annual growth rate between two values of one metric that lie `years` fiscal years apart.

    Raises:
        ValueError: if `years` is less than 1.
    """
    if years < 1:
        raise ValueError(f"compound growth needs at least one year, not {years}")
    result = _result(last, "cagr", "pure", f"({last.metric} / base({last.metric})) ^ (1 / {years}) - 1", first)
    problem = _problem(first, last)
    if problem is not None:
        return _absent(result, problem)
    assert first.amount is not None
    assert last.amount is not None
    if first.amount <= 0 or last.amount < 0:
        return _absent(result, Message("reason.nm", {"metric": last.metric}))
    growth = ARITHMETIC.power(
        ARITHMETIC.divide(last.amount, first.amount), ARITHMETIC.divide(Decimal(1), Decimal(years))
    )
    return dataclasses.replace(result, amount=growth - 1)


def _absolute(base: Value, value: Value) -> Value:
    result = _result(value, "change", value.unit, f"{value.metric} - base({value.metric})", base)
    problem = _problem(base, value)
    if problem is not None:
        return _absent(result, problem)
    assert base.amount is not None
    assert value.amount is not None
    return dataclasses.replace(result, amount=ARITHMETIC.subtract(value.amount, base.amount))


def _relative(base: Value, value: Value, *, is_points: bool) -> Value:
    result = _result(value, "relative_change", "pure", f"{value.metric} / base({value.metric}) - 1", base)
    problem = Message("reason.told_in_points") if is_points else _problem(base, value)
    if problem is not None:
        return _absent(result, problem)
    assert base.amount is not None
    assert value.amount is not None
    if base.amount <= 0 or value.amount < 0:
        return _absent(result, Message("reason.nm", {"metric": value.metric}))
    return dataclasses.replace(result, amount=ARITHMETIC.divide(value.amount, base.amount) - 1)


def _share(value: Value, base: Value) -> Value:
    result = _result(value, "common_size", "pure", f"{value.metric} / {base.metric}", base)
    problem = _problem(base, value, missing=base.metric)
    if problem is not None:
        return _absent(result, problem)
    assert base.amount is not None
    assert value.amount is not None
    if base.amount <= 0:
        return _absent(result, Message("reason.nm", {"metric": base.metric}))
    return dataclasses.replace(result, amount=ARITHMETIC.divide(value.amount, base.amount))


def _problem(base: Value, value: Value, *, missing: str = "") -> Message | None:
    if not value.is_available:
        return value.reason or Message("reason.not_reported")
    if not base.is_available:
        key = "reason.missing_input" if missing else "reason.missing_prior"
        return Message(key, {"metric": missing or base.metric})
    if base.unit != value.unit:
        return Message("reason.unit_mismatch", {"left": value.unit, "right": base.unit})
    return None


def _result(value: Value, kind: str, unit: str, formula: str, base: Value) -> Value:
    return Value(
        id=f"{value.id}/{kind}",
        metric=value.metric,
        period=value.period,
        unit=unit,
        amount=None,
        status=Status.DERIVED,
        formula=formula,
        inputs=(value, base),
    )


def _absent(result: Value, reason: Message) -> Value:
    return dataclasses.replace(result, status=Status.ABSENT, amount=None, reason=reason, formula="", inputs=())


def _in_column(series: Series, metric: str, column: Column) -> Value:
    period = column.span.period
    balance = series.get(metric, Period(period.end))
    return balance if balance.is_available else series.get(metric, period)
