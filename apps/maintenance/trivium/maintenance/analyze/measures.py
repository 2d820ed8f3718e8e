"""Measures of predictions. Plain NumPy, one definition each."""

from __future__ import annotations

import numpy as np

__all__ = ["average_precision", "best_f1", "brier", "calibration_error", "nasa_score", "rmse"]


def rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Return the root mean square error."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def nasa_score(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Return the score of Saxena et al. 2008: d late costs exp(d / 10) - 1, d early exp(d / 13) - 1, summed."""
    late = predicted - truth
    return float(np.sum(np.where(late < 0, np.expm1(-late / 13), np.expm1(late / 10))))


def average_precision(score: np.ndarray, label: np.ndarray) -> float:
    """Return the sum over thresholds of precision times gain in recall; NaN without failures."""
    precision, recall, _ = _precision_recall(score, label)
    return float(np.sum(precision * np.diff(np.r_[0.0, recall]))) if label.any() else float("nan")


def best_f1(score: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Return the highest F1 and the threshold that gives it; scores at or above the threshold are alarms."""
    precision, recall, threshold = _precision_recall(score, label)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(np.argmax(f1))
    return float(f1[best]), float(threshold[best])


def brier(probability: np.ndarray, label: np.ndarray) -> float:
    """Return the mean squared difference between probability and outcome."""
    return float(np.mean((probability - label) ** 2))


def calibration_error(probability: np.ndarray, label: np.ndarray, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal width: the mean gap between probability and share."""
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = [abs(float(np.sum(probability[place == one] - label[place == one]))) for one in range(bins)]
    return sum(gaps) / len(label)


def _precision_recall(score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and threshold at each distinct score, highest first."""
    order = np.argsort(-score, kind="stable")
    hits, threshold = np.cumsum(label[order]), score[order]
    is_last = np.r_[threshold[1:] != threshold[:-1], True]
    alarms = np.arange(1, len(score) + 1)[is_last]
    return hits[is_last] / alarms, hits[is_last] / max(hits[-1], 1e-12), threshold[is_last]
