"""Second trees over the trend of the first ones' predictions: stacked generalisation (Wolpert 1992) along time.

What trees say of remaining life jumps from row to row; life does not. How the predictions of an asset have moved so far
says more than the newest alone. The second trees learn from predictions for assets that the first had not seen, because
that is what they will be given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from trivium.maintenance.analyze.folds import asset_folds
from trivium.maintenance.analyze.health import trend_columns
from trivium.maintenance.analyze.trees import fit_trees, predict_trees, read_trees
from trivium.maintenance.records import Fleet

__all__ = ["Stack", "held_out"]

_FOLDS = 5
_LINEAR: Mapping[str, Any] = {"linear_tree": True, "linear_lambda": 1.0, "count": 120}
_CONSTANT: Mapping[str, Any] = {"count": 200}


@dataclass(frozen=True, slots=True)
class Stack:
    """Second trees.

    Args:
        life: with linear and with constant leaves; the prediction is their mean with the first trees'.
        risk: probability of failing within the horizon.
    """

    life: tuple[lightgbm.Booster, ...]
    risk: lightgbm.Booster

    @classmethod
    def fit(
        cls, first: np.ndarray, fleet: Fleet, target: np.ndarray, within: np.ndarray, rows: np.ndarray, seed: int
    ) -> Stack:
        """Learn from the first predictions at some rows.

        Args:
            first: (N,), by `held_out`.
            target: (N,), remaining life up to the cap; read at `rows` only.
            within: (N,) bool, whether the asset fails within the horizon; read at `rows` only.
            rows: (R,) index of the rows of the training assets.
        """
        x = _columns(first, fleet)[rows]
        # Few columns that tell much: small trees with broad leaves.
        leaf = min(300, max(20, len(rows) // 40))
        small: dict[str, Any] = {"num_leaves": 8, "min_child_samples": leaf, "seed": seed}
        life = tuple(
            fit_trees(x, target[rows], objective="regression", **small, **kind) for kind in (_LINEAR, _CONSTANT)
        )
        risk = fit_trees(x, within[rows].astype(np.float64), objective="binary", **small, **_CONSTANT)
        return cls(life, risk)

    def predict(self, first: np.ndarray, fleet: Fleet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (R,) remaining life and (R,) uncalibrated risk at some rows, from first predictions (N,) of all."""
        x = _columns(first, fleet)[rows]
        life = np.mean([first[rows], *(predict_trees(one, x) for one in self.life)], axis=0)
        return life, predict_trees(self.risk, x)

    def save(self, folder: Path, name: str) -> None:
        """Write the trees as text files that begin with a name."""
        for suffix, trees in zip(("linear", "constant", "risk"), (*self.life, self.risk), strict=True):
            (folder / f"{name}-{suffix}.txt").write_text(trees.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, name: str) -> Stack:
        """Read what `save` wrote."""
        *life, risk = (
            read_trees((folder / f"{name}-{suffix}.txt").read_text(encoding="utf-8"))
            for suffix in ("linear", "constant", "risk")
        )
        return cls(tuple(life), risk)


def held_out(
    fit: Callable[[np.ndarray], lightgbm.Booster], x: np.ndarray, group: np.ndarray, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, lightgbm.Booster]:
    """Predict training rows by trees that have not seen their group, other rows by trees that have seen them all.

    Args:
        fit: grows trees from an index of rows.
        x: (N, F).
        group: (N,), rows that belong together: an asset, or a life.
        rows: (R,) index of the training rows.

    Returns:
        (N,) predictions, and the trees that have seen all training rows.
    """
    trees = fit(rows)
    first = predict_trees(trees, x)
    for learn, judge in asset_folds(group[rows], _FOLDS, seed):
        first[rows[judge]] = predict_trees(fit(rows[learn]), x[rows[judge]])
    return first, trees


def _columns(first: np.ndarray, fleet: Fleet) -> np.ndarray:
    return np.hstack([fleet.stretch_age[:, None], trend_columns(first[:, None], fleet.stretch)])
