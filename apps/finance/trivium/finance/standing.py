"""What the narrative needs beside the tables: peers and distances to their median, members' changes, compound growth.

Every number here is a `Value` with its formula and inputs, so that it becomes a claim like any other. Ranks are not
made: whoever reads the companies' values can order them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from trivium.finance.analyze.changes import base_column, cagr, change
from trivium.finance.analyze.model import Breakdown, Column, Comparison, Row, Status, Table, Value
from trivium.finance.analyze.peers import align, median

__all__ = [
    "PEER_RATIOS",
    "PeerRatio",
    "compound_growth",
    "is_statement",
    "members_with_changes",
    "peer_columns",
    "peer_ratios",
]

PEER_RATIOS = ("gross_margin", "operating_margin", "net_margin", "return_on_equity")
"""Ratios whose distance to the median is told in words."""

_COMPOUNDED = ("revenue", "net_income", "eps_diluted")
_FEWEST_YEARS = 2
_APART = ("common_size", "peer", "quarters")
_FEWEST_PEERS = 3


@dataclass(frozen=True, slots=True)
class PeerRatio:
    """One ratio of the companies in the columns that compare.

    Args:
        columns: index of the column of each value.
        values: one available value a company; at least three.
        gaps: value minus median, in the order of `values`.
    """

    metric: str
    columns: tuple[int, ...]
    values: tuple[Value, ...]
    median: Value
    gaps: tuple[Value, ...]


def is_statement(table: Table) -> bool:
    """Whether a table holds amounts or ratios in the report's columns: no shares of a total, ranks, other quarters."""
    return not table.key.startswith(_APART)


def peer_columns(comparison: Comparison) -> tuple[int, ...]:
    """Return the columns that compare, one a company: the newest of the groups that hold the most companies."""
    groups = align(comparison.columns)
    most = max((len(group) for group in groups), default=0)
    newest = [group for group in groups if len(group) == most][-1:]
    return newest[0] if newest and most > 1 else ()


def peer_ratios(comparison: Comparison) -> tuple[PeerRatio, ...]:
    """Return the ratios of `PEER_RATIOS` that at least three companies have, with the distances to the median."""
    columns = peer_columns(comparison)
    rows = {row.metric: row for table in comparison.tables if is_statement(table) for row in table.rows}
    found = []
    for metric in PEER_RATIOS:
        row = rows.get(metric)
        known = tuple(index for index in columns if row is not None and row.values[index].is_available)
        if row is not None and len(known) >= _FEWEST_PEERS:
            found.append(_peer_ratio(metric, known, tuple(row.values[index] for index in known)))
    return tuple(found)


def compound_growth(comparison: Comparison) -> tuple[Value, ...]:
    """Return the compound annual growth of one company's main flows, from its oldest fiscal year to its newest.

    Only over two years or more, where both ends have a value; the base is the second input of each rate.
    """
    years = [index for index, column in enumerate(comparison.columns) if column.span.kind == "year"]
    if comparison.kind != "periods" or not years:
        return ()
    first, last = years[0], years[-1]
    num_years = comparison.columns[last].span.fiscal_year - comparison.columns[first].span.fiscal_year
    if num_years < _FEWEST_YEARS:
        return ()
    rows = {row.metric: row for table in comparison.tables if is_statement(table) for row in table.rows}
    rates = [
        cagr(rows[metric].values[first], rows[metric].values[last], num_years)
        for metric in _COMPOUNDED
        if metric in rows
    ]
    return tuple(rate for rate in rates if rate.is_available)


def members_with_changes(breakdown: Breakdown, columns: tuple[Column, ...]) -> Breakdown:
    """Return a breakdown whose rows and total carry their changes against the column they are compared with.

    Args:
        columns: those of the breakdown's company, in the order of its values.
    """
    bases = [base_column(columns, index) for index in range(len(columns))]

    def changed(row: Row) -> Row:
        pairs = zip(bases, row.values, strict=True)
        changes = tuple(None if base is None else change(row.values[base], value) for base, value in pairs)
        return replace(row, changes=changes)

    return replace(breakdown, rows=tuple(changed(row) for row in breakdown.rows), total=changed(breakdown.total))


def _peer_ratio(metric: str, columns: tuple[int, ...], values: tuple[Value, ...]) -> PeerRatio:
    middle = median(values)
    gaps = tuple(
        Value(
            f"{value.id}/gap",
            metric,
            value.period,
            value.unit,
            _amount(value) - _amount(middle),
            Status.DERIVED,
            formula=f"{metric} - median({metric})",
            inputs=(value, middle),
        )
        for value in values
    )
    return PeerRatio(metric, columns, values, middle, gaps)


def _amount(value: Value) -> Decimal:
    if value.amount is None:
        raise ValueError(f"{value.id} has no amount")
    return value.amount
