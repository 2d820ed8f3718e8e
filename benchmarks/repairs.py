"""Remaining life across repairs: windows that go on over the whole machine, and such that end where a life began.

FD001's training engines stand as lives of machines, three in a row, and work orders tell when one ended. Trees of the
first candidate's recipe are judged by cross-validation grouped by machine, on histories cut off ten times a life;
errors are against remaining life up to the cap. Needs the C-MAPSS files that docs/data.md names.
Run: `python benchmarks/repairs.py --seed 1`. Exits with 1 where windows that end with a life are not better.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from setting import DATA, arguments, require_data, setting, verdict

from trivium.maintenance.analyze.degradation import DegradationFeatures
from trivium.maintenance.analyze.folds import asset_folds, cut_rows
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.analyze.measures import rmse
from trivium.maintenance.analyze.trees import fit_trees, predict_trees
from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.records import Fleet

LIVES = 3
CUTS = 10
FOLDS = 5


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="repetitions of the cross-validation, from --seed on")
    options = parser.parse_args()
    print(setting(("lightgbm", "numpy"), options.seed))
    across = machines(read_file(require_data(DATA / "maintenance" / "cmapss") / "train_FD001.txt"))
    ended = replace(across, renewed=np.zeros(len(across), bool))  # the orders are all failures
    errors = []
    for seed in range(options.seed, options.seed + options.seeds):
        errors.append([judged(fleet, seed) for fleet in (across, ended)])
        print(f"seed {seed}: rmse across repairs {errors[-1][0]:.3f}, windows that end with a life {errors[-1][1]:.3f}")
    before, after = np.mean(errors, axis=0)
    seeds = f"{options.seeds} seed{'s' if options.seeds > 1 else ''}"
    text = f"{seeds}, {len(across.asset_names)} machines of {LIVES} lives: capped RMSE {after:.3f} with "
    text += f"windows that end where a life began, {before:.3f} across repairs, {1 - after / before:.1%} lower"
    return verdict(after < before, text)


def machines(engines: Fleet) -> Fleet:
    """Put engines that ran to failure behind each other, `LIVES` a machine; the last row of each is its failure."""
    whole = len(engines.asset_names) // LIVES
    rows = np.flatnonzero(engines.asset < whole * LIVES)
    machine = engines.asset[rows] // LIVES
    time = np.concatenate([np.arange(1.0, count + 1) for count in np.bincount(machine)])
    failed = np.r_[engines.asset[rows][1:] != engines.asset[rows][:-1], True]
    return replace(
        engines, layout="csv", asset=machine, asset_names=tuple(f"M{place + 1}" for place in range(whole)),
        values=engines.values[rows], settings=engines.settings[rows], order=engines.order[rows], time=time,
        time_texts=(), label=failed.astype(np.float64), label_name="failure",
    )  # fmt: skip


def judged(fleet: Fleet, seed: int) -> float:
    """Return the error at cut histories of machines that the trees have not seen."""
    lives = histories(fleet)
    known, capped = lives.known, lives.capped
    rows = known[cut_rows(lives.life[known], CUTS, seed)]
    told = np.empty(len(rows))
    for learn, judge in asset_folds(fleet.asset[known], FOLDS, seed):
        features = DegradationFeatures.fit(fleet, capped, known[learn], seed)
        x = features.transform(fleet)
        trees = fit_trees(x[known[learn]], capped[known[learn]], objective="regression", seed=seed)
        here = np.isin(rows, known[judge])
        told[here] = np.clip(predict_trees(trees, x[rows[here]]), 0.0, lives.cap)
    return rmse(told, capped[rows])


if __name__ == "__main__":
    sys.exit(main())
