"""Which points lie in which boxes. Torch, CPU and CUDA."""

from __future__ import annotations

import torch

__all__ = ["count_in_boxes", "points_in_boxes"]

_CELLS = 1 << 25


def points_in_boxes(points: torch.Tensor, boxes: torch.Tensor, *, margin: float = 0.0) -> torch.Tensor:
    """Return (N, M) bool: point n lies in box m or on its surface.

    Args:
        points: (N, 3 or more), the first three x, y, z.
        boxes: (M, 7).
        margin: added to every side, metres; negative shrinks.
    """
    parts = [_inside(points[rows], boxes, margin) for rows in _slices(len(points), len(boxes))]
    return torch.cat(parts) if parts else torch.zeros((0, len(boxes)), dtype=torch.bool, device=points.device)


def count_in_boxes(points: torch.Tensor, boxes: torch.Tensor, *, margin: float = 0.0) -> torch.Tensor:
    """Return the number of points in each box, (M,) int64."""
    total = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    for rows in _slices(len(points), len(boxes)):
        total += _inside(points[rows], boxes, margin).sum(dim=0)
    return total


def _slices(points: int, boxes: int) -> list[slice]:
    step = max(1, _CELLS // max(1, boxes))
    return [slice(start, start + step) for start in range(0, points, step)]


def _inside(points: torch.Tensor, boxes: torch.Tensor, margin: float) -> torch.Tensor:
    offset = points[:, None, :3] - boxes[None, :, :3]  # (N, M, 3)
    cos, sin = boxes[:, 6].cos(), boxes[:, 6].sin()
    along = offset[..., 0] * cos + offset[..., 1] * sin
    across = offset[..., 1] * cos - offset[..., 0] * sin
    half = boxes[:, 3:6] / 2 + margin
    return (along.abs() <= half[:, 0]) & (across.abs() <= half[:, 1]) & (offset[..., 2].abs() <= half[:, 2])
