"""The shipped detector on simulated test frames: precision, half the points, odd clouds; seconds to boxes; frames made.

Run: `python benchmarks/pointcloud_detector.py --count 100`. The frames are those of `simulator/splits.py`, fixed before
any detector was trained; `--count` takes that many of each of the four kinds (of 500). Latency: 20,000 points of a
street ahead, two threads. Passes when losing half of the points costs no more than 10 % of the mean precision and no
answer holds NaN; latency and the simulator's pace are told beside their targets.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import torch
from setting import arguments, setting, verdict

from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.detector.measure import frames_of, measure
from trivium.pointcloud.detector.weights import SHIPPED
from trivium.pointcloud.simulator.frames import simulate
from trivium.pointcloud.simulator.scenes import SimulatorConfig
from trivium.pointcloud.simulator.splits import SPLITS, digest

POINTS, TARGET_MS, QUICK_MS, PACE_TARGET, LOSS_TARGET = 20_000, 100.0, 50.0, 20.0, 0.1


def main() -> int:
    """Measure all parts; the verdict is on robustness, the rest is told with its target."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100, help="test frames of each kind")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    options = parser.parse_args()
    print(setting(("torch", "numpy"), options.seed))
    detector = Detector.load(options.weights)
    frames = list(frames_of("test", count=options.count))
    print(f"test split {digest('test')}, {len(frames)} of {SPLITS['test'].count * len(SPLITS['test'].configs)} frames")
    whole = measure(detector, frames)
    generator = torch.Generator().manual_seed(options.seed)
    half = measure(detector, frames, prepare=lambda p: p[torch.rand(len(p), generator=generator) < 0.5])
    for name, one in whole.items():
        print(
            f"{name}: {one['objects']} objects, AP centre within 2 m {one['distance']:.1f}, "
            f"overlap {one['overlap']:.1f}; with half the points {half[name]['distance']:.1f}, "
            f"{half[name]['overlap']:.1f}"
        )
    mean, mean_half = (statistics.fmean(one["distance"] or 0 for one in each.values()) for each in (whole, half))
    lost = 1 - mean_half / mean
    quick = Detector.load(options.weights, is_halved=True)
    mean_quick = statistics.fmean(one["distance"] or 0 for one in measure(quick, frames).values())
    print(f"mAP by centre distance {mean:.1f}, with half the points {mean_half:.1f}: {lost:.1%} lost")
    print(f"in bfloat16 mAP {mean_quick:.1f}: {mean - mean_quick:.2f} points lost (target 1)")
    is_finite = _odd(detector)
    _latency(detector, "float32", TARGET_MS)
    _latency(quick, "bfloat16", QUICK_MS)
    _pace(options.seed)
    text = f"mAP {mean:.1f}; {lost:.1%} lost with half the points (target <= {LOSS_TARGET:.0%}); "
    return verdict(
        lost <= LOSS_TARGET and is_finite, text + ("no NaN on odd clouds" if is_finite else "NaN on an odd cloud")
    )


def _odd(detector: Detector) -> bool:
    """Return whether empty, single-point and NaN clouds give finite boxes or none."""
    nan = float("nan")
    clouds = (
        torch.zeros(0, 4), torch.tensor([[5.0, 1.0, -1.0, 0.3]]), torch.full((100, 4), nan),
        torch.cat((torch.full((10, 4), nan), torch.rand(500, 4) * 20)), torch.full((5, 4), 1e38), torch.zeros(5000, 4),
    )  # fmt: skip
    found = [detector.find(cloud, min_score=0.0) for cloud in clouds]
    return all(bool(one.boxes.isfinite().all() and one.scores.isfinite().all()) for one in found)


def _latency(detector: Detector, name: str, target: float) -> None:
    torch.set_num_threads(2)
    clouds = []
    for frame in simulate(SimulatorConfig("hdl64", 80.0), 13, 0, 10):
        order = torch.randperm(len(frame.points), generator=torch.Generator().manual_seed(1))
        clouds.append(frame.points[order[:POINTS]])
    for cloud in clouds[:3]:
        detector.find(cloud)
    spent = []
    for _ in range(10):
        for cloud in clouds:
            start = time.perf_counter()
            detector.find(cloud)
            spent.append(1e3 * (time.perf_counter() - start))
    spent.sort()
    print(
        f"latency, {name}: {min(map(len, clouds)):,} points to boxes on 2 threads, median "
        f"{statistics.median(spent):.0f} ms, p95 {spent[int(0.95 * len(spent))]:.0f} ms (target {target:.0f}), fastest "
        f"{spent[0]:.0f}"
    )


def _pace(seed: int) -> None:
    torch.set_num_threads(1)
    config = SimulatorConfig("hdl64_coarse", 360.0)
    list(simulate(config, seed, 0, 2))
    start, used = time.perf_counter(), time.process_time()
    points = [len(frame.points) for frame in simulate(config, seed, 2, 30)]
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    print(
        f"simulator: {30 / wall:.1f} frames/s on one core ({30 / cpu:.1f} per CPU second; target {PACE_TARGET:.0f}), "
        f"66,688 beams, {statistics.fmean(points):,.0f} points a frame"
    )


if __name__ == "__main__":
    sys.exit(main())
