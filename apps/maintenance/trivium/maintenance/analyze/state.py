"""Probability that a row is a failure, from a table with labels: candidates, the choice, and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from trivium.maintenance.analyze.calibrate import Logistic, log_odds
from trivium.maintenance.analyze.folds import asset_folds, block_folds, class_folds
from trivium.maintenance.analyze.forest import Forest
from trivium.maintenance.analyze.measures import average_precision, best_f1, brier, calibration_error
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.analyze.rows import RowFeatures
from trivium.maintenance.analyze.trees import fit_trees, predict_trees, read_trees, tree_contributions
from trivium.maintenance.records import Fleet

__all__ = ["CANDIDATES", "StateModel", "cross_validate", "fit_state", "measures_of"]

Progress = Callable[[float], None]

# Candidate: the models whose probabilities are averaged.
CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "trees": ("trees",),
    "forest": ("forest",),
    "trees and forest": ("trees", "forest"),
}
FOLDS = 5
MAX_FOREST_ROWS = 60_000
_TREES: dict[str, Any] = {"count": 150, "learning_rate": 0.05, "min_child_samples": 20, "colsample_bytree": 0.8}
_FOREST: dict[str, Any] = {"count": 300, "min_leaf": 1, "share": 0.5}


@dataclass(frozen=True, slots=True)
class StateModel:
    """A fitted model.

    Args:
        kind: the candidate that was chosen.
        features: how rows become columns.
        trees, forest: its parts; None where the candidate has no such part.
        calibration: from the log odds of the mean probability.
        threshold: the calibrated probability at which F1 was highest out of fold.
    """

    kind: str
    features: RowFeatures
    trees: lightgbm.Booster | None
    forest: Forest | None
    calibration: Logistic
    threshold: float

    def predict(self, fleet: Fleet) -> np.ndarray:
        """Return (N,), the calibrated probability that each row is a failure."""
        x = self.features.transform(fleet)
        parts = [] if self.trees is None else [predict_trees(self.trees, x)]
        if self.forest is not None:
            parts.append(self.forest.predict(_filled(x)))
        return self.calibration.probability(log_odds(np.mean(parts, axis=0))[:, None])

    def contributions(self, fleet: Fleet, rows: np.ndarray) -> np.ndarray:
        """Return (R, S): each sensor's share in the log odds of the trees; a forest alone says nothing, zeros."""
        if self.trees is None:
            return np.zeros((len(rows), len(self.features.sensors)))
        return self.features.by_sensor(tree_contributions(self.trees, self.features.transform(fleet)[rows]))

    def save(self, folder: Path) -> dict[str, Any]:
        """Write trees and forest; return what `load` needs besides."""
        if self.trees is not None:
            (folder / "state.txt").write_text(self.trees.model_to_string(), encoding="utf-8")
        if self.forest is not None:
            from safetensors.numpy import save_file

            save_file(self.forest.to_arrays(), folder / "state.safetensors")
        return {
            "kind": self.kind,
            "features": self.features.to_json(),
            "calibration": self.calibration.to_json(),
            "threshold": self.threshold,
        }

    @classmethod
    def load(cls, folder: Path, data: Mapping[str, Any]) -> StateModel:
        """Read what `save` wrote.

        Raises:
            OSError, KeyError, TypeError, ValueError: if it is damaged.
        """
        parts = CANDIDATES[data["kind"]]
        trees = read_trees((folder / "state.txt").read_text(encoding="utf-8")) if "trees" in parts else None
        forest = None
        if "forest" in parts:
            from safetensors import SafetensorError
            from safetensors.numpy import load_file

            try:
                forest = Forest(**load_file(folder / "state.safetensors"))
            except SafetensorError as error:
                raise ValueError(str(error)) from error
        calibration = Logistic.from_json(data["calibration"])
        return cls(data["kind"], RowFeatures.from_json(data["features"]), trees, forest, calibration, data["threshold"])


def cross_validate(
    fleet: Fleet, *, seed: int, partial: Partial, progress: Progress, threads: int = 2
) -> tuple[dict[str, np.ndarray], np.ndarray, str]:
    """Predict every labelled row by models that have not seen it, nor its asset or its stretch of time.

    Returns:
        (N,) uncalibrated probabilities by part, NaN for rows without a label; (N,) the fold of each row, -1 without;
        and how rows were split, in words.
    """
    assert fleet.label is not None
    known = np.flatnonzero(np.isfinite(fleet.label))
    folds, how = _folds(fleet, known, seed)
    parts = ("trees", "forest") if len(known) <= MAX_FOREST_ROWS else ("trees",)
    predicted = {part: np.full(len(fleet), np.nan) for part in parts}
    place = np.full(len(fleet), -1)
    done = 0

    def one(number: int) -> dict[str, np.ndarray]:
        learn, judge = (known[rows] for rows in folds[number])
        found = partial.once(f"state seed {seed} fold {number}", lambda: _judge(fleet, learn, judge, parts, seed))
        nonlocal done
        done += 1
        progress(done / len(folds))
        return found

    with ThreadPoolExecutor(threads) as pool:
        for number, found in enumerate(pool.map(one, range(len(folds)))):
            judge = known[folds[number][1]]
            place[judge] = number
            for part in parts:
                predicted[part][judge] = found[part]
    return predicted, place, how


def measures_of(
    fleet: Fleet, predicted: Mapping[str, np.ndarray], place: np.ndarray
) -> tuple[str, dict[str, float], np.ndarray]:
    """Choose the candidate with the highest average precision, and measure the choice.

    Choice, calibration and threshold that a fold is measured with come from the other folds only.

    Returns:
        The chosen candidate; measures by name; (N,) calibrated probabilities, NaN without a label.
    """
    assert fleet.label is not None
    known = place >= 0
    label = np.where(known, fleet.label, 0.0)
    mean = {
        name: np.mean([predicted[part] for part in parts], axis=0)
        for name, parts in CANDIDATES.items()
        if set(parts) <= set(predicted)
    }
    scores = {name: average_precision(each[known], label[known]) for name, each in mean.items()}
    chosen = max(scores, key=lambda name: scores[name])
    probability, alarm = np.full(len(label), np.nan), np.zeros(len(label), bool)
    for fold in np.unique(place[known]):
        here, others = place == fold, known & (place != fold)
        name = max(mean, key=lambda name: average_precision(mean[name][others], label[others]))
        odds = log_odds(mean[name])[:, None]
        calibration = Logistic.fit(odds[others], label[others])
        probability[here] = calibration.probability(odds[here])
        alarm[here] = probability[here] >= best_f1(calibration.probability(odds[others]), label[others])[1]
    failed, raised = label[known] > 0, alarm[known]
    precision, recall = (failed & raised).sum() / max(raised.sum(), 1), (failed & raised).sum() / max(failed.sum(), 1)
    measured = {f"average precision, {name}": score for name, score in scores.items()}
    return (
        chosen,
        measured
        | {
            "average precision": average_precision(probability[known], label[known]),
            "f1": float(2 * precision * recall / max(precision + recall, 1e-12)),
            "precision": float(precision),
            "recall": float(recall),
            "brier": brier(probability[known], label[known]),
            "calibration error": calibration_error(probability[known], label[known]),
        },
        probability,
    )


def fit_state(
    fleet: Fleet, kind: str, predicted: Mapping[str, np.ndarray], place: np.ndarray, *, seed: int
) -> StateModel:
    """Fit the chosen candidate on all labelled rows, calibration and threshold on the out-of-fold predictions."""
    assert fleet.label is not None
    known = np.flatnonzero(place >= 0)
    label = fleet.label[known]
    features = RowFeatures.fit(fleet, known, seed)
    x = features.transform(fleet)[known]
    parts = CANDIDATES[kind]
    odds = log_odds(np.mean([predicted[part][known] for part in parts], axis=0))[:, None]
    calibration = Logistic.fit(odds, label)
    return StateModel(
        kind,
        features,
        _fit_trees(x, label, seed) if "trees" in parts else None,
        _fit_forest(x, label, seed) if "forest" in parts else None,
        calibration,
        best_f1(calibration.probability(odds), label)[1],
    )


def _folds(fleet: Fleet, known: np.ndarray, seed: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    assert fleet.label is not None
    label, asset = fleet.label[known], fleet.asset[known]
    if len(np.unique(asset[label > 0])) >= FOLDS:
        return asset_folds(asset, FOLDS, seed), "by asset"
    if fleet.is_series:
        return block_folds(label, FOLDS), "by stretches of time"
    return class_folds(label, FOLDS, seed), "at random, each with the same share of failures"


def _judge(
    fleet: Fleet, learn: np.ndarray, judge: np.ndarray, parts: tuple[str, ...], seed: int
) -> dict[str, np.ndarray]:
    assert fleet.label is not None
    features = RowFeatures.fit(fleet, learn, seed)
    x, label = features.transform(fleet), fleet.label[learn]
    found = {"trees": predict_trees(_fit_trees(x[learn], label, seed), x[judge])}
    if "forest" in parts:
        found["forest"] = _fit_forest(x[learn], label, seed).predict(_filled(x[judge]))
    return found


def _fit_trees(x: np.ndarray, label: np.ndarray, seed: int) -> lightgbm.Booster:
    return fit_trees(x, label, objective="binary", seed=seed, **_TREES)


def _fit_forest(x: np.ndarray, label: np.ndarray, seed: int) -> Forest:
    return Forest.fit(_filled(x), label, seed=seed, **_FOREST)


def _filled(x: np.ndarray) -> np.ndarray:
    """Return x with a value far below all others where one is missing: a forest can then split it off."""
    return np.where(np.isfinite(x), x, -1e30)
