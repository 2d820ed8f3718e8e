"""Features of a labelled row: its sensors, categories, interactions, and in a time series what came before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.maintenance.analyze import rolling
from trivium.maintenance.analyze.interactions import Interaction, describe, interact, search_interactions
from trivium.maintenance.records import Fleet

__all__ = ["RowFeatures"]

_STALE = 30
# Rows that lack a sensor before trees can have learned what that means.
_LEAST_LACKING = 20


@dataclass(frozen=True, slots=True)
class RowFeatures:
    """How rows become columns; fitted on training rows only.

    Args:
        sensors: names.
        levels: values of each category, each a column of 0 and 1; one not seen in training is 0 in all of them.
        interactions: of sensors.
        medians: (S,), that stand for missing values where a window needs a number.
        is_series: whether rows follow each other in time; a missing value is the sensor's last one then.
        may_lack: sensors without which the model knows what to say, because enough training rows lacked them.
    """

    sensors: tuple[str, ...]
    levels: dict[str, list[str]]
    interactions: list[Interaction]
    medians: np.ndarray
    is_series: bool
    may_lack: tuple[str, ...] = ()

    @classmethod
    def fit(cls, fleet: Fleet, rows: np.ndarray, seed: int) -> RowFeatures:
        """Learn levels, medians and interactions from some rows with known labels."""
        assert fleet.label is not None
        names = tuple(sensor.name for sensor in fleet.sensors)
        values = _values(fleet, is_series=fleet.is_series)[rows]
        medians = np.array(
            [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in values.T]
        )
        levels = {name: sorted(set(texts[rows].tolist())) for name, texts in fleet.categories.items()}
        found = search_interactions(values, fleet.sensors, fleet.label[rows], seed)
        lacking = np.isnan(values).sum(axis=0)
        may_lack = tuple(name for name, count in zip(names, lacking, strict=True) if count >= _LEAST_LACKING)
        return cls(names, levels, found, medians, fleet.is_series, may_lack)

    @property
    def names(self) -> list[str]:
        """What each column of `transform` is."""
        windows = ("smooth 5", "smooth 20", "spread 20", "slope 20", "since beginning") if self.is_series else ()
        return [
            *self.sensors,
            *(f"{name} = {level}" for name, levels in self.levels.items() for level in levels),
            *map(describe, self.interactions),
            *(f"{sensor}, {window}" for window in windows for sensor in self.sensors),
        ]

    def transform(self, fleet: Fleet) -> np.ndarray:
        """Return (N, F), NaN where a value is missing."""
        fleet = fleet.with_sensors(self.sensors)
        values = _values(fleet, is_series=self.is_series)
        parts = [values]
        for name, levels in self.levels.items():
            parts.append(np.column_stack([fleet.categories[name] == level for level in levels]).astype(np.float64))
        if self.interactions:
            parts.append(interact(values, self.sensors, self.interactions))
        if self.is_series:
            parts.append(self._history(values, fleet.asset))
        return np.hstack(parts)

    def by_sensor(self, shares: np.ndarray) -> np.ndarray:
        """Sum shares of features (R, F) by sensor: (R, S); an interaction's go half to each of its sensors."""
        count = len(self.sensors)
        found = shares[:, :count].copy()
        start = count + sum(len(levels) for levels in self.levels.values())
        for place, (_, left, right) in enumerate(self.interactions):
            for name in (left, right):
                if name in self.sensors:
                    found[:, self.sensors.index(name)] += shares[:, start + place] / 2
        start += len(self.interactions)
        for window in range(start, shares.shape[1], count):
            found += shares[:, window : window + count]
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "sensors": list(self.sensors),
            "levels": self.levels,
            "interactions": [list(one) for one in self.interactions],
            "medians": self.medians.tolist(),
            "is_series": self.is_series,
            "may_lack": list(self.may_lack),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RowFeatures:
        """Read what `to_json` wrote."""
        found: list[Interaction] = [(operation, left, right) for operation, left, right in data["interactions"]]
        medians, may_lack = np.array(data["medians"]), tuple(data.get("may_lack", ()))
        return cls(tuple(data["sensors"]), data["levels"], found, medians, data["is_series"], may_lack)

    def _history(self, values: np.ndarray, asset: np.ndarray) -> np.ndarray:
        values = np.where(np.isfinite(values), values, self.medians)
        shifted = values - self.medians  # keeps sums of squares small
        return np.hstack(
            [
                rolling.exponential_mean(values, asset, 5),
                rolling.exponential_mean(values, asset, 20),
                rolling.spread(shifted, asset, 20),
                rolling.slope(shifted, asset, 20),
                rolling.exponential_mean(values, asset, 5) - rolling.early_mean(values, asset, 20),
            ]
        )


def _values(fleet: Fleet, *, is_series: bool) -> np.ndarray:
    """Return (N, S), in a time series with a sensor's last value where one is missing, while that is fresh."""
    return rolling.carry_forward(fleet.values, fleet.asset, _STALE) if is_series else fleet.values
