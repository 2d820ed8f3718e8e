"""From a score to a probability, and from a probability to what may be said. numpy alone.

Platt's scaling (1999) with his smoothed targets: two numbers a label, the right size for labels with thirty films.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Platt", "best_threshold", "best_thresholds", "expected_best_f1", "fit_platt"]

_MIN_SLOPE = 0.0  # a score that ranks films the wrong way says nothing: the probability is the base rate
_MAX_ROUNDS = 20
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


def best_thresholds(
    probabilities: NDArray[np.floating], labels: NDArray[np.bool_], others: int = 0
) -> NDArray[np.float64]:
    """Return one threshold a label, which together give the highest micro-F1.

    A pair of film and label is worth naming when its probability is at least half the best F1 (Lipton et al., ECML
    2014). That one limit for all labels rests on every label's calibration, which two numbers do not make exact. So
    each label's limit starts there and is then moved to what counts best, the others' as they are, until none moves.

    Args:
        probabilities: (N, L).
        labels: (N, L).
        others: labels that films have beyond these L, and that nobody will name: they count as missed.

    Returns:
        (L,), above 1 for a label that is better never named.
    """
    films, count = labels.shape
    wanted = int(labels.sum()) + others
    start = expected_best_f1(probabilities, wanted) / 2
    named = (probabilities >= start).sum(0)
    order = np.argsort(-probabilities, axis=0, kind="stable")
    hits = np.concatenate([np.zeros((1, count), int), np.cumsum(np.take_along_axis(labels, order, 0), 0)])
    for _ in range(_MAX_ROUNDS):
        before = named.copy()
        for one in range(count):
            rest = np.delete(np.arange(count), one)
            found = hits[named[rest], rest].sum() + hits[:, one]
            f1 = 2 * found / np.maximum(named[rest].sum() + np.arange(films + 1) + wanted, 1)
            named[one] = int(f1.argmax())
        if (named == before).all():
            break
    ranked = np.take_along_axis(probabilities, order, 0)
    above = np.where(named > 0, ranked[np.maximum(named - 1, 0), np.arange(count)], np.inf)
    below = np.where(named < films, ranked[np.minimum(named, films - 1), np.arange(count)], 0.0)
    return np.where(named > 0, (above + below) / 2, 1.01)


def expected_best_f1(probabilities: NDArray[np.floating], wanted: float) -> float:
    """Return the highest F1 that naming the most probable pairs can be expected to have."""
    ranked = np.sort(probabilities.ravel())[::-1].astype(np.float64)
    return float((2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + max(wanted, 1))).max())
