"""Rigid motions of points as (4, 4) matrices, and where points lie in an image. Torch, any float type and device."""

from __future__ import annotations

import torch

__all__ = ["compose", "invert", "project", "rotation_about_z", "transform"]


def rotation_about_z(yaw: torch.Tensor) -> torch.Tensor:
    """Return the (..., 4, 4) turn by `yaw` radians, counterclockwise seen from above."""
    cos, sin, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    rows = (cos, -sin, zero, zero, sin, cos, zero, zero, zero, zero, one, zero, zero, zero, zero, one)
    return torch.stack(rows, dim=-1).unflatten(-1, (4, 4))


def transform(points: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Move (..., N, 3) points by a (..., 4, 4) pose."""
    return points @ pose[..., :3, :3].transpose(-1, -2) + pose[..., None, :3, 3]


def invert(pose: torch.Tensor) -> torch.Tensor:
    """Return the motion back, for a rigid (..., 4, 4) pose."""
    turn = pose[..., :3, :3].transpose(-1, -2)
    back = torch.zeros_like(pose)
    back[..., :3, :3] = turn
    back[..., :3, 3] = -(turn @ pose[..., :3, 3:])[..., 0]
    back[..., 3, 3] = 1
    return back


def compose(*poses: torch.Tensor) -> torch.Tensor:
    """Return the motion that does the last given first, as the product of matrices does."""
    whole = poses[0]
    for pose in poses[1:]:
        whole = whole @ pose
    return whole


def project(points: torch.Tensor, projection: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels (..., N, 2) and depth (..., N) of points.

    Args:
        points: (..., N, 3), metres, in the frame that `projection` starts from.
        projection: (3, 4) to homogeneous pixels.

    Returns:
        Pixels mean something only where depth is positive.
    """
    seen = points @ projection[:, :3].T + projection[:, 3]
    depth = seen[..., 2]
    return seen[..., :2] / torch.where(depth == 0, torch.full_like(depth, 1e-12), depth)[..., None], depth
