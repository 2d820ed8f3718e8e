"""Features of a wearing asset, causal: smoothed sensors, slopes, distance from its own beginning, health.

Where work orders say when an asset was repaired or renewed, no window reaches back beyond that: its age and beginning
are those of the life that it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.maintenance.analyze import rolling
from trivium.maintenance.analyze.conditions import Conditions
from trivium.maintenance.analyze.health import apply_linear, fit_linear, trend_columns, trend_names
from trivium.maintenance.records import Fleet

__all__ = ["DegradationFeatures", "standard_rows", "usual_rolling"]

# Rows that a missing value is replaced by the sensor's last one; after that it counts as usual.
_STALE = 30
_EARLY = 20
_REACH_SPAN = 15


@dataclass(frozen=True, slots=True)
class DegradationFeatures:
    """How rows become features; fitted on training assets only.

    Args:
        sensors: names in the order that the conditions were fitted with.
        conditions: of operation.
        health: weights of the health index on the sensors of one row, the intercept last.
        reach: (2, V), least and greatest smoothed deviation of each varying sensor of the training assets.
    """

    sensors: tuple[str, ...]
    conditions: Conditions
    health: np.ndarray
    reach: np.ndarray

    @classmethod
    def fit(cls, fleet: Fleet, life: np.ndarray, rows: np.ndarray, seed: int) -> DegradationFeatures:
        """Learn conditions and health from some rows.

        Args:
            fleet: all rows.
            life: (N,), remaining life up to the cap; read at `rows` only.
            rows: (R,) index of the rows of the training assets.
        """
        conditions = Conditions.fit(fleet.settings[rows], fleet.values[rows], seed)
        standard = standard_rows(fleet, conditions)
        health = fit_linear(standard[rows], life[rows], penalty=10.0)
        # Also rows after a failure, whose life is not known: they are nothing new to who sees the file again.
        seen = np.isin(fleet.asset, fleet.asset[rows])
        smooth = rolling.exponential_mean(standard, fleet.stretch, _REACH_SPAN)[seen]
        reach = np.stack([smooth.min(axis=0), smooth.max(axis=0)])
        return cls(tuple(sensor.name for sensor in fleet.sensors), conditions, health, reach)

    @property
    def names(self) -> list[str]:
        """What each column of `transform` is: `SENSOR, what`."""
        sensors = [name for name, varies in zip(self.sensors, self.conditions.varies, strict=True) if varies]
        windows = ("smooth 15", "smooth 40", "slope 30", "slope 60", "since beginning")
        return [
            *(f"{sensor}, {window}" for window in windows for sensor in sensors),
            "age",
            *trend_names("health"),
        ]

    def transform(self, fleet: Fleet) -> np.ndarray:
        """Return (N, F), one row a row."""
        fleet = fleet.with_sensors(self.sensors)
        standard, asset = standard_rows(fleet, self.conditions), fleet.stretch
        return np.hstack(
            [
                rolling.exponential_mean(standard, asset, 15),
                rolling.exponential_mean(standard, asset, 40),
                rolling.slope(standard, asset, 30),
                rolling.slope(standard, asset, 60),
                rolling.exponential_mean(standard, asset, 10) - rolling.early_mean(standard, asset, _EARLY),
                fleet.stretch_age[:, None],
                trend_columns(apply_linear(standard, self.health), asset),
            ]
        )

    def by_sensor(self, fleet: Fleet, rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Sum shares of features (R, F) by sensor: (R, S); those of the health index go to its sensors, age to none.

        The index is linear in the sensors: each has the part of it by which it moves the index away from usual.
        """
        fleet = fleet.with_sensors(self.sensors)
        standard = rolling.exponential_mean(standard_rows(fleet, self.conditions), fleet.stretch, _REACH_SPAN)[rows]
        num_varying, num_windows = standard.shape[1], 5
        own = shares[:, : num_windows * num_varying].reshape(len(rows), num_windows, num_varying).sum(axis=1)
        index = shares[:, num_windows * num_varying + 1 :].sum(axis=1, keepdims=True)
        part = np.abs(standard * self.health[:-1])
        found = np.zeros((len(rows), len(self.sensors)))
        found[:, self.conditions.varies] = own + index * part / np.maximum(part.sum(axis=1, keepdims=True), 1e-12)
        return found

    def beyond(self, fleet: Fleet) -> list[str]:
        """Return the assets with a sensor clearly further out than training showed: another fault, or a bad sensor."""
        fleet = fleet.with_sensors(self.sensors)
        smooth = rolling.exponential_mean(standard_rows(fleet, self.conditions), fleet.stretch, _REACH_SPAN)
        margin = 0.25 * (self.reach[1] - self.reach[0])
        is_out = ((smooth < self.reach[0] - margin) | (smooth > self.reach[1] + margin)).any(axis=1)
        is_out &= fleet.stretch_age > _REACH_SPAN
        return [fleet.asset_names[index] for index in np.unique(fleet.asset[is_out])]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "sensors": list(self.sensors),
            "conditions": self.conditions.to_json(),
            "health": self.health.tolist(),
            "reach": self.reach.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DegradationFeatures:
        """Read what `to_json` wrote."""
        conditions = Conditions.from_json(data["conditions"])
        return cls(tuple(data["sensors"]), conditions, np.array(data["health"]), np.array(data["reach"]))


def standard_rows(fleet: Fleet, conditions: Conditions) -> np.ndarray:
    """Return (N, V): varying sensors in deviations from what is usual in their condition, without NaN."""
    standard = conditions.standardise(fleet.settings, fleet.values)
    if np.isnan(standard).any():
        standard = np.nan_to_num(rolling.carry_forward(standard, fleet.stretch, _STALE))
    return standard


def usual_rolling(fleet: Fleet, conditions: Conditions) -> np.ndarray:
    """Return (N, F): the features of a usual rolling-window recipe, the one that ours has to beat.

    Per-condition deviations, exponential mean 15, mean and deviation of 30 rows, mean of 5 less mean of 30 and less
    the asset's first 10 rows, age.
    """
    standard, asset = standard_rows(fleet, conditions), fleet.stretch
    five, thirty = rolling.mean(standard, asset, 5), rolling.mean(standard, asset, 30)
    return np.hstack(
        [
            standard,
            rolling.exponential_mean(standard, asset, 15),
            thirty,
            rolling.spread(standard, asset, 30),
            five - thirty,
            five - rolling.early_mean(standard, asset, 10),
            fleet.stretch_age[:, None],
        ]
    )
