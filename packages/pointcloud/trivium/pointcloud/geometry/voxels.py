"""Points into cells without losing any: dynamic voxelisation by `unique` and `index_add_`, with no cap on either."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Voxels", "pool_max", "pool_mean", "thin", "voxelize"]


@dataclass(frozen=True)
class Voxels:
    """The cells that hold points.

    Args:
        cells: (V, 3) int64, whole numbers of cells from the low corner, in rising order.
        members: (P,) int64, cell of each point that lies in range.
        points: (P,) int64, its row in the cloud.
        counts: (V,) int64, points in each cell.
    """

    cells: torch.Tensor
    members: torch.Tensor
    points: torch.Tensor
    counts: torch.Tensor


def voxelize(xyz: torch.Tensor, size: tuple[float, float, float], low: torch.Tensor, high: torch.Tensor) -> Voxels:
    """Sort points into cells; points outside, and those that are not finite, belong to none.

    Args:
        xyz: (N, 3).
        size: of a cell along x, y, z, metres.
        low: (3,) corner that belongs to the range.
        high: (3,) corner that does not.
    """
    points = ((xyz >= low) & (xyz < high)).all(dim=1).nonzero()[:, 0]
    step = xyz.new_tensor(size)
    shape = ((high - low) / step).ceil().long().clamp(min=1)
    cell = torch.minimum(((xyz[points] - low) / step).long(), shape - 1)
    key = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    keys, members, counts = key.unique(return_inverse=True, return_counts=True)
    rows = keys // shape[2]
    return Voxels(torch.stack((rows // shape[1], rows % shape[1], keys % shape[2]), dim=1), members, points, counts)


def pool_mean(values: torch.Tensor, voxels: Voxels) -> torch.Tensor:
    """Return the mean of the points' values in each cell: (P, C) to (V, C)."""
    total = values.new_zeros((len(voxels.counts), values.shape[1]))
    return total.index_add_(0, voxels.members, values) / voxels.counts[:, None]


def pool_max(values: torch.Tensor, voxels: Voxels) -> torch.Tensor:
    """Return the largest of the points' values in each cell and column: (P, C) to (V, C)."""
    largest = values.new_full((len(voxels.counts), values.shape[1]), float("-inf"))
    return largest.scatter_reduce_(0, voxels.members[:, None].expand_as(values), values, "amax")


def thin(xyz: torch.Tensor, size: float) -> torch.Tensor:
    """Return one point a cell, the mean of those in it, (V, 3); the cloud loses detail below `size` metres."""
    if not len(xyz):
        return xyz
    low = xyz.amin(dim=0)
    voxels = voxelize(xyz, (size, size, size), low, xyz.amax(dim=0) + size)
    return pool_mean(xyz[voxels.points], voxels)
