"""Remaining life on C-MAPSS: our recipe against the usual LightGBM recipe in the same folds; `--test` reads the truth.

Cross-validation is grouped by engine and cuts each training engine off at lengths of the test file's histories, which
need no truth. Errors are against remaining life capped at 125 cycles. On FD002 both recipes learn from FD001's training
engines as well, which are not judged there. `--test` predicts the test file with the shipped model and compares with
the published truth; it does so once per release, and adds a line to docs/maintenance-test-log.md.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from setting import DATA, arguments, setting, verdict

from trivium.maintenance import pipeline
from trivium.maintenance.analyze import life
from trivium.maintenance.analyze.histories import Histories, histories
from trivium.maintenance.analyze.measures import nasa_score, rmse
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.parse.further import with_further
from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.records import CMAPSS_CAP, Fleet

LOG = Path(__file__).resolve().parents[1] / "docs" / "maintenance-test-log.md"
FILES = {
    "FD001": ("train_FD001.txt", "test_FD001.txt", "RUL_FD001.txt"),
    "FD002": ("train_FD002_first85units.txt", "test_FD002_first128units.txt", "RUL_FD002_first128units.txt"),
}
# FD002's part has few engines; those of FD001 wear out in the same way, in one of its six conditions.
ALSO = {"FD001": (), "FD002": ("train_FD001.txt",)}
MIN_GAIN = 0.05


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--fleet", choices=sorted(FILES), default="FD001")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions of the cross-validation, from --seed on")
    parser.add_argument("--partial", type=Path, help="folder that keeps finished folds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", type=int, default=0, metavar="EPOCHS", help="also judge the network; wants a GPU")
    parser.add_argument("--test", action="store_true", help="predict the test file with the shipped model, and log it")
    options = parser.parse_args()
    folder = DATA / "maintenance" / "cmapss"
    if not folder.is_dir():
        sys.exit(f"no C-MAPSS files at {folder}; docs/data.md says where to get them")
    print(setting(("lightgbm", "numpy"), options.seed))
    if options.test:
        return read_test(folder, options.fleet)
    train, test, _ = (folder / name for name in FILES[options.fleet])
    own = read_file(train)
    fleet = with_further(own, [folder / name for name in ALSO[options.fleet]])
    lives = histories(fleet)
    lengths = np.bincount(read_file(test).asset)
    found = []
    for seed in range(options.seed, options.seed + options.seeds):
        partial = Partial(options.partial, f"{fleet.sha256} test lengths")
        judged = life.cross_validate(
            fleet,
            lives,
            pipeline.HORIZON,
            seed=seed,
            partial=partial,
            progress=lambda share: None,
            lengths=lengths,
            with_usual=True,
            threads=options.threads,
            num_judged=len(own.asset_names),
        )
        found.append(one_seed(fleet, lives, judged, seed))
        if options.network:
            judge_network(fleet, lives, judged, seed, options.network)
    return conclude(options.fleet, found)


def one_seed(fleet: Fleet, lives: Histories, judged: life.OutOfFold, seed: int) -> dict[str, float]:
    chosen, measured = life.measures_of(fleet, lives, pipeline.HORIZON, judged)
    usual = measured[f"rmse, {life.USUAL}"]
    measured["gain"] = 1 - measured["rmse"] / usual
    errors = ", ".join(f"{name} {measured[f'rmse, {name}']:.3f}" for name in judged.life)
    print(
        f"seed {seed}: rmse {errors}; chosen {chosen}, nested {measured['rmse']:.3f}, {measured['gain']:.1%} lower",
        flush=True,
    )
    print(
        f"        AP within 30 {measured['average precision']:.4f}, Brier {measured['brier']:.4f}, "
        f"ECE {measured['calibration error']:.4f}; 90 % band covers {measured['coverage']:.3f}, "
        f"width {measured['width']:.1f}",
        flush=True,
    )
    return measured


def judge_network(fleet: Fleet, lives: Histories, judged: life.OutOfFold, seed: int, epochs: int) -> None:
    """Train the network in the same folds; print its error and that of its mean with the trees."""
    import torch

    from trivium.maintenance.analyze.degradation import DegradationFeatures
    from trivium.maintenance.network.channels import channels
    from trivium.maintenance.network.model import NetworkConfig
    from trivium.maintenance.network.train import Schedule, fit_network, predict_network

    device = "cuda" if torch.cuda.is_available() else "cpu"
    within = (lives.remaining <= pipeline.HORIZON).astype(np.float64)
    predicted = np.empty(len(judged.rows))
    for fold in np.unique(judged.fold):
        here = judged.fold == fold
        learn = np.flatnonzero(~np.isin(fleet.asset, fleet.asset[judged.rows[here]]))
        features = DegradationFeatures.fit(fleet, lives.capped, learn, seed)
        columns = channels(fleet, features, learn)
        model = fit_network(
            columns,
            fleet.starts,
            learn,
            lives.capped / lives.cap,
            within,
            NetworkConfig(num_channels=columns.shape[1]),
            Schedule(epochs=epochs),
            seed=seed,
            device=device,
        )
        said = predict_network(model, columns, fleet.starts, judged.rows[here])
        predicted[here] = np.clip(said[:, 0], 0, 1) * lives.cap
    truth = lives.capped[judged.rows]
    best = min(life.CANDIDATES, key=lambda name: rmse(judged.life[name], truth))
    both = rmse((predicted + judged.life[best]) / 2, truth)
    print(f"        network on {device}: rmse {rmse(predicted, truth):.3f}, mean with {best} {both:.3f}", flush=True)


def conclude(name: str, found: list[dict[str, float]]) -> int:
    mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    gains = np.array([one["gain"] for one in found])
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
    is_good = (
        mean["gain"] >= MIN_GAIN
        and mean["average precision"] >= 0.985
        and 0.87 <= mean["coverage"] <= 0.93
        and mean["width"] <= 28
    )
    return verdict(
        is_good,
        f"{name}, {len(found)} seeds: capped RMSE {mean['rmse']:.3f}, {mean['gain']:.1%} (s.e. {error:.1%}) lower than "
        f"the usual recipe's {mean[f'rmse, {life.USUAL}']:.3f}; AP {mean['average precision']:.4f}, "
        f"coverage {mean['coverage']:.3f}, width {mean['width']:.1f}",
    )


def read_test(folder: Path, name: str) -> int:
    _, test, truth = (folder / file for file in FILES[name])
    predictions = pipeline.predict(test, None)
    columns = {column: place for place, column in enumerate(predictions.columns)}
    predicted = np.array([float(row[columns["rul"]]) for row in predictions.rows])
    low, high = (np.array([float(row[columns[end]]) for row in predictions.rows]) for end in ("rul_low", "rul_high"))
    true = np.loadtxt(truth)
    capped = np.minimum(true, CMAPSS_CAP)
    line = (
        f"RMSE raw {rmse(predicted, true):.2f}, capped {rmse(predicted, capped):.2f}; NASA score raw "
        f"{nasa_score(predicted, true):.0f}, capped {nasa_score(predicted, capped):.0f}; 90 % band covers "
        f"{np.mean((low <= capped) & (capped <= high)):.3f} of capped truth, width {np.mean(high - low):.1f}"
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=LOG.parent, capture_output=True, text=True, check=True
    ).stdout.strip()
    with LOG.open("a", encoding="utf-8") as stream:
        stream.write(f"| {datetime.now(UTC):%Y-%m-%d} | {commit} | {name} | {predictions.rows[0][-1]} | {line} |\n")
    limits = {"FD001": (11.8, 10.8), "FD002": (np.inf, 11.0)}[name]
    is_good = rmse(predicted, true) <= limits[0] and rmse(predicted, capped) <= limits[1]
    return verdict(is_good, f"{name} test, {len(true)} engines: {line}")


if __name__ == "__main__":
    sys.exit(main())
