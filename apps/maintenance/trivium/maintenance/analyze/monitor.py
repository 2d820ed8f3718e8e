"""Anomaly score without labels: principal components of normal rows, Hotelling's T2 inside them, Q outside.

MacGregor and Kourti, "Statistical process control of multivariate processes", 1995; Jackson and Mudholkar 1979 for Q.
Each index is divided by its limit on normal rows, the larger one counts, and rows that follow each other in time are
smoothed (EWMA), which is what raises it above plain T2 and Q on SKAB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.maintenance.analyze import rolling
from trivium.maintenance.analyze.conditions import Conditions
from trivium.maintenance.records import Fleet

__all__ = ["MIN_ROWS", "Monitor"]

# Normal rows that are needed to learn from.
MIN_ROWS = 50
_VARIANCE = 0.9
_INDEX_LIMIT = 0.99
_SMOOTH = 6
_FEW = 3
_STALE = 30


@dataclass(frozen=True, slots=True)
class Monitor:
    """What is normal, and how far from it a row lies.

    Args:
        sensors: names.
        conditions: of operation; each sensor is a deviation from what is usual in its condition.
        directions: (V, K), principal components.
        variances: (K,), along them.
        limits: (2,), of T2 and Q: exceeded by one normal row in a hundred.
        span: of the smoothing, in rows; 1 for rows that stand for themselves.
        threshold: of the smoothed index; its normal exceedance is `1 - quantile`.
        quantile: of normal rows that stay below the threshold.
    """

    sensors: tuple[str, ...]
    conditions: Conditions
    directions: np.ndarray
    variances: np.ndarray
    limits: np.ndarray
    span: int
    threshold: float
    quantile: float

    @classmethod
    def fit(cls, fleet: Fleet, rows: np.ndarray, seed: int, *, quantile: float = 0.999, smooth: bool = True) -> Monitor:
        """Learn from rows that are normal.

        Args:
            rows: index of the normal rows, in order.
            smooth: whether to smooth rows that follow each other in time.
        """
        conditions = Conditions.fit(fleet.settings[rows], fleet.values[rows], seed)
        columns = _columns(fleet, conditions)
        normal = columns[rows] - columns[rows].mean(axis=0) if len(conditions.centres) == 1 else columns[rows]
        _, singular, directions = np.linalg.svd(normal, full_matrices=False)
        variances = singular**2 / max(1, len(rows) - 1)
        share = np.cumsum(variances) / max(variances.sum(), 1e-12)
        # One component at least, and none that rounding made.
        count = min(int(np.searchsorted(share, _VARIANCE)) + 1, int((variances > 1e-10).sum()) or 1)
        draft = cls(
            tuple(sensor.name for sensor in fleet.sensors),
            conditions,
            directions[:count].T,
            np.maximum(variances[:count], 1e-12),
            np.ones(2),
            _SMOOTH if smooth and fleet.is_series else 1,
            1.0,
            quantile,
        )
        limits = np.maximum(np.quantile(draft.indices(columns[rows]), _INDEX_LIMIT, axis=0), 1e-9)
        object.__setattr__(draft, "limits", limits)
        object.__setattr__(draft, "threshold", float(np.quantile(draft._index(fleet)[rows], quantile)))
        return draft

    def score(self, fleet: Fleet) -> np.ndarray:
        """Return (N,): 1 at the threshold, more beyond it."""
        return self._index(fleet.with_sensors(self.sensors)) / self.threshold

    def indices(self, columns: np.ndarray) -> np.ndarray:
        """Return T2 and Q of rows of deviations (N, V): (N, 2)."""
        inside = columns @ self.directions  # (N, K)
        rest = columns - inside @ self.directions.T
        return np.column_stack([(inside**2 / self.variances).sum(axis=1), (rest**2).sum(axis=1)])

    def contributions(self, fleet: Fleet, rows: np.ndarray) -> np.ndarray:
        """Return (R, S), each sensor's share in Q and T2 of some rows; a row sums to one."""
        fleet = fleet.with_sensors(self.sensors)
        columns = _columns(fleet, self.conditions)[rows]
        inside = columns @ self.directions
        rest = (columns - inside @ self.directions.T) ** 2 / self.limits[1]
        along = np.maximum(columns * ((inside / self.variances) @ self.directions.T), 0.0) / self.limits[0]
        varying = np.flatnonzero(self.conditions.varies)
        shares = np.zeros((len(rows), len(self.sensors)))
        np.add.at(shares.T, np.resize(varying, columns.shape[1]), (rest + along).T)
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in ("directions", "variances", "limits")}
        plain = {name: getattr(self, name) for name in ("span", "threshold", "quantile")}
        return {"sensors": list(self.sensors), "conditions": self.conditions.to_json(), **arrays, **plain}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Monitor:
        """Read what `to_json` wrote."""
        directions, variances, limits = (np.array(data[name]) for name in ("directions", "variances", "limits"))
        conditions, numbers = (
            Conditions.from_json(data["conditions"]),
            (data["span"], data["threshold"], data["quantile"]),
        )
        return cls(tuple(data["sensors"]), conditions, directions, variances, limits, *numbers)

    def _index(self, fleet: Fleet) -> np.ndarray:
        index = (self.indices(_columns(fleet, self.conditions)) / self.limits).max(axis=1)
        return rolling.exponential_mean(index[:, None], fleet.asset, self.span)[:, 0] if self.span > 1 else index


def _columns(fleet: Fleet, conditions: Conditions) -> np.ndarray:
    """Return the deviations (N, V); of few sensors in a time series, also how they moved lately."""
    standard = conditions.standardise(fleet.settings, fleet.values)
    if np.isnan(standard).any():
        filled = rolling.carry_forward(standard, fleet.asset, _STALE) if fleet.is_series else standard
        standard = np.nan_to_num(filled)
    if standard.shape[1] >= _FEW or not fleet.is_series:
        return standard
    lately = rolling.mean(standard, fleet.asset, 20)
    return np.hstack([standard, lately, rolling.spread(standard, fleet.asset, 20)])
