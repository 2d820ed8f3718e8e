"""Remaining life: what predicts it, how that is chosen, and the model that comes of it.

Candidates are judged by cross-validation grouped by asset, at rows where histories are cut off like a test asset's.
The same out-of-fold predictions give the interval and the calibration. What ships is fitted anew on all assets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from trivium.maintenance.analyze.calibrate import Logistic, log_odds
from trivium.maintenance.analyze.conformal import Band
from trivium.maintenance.analyze.degradation import DegradationFeatures, usual_rolling
from trivium.maintenance.analyze.folds import asset_folds, cut_rows
from trivium.maintenance.analyze.histories import Histories
from trivium.maintenance.analyze.measures import average_precision, brier, calibration_error, rmse
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.analyze.trees import fit_trees, predict_trees, read_trees, tree_contributions
from trivium.maintenance.records import Fleet

__all__ = [
    "CANDIDATES",
    "USUAL",
    "LifeModel",
    "LifePrediction",
    "OutOfFold",
    "cross_validate",
    "fit_life",
    "measures_of",
]

Progress = Callable[[float], None]

# Recipe of each candidate: LightGBM's parameters. The usual recipe has features of its own; it is the peer.
CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "trees": {},
    "linear-leaf trees": {"linear_tree": True, "linear_lambda": 1.0, "count": 150},
}
USUAL = "usual rolling trees"
CUTS = 10
FOLDS = 5
COVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models say of rows whose assets they have not seen.

    Args:
        rows: (R,), at which histories were cut, with repetition.
        life: (R,) predictions by candidate.
        risk: (R,) uncalibrated probability of failing within the horizon.
        fold: (R,), which fold judged the row.
    """

    rows: np.ndarray
    life: Mapping[str, np.ndarray]
    risk: np.ndarray
    fold: np.ndarray


@dataclass(frozen=True, slots=True)
class LifePrediction:
    """Remaining life at some rows, in the unit of the training data.

    Args:
        life, low, high: (R,), within [0, cap]; `high` at the cap means "or more".
        risk: (R,), calibrated probability of failing within the horizon.
    """

    life: np.ndarray
    low: np.ndarray
    high: np.ndarray
    risk: np.ndarray


@dataclass(frozen=True, slots=True)
class LifeModel:
    """A fitted model.

    Args:
        kind: the candidate that was chosen.
        features: how rows become columns.
        trees, risk_trees: for remaining life, and for failing within the horizon.
        band: of the interval.
        calibration: of the risk, from both models' outputs.
        cap, horizon: in `unit`.
    """

    kind: str
    features: DegradationFeatures
    trees: tuple[lightgbm.Booster, ...]
    risk_trees: lightgbm.Booster
    band: Band
    calibration: Logistic
    cap: float
    horizon: float
    unit: str

    def predict(self, fleet: Fleet, rows: np.ndarray) -> LifePrediction:
        """Predict at some rows from what came before them."""
        x = self.features.transform(fleet)[rows]
        life = np.clip(np.mean([predict_trees(one, x) for one in self.trees], axis=0), 0.0, self.cap)
        low, high = self.band.around(life, self.cap)
        risk = self.calibration.probability(_risk_columns(life, predict_trees(self.risk_trees, x), self.cap))
        return LifePrediction(life, low, high, risk)

    def contributions(self, fleet: Fleet, rows: np.ndarray) -> np.ndarray:
        """Return (R, S): each sensor's share in the risk at some rows, in log odds."""
        shares = tree_contributions(self.risk_trees, self.features.transform(fleet)[rows])
        return self.features.by_sensor(fleet, rows, shares)

    def save(self, folder: Path) -> dict[str, object]:
        """Write the trees; return what `load` needs besides, for `model.json`."""
        for number, one in enumerate(self.trees):
            (folder / f"life-{number}.txt").write_text(one.model_to_string(), encoding="utf-8")
        (folder / "risk.txt").write_text(self.risk_trees.model_to_string(), encoding="utf-8")
        return {
            "kind": self.kind,
            "features": self.features.to_json(),
            "trees": len(self.trees),
            "band": self.band.to_json(),
            "calibration": self.calibration.to_json(),
            "cap": self.cap,
            "horizon": self.horizon,
            "unit": self.unit,
        }

    @classmethod
    def load(cls, folder: Path, data: Mapping[str, object]) -> LifeModel:
        """Read what `save` wrote."""
        stored = json.loads(json.dumps(data))
        texts = [(folder / f"life-{number}.txt").read_text(encoding="utf-8") for number in range(stored["trees"])]
        return cls(
            stored["kind"],
            DegradationFeatures.from_json(stored["features"]),
            tuple(map(read_trees, texts)),
            read_trees((folder / "risk.txt").read_text(encoding="utf-8")),
            Band.from_json(stored["band"]),
            Logistic.from_json(stored["calibration"]),
            stored["cap"],
            stored["horizon"],
            stored["unit"],
        )


def cross_validate(
    fleet: Fleet,
    lives: Histories,
    horizon: float,
    *,
    seed: int,
    partial: Partial,
    progress: Progress,
    lengths: np.ndarray | None = None,
    with_usual: bool = False,
    threads: int = 2,
) -> OutOfFold:
    """Predict every asset by models that have not seen it, at rows where its history is cut off.

    Args:
        horizon: of the risk, in the unit of the lives.
        partial: keeps finished folds, so that a run that was cut off goes on.
        lengths: of a test set's histories; see `cut_rows`.
        with_usual: also judge `USUAL`, the peer.
        threads: folds computed at a time.
    """
    known = lives.known
    rows = known[cut_rows(lives.life[known], CUTS, seed, lengths)]
    group = fleet.asset if len(np.unique(fleet.asset[known])) >= FOLDS else lives.life
    folds = asset_folds(group[known], FOLDS, seed)
    done = 0

    def one(number: int) -> dict[str, np.ndarray]:
        learn, judge = known[folds[number][0]], rows[np.isin(rows, known[folds[number][1]])]
        found = partial.once(
            f"seed {seed} fold {number}", lambda: _judge(fleet, lives, horizon, learn, judge, seed, with_usual)
        )
        nonlocal done
        done += 1
        progress(done / len(folds))
        return found

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, range(len(folds))))
    joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    number = np.concatenate([np.full(len(each["rows"]), index) for index, each in enumerate(found)])
    lives_by_name = {name: values for name, values in joined.items() if name not in ("rows", "risk")}
    return OutOfFold(joined["rows"], lives_by_name, joined["risk"], number)


def fit_life(
    fleet: Fleet, lives: Histories, horizon: float, kind: str, judged: OutOfFold, *, seed: int, copies: int = 2
) -> LifeModel:
    """Fit the chosen candidate on all assets; interval and calibration come from the out-of-fold predictions."""
    known, capped = lives.known, lives.capped
    features = DegradationFeatures.fit(fleet, capped, known, seed)
    x = features.transform(fleet)[known]
    trees = tuple(_fit_candidate(kind, x, capped[known], seed + copy) for copy in range(copies))
    risk_trees = _fit_risk(x, lives.remaining[known] <= horizon, seed)
    predicted, truth = judged.life[kind], capped[judged.rows]
    band = Band.fit(predicted, truth, fleet.asset[judged.rows], COVERAGE)
    within = lives.remaining[judged.rows] <= horizon
    calibration = Logistic.fit(_risk_columns(predicted, judged.risk, lives.cap), within.astype(np.float64))
    return LifeModel(kind, features, trees, risk_trees, band, calibration, lives.cap, horizon, lives.unit)


def measures_of(fleet: Fleet, lives: Histories, horizon: float, judged: OutOfFold) -> tuple[str, dict[str, float]]:
    """Choose the candidate with the least error, and measure the choice, the interval and the risk.

    The choice, the interval and the calibration that a fold is measured with come from the other folds only.

    Returns:
        The chosen candidate, and measures by name.
    """
    truth = lives.capped[judged.rows]
    chosen = min(CANDIDATES, key=lambda name: rmse(judged.life[name], truth))
    nested, low, high, risk = (np.empty(len(truth)) for _ in range(4))
    within = (lives.remaining[judged.rows] <= horizon).astype(np.float64)
    for fold in np.unique(judged.fold):
        here, others = judged.fold == fold, judged.fold != fold
        name = min(CANDIDATES, key=lambda name: rmse(judged.life[name][others], truth[others]))
        nested[here] = judged.life[name][here]
        band = Band.fit(judged.life[name][others], truth[others], fleet.asset[judged.rows][others], COVERAGE)
        low[here], high[here] = band.around(nested[here], lives.cap)
        columns = _risk_columns(judged.life[name], judged.risk, lives.cap)
        risk[here] = Logistic.fit(columns[others], within[others]).probability(columns[here])
    measured = {f"rmse, {name}": rmse(predicted, truth) for name, predicted in judged.life.items()}
    return chosen, measured | {
        "rmse": rmse(nested, truth),
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
        "width": float(np.mean(high - low)),
        "average precision": average_precision(risk, within),
        "brier": brier(risk, within),
        "calibration error": calibration_error(risk, within),
    }


def _judge(
    fleet: Fleet,
    lives: Histories,
    horizon: float,
    learn: np.ndarray,
    judge: np.ndarray,
    seed: int,
    with_usual: bool,
) -> dict[str, np.ndarray]:
    """Fit every candidate on rows to learn from; return its predictions at rows to judge on."""
    capped = lives.capped
    features = DegradationFeatures.fit(fleet, capped, learn, seed)
    x = features.transform(fleet)
    found = {}
    if with_usual:
        usual = usual_rolling(fleet, features.conditions)
        trees = fit_trees(usual[learn], capped[learn], objective="regression", seed=seed)
        found[USUAL] = predict_trees(trees, usual[judge])
    for name in CANDIDATES:
        found[name] = predict_trees(_fit_candidate(name, x[learn], capped[learn], seed), x[judge])
    found = {name: np.clip(predicted, 0.0, lives.cap) for name, predicted in found.items()}
    risk = predict_trees(_fit_risk(x[learn], lives.remaining[learn] <= horizon, seed), x[judge])
    return found | {"rows": judge, "risk": risk}


def _fit_candidate(name: str, x: np.ndarray, target: np.ndarray, seed: int) -> lightgbm.Booster:
    return fit_trees(x, target, objective="regression", seed=seed, **CANDIDATES[name])


def _fit_risk(x: np.ndarray, within: np.ndarray, seed: int) -> lightgbm.Booster:
    return fit_trees(x, within.astype(np.float64), objective="binary", seed=seed, count=200)


def _risk_columns(life: np.ndarray, risk: np.ndarray, cap: float) -> np.ndarray:
    return np.column_stack([life / cap, log_odds(risk)])
