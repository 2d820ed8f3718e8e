"""Stock splits: found where two filings give one period's share count on two bases, applied beside the reported series.

Reported values are never changed: adjusted ones stand in `Series.adjusted`, each with its factor and both sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.analyze.formulas import SHARES_METRIC
from trivium.finance.analyze.model import Message, Series, Status, Value
from trivium.finance.records import Period

__all__ = ["Split", "adjust_for_splits", "find_splits"]

_SHARE_METRICS = ("shares_basic", "shares_diluted")
_COUNTS = ("shares_outstanding", "shares_issued", SHARES_METRIC)
_PER_SHARE_METRICS = ("eps_basic", "eps_diluted", "dividends_per_share")
_TOLERANCE = Decimal("0.002")
_LARGEST = 50


@dataclass(frozen=True, slots=True)
class Split:
    """A split that a later filing applied to an earlier period.

    Args:
        factor: new shares per old share; 0.1 is a reverse split of 1 for 10.
        before, after: the same period's share count on the old and on the new basis.
    """

    factor: Decimal
    before: Value
    after: Value


def find_splits(series: Series) -> tuple[Split, ...]:
    """Return the splits that restated share counts reveal, oldest first: ratios of whole numbers up to 50 to 1."""
    seen: list[tuple[int, int, Split]] = []
    for (metric, _), before in series.originals.items():
        after = series.values.get((metric, before.period))
        if metric not in _SHARE_METRICS or after is None or not before.amount or not after.amount:
            continue
        factor = _whole_ratio(after.amount / before.amount)
        if factor is not None and before.filing is not None and after.filing is not None:
            indexes = series.filings.index(after.filing), series.filings.index(before.filing)
            seen.append((*indexes, Split(factor, before, after)))
    # Many periods reveal one split: a filing from before a split that is known already tells of that split again.
    found: list[tuple[int, Split]] = []
    for since, from_filing, split in sorted(seen, key=lambda one: one[:2]):
        if all(known <= from_filing for known, _ in found):
            found.append((since, split))
    return tuple(split for _, split in found)


def adjust_for_splits(series: Series) -> None:
    """Fill `series.adjusted` with share and per-share values of older filings on today's share basis, in place."""
    for split in find_splits(series):
        assert split.after.filing is not None
        since = series.filings.index(split.after.filing)
        for (metric, period), value in series.values.items():
            filing = value.filing or next((one.filing for one in value.inputs if metric == SHARES_METRIC), None)
            if filing is None or series.filings.index(filing) >= since or value.amount is None:
                continue
            if metric in (*_SHARE_METRICS, *_PER_SHARE_METRICS, *_COUNTS):
                current = series.adjusted.get((metric, period), value)
                series.adjusted[metric, period] = _adjusted(current, split, metric, period)


def _adjusted(value: Value, split: Split, metric: str, period: Period) -> Value:
    assert value.amount is not None
    is_per_share = metric in _PER_SHARE_METRICS
    amount = value.amount / split.factor if is_per_share else value.amount * split.factor
    operator = "/" if is_per_share else "*"
    return Value(
        id=f"{value.id}@split",
        metric=metric,
        period=period,
        unit=value.unit,
        amount=amount,
        status=Status.DERIVED,
        formula=f"{metric} {operator} {split.factor.normalize():f}",
        inputs=(value, split.before, split.after),
        notes=(Message("note.split_adjusted", {"factor": f"{split.factor.normalize():f}"}),),
    )


def _whole_ratio(ratio: Decimal) -> Decimal | None:
    """Return n or 1/n for a whole n from 2 to 50, or 3/2, when the ratio is within 0.2 % of it."""
    candidates = [Decimal(n) for n in range(2, _LARGEST + 1)] + [Decimal("1.5")]
    for candidate in candidates:
        for factor in (candidate, 1 / candidate):
            if abs(ratio / factor - 1) <= _TOLERANCE:
                return factor
    return None
