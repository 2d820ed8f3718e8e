"""Causal windows over the rows of each asset: a row sees itself and earlier rows of its own asset, nothing else.

Each function takes `x` (N, S) float64 without NaN and `asset` (N,), rows of an asset together and in order of time, and
returns (N, S). Windows are counts of rows; at the beginning of an asset they hold what there is. Every asset is
computed by itself, so that its values do not depend, not even in the last bit, on what else is in the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from scipy.signal import lfilter

__all__ = ["carry_forward", "early_mean", "exponential_mean", "mean", "slope", "spread"]


def mean(x: np.ndarray, asset: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` rows."""
    return _by_asset(lambda rows: _window_sum(rows, window) / _count(len(rows), window), x, asset)


def spread(x: np.ndarray, asset: np.ndarray, window: int) -> np.ndarray:
    """Return the standard deviation of the last `window` rows, 0 for one row."""

    def one(rows: np.ndarray) -> np.ndarray:
        count = _count(len(rows), window)
        average = _window_sum(rows, window) / count
        return np.sqrt(np.maximum(_window_sum(rows * rows, window) / count - average * average, 0.0))

    return _by_asset(one, x, asset)


def slope(x: np.ndarray, asset: np.ndarray, window: int) -> np.ndarray:
    """Return the slope per row of the least-squares line through the last `window` rows, 0 for fewer than three."""

    def one(rows: np.ndarray) -> np.ndarray:
        index = np.arange(len(rows), dtype=np.float64)[:, None]
        count = _count(len(rows), window)
        middle = index - (count - 1) / 2
        covariance = _window_sum(index * rows, window) - middle * _window_sum(rows, window)
        variance = count * (count * count - 1) / 12
        return np.where(count > 2, covariance / np.maximum(variance, 1.0), 0.0)

    return _by_asset(one, x, asset)


def early_mean(x: np.ndarray, asset: np.ndarray, first: int) -> np.ndarray:
    """Return the mean of the asset's first `first` rows, of those that have been seen by then."""

    def one(rows: np.ndarray) -> np.ndarray:
        count = np.minimum(np.arange(len(rows)) + 1, first)
        return np.cumsum(rows[:first], axis=0)[count - 1] / count[:, None]

    return _by_asset(one, x, asset)


def exponential_mean(x: np.ndarray, asset: np.ndarray, span: int) -> np.ndarray:
    """Return the mean with weights that fall by 1 - 2 / (span + 1) a row, summing to one at every row."""
    keep = 1 - 2 / (span + 1)

    def one(rows: np.ndarray) -> np.ndarray:
        weighted = lfilter([1.0], [1.0, -keep], rows, axis=0)
        return weighted / lfilter([1.0], [1.0, -keep], np.ones(len(rows)))[:, None]

    return _by_asset(one, x, asset)


def carry_forward(x: np.ndarray, asset: np.ndarray, limit: int) -> np.ndarray:
    """Fill NaN with the sensor's last value, at most `limit` rows old; older gaps stay NaN."""

    def one(rows: np.ndarray) -> np.ndarray:
        index = np.arange(len(rows))[:, None]
        last = np.maximum.accumulate(np.where(np.isnan(rows), -1, index), axis=0)
        is_fresh = (last >= 0) & (index - last <= limit)
        return np.where(is_fresh, np.take_along_axis(rows, np.maximum(last, 0), axis=0), np.nan)

    return _by_asset(one, x, asset)


def spans(asset: np.ndarray) -> Iterator[slice]:
    """Yield the rows of each asset."""
    edges = np.flatnonzero(np.r_[True, asset[1:] != asset[:-1], True])
    for start, stop in itertools.pairwise(edges):
        yield slice(start, stop)


def _by_asset(one: Callable[[np.ndarray], np.ndarray], x: np.ndarray, asset: np.ndarray) -> np.ndarray:
    out = np.empty(x.shape)
    for rows in spans(asset):
        out[rows] = one(x[rows])
    return out


def _window_sum(rows: np.ndarray, window: int) -> np.ndarray:
    total = np.cumsum(rows, axis=0)
    total[window:] -= total[:-window].copy()
    return total


def _count(length: int, window: int) -> np.ndarray:
    """(N, 1), how many rows each window holds."""
    return np.minimum(np.arange(length) + 1.0, window)[:, None]
