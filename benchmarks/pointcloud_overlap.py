"""Rotated overlap seen from above against exact polygons (shapely) on random and degenerate pairs of boxes.

Run: `python benchmarks/pointcloud_overlap.py --seed 1`. Passes when no pair differs by more than 1e-6 in float64.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np
import shapely
import torch
from setting import arguments, setting, verdict

from trivium.pointcloud.boxes import corners
from trivium.pointcloud.geometry.overlap import iou_3d, iou_bev

TARGET = 1e-6


def random_pairs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pairs that mostly overlap, a tenth of them degenerate: same, same turn, contained, touching, flat."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    first = torch.cat(
        (draw(-80, 80, count, 3), draw(0.2, 8, count, 3), draw(-2 * math.pi, 2 * math.pi, count, 1)), dim=1
    )
    second = torch.cat((first[:, :3] + draw(-4, 4, count, 3), draw(0.2, 8, count, 3), draw(-7, 7, count, 1)), dim=1)
    few = count // 60
    second[:few] = first[:few]
    second[few : 2 * few, 6] = first[few : 2 * few, 6] + math.pi / 2
    second[2 * few : 3 * few] = first[2 * few : 3 * few]
    second[2 * few : 3 * few, 3:6] *= 0.5
    touching = slice(3 * few, 4 * few)
    second[touching] = first[touching]
    second[touching, 0] += first[touching, 3] * first[touching, 6].cos()
    second[touching, 1] += first[touching, 3] * first[touching, 6].sin()
    second[4 * few : 5 * few, 3] = 0
    second[5 * few : 6 * few, 3:6] = 0
    return first, second


def exact_iou(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Return overlap seen from above by shapely."""
    one = shapely.polygons(corners(first)[:, :4, :2].numpy())
    two = shapely.polygons(corners(second)[:, :4, :2].numpy())
    shared = shapely.area(shapely.intersection(one, two))
    union = shapely.area(one) + shapely.area(two) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def main() -> int:
    """Compare, time, and judge."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="pairs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(setting(("torch", "shapely"), options.seed))
    first, second = random_pairs(options.count, options.seed)
    exact = exact_iou(first, second)
    worst = 0.0
    for kind in (torch.float64, torch.float32):
        a, b = first.to(kind), second.to(kind)
        iou_bev(a, b)
        start = time.perf_counter()
        ours = iou_bev(a, b)
        spent = time.perf_counter() - start
        error = float((ours.double() - torch.from_numpy(exact)).abs().max())
        worst = error if kind == torch.float64 else worst
        print(f"{kind}: largest difference {error:.2e}, {options.count / spent / 1e6:.2f} million pairs a second")
    lift = (first[:, 5] + second[:, 5]) / 2 - (first[:, 2] - second[:, 2]).abs()
    height = torch.minimum(lift.clamp(min=0), torch.minimum(first[:, 5], second[:, 5])).numpy()
    floor = (first[:, 3] * first[:, 4] + second[:, 3] * second[:, 4]).numpy()
    shared = exact / (1 + exact) * floor * height
    union = (first[:, 3:6].prod(1) + second[:, 3:6].prod(1)).numpy() - shared
    volume = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    error = float(np.abs(iou_3d(first, second).numpy() - volume).max())
    worst = max(worst, error)
    print(f"in space, torch.float64: largest difference {error:.2e}; {np.mean(exact > 0):.0%} of pairs overlap")
    return verdict(worst <= TARGET, f"largest difference {worst:.1e} on {options.count:,} pairs, target {TARGET:.0e}")


if __name__ == "__main__":
    sys.exit(main())
