"""A health index: the one direction in sensor space along which the fleet wears, and how an asset moves along it.

Trees split on one noisy sensor at a time. A linear map of all sensors to remaining life, fitted on training assets,
averages their noise first; windows over it then see the trend. Compare Coble and Hines, "Identifying optimal
prognostic parameters from data", PHM 2009.
"""

from __future__ import annotations

import numpy as np

from trivium.maintenance.analyze import rolling

__all__ = ["apply_linear", "fit_linear", "trend_columns", "trend_names"]

_MEANS = (5, 10, 20, 40, 80)
_SLOPES = (10, 20, 30, 50, 80)
_EARLY = 20


def fit_linear(x: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Fit ridge regression with an intercept, which is not penalised.

    Args:
        x: (N, F).
        target: (N,).
        penalty: on the squared weights, in rows.

    Returns:
        (F + 1,), the intercept last.
    """
    centre, middle = x.mean(axis=0), target.mean()
    shifted = x - centre
    weights = np.linalg.solve(shifted.T @ shifted + penalty * np.eye(x.shape[1]), shifted.T @ (target - middle))
    return np.r_[weights, middle - centre @ weights]


def apply_linear(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (N, 1) of a fit by `fit_linear`."""
    return (x @ weights[:-1] + weights[-1])[:, None]


def trend_columns(index: np.ndarray, asset: np.ndarray) -> np.ndarray:
    """Return level, means, slopes and fall since the beginning of a health index (N, 1), as `trend_names` has them."""
    early = rolling.early_mean(index, asset, _EARLY)
    smooth = rolling.exponential_mean(index, asset, 10)
    return np.hstack(
        [
            index,
            *(rolling.mean(index, asset, window) for window in _MEANS),
            *(rolling.slope(index, asset, window) for window in _SLOPES),
            early,
            smooth,
            rolling.exponential_mean(index, asset, 30),
            smooth - early,
        ]
    )


def trend_names(of: str) -> list[str]:
    """Return the names of the columns of `trend_columns`."""
    means, slopes = [f"mean {window}" for window in _MEANS], [f"slope {window}" for window in _SLOPES]
    return [f"{of}, {what}" for what in ("now", *means, *slopes, "early", "smooth 10", "smooth 30", "fall")]
