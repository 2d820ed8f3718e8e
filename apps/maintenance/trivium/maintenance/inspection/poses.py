"""Rigid poses in batches, as numpy: H poses of shape (H, 4, 4), applied to points (P, 3) in millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "apply", "displacement", "exponential", "inverse", "spread_rotations"]

Floats = NDArray[np.float64]


def apply(poses: Floats, points: Floats) -> Floats:
    """Move points: (4, 4) and (P, 3) to (P, 3), or (H, 4, 4) and (P, 3) or (H, P, 3) to (H, P, 3)."""
    return points @ np.swapaxes(poses[..., :3, :3], -1, -2) + poses[..., None, :3, 3]


def inverse(pose: Floats) -> Floats:
    """Return the motion back of one rigid pose."""
    back = np.eye(4)
    back[:3, :3] = pose[:3, :3].T
    back[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return back


def exponential(steps: Floats) -> Floats:
    """Return the poses of small motions: (H, 6) of rotation vector and shift to (H, 4, 4) (Rodrigues' formula)."""
    turn = steps[:, :3]
    angle = np.linalg.norm(turn, axis=1)
    axis = turn / np.maximum(angle, 1e-300)[:, None]
    cross = np.zeros((len(steps), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]] = axis
    cross[:, [1, 2, 0], [2, 0, 1]] = -axis
    poses = np.tile(np.eye(4), (len(steps), 1, 1))
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    poses[:, :3, :3] += sine * cross + (1 - cosine) * (cross @ cross)
    poses[:, :3, 3] = steps[:, 3:]
    return poses


def displacement(first: Floats, second: Floats, points: Floats) -> Floats:
    """Return how far two poses put the same points apart at most; batches broadcast."""
    return np.linalg.norm(apply(first, points) - apply(second, points), axis=-1).max(axis=-1)


def spread_rotations(count: int) -> Floats:
    """Return rotations spread evenly over all there are, (count, 3, 3).

    Super-Fibonacci spirals (Alexa, CVPR 2022).
    """
    phi, psi = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    r, big = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / phi, 2 * np.pi * s / psi
    x, y, z, w = r * np.sin(alpha), r * np.cos(alpha), big * np.sin(beta), big * np.cos(beta)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
