"""Clouds of different sizes as one padded batch: thinned to one point a cell, bounded, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from trivium.pointcloud.geometry.voxels import pool_mean, voxelize

__all__ = ["Batch", "batch_clouds", "features"]

REACH = 102.4
"""Points farther along an axis are not read, metres."""
Batch = tuple[torch.Tensor, torch.Tensor]
"""Points (B, N, 4) and which of them are real (B, N) bool, real ones first."""


def batch_clouds(clouds: Sequence[torch.Tensor], cell: float, most: int) -> Batch:
    """Return clouds as a batch.

    Args:
        clouds: each (N, 4) x, y, z, metres, and intensity 0..1; those not finite are left out.
        cell: one point stays of each cube of this side, metres: the mean.
        most: points of a cloud; of more, evenly spaced ones stay.
    """
    thinned = [_thinned(cloud, cell, most) for cloud in clouds]
    wide = max(1, *map(len, thinned))
    points = torch.stack([torch.cat((one, one.new_zeros(wide - len(one), 4))) for one in thinned])
    counts = torch.tensor([len(one) for one in thinned], device=points.device)
    return points, torch.arange(wide, device=points.device) < counts[:, None]


def features(points: torch.Tensor) -> torch.Tensor:
    """Return what an encoder reads of points (..., 4): place at three scales, range, intensity, height; (..., 12)."""
    place = points[..., :3]
    far = place[..., :2].norm(dim=-1, keepdim=True)
    return torch.cat(
        (place / 40, torch.sin(place), torch.sin(place / 5), far / 40, points[..., 3:], place[..., 2:] / 2), -1
    )


def _thinned(cloud: torch.Tensor, cell: float, most: int) -> torch.Tensor:
    if cloud.dim() != 2 or cloud.shape[1] != 4:
        raise ValueError(f"a cloud has shape {tuple(cloud.shape)}; give (N, 4)")
    cloud = cloud[cloud.isfinite().all(dim=1)].float()
    low, high = cloud.new_full((3,), -REACH), cloud.new_full((3,), REACH)
    voxels = voxelize(cloud[:, :3], (cell, cell, cell), low, high)
    points = pool_mean(cloud[voxels.points], voxels)
    if len(points) > most:
        points = points[torch.linspace(0, len(points) - 1, most, device=points.device).round().long()]
    return points
