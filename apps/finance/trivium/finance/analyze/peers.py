"""Company against company: which columns belong together, ranks, medians, and what makes them less comparable.

Amounts of two currencies are never ranked or averaged unless the user gives a rate; ratios and days always can be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal

from trivium.finance.analyze.model import Column, Message, Row, Status, Table, Value
from trivium.finance.analyze.quantities import ARITHMETIC
from trivium.finance.rates import Rate, Rates

__all__ = ["align", "compare_notes", "convert", "median", "peer_tables", "ranks"]

_HALF_YEAR_DAYS = 183


def align(columns: Sequence[Column]) -> tuple[tuple[int, ...], ...]:
    """Group columns that are compared with each other: one of each company, the ends at most half a year apart.

    The columns of the first company lead; each other company gives the column of the same kind whose end is nearest.
    """
    if not columns:
        return ()
    leader = columns[0].company.key
    others = list(dict.fromkeys(column.company.key for column in columns if column.company.key != leader))
    groups = []
    for index, column in enumerate(columns):
        if column.company.key == leader:
            found = [_nearest(columns, column, company) for company in others]
            groups.append((index, *(one for one in found if one is not None)))
    return tuple(groups)


def compare_notes(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns with notes on what makes them less comparable, each against the first of its group.

    Notes: the gap between period ends in days, 53 weeks against 52, another accounting standard, another currency.
    """
    noted = list(columns)
    for group in align(columns):
        first = columns[group[0]]
        for index in group[1:]:
            noted[index] = dataclasses.replace(
                columns[index], notes=(*columns[index].notes, *_differences(first, columns[index]))
            )
    return tuple(noted)


def ranks(values: Sequence[Value], direction: str, rates: Rates | None = None) -> tuple[Value, ...]:
    """Return the rank of each value, 1 for the best; equal values share a rank and the next ones are skipped.

    Args:
        values: one metric of several companies.
        direction: `higher` or `lower` is better; with `none` no rank is given, with the reason.
        rates: that a user gave, for amounts in several currencies.
    """
    usable, problem = _comparable(values, rates)
    if direction == "none":
        problem = Message("reason.no_direction")
    amounts = [value.amount for value in usable if value.amount is not None]
    ranked = []
    for value, one in zip(values, usable, strict=True):
        reason = value.reason or Message("reason.not_reported") if one.amount is None else problem
        if reason is not None or one.amount is None:
            ranked.append(_result(value, "rank", "rank", Status.ABSENT, reason=reason))
            continue
        amount = one.amount
        better = sum(other > amount if direction == "higher" else other < amount for other in amounts)
        inputs = (one, *(other for other in usable if other.is_available and other is not one))
        formula = f"rank({value.metric}, {direction} is better)"
        ranked.append(
            _result(value, "rank", "rank", Status.DERIVED, amount=Decimal(better + 1), formula=formula, inputs=inputs)
        )
    return tuple(ranked)


def median(values: Sequence[Value], rates: Rates | None = None) -> Value:
    """Return the median of one metric over several companies; it needs two, and says of how many it is.

    Args:
        values: at least one; the result takes the metric and period of the first.
        rates: as for `ranks`.
    """
    usable, problem = _comparable(values, rates)
    available = [value for value in usable if value.amount is not None]
    if problem is None and len(available) < 2:
        problem = Message("reason.too_few_peers", {"count": str(len(available))})
    first = values[0]
    if problem is not None:
        return dataclasses.replace(_result(first, "median", "", Status.ABSENT, reason=problem), id=_median_id(values))
    amounts = sorted(value.amount for value in available if value.amount is not None)
    middle = len(amounts) // 2
    both = amounts[middle] if len(amounts) % 2 else ARITHMETIC.divide(amounts[middle - 1] + amounts[middle], Decimal(2))
    result = _result(
        first,
        "median",
        available[0].unit,
        Status.DERIVED,
        amount=both,
        formula=f"median({first.metric})",
        inputs=tuple(available),
    )
    note = Message("note.median_of", {"count": str(len(available)), "total": str(len(values))})
    return dataclasses.replace(result, id=_median_id(values), notes=(note,))


def convert(value: Value, rate: Rate) -> Value:
    """Return an available amount of money, or money per share, in another currency at the rate a user gave."""
    assert value.amount is not None
    _, slash, below = value.unit.partition("/")
    stated = {"pair": rate.pair, "rate": str(rate.amount), "period": rate.period.key, "source": rate.source}
    note = Message(f"note.converted_{rate.kind}", stated)
    return Value(
        id=f"{value.id}/{rate.quote}",
        metric=value.metric,
        period=value.period,
        unit=f"{rate.quote}{slash}{below}",
        amount=ARITHMETIC.multiply(value.amount, rate.amount),
        status=Status.DERIVED,
        formula=f"{value.metric} * {rate.amount}",
        inputs=(value,),
        notes=(*value.notes, note),
    )


def peer_tables(
    columns: Sequence[Column],
    rows: Sequence[Row],
    directions: Mapping[str, str],
    rates: Rates | None = None,
) -> tuple[Table, Table]:
    """Return the tables `peer_ranks` and `peer_medians` for some rows; both share the columns.

    Args:
        columns: of all companies; those that are compared with each other are found by `align`.
        rows: ratios or metrics over these columns.
        directions: by metric, `higher`, `lower` or `none`; a metric that is not in it is not ranked.
        rates: as for `ranks`.

    Returns:
        Ranks in each column (rows without a direction are left out), and medians: the same value in every column of a
        group, absent in a column that belongs to none.
    """
    groups = align(columns)
    ranked, medians = [], []
    for row in rows:
        direction = directions.get(row.metric, "none")
        blank = tuple(
            _result(value, "rank", "rank", Status.ABSENT, reason=Message("reason.no_peers")) for value in row.values
        )
        rank_cells, median_cells = list(blank), list(blank)
        for group in groups:
            values = [row.values[index] for index in group]
            middle = median(values, rates)
            for index, rank in zip(group, ranks(values, direction, rates), strict=True):
                rank_cells[index], median_cells[index] = rank, middle
        if direction != "none":
            ranked.append(dataclasses.replace(row, values=tuple(rank_cells), changes=()))
        medians.append(dataclasses.replace(row, values=tuple(median_cells), changes=()))
    return Table("peer_ranks", tuple(ranked)), Table("peer_medians", tuple(medians))


def _nearest(columns: Sequence[Column], leader: Column, company: str) -> int | None:
    def gap(index: int) -> int:
        return abs((columns[index].span.period.end - leader.span.period.end).days)

    candidates = [
        index
        for index, column in enumerate(columns)
        if column.company.key == company and column.span.kind == leader.span.kind and gap(index) <= _HALF_YEAR_DAYS
    ]
    return min(candidates, key=gap, default=None)


def _differences(first: Column, column: Column) -> list[Message]:
    notes = []
    gap = (column.span.period.end - first.span.period.end).days
    if gap:
        key = "note.ends_later" if gap > 0 else "note.ends_earlier"
        notes.append(Message(key, {"days": str(abs(gap)), "company": first.company.name}))
    if column.span.weeks != first.span.weeks:
        notes.append(
            Message("note.weeks_differ", {"weeks": str(column.span.weeks), "base_weeks": str(first.span.weeks)})
        )
    standards = (column.company.accounting, first.company.accounting)
    if all(standards) and standards[0] != standards[1]:
        notes.append(Message("note.mixed_accounting", {"accounting": standards[0], "other": standards[1]}))
    if column.company.currency != first.company.currency:
        currencies = {"currency": column.company.currency, "other": first.company.currency}
        notes.append(Message("note.other_currency", currencies))
    return notes


def _comparable(values: Sequence[Value], rates: Rates | None) -> tuple[tuple[Value, ...], Message | None]:
    """Return the values in one unit, or a reason why they have none in common."""
    units = sorted({value.unit for value in values if value.is_available})
    if len(units) <= 1:
        return tuple(values), None
    if rates is None or len({unit.partition("/")[2] for unit in units}) > 1:
        return tuple(values), Message("reason.no_rate", {"units": ", ".join(units)})
    converted = []
    for value in values:
        currency = value.unit.partition("/")[0]
        if not value.is_available or currency == rates.target:
            converted.append(value)
            continue
        rate = rates.find(currency, value.period)
        if rate is None:
            kind = "closing" if value.period.is_instant else "average"
            wanted = {"pair": f"{currency}/{rates.target}", "period": value.period.key}
            return tuple(values), Message(f"reason.no_{kind}_rate", wanted)
        converted.append(convert(value, rate))
    return tuple(converted), None


def _result(
    value: Value,
    kind: str,
    unit: str,
    status: Status,
    *,
    amount: Decimal | None = None,
    reason: Message | None = None,
    formula: str = "",
    inputs: tuple[Value, ...] = (),
) -> Value:
    return Value(
        id=f"{value.id}/{kind}",
        metric=value.metric,
        period=value.period,
        unit=unit,
        amount=amount,
        status=status,
        reason=reason,
        formula=formula,
        inputs=inputs,
    )


def _median_id(values: Sequence[Value]) -> str:
    return f"peers/{values[0].metric}/{values[0].period.key}"
