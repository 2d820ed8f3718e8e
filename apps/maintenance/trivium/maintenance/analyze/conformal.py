"""Intervals around predictions, from errors on assets that the model had not seen; narrower where errors are smaller.

Split conformal prediction (Vovk, Gammerman, Shafer 2005) with assets, not rows, as the exchangeable units: every asset
weighs the same, and the finite-sample correction counts assets (Dunn, Wasserman, Ramdas, "Distribution-free prediction
sets for two-layer hierarchical models", 2023). Errors are taken in neighbourhoods of the predicted value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Band"]

_KNOTS = 9
_NEIGHBOURHOOD = 0.25


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
    def fit(cls, predicted: np.ndarray, truth: np.ndarray, asset: np.ndarray, coverage: float = 0.9) -> Band:
        """Learn the offsets.

        Args:
            predicted: (N,) out of fold.
            truth: (N,).
            asset: (N,), which rows belong together.
            coverage: share of assets whose truth should lie inside.
        """
        _assets, place, counts = np.unique(asset, return_inverse=True, return_counts=True)
        weight = 1.0 / counts[place]
        miss = (1 - coverage) / 2
        knots = np.unique(np.quantile(predicted, np.linspace(0.02, 0.98, _KNOTS)))
        lows, highs = [], []
        for knot in knots:
            near = np.argsort(np.abs(predicted - knot), kind="stable")[: max(10, int(_NEIGHBOURHOOD * len(predicted)))]
            # Like the (n + 1)(1 - miss)-th smallest of n, where n is the number of assets nearby.
            corrected = miss * (1 - 1 / max(2, len(np.unique(asset[near]))))
            error = (truth - predicted)[near]
            lows.append(_weighted_quantile(error, weight[near], corrected))
            highs.append(_weighted_quantile(error, weight[near], 1 - corrected))
        return cls(knots, np.array(lows), np.array(highs))

    def around(self, predicted: np.ndarray, cap: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper ends, within [0, cap] and never on the wrong side of the prediction."""
        low = predicted + np.interp(predicted, self.knots, self.low)
        high = predicted + np.interp(predicted, self.knots, self.high)
        return np.clip(np.minimum(low, predicted), 0.0, cap), np.clip(np.maximum(high, predicted), 0.0, cap)

    def to_json(self) -> dict[str, list[float]]:
        """Return what `from_json` reads."""
        return {"knots": self.knots.tolist(), "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, list[float]]) -> Band:
        """Read what `to_json` wrote."""
        return cls(np.array(data["knots"]), np.array(data["low"]), np.array(data["high"]))


def _weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    return float(np.interp(share, reached, values[order]))
