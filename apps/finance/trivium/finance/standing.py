"""Where each company stands among its peers: the columns that compare, the median of a ratio, the gap to it.

Ranks are not stored: whoever reads the companies' values can order them. Not for choosing or aligning the columns of
a report; that is `analyze`.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.analyze.model import Column, Comparison, Status, Table, Value

__all__ = ["PEER_RATIOS", "PeerRatio", "peer_columns", "peer_ratios", "statement_values"]

PEER_RATIOS = ("gross_margin", "operating_margin", "net_margin", "return_on_equity")
"""Ratios whose medians are told in words."""

_APART = ("common_size", "peers")


@dataclass(frozen=True, slots=True)
class PeerRatio:
    """One ratio of the companies in their comparable columns.

    Args:
        values: one available value a company, in column order; at least three.
        median: their median, derived.
        gaps: value minus median, in the order of `values`.
    """

    metric: str
    values: tuple[Value, ...]
    median: Value
    gaps: tuple[Value, ...]


def peer_columns(comparison: Comparison) -> tuple[Column, ...]:
    """Return one column a company: each the nearest to the newest year end that every company has reached."""
    groups: dict[str, list[Column]] = {}
    for column in comparison.columns:
        groups.setdefault(column.company.key, []).append(column)
    if len(groups) < 2:
        return ()
    reached = min(max(column.span.period.end for column in columns) for columns in groups.values())
    return tuple(
        min(columns, key=lambda column: abs((column.span.period.end - reached).days)) for columns in groups.values()
    )


def statement_values(comparison: Comparison, metric: str) -> dict[int, Value]:
    """Return a metric's available values by column index, from the first table that has it (common size set apart)."""
    for table in comparison.tables:
        if not _stands_apart(table):
            for row in table.rows:
                if row.metric == metric:
                    return {index: value for index, value in enumerate(row.values) if value.is_available}
    return {}


def peer_ratios(comparison: Comparison) -> tuple[PeerRatio, ...]:
    """Return the ratios of `PEER_RATIOS` that at least three companies have, with medians and gaps."""
    chosen = {id(column) for column in peer_columns(comparison)}
    found = []
    for metric in PEER_RATIOS:
        by_column = statement_values(comparison, metric)
        pairs = [
            (column.company.key, by_column[index])
            for index, column in enumerate(comparison.columns)
            if id(column) in chosen and index in by_column
        ]
        if len(pairs) >= 3:
            found.append(_peer_ratio(metric, pairs))
    return tuple(found)


def _peer_ratio(metric: str, pairs: list[tuple[str, Value]]) -> PeerRatio:
    values = tuple(value for _, value in pairs)
    middle = statistics.median([_amount(value) for value in values])
    newest = max((value.period for value in values), key=lambda period: period.end)
    median = Value(
        f"peers/{metric}_median/{newest.key}",
        metric,
        newest,
        values[0].unit,
        middle,
        Status.DERIVED,
        formula=f"median({metric})",
        inputs=values,
    )
    gaps = tuple(
        Value(
            f"{company}/{metric}_against_median/{value.period.key}",
            metric,
            value.period,
            value.unit,
            _amount(value) - middle,
            Status.DERIVED,
            formula=f"{metric} - median({metric})",
            inputs=(value, median),
        )
        for company, value in pairs
    )
    return PeerRatio(metric, values, median, gaps)


def _amount(value: Value) -> Decimal:
    if value.amount is None:
        raise ValueError(f"{value.id} has no amount")
    return value.amount


def _stands_apart(table: Table) -> bool:
    return table.key.startswith(_APART)
