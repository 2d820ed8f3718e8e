"""Operating conditions, found from the settings, and sensors as deviations from what is usual in each of them.

A turbofan at sea level and one at cruise read differently when both are healthy. Where the settings fall into separate
clusters, each sensor is standardised within its cluster; where they do not, there is one condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Conditions"]

MAX_CONDITIONS = 10
# Mean silhouette (Rousseeuw 1987) above which clusters are taken for real; noise around one point gives about 0.5.
MIN_SILHOUETTE = 0.85
# A sensor this far out says "far out" and nothing more.
MAX_DEVIATIONS = 10.0
_SAMPLE = 800


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where the clusters lie and what the sensors read there.

    Args:
        centres: (C, K), in standardised settings.
        shift, scale: (K,), that standardise the settings.
        means, deviations: (C, S) of the training rows in each condition; a deviation of 0 is written as 1.
        varies: (S,) bool, False for a sensor that is constant in every condition.
        radius: the farthest that a training row lay from its centre, in standardised settings.
    """

    centres: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    varies: np.ndarray
    radius: float

    @classmethod
    def fit(cls, settings: np.ndarray, values: np.ndarray, seed: int) -> Conditions:
        """Find clusters and statistics.

        Args:
            settings: (N, K), K may be 0.
            values: (N, S), may hold NaN.
        """
        shift = np.nanmean(settings, axis=0) if settings.shape[1] else np.zeros(0)
        scale = _safe(np.nanstd(settings, axis=0), shift) if settings.shape[1] else np.ones(0)
        standard = np.nan_to_num((settings - shift) / scale)
        centres = _centres(standard, seed)
        group = _nearest(standard, centres)
        means = np.array([_mean(values[group == one]) for one in range(len(centres))])
        deviations = np.array([_spread(values[group == one]) for one in range(len(centres))])
        is_constant = deviations <= 1e-6 * np.maximum(np.abs(means), 1e-6)
        radius = float(np.sqrt(((standard - centres[group]) ** 2).sum(axis=1)).max(initial=0.0))
        spread = np.where(is_constant, 1.0, deviations)
        return cls(centres, shift, scale, means, spread, ~is_constant.all(axis=0), radius)

    def assign(self, settings: np.ndarray) -> np.ndarray:
        """Return the condition of each row, (N,) int64."""
        return _nearest(np.nan_to_num((settings - self.shift) / self.scale), self.centres)

    def covers(self, settings: np.ndarray) -> np.ndarray:
        """Return (N,) bool, whether a row's settings are about as near to a known condition as training rows were."""
        standard = np.nan_to_num((settings - self.shift) / self.scale)
        distance = np.sqrt(((standard - self.centres[_nearest(standard, self.centres)]) ** 2).sum(axis=1))
        return distance <= 2 * self.radius + 1e-6

    def standardise(self, settings: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return (N, V): deviations of the varying sensors from their condition's mean, in its standard deviations."""
        group = self.assign(settings)
        standard = (values - self.means[group]) / self.deviations[group]
        return np.clip(standard[:, self.varies], -MAX_DEVIATIONS, MAX_DEVIATIONS)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in self.__dataclass_fields__ if name != "radius"}
        return {**arrays, "radius": self.radius}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Conditions:
        """Read what `to_json` wrote."""
        count = len(data["centres"])
        names = [name for name in cls.__dataclass_fields__ if name != "radius"]
        arrays = {name: np.array(data[name], dtype=np.float64) for name in names}
        arrays["centres"] = arrays["centres"].reshape(count, -1)
        arrays["varies"] = np.array(data["varies"], dtype=bool)
        return cls(**arrays, radius=data["radius"])


def _centres(standard: np.ndarray, seed: int) -> np.ndarray:
    """Return the cluster centres (C, K); one, at the origin, unless the clusters are clearly apart."""
    one = np.zeros((1, standard.shape[1]))
    sample = standard[np.random.default_rng(seed).permutation(len(standard))[:_SAMPLE]]
    distinct = len(np.unique(np.round(sample, 3), axis=0)) if standard.shape[1] else 1
    if distinct < 2:
        return one
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, centres = MIN_SILHOUETTE, one
    for count in range(2, min(MAX_CONDITIONS, distinct - 1) + 1):
        found = KMeans(count, n_init=3, random_state=seed).fit(sample)
        quality = silhouette_score(sample, found.labels_)
        if quality > best:
            best, centres = quality, found.cluster_centers_
    return centres


def _nearest(standard: np.ndarray, centres: np.ndarray) -> np.ndarray:
    if len(centres) == 1:
        return np.zeros(len(standard), np.int64)
    distance = ((standard[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return distance.argmin(axis=1)


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def _spread(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    squares = np.where(known, (values - _mean(values)) ** 2, 0.0)
    return np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _safe(deviation: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the deviation, 1 where it is no more than rounding."""
    return np.where(deviation <= 1e-6 * np.maximum(np.abs(centre), 1e-6), 1.0, deviation)
