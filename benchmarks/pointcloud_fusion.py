"""One detector with both sensors or one, on simulated test frames; half the points, calibration off.

Run: `python benchmarks/pointcloud_fusion.py --weights S1 S2 S3 --device cuda`; without `--weights` the checkpoint that
ships is measured. The frames are those of `simulator/splits.py` (32 and 16 beams, 1,000 each), fixed before any fused
detector was trained; `--count` takes that many of each kind. Same objects count for all: see `PairedSplit`. AP is by
centre distance within 2 m, mean of vehicles, pedestrians and cyclists. Intervals: 95 %, over frames drawn anew, means
of the checkpoints.
"""

from __future__ import annotations

import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from setting import arguments, setting, verdict

from trivium.pointcloud.detector.measure_fusion import (
    CONDITIONS,
    RULES,
    Scored,
    joined,
    mean_precision,
    resampled_precision,
    score,
)
from trivium.pointcloud.detector.weights import SHIPPED_FUSED
from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.simulator.splits import PAIRED_SPLITS, digest

OVER_CAMERA, OVER_LIDAR, HALF_LOSS, CALIBRATION_LOSS = 1.18, 3.0, 0.10, 0.15
DRAWS = 100
Scores = dict[str, dict[str, list[Scored]]]


def main() -> int:
    """Score every checkpoint, print the table, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", default=[SHIPPED_FUSED])
    parser.add_argument("--split", choices=tuple(PAIRED_SPLITS), default="paired_test")
    parser.add_argument("--count", type=int, help="frames of each kind; all if not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a checkpoint and a kind of frame")
    options = parser.parse_args()
    print(setting(("torch", "numpy"), options.seed))
    parts = [(path, kind) for path in options.weights for kind in range(len(PAIRED_SPLITS[options.split].configs))]
    work = partial(_score, name=options.split, count=options.count, device=options.device, seed=options.seed)
    if options.jobs == 1:
        scored = [work(part) for part in parts]
    else:
        with ProcessPoolExecutor(
            options.jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            scored = list(pool.map(work, parts))
    each = len(parts) // len(options.weights)
    runs = [_joined(scored[first : first + each]) for first in range(0, len(parts), each)]
    frames = len(runs[0]["both"][RULES[0]][0].objects)
    kinds = ", ".join(config.pattern for config in PAIRED_SPLITS[options.split].configs)
    print(f"{options.split} {digest(options.split)}: {frames} frames ({kinds}), {len(runs)} checkpoints")
    draws = np.random.default_rng(options.seed).multinomial(frames, np.full(frames, 1 / frames), size=DRAWS)
    means = {rule: _table(runs, rule, draws) for rule in RULES}
    return _judge(means[RULES[0]])


def _score(part: tuple[Path, int], *, name: str, count: int | None, device: str, seed: int) -> Scores:
    """Score one checkpoint on the frames of one kind."""
    return score(part[0], name, kind=part[1], count=count, device=device, seed=seed)


def _joined(parts: list[Scores]) -> Scores:
    """Return scores on frames of some kinds as one."""
    return {
        condition: {rule: [joined(list(one)) for one in zip(*(part[condition][rule] for part in parts), strict=True)]
                    for rule in RULES}
        for condition in parts[0]
    }  # fmt: skip


def _table(runs: list[Scores], rule: str, draws: np.ndarray) -> dict[str, float]:
    objects = [int(one.objects.sum()) for one in runs[0]["both"][rule]]
    counted = ", ".join(f"{count} {name}" for count, name in zip(objects, CLASSES, strict=True))
    print(f"objects that count by {rule}: {counted}")
    resampled = {
        condition: np.mean([resampled_precision(run[condition][rule], draws) for run in runs], axis=0)
        for condition in CONDITIONS
    }
    means = {}
    for condition in CONDITIONS:
        each = [mean_precision(run[condition][rule]) for run in runs]
        by_class = [statistics.fmean(run[condition][rule][kind].precision() for run in runs) for kind in range(3)]
        means[condition] = statistics.fmean(each)
        low, high = np.percentile(resampled[condition], (2.5, 97.5))
        print(
            f"  {condition:25} mAP {means[condition]:5.1f} ({low:.1f} to {high:.1f}); checkpoints "
            f"{' '.join(f'{one:.1f}' for one in each)}; {' '.join(f'{one:.1f}' for one in by_class)}"
        )
    gain = resampled["both"] - resampled["lidar"]
    times = resampled["both"] / np.maximum(resampled["camera"], 1e-9)
    for text, found, values in (
        ("both less LiDAR alone, points", means["both"] - means["lidar"], gain),
        ("both over camera alone", means["both"] / max(means["camera"], 1e-9), times),
    ):
        low, high = np.percentile(values, (2.5, 97.5))
        print(f"  {text}: {found:.2f} ({low:.2f} to {high:.2f})")
    return means


def _judge(means: dict[str, float]) -> int:
    both = means["both"]
    gain, times = both - means["lidar"], both / max(means["camera"], 1e-9)
    half, wrong = (1 - means[one] / both for one in ("half the points", "calibration off"))
    is_good = times >= OVER_CAMERA and gain >= OVER_LIDAR and half <= HALF_LOSS and wrong <= CALIBRATION_LOSS
    return verdict(
        is_good,
        f"fused {both:.1f} = {times:.2f} x camera (target {OVER_CAMERA}), LiDAR {gain:+.1f} (+{OVER_LIDAR:.0f}); "
        f"half the points {half:.1%} lost ({HALF_LOSS:.0%}), calibration off {wrong:.1%} ({CALIBRATION_LOSS:.0%})",
    )


if __name__ == "__main__":
    sys.exit(main())
