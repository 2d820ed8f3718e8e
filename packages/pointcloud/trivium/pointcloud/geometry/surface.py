"""What neighbours tell about a point: whether it is a stray, and which way its surface faces."""

from __future__ import annotations

import torch

from trivium.pointcloud.geometry.neighbors import nearest, within

__all__ = ["far_outliers", "lonely_outliers", "normals"]


def lonely_outliers(xyz: torch.Tensor, *, radius: float, min_neighbors: int) -> torch.Tensor:
    """Return (N,) bool: fewer than `min_neighbors` other points lie within `radius` metres."""
    pairs = within(xyz, radius)
    return torch.bincount(pairs.first, minlength=len(xyz)) < min_neighbors


def far_outliers(xyz: torch.Tensor, *, neighbors: int = 16, deviations: float = 2.0) -> torch.Tensor:
    """Return (N,) bool: the mean distance to the nearest points is unusually large.

    Unusually: by more than `deviations` standard deviations of that mean over the cloud (statistical outlier removal,
    Rusu et al. 2008). A cloud of no more than `neighbors` points has none.
    """
    if len(xyz) <= neighbors:
        return torch.zeros(len(xyz), dtype=torch.bool, device=xyz.device)
    mean = nearest(xyz, neighbors)[1].mean(dim=1)
    return mean > mean.mean() + deviations * mean.std()


def normals(
    xyz: torch.Tensor, *, radius: float, viewpoint: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the direction each point's surface faces, and how flat it is.

    The normal is the axis of least spread of the points within `radius`.

    Args:
        xyz: (N, 3).
        radius: metres.
        viewpoint: (3,); normals look towards it. None: each looks to the side where its largest part is positive.

    Returns:
        Normals (N, 3), length 1; zero where fewer than three points are near. Curvature (N,): share of the least
        spread, 0 (flat) to 1/3; 1/3 where there is no normal.
    """
    pairs = within(xyz, radius)
    offset = xyz[pairs.second] - xyz[pairs.first]  # relative, so that large coordinates cost no precision
    count = torch.bincount(pairs.first, minlength=len(xyz)).to(xyz.dtype) + 1
    mean = xyz.new_zeros(xyz.shape).index_add_(0, pairs.first, offset) / count[:, None]
    outer = (offset[:, :, None] * offset[:, None, :]).flatten(1)
    spread = xyz.new_zeros((len(xyz), 9)).index_add_(0, pairs.first, outer) / count[:, None]
    spread = spread.unflatten(1, (3, 3)) - mean[:, :, None] * mean[:, None, :]
    values, vectors = torch.linalg.eigh(spread)
    normal = vectors[:, :, 0]
    if viewpoint is not None:
        side = ((viewpoint - xyz) * normal).sum(dim=1)
    else:
        side = normal.gather(1, normal.abs().argmax(dim=1, keepdim=True))[:, 0]
    normal = torch.where(side[:, None] < 0, -normal, normal)
    has_normal = count >= 3
    total = values.sum(dim=1).clamp(min=torch.finfo(xyz.dtype).tiny)
    curvature = torch.where(has_normal, values[:, 0].clamp(min=0) / total, torch.full_like(total, 1 / 3))
    return normal * has_normal[:, None], curvature
