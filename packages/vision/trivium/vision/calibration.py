"""From a score to a probability, and from a probability to what may be said. numpy alone.

Platt's scaling (1999) with his smoothed targets: two numbers a label, the right size for labels with thirty films.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Platt", "best_threshold", "fit_platt"]

_MIN_SLOPE = 0.0  # a score that ranks films the wrong way says nothing: the probability is the base rate
_RIDGE = 1.0  # holds the slope near 0 where there are few films


@dataclass(frozen=True, slots=True)
class Platt:
    """`probability = 1 / (1 + exp(-(slope * logit + offset)))`."""

    slope: float
    offset: float

    def __call__(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return probabilities of the same shape."""
        return 1 / (1 + np.exp(-np.clip(self.slope * logits.astype(np.float64) + self.offset, -30, 30)))


def fit_platt(logits: NDArray[np.floating], labels: NDArray[np.bool_]) -> Platt:
    """Fit by Newton's method on standardised scores; the slope is held at or above 0.

    Raises:
        ValueError: if there is no film.
    """
    if not len(logits):
        raise ValueError("no film to calibrate on")
    mean, spread = float(logits.mean()), float(logits.std()) or 1.0
    x = (logits.astype(np.float64) - mean) / spread
    positives, negatives = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    base = np.log((positives + 1) / (negatives + 1))
    slope, offset = 0.0, float(base)
    for _ in range(50):
        p = 1 / (1 + np.exp(-(slope * x + offset)))
        residual, w = p - target, np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([(residual * x).sum() + _RIDGE * slope, residual.sum()])
        hessian = np.array([[(w * x * x).sum() + _RIDGE, (w * x).sum()], [(w * x).sum(), w.sum()]])
        step = np.linalg.solve(hessian, gradient)
        slope, offset = slope - float(step[0]), offset - float(step[1])
        if np.abs(step).max() < 1e-8:
            break
    if slope <= _MIN_SLOPE:
        return Platt(0.0, float(base))
    return Platt(slope / spread, offset - slope * mean / spread)


def best_threshold(probabilities: NDArray[np.floating], labels: NDArray[np.bool_]) -> float:
    """Return the one threshold for all labels that gives the highest micro-F1.

    For calibrated probabilities one threshold for all labels is optimal (Lipton et al., ECML 2014), and one number
    is harder to overfit than fourteen.
    """
    p, y = probabilities.ravel(), labels.ravel()
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + max(int(y.sum()), 1))
    best = int(f1.argmax())
    below = p[order[best + 1]] if best + 1 < len(p) else 0.0
    return float((p[order[best]] + below) / 2)
