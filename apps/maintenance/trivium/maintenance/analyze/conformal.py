"""Intervals around predictions, from errors on assets that the model had not seen; narrower where errors are smaller.

Split conformal prediction (Vovk, Gammerman, Shafer 2005) with assets, not rows, as the exchangeable units: every asset
weighs the same, and the finite-sample correction counts assets (Dunn, Wasserman, Ramdas, "Distribution-free prediction
sets for two-layer hierarchical models", 2023). Errors are taken in neighbourhoods of the predicted value. How many of
the misses lie below and how many above is chosen there so that the interval, cut at 0 and the cap, is shortest: where
the cap ends it, nothing can be missed above. What that choice flatters is measured on assets held out, and added to
both ends (Romano, Patterson, Candes, "Conformalized quantile regression", 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Band"]

_KNOTS = 9
_NEIGHBOURHOOD = 0.25
_SPLITS = 11
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Band:
    """Offsets of the lower and upper end by predicted value, straight between the knots.

    Args:
        knots: (K,), predicted values, rising.
        low, high: (K,), added to a prediction.
    """

    knots: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(
        cls, predicted: np.ndarray, truth: np.ndarray, asset: np.ndarray, coverage: float = 0.9, cap: float = np.inf
    ) -> Band:
        """Learn the offsets.

        Args:
            predicted: (N,) out of fold.
            truth: (N,).
            asset: (N,), which rows belong together.
            coverage: share of assets whose truth should lie inside.
            cap: above which no truth lies.
        """
        _, place, counts = np.unique(asset, return_inverse=True, return_counts=True)
        weight = 1.0 / counts[place]
        band = cls._near(predicted, truth, place, weight, 1 - coverage, cap)
        # The shortest of many looks better on the errors that it was chosen by than on others: how much, folds tell.
        beyond = np.empty(len(truth))
        for part in range(_FOLDS):
            here = place % _FOLDS == part
            if here.any() and not here.all():
                others = cls._near(predicted[~here], truth[~here], place[~here], weight[~here], 1 - coverage, cap)
                low, high = others.around(predicted[here], cap)
                beyond[here] = np.maximum(low - truth[here], truth[here] - high)
        miss = (1 - coverage) * (1 - 1 / max(2, len(counts)))
        wider = max(0.0, _weighted_quantile(beyond, weight, 1 - miss))
        return cls(band.knots, band.low - wider, band.high + wider)

    @classmethod
    def _near(
        cls, predicted: np.ndarray, truth: np.ndarray, place: np.ndarray, weight: np.ndarray, miss: float, cap: float
    ) -> Band:
        """Learn the offsets from the errors near each knot alone."""
        knots = np.unique(np.quantile(predicted, np.linspace(0.02, 0.98, _KNOTS)))
        lows, highs = [], []
        for knot in knots:
            near = np.argsort(np.abs(predicted - knot), kind="stable")[: max(10, int(_NEIGHBOURHOOD * len(predicted)))]
            # Like the (n + 1)(1 - miss)-th smallest of n, where n is the number of assets nearby.
            corrected = miss * (1 - 1 / max(2, len(np.unique(place[near]))))
            low, high = _shortest(predicted[near], (truth - predicted)[near], weight[near], corrected, cap)
            lows.append(low)
            highs.append(high)
        return cls(knots, np.array(lows), np.array(highs))

    def around(self, predicted: np.ndarray, cap: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper ends, within [0, cap] and never on the wrong side of the prediction."""
        low, high = (np.interp(predicted, self.knots, offset) for offset in (self.low, self.high))
        return _ends(predicted, low, high, cap)

    def to_json(self) -> dict[str, list[float]]:
        """Return what `from_json` reads."""
        return {"knots": self.knots.tolist(), "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, list[float]]) -> Band:
        """Read what `to_json` wrote."""
        return cls(np.array(data["knots"]), np.array(data["low"]), np.array(data["high"]))


def _ends(
    predicted: np.ndarray, low: np.ndarray | float, high: np.ndarray | float, cap: float
) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = np.minimum(predicted + low, predicted), np.maximum(predicted + high, predicted)
    return np.clip(lower, 0.0, cap), np.clip(upper, 0.0, cap)


def _shortest(
    predicted: np.ndarray, error: np.ndarray, weight: np.ndarray, miss: float, cap: float
) -> tuple[float, float]:
    """Return the offsets that leave out a share of the errors, split below and above so that intervals are shortest."""
    found = []
    for below in np.linspace(0.0, miss, _SPLITS):
        low = _weighted_quantile(error, weight, float(below))
        high = _weighted_quantile(error, weight, float(1 - miss + below))
        lower, upper = _ends(predicted, low, high, cap)
        found.append((float(np.mean(upper - lower)), low, high))
    return min(found)[1:]


def _weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    return float(np.interp(share, reached, values[order]))
