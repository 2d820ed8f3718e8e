"""Which points are the ground: a progressive morphological filter (Zhang et al., IEEE TGRS 2003) on a height map.

The map holds the lowest point of each cell. Opening it with ever wider windows takes away what stands up from it;
what rises more than the slope allows over a window was no ground.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

__all__ = ["ground_heights", "is_ground"]

_WINDOWS = (3, 5, 9, 17)


def is_ground(
    xyz: torch.Tensor, *, cell: float = 0.5, slope: float = 0.12, clearance: float = 0.2, reach: float = 100.0
) -> torch.Tensor:
    """Return (N,) bool: the point lies less than `clearance` metres above the ground.

    Args:
        xyz: (N, 3), metres, z up.
        cell: width of a cell of the map, metres.
        slope: steepest ground, rise over run.
        clearance: metres; also how far below the map a point may lie.
        reach: points farther from the origin, seen from above, are not ground.
    """
    height = xyz[:, 2] - ground_heights(xyz, cell=cell, slope=slope, reach=reach)
    return height.abs() < clearance


def ground_heights(xyz: torch.Tensor, *, cell: float = 0.5, slope: float = 0.12, reach: float = 100.0) -> torch.Tensor:
    """Return the height of the ground below each point, (N,); NaN beyond `reach` metres."""
    heights = torch.full_like(xyz[:, 2], float("nan"))
    rows = (xyz[:, :2].abs() < reach).all(dim=1).nonzero()[:, 0]
    if not len(rows):
        return heights
    low = xyz[rows, :2].amin(dim=0)
    place = ((xyz[rows, :2] - low) / cell).long()
    shape = place.amax(dim=0) + 1
    key = place[:, 0] * shape[1] + place[:, 1]
    lowest = xyz.new_full((int(shape.prod()),), float("inf")).scatter_reduce_(0, key, xyz[rows, 2], "amin")
    surface = _without_pits(lowest.view(1, 1, int(shape[0]), int(shape[1])))
    for window in _WINDOWS:
        opened = _open(surface, window)
        surface = torch.where(surface - opened > slope * cell * window, opened, surface)
    heights[rows] = surface.flatten()[key]
    return heights


def _open(surface: torch.Tensor, window: int) -> torch.Tensor:
    """Return the surface with everything narrower than the window cut off; cells without points stay infinite."""
    half = window // 2
    eroded = -F.max_pool2d(-surface, window, 1, half)
    known = torch.where(eroded.isinf(), torch.full_like(eroded, float("-inf")), eroded)
    opened = F.max_pool2d(known, window, 1, half)
    return torch.where(surface.isinf(), surface, torch.minimum(opened, surface))


def _without_pits(lowest: torch.Tensor, depth: float = 0.5) -> torch.Tensor:
    """Lift single cells that lie far below all around them: stray returns below the ground."""
    ring = _lowest_around(lowest)
    is_pit = (ring - lowest > depth) & ~ring.isinf()
    return torch.where(is_pit, ring, lowest)


def _lowest_around(lowest: torch.Tensor) -> torch.Tensor:
    """Return the lowest of the eight cells around each cell."""
    padded = F.pad(lowest, (1, 1, 1, 1), value=float("inf"))
    around = padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)  # (1, 1, H, W, 9)
    return torch.cat((around[..., :4], around[..., 5:]), dim=-1).amin(dim=-1)
