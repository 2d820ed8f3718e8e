"""AI4I 2020: failures of a flat table by stratified cross-validation, out of fold, beside the rules it was made by.

The published rules are printed as a baseline that needs no learning; no threshold of theirs is used anywhere else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from setting import DATA, arguments, setting, verdict

from trivium.maintenance.analyze import state
from trivium.maintenance.analyze.interactions import describe
from trivium.maintenance.analyze.leaks import without_leaks
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.analyze.rows import RowFeatures
from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.records import Fleet


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="repetitions of the cross-validation, from --seed on")
    parser.add_argument("--partial", type=Path, help="folder that keeps finished folds")
    options = parser.parse_args()
    path = DATA / "maintenance" / "ai4i2020" / "ai4i2020_open.csv"
    if not path.is_file():
        sys.exit(f"no AI4I table at {path}; docs/data.md says where to get it")
    print(setting(("lightgbm", "scikit-learn"), options.seed))
    fleet = without_leaks(read_file(path))
    print("no features:", "; ".join(one.column for one in fleet.refused))
    print("rules, no learning: precision {:.3f}, recall {:.3f}, F1 {:.3f}".format(*rules(fleet)))
    found = RowFeatures.fit(fleet, np.arange(len(fleet)), options.seed).interactions
    print("found by search:", "; ".join(map(describe, found)))
    scores = []
    for seed in range(options.seed, options.seed + options.seeds):
        partial = Partial(options.partial, f"{fleet.sha256} {state.CANDIDATES}")
        predicted, place, _ = state.cross_validate(fleet, seed=seed, partial=partial, progress=lambda share: None)
        chosen, measured, _ = state.measures_of(fleet, predicted, place)
        print(
            f"seed {seed}: {chosen}; " + ", ".join(f"{name} {value:.4f}" for name, value in measured.items()),
            flush=True,
        )
        scores.append((measured["average precision"], measured["f1"], measured["calibration error"]))
    precision, f1, error = np.mean(scores, axis=0)
    text = f"PR-AUC {precision:.4f} (target 0.90), F1 {f1:.4f} (target 0.88), ECE {error:.4f}, {len(scores)} seeds"
    return verdict(precision >= 0.90 and f1 >= 0.88, text)


def rules(fleet: Fleet) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the rules in Matzka's paper, random tool failures left out."""
    value = {sensor.name: fleet.values[:, place] for place, sensor in enumerate(fleet.sensors)}
    heat = (value["Process temperature"] - value["Air temperature"] < 8.6) & (value["Rotational speed"] < 1380)
    power = value["Torque"] * value["Rotational speed"] * 2 * np.pi / 60
    limit = np.array([{"L": 11000, "M": 12000, "H": 13000}[kind] for kind in fleet.categories["Type"]])
    alarm = heat | (power < 3500) | (power > 9000) | (value["Tool wear"] * value["Torque"] > limit)
    assert fleet.label is not None
    failed = fleet.label > 0
    precision, recall = (alarm & failed).sum() / alarm.sum(), (alarm & failed).sum() / failed.sum()
    return float(precision), float(recall), float(2 * precision * recall / (precision + recall))


if __name__ == "__main__":
    sys.exit(main())
