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
from trivium.maintenance.analyze.stacking import Stack, held_out
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

_LINEAR: Mapping[str, Any] = {"linear_tree": True, "linear_lambda": 1.0, "count": 150}
STACKED = "stacked linear-leaf trees"
# LightGBM's parameters of each candidate, of its first trees where it is stacked. The usual recipe has features of its
# own; it is the peer.
CANDIDATES: Mapping[str, Mapping[str, Any]] = {"trees": {}, "linear-leaf trees": _LINEAR, STACKED: _LINEAR}
USUAL = "usual rolling trees"
CUTS = 10
FOLDS = 5
COVERAGE = 0.9
_RISK = ", risk"


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models say of rows whose assets they have not seen.

    Args:
        rows: (R,), at which histories were cut, with repetition.
        life: (R,) predictions by candidate, and by the peer.
        risk: (R,) uncalibrated probability of failing within the horizon, by candidate.
        fold: (R,), which fold judged the row.
    """

    rows: np.ndarray
    life: Mapping[str, np.ndarray]
    risk: Mapping[str, np.ndarray]
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
        trees: for remaining life, one or several that differ by their seed.
        stacks: that go on from each of them; none for a candidate that is not stacked.
        risk_trees: for failing within the horizon, from the sensors: the risk where there are no stacks, and the
            reasons in any case.
        band: of the interval.
        calibration: of the risk, from both models' outputs.
        cap, horizon: in `unit`.
    """

    kind: str
    features: DegradationFeatures
    trees: tuple[lightgbm.Booster, ...]
    stacks: tuple[Stack, ...]
    risk_trees: lightgbm.Booster
    band: Band
    calibration: Logistic
    cap: float
    horizon: float
    unit: str

    def predict(self, fleet: Fleet, rows: np.ndarray) -> LifePrediction:
        """Predict at some rows from what came before them."""
        x = self.features.transform(fleet)
        if self.stacks:
            pairs = zip(self.trees, self.stacks, strict=True)
            told = [stack.predict(predict_trees(trees, x), fleet, rows) for trees, stack in pairs]
            life, score = np.mean(told, axis=0)
        else:
            life = np.mean([predict_trees(one, x[rows]) for one in self.trees], axis=0)
            score = predict_trees(self.risk_trees, x[rows])
        life = np.clip(life, 0.0, self.cap)
        low, high = self.band.around(life, self.cap)
        risk = self.calibration.probability(_risk_columns(life, score, self.cap))
        return LifePrediction(life, low, high, risk)

    def contributions(self, fleet: Fleet, rows: np.ndarray) -> np.ndarray:
        """Return (R, S): each sensor's share in the risk at some rows, in log odds, as trees on the sensors see it."""
        shares = tree_contributions(self.risk_trees, self.features.transform(fleet)[rows])
        return self.features.by_sensor(fleet, rows, shares)

    def save(self, folder: Path) -> dict[str, object]:
        """Write the trees; return what `load` needs besides, for `model.json`."""
        for number, one in enumerate(self.trees):
            (folder / f"life-{number}.txt").write_text(one.model_to_string(), encoding="utf-8")
        for number, stack in enumerate(self.stacks):
            stack.save(folder, f"stack-{number}")
        (folder / "risk.txt").write_text(self.risk_trees.model_to_string(), encoding="utf-8")
        return {
            "kind": self.kind,
            "features": self.features.to_json(),
            "trees": len(self.trees),
            "stacks": len(self.stacks),
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
            tuple(Stack.load(folder, f"stack-{number}") for number in range(stored.get("stacks", 0))),
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
    num_judged: int | None = None,
) -> OutOfFold:
    """Predict every asset by models that have not seen it, at rows where its history is cut off.

    Args:
        horizon: of the risk, in the unit of the lives.
        partial: keeps finished folds, so that a run that was cut off goes on.
        lengths: of a test set's histories; see `cut_rows`.
        with_usual: also judge `USUAL`, the peer.
        threads: folds computed at a time.
        num_judged: assets, the first ones; every fold learns from those after them. None judges all.
    """
    is_judged = fleet.asset[lives.known] < (len(fleet.asset_names) if num_judged is None else num_judged)
    known, further = lives.known[is_judged], lives.known[~is_judged]
    rows = known[cut_rows(lives.life[known], CUTS, seed, lengths)]
    group = _groups(fleet, lives)
    folds = asset_folds(group[known], FOLDS, seed)
    done = 0

    def one(number: int) -> dict[str, np.ndarray]:
        learn = np.concatenate([known[folds[number][0]], further])
        judge = rows[np.isin(rows, known[folds[number][1]])]
        found = partial.once(
            f"{list(CANDIDATES)} seed {seed} fold {number}",
            lambda: _judge(fleet, lives, horizon, learn, judge, seed, with_usual),
        )
        nonlocal done
        done += 1
        progress(done / len(folds))
        return found

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, range(len(folds))))
    joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    number = np.concatenate([np.full(len(each["rows"]), index) for index, each in enumerate(found)])
    by_name = {name: values for name, values in joined.items() if name != "rows" and not name.endswith(_RISK)}
    return OutOfFold(joined["rows"], by_name, {name: joined[name + _RISK] for name in CANDIDATES}, number)


def fit_life(
    fleet: Fleet, lives: Histories, horizon: float, kind: str, judged: OutOfFold, *, seed: int, copies: int = 2
) -> LifeModel:
    """Fit the chosen candidate on all assets; interval and calibration come from the out-of-fold predictions."""
    known, capped = lives.known, lives.capped
    features = DegradationFeatures.fit(fleet, capped, known, seed)
    x, within = features.transform(fleet), lives.remaining <= horizon
    grown = [_grow(kind, x, fleet, lives, within, known, seed + copy) for copy in range(copies)]
    stacks = tuple(stack for _, stack, _ in grown if stack is not None)
    risk_trees = _fit_risk(x[known], within[known], seed)
    predicted, truth = judged.life[kind], capped[judged.rows]
    band = Band.fit(predicted, truth, fleet.asset[judged.rows], COVERAGE, lives.cap)
    columns = _risk_columns(predicted, judged.risk[kind], lives.cap)
    calibration = Logistic.fit(columns, within[judged.rows].astype(np.float64))
    trees = tuple(trees for trees, _, _ in grown)
    return LifeModel(kind, features, trees, stacks, risk_trees, band, calibration, lives.cap, horizon, lives.unit)


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
        asset = fleet.asset[judged.rows]
        band = Band.fit(judged.life[name][others], truth[others], asset[others], COVERAGE, lives.cap)
        low[here], high[here] = band.around(nested[here], lives.cap)
        columns = _risk_columns(judged.life[name], judged.risk[name], lives.cap)
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
    capped, within = lives.capped, lives.remaining <= horizon
    features = DegradationFeatures.fit(fleet, capped, learn, seed)
    x = features.transform(fleet)
    found = {}
    if with_usual:
        usual = usual_rolling(fleet, features.conditions)
        trees = fit_trees(usual[learn], capped[learn], objective="regression", seed=seed)
        found[USUAL] = predict_trees(trees, usual[judge])
    risk = predict_trees(_fit_risk(x[learn], within[learn], seed), x[judge])
    for name in CANDIDATES:
        trees, stack, first = _grow(name, x, fleet, lives, within, learn, seed)
        if stack is None:
            found[name], found[name + _RISK] = predict_trees(trees, x[judge]), risk
        else:
            found[name], found[name + _RISK] = stack.predict(first, fleet, judge)
    held = {name: told if name.endswith(_RISK) else np.clip(told, 0.0, lives.cap) for name, told in found.items()}
    return held | {"rows": judge}


def _grow(
    name: str, x: np.ndarray, fleet: Fleet, lives: Histories, within: np.ndarray, rows: np.ndarray, seed: int
) -> tuple[lightgbm.Booster, Stack | None, np.ndarray]:
    """Fit a candidate on some rows: its first trees, the stack on them if it has one, and what that goes on from."""

    def fit(learn: np.ndarray) -> lightgbm.Booster:
        return fit_trees(x[learn], lives.capped[learn], objective="regression", seed=seed, **CANDIDATES[name])

    if name != STACKED:
        return fit(rows), None, np.empty(0)
    first, trees = held_out(fit, x, _groups(fleet, lives), rows, seed)
    return trees, Stack.fit(first, fleet, lives.capped, within, rows, seed), first


def _groups(fleet: Fleet, lives: Histories) -> np.ndarray:
    """Return (N,): rows that are never split between learning and judging, assets or, where there are few, lives."""
    return fleet.asset if len(np.unique(fleet.asset[lives.known])) >= FOLDS else lives.life


def _fit_risk(x: np.ndarray, within: np.ndarray, seed: int) -> lightgbm.Booster:
    return fit_trees(x, within.astype(np.float64), objective="binary", seed=seed, count=200)


def _risk_columns(life: np.ndarray, risk: np.ndarray, cap: float) -> np.ndarray:
    return np.column_stack([life / cap, log_odds(risk)])
