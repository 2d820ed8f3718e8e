"""How much boxes overlap, seen from above and in space: exact, for any turn, without a loop over pairs.

The area that two rectangles share is found by Green's theorem. In the frame of rectangle B, with half sides a and b,
the field F = (0, clamp(x, -a, a) [|y| <= b]) has as its curl the indicator of B; so the area of A inside B is the
integral of clamp(x, -a, a) dy along the parts of the sides of A where |y| <= b. Each side is a straight line, so the
integral is a sum of three trapezoids. Nothing is sorted and no polygon is built: touching, contained, identical and
flat boxes need no cases of their own, and every step is smooth enough to run in fp32, on CUDA, and backwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from trivium.pointcloud.boxes import corners

__all__ = ["bev_intersection", "close_pairs", "iou_3d", "iou_bev", "pairwise_iou_3d", "pairwise_iou_bev"]

_PAIRS = 1 << 22


def bev_intersection(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the area that boxes share seen from above, pair by pair.

    Args:
        first: (..., 7).
        second: (..., 7), of the same shape.

    Returns:
        (...), square metres.
    """
    # Relative to the second box, so that large coordinates cost no precision.
    moved = torch.cat((first[..., :3] - second[..., :3], first[..., 3:]), dim=-1)
    points = corners(moved)[..., :4, :2]  # (..., 4, 2), counterclockwise
    cos, sin = second[..., 6:7].cos(), second[..., 6:7].sin()
    x = points[..., 0] * cos + points[..., 1] * sin
    y = points[..., 1] * cos - points[..., 0] * sin
    half_x, half_y = second[..., 3:4] / 2, second[..., 4:5] / 2
    area = _along_sides(x, y, x.roll(-1, dims=-1), y.roll(-1, dims=-1), half_x, half_y).sum(dim=-1)
    smaller = torch.minimum(first[..., 3] * first[..., 4], second[..., 3] * second[..., 4])
    return torch.minimum(area.clamp(min=0), smaller)


def iou_bev(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return intersection over union seen from above, pair by pair: (..., 7) twice to (...). Flat boxes give 0."""
    shared = bev_intersection(first, second)
    return _ratio(shared, first[..., 3] * first[..., 4] + second[..., 3] * second[..., 4] - shared)


def iou_3d(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return intersection over union in space, pair by pair: (..., 7) twice to (...). Flat boxes give 0."""
    reach = (first[..., 5] + second[..., 5]) / 2 - (first[..., 2] - second[..., 2]).abs()
    height = torch.minimum(reach.clamp(min=0), torch.minimum(first[..., 5], second[..., 5]))
    shared = bev_intersection(first, second) * height
    return _ratio(shared, first[..., 3:6].prod(dim=-1) + second[..., 3:6].prod(dim=-1) - shared)


def pairwise_iou_bev(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return overlap seen from above of every pair: (N, 7) and (M, 7) to (N, M)."""
    return _pairwise(iou_bev, first, second)


def pairwise_iou_3d(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return overlap in space of every pair: (N, 7) and (M, 7) to (N, M)."""
    return _pairwise(iou_3d, first, second)


def close_pairs(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows `(P,)`, `(P,)` of the pairs that can overlap: those whose circles about the centre touch."""
    reach_first, reach_second = first[:, 3:5].norm(dim=1) / 2, second[:, 3:5].norm(dim=1) / 2
    rows, columns = [], []
    step = max(1, _PAIRS // max(1, len(second)))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        gap = (first[part, None, :2] - second[None, :, :2]).norm(dim=2)
        row, column = (gap <= (reach_first[part, None] + reach_second) * (1 + 1e-6)).nonzero(as_tuple=True)
        rows.append(row + start)
        columns.append(column)
    if not rows:
        nothing = torch.empty(0, dtype=torch.int64, device=first.device)
        return nothing, nothing
    return torch.cat(rows), torch.cat(columns)


def _pairwise(function: Callable[..., torch.Tensor], first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    overlap = first.new_zeros((len(first), len(second)))
    row, column = close_pairs(first, second)
    overlap[row, column] = function(first[row], second[column])
    return overlap


def _along_sides(
    x0: torch.Tensor, y0: torch.Tensor, x1: torch.Tensor, y1: torch.Tensor, half_x: torch.Tensor, half_y: torch.Tensor
) -> torch.Tensor:
    """Return the integral of clamp(x, -half_x, half_x) dy along each side where |y| <= half_y."""
    start_y, end_y = _clamp(y0, half_y), _clamp(y1, half_y)
    run_x, run_y = x1 - x0, y1 - y0
    flat = run_y == 0
    slope = 1 / torch.where(flat, torch.ones_like(run_y), run_y)
    start_x = x0 + ((start_y - y0) * slope).clamp(0, 1) * run_x
    end_x = x0 + ((end_y - y0) * slope).clamp(0, 1) * run_x
    return (end_y - start_y) * _mean_clamped(start_x, end_x, half_x)


def _mean_clamped(start: torch.Tensor, end: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """Return the mean of clamp(x, -half, half) over x from start to end: three trapezoids."""
    run = end - start
    still = run == 0
    slope = 1 / torch.where(still, torch.ones_like(run), run)
    one, two = ((-half - start) * slope).clamp(0, 1), ((half - start) * slope).clamp(0, 1)
    enter, leave = torch.minimum(one, two), torch.maximum(one, two)
    a, d = _clamp(start, half), _clamp(end, half)
    b, c = _clamp(start + enter * run, half), _clamp(start + leave * run, half)
    return ((a + b) * enter + (b + c) * (leave - enter) + (c + d) * (1 - leave)) / 2


def _clamp(value: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    return torch.maximum(torch.minimum(value, half), -half)


def _ratio(shared: torch.Tensor, union: torch.Tensor) -> torch.Tensor:
    return torch.where(union > 0, shared / torch.where(union > 0, union, torch.ones_like(union)), union.new_zeros(()))
