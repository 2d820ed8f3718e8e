"""Gradient-boosted trees (LightGBM, Ke et al. 2017), the same on every run with the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

__all__ = ["USUAL", "fit_trees", "predict_trees", "read_trees", "tree_contributions"]

USUAL: Mapping[str, Any] = {
    "num_leaves": 15,
    "learning_rate": 0.03,
    "min_child_samples": 100,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.5,
}


def fit_trees(
    x: np.ndarray,
    target: np.ndarray,
    *,
    objective: str,
    seed: int,
    count: int = 300,
    weight: np.ndarray | None = None,
    threads: int = 1,
    **parameters: Any,
) -> lightgbm.Booster:
    """Grow trees.

    Args:
        x: (N, F), NaN where a value is missing.
        target: (N,).
        objective: `regression` (squared error) or `binary` (log loss, predicts a probability).
        count: how many trees.
        weight: (N,) of the rows.
        parameters: LightGBM's, over `USUAL`.
    """
    fixed = {"objective": objective, "seed": seed, "num_threads": threads}
    quiet = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    data = lightgbm.Dataset(x, target, weight=weight, free_raw_data=True)
    return lightgbm.train({**USUAL, **parameters, **fixed, **quiet}, data, count)


def predict_trees(trees: lightgbm.Booster, x: np.ndarray) -> np.ndarray:
    """Return (N,): the value, or the probability of trees for `binary`."""
    return np.asarray(trees.predict(x, num_threads=1))


def tree_contributions(trees: lightgbm.Booster, x: np.ndarray) -> np.ndarray:
    """Return (N, F): each feature's share in the raw output (Shapley values), without the mean."""
    return np.asarray(trees.predict(x, num_threads=1, pred_contrib=True))[:, :-1]


def read_trees(text: str) -> lightgbm.Booster:
    """Read trees that `model_to_string` wrote.

    Raises:
        ValueError: if they are not whole. LightGBM itself would end the process at some of these.
    """
    head, _, trees = text.partition("\nTree=")
    trees, end, _ = trees.partition("\nend of trees\n")
    announced = next((line for line in head.splitlines() if line.startswith("tree_sizes=")), "").split()
    if not end or trees.count("\nTree=") + 1 != len(announced):
        raise ValueError("the trees are cut short")
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(str(error)) from error
