"""Measures of scores against labels, with intervals from resampling patients. numpy alone.

A patient has several films, so films are not independent: every interval here draws patients with replacement and takes
all films of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["auroc", "calibration_error", "interval", "macro_auroc", "micro_f1", "resamples"]

Scores = NDArray[np.floating]
Labels = NDArray[np.bool_]


def auroc(scores: Scores, labels: Labels) -> float:
    """Return the chance that a film with the label scores above one without (ties count half); nan without both."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    values, place = np.unique(scores, return_inverse=True)
    counts = np.bincount(place, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2  # mean rank of each value, from 1
    return float((ranks[place][labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def macro_auroc(scores: Scores, labels: Labels) -> float:
    """Return the mean AUROC over the columns that have both kinds of film."""
    return float(np.nanmean([auroc(scores[:, column], labels[:, column]) for column in range(labels.shape[1])]))


def micro_f1(predicted: Labels, labels: Labels) -> float:
    """Return F1 over all films and labels together; 0 when nothing is predicted."""
    hits = int((predicted & labels).sum())
    named = int(predicted.sum()) + int(labels.sum())
    return 2 * hits / named if named else 0.0


def calibration_error(probabilities: Scores, labels: Labels, bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal width (Guo et al., ICML 2017)."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = 0.0
    for one in range(bins):
        inside = place == one
        if inside.any():
            gap += inside.mean() * abs(probabilities[inside].mean() - labels[inside].mean())
    return float(gap)


def resamples(patients: NDArray[np.generic], rounds: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield film indices of bootstrap samples that draw whole patients."""
    generator = np.random.default_rng(seed)
    _, place = np.unique(patients, return_inverse=True)
    films = [np.flatnonzero(place == one) for one in range(place.max() + 1)]
    for _ in range(rounds):
        chosen = generator.integers(len(films), size=len(films))
        yield np.concatenate([films[one] for one in chosen])


def interval(
    measure: Callable[[NDArray[np.intp]], float],
    patients: NDArray[np.generic],
    *,
    rounds: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of `measure(film indices)` over resampled patients; nan rounds are left out."""
    values = [measure(films) for films in resamples(patients, rounds, seed)]
    low, high = np.nanpercentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)
