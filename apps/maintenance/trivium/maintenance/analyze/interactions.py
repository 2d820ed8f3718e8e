"""Products, ratios and differences of two sensors that say more about failure than either: found by search.

Physics comes in such forms (power is torque times speed, heat flow goes with a temperature difference), and trees need
many splits to follow them. Every pair is offered to boosted trees; those they gain most from are kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from trivium.maintenance.analyze.trees import fit_trees
from trivium.maintenance.records import Sensor

__all__ = ["Interaction", "interact", "search_interactions"]

# (operation, left sensor, right sensor)
Interaction = tuple[str, str, str]

MAX_SENSORS = 10
MAX_KEPT = 5
_SYMBOLS = {"difference": "-", "product": "x", "ratio": "/"}
_FAST: dict[str, Any] = {"count": 100, "learning_rate": 0.08, "min_child_samples": 20, "colsample_bytree": 1.0}


def search_interactions(
    values: np.ndarray, sensors: Sequence[Sensor], label: np.ndarray, seed: int
) -> list[Interaction]:
    """Return the interactions worth having, the best first. Only quantities of one unit are subtracted.

    Args:
        values: (N, S), NaN where missing.
        sensors: the S columns.
        label: (N,) 0 or 1.
    """
    chosen = _strongest(values, label, seed) if values.shape[1] > MAX_SENSORS else range(values.shape[1])
    names = [sensor.name for sensor in sensors]
    offered: list[Interaction] = [
        (operation, left.name, right.name)
        for left, right in itertools.combinations([sensors[place] for place in chosen], 2)
        for operation in _SYMBOLS
        if operation != "difference" or left.unit == right.unit
    ]
    if not offered:
        return []
    columns = np.hstack([values, interact(values, names, offered)])
    trees = fit_trees(columns, label, objective="binary", seed=seed, **_FAST)
    gain = trees.feature_importance("gain")
    order = np.argsort(-gain[values.shape[1] :], kind="stable")
    return [offered[place] for place in order[:MAX_KEPT] if gain[values.shape[1] + place] > 0]


def interact(values: np.ndarray, names: Sequence[str], interactions: Sequence[Interaction]) -> np.ndarray:
    """Return (N, len(interactions)); NaN where a sensor is missing or a divisor is 0."""
    place = {name: index for index, name in enumerate(names)}
    columns = np.empty((len(values), len(interactions)))
    for index, (operation, left, right) in enumerate(interactions):
        a, b = values[:, place[left]], values[:, place[right]]
        if operation == "difference":
            columns[:, index] = a - b
        elif operation == "product":
            columns[:, index] = a * b
        else:
            columns[:, index] = np.divide(a, b, out=np.full(len(a), np.nan), where=b != 0)
    return columns


def describe(interaction: Interaction) -> str:
    """Return `Torque x Tool wear`."""
    operation, left, right = interaction
    return f"{left} {_SYMBOLS[operation]} {right}"


def _strongest(values: np.ndarray, label: np.ndarray, seed: int) -> list[int]:
    gain = fit_trees(values, label, objective="binary", seed=seed, **_FAST).feature_importance("gain")
    return sorted(np.argsort(-gain, kind="stable")[:MAX_SENSORS].tolist())
