"""What scenes are made of: tapered boxes and round bodies, collected as rows of numbers and turned into arrays at once.

Two kinds do: a *solid* is a box whose sides may lean (car bodies, cabins, walls), a *round* is an
ellipsoid or a tube (people, wheels, poles, crowns of trees). Both may let beams pass: glass by face, leaves by depth.
Parts are given in the frame of their object, x forward, y left, z up from the ground under it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOBODY", "Pose", "Rounds", "Shapes", "Solids"]

Floats = NDArray[np.float32]
NOBODY = -1
"""Owner of parts that belong to no labelled object."""

_SOLID_COLUMNS = 21
_ROUND_COLUMNS = 17
# Corners of each face of a solid in an order whose first three, right-handed, give the outward normal.
_FACES = ((1, 2, 6), (0, 4, 7), (0, 1, 5), (2, 3, 7), (4, 5, 6), (0, 3, 2))


@dataclass(frozen=True)
class Pose:
    """Where an object stands and moves: x, y, metres; yaw, radians; speed along its yaw, m/s; lift above the ground."""

    x: float
    y: float
    yaw: float = 0.0
    speed: float = 0.0
    lift: float = 0.0


@dataclass(frozen=True)
class Solids:
    """P leaning boxes in the sensor's frame.

    Args:
        corners: (P, 8, 3), four of the floor, then four of the roof.
        planes: (P, 6, 4) outward normal and offset of each face: inside where n . x <= offset.
        passing: (P, 6) share of beams that pass each face, 0 opaque.
        depth: (P,) mean way of a beam inside before it returns, metres; 0 for a closed surface.
        reflectance: (P,), 1 for a white matt wall, above 1 for reflectors.
        owner: (P,) int64 labelled object, or `NOBODY`.
        velocity: (P, 2) over the ground, m/s.
    """

    corners: Floats
    planes: Floats
    passing: Floats
    depth: Floats
    reflectance: Floats
    owner: NDArray[np.int64]
    velocity: Floats


@dataclass(frozen=True)
class Rounds:
    """Q ellipsoids and tubes in the sensor's frame.

    Args:
        centre: (Q, 3).
        axes: (Q, 3, 3) rows that take an offset from the centre to a unit sphere (or unit tube along the third).
        reach: (Q, 2) radius of the circle seen from above, half height.
        is_tube: (Q,) bool; a tube ends where the third coordinate leaves [-1, 1], and has no lids.
        depth, reflectance, owner, velocity: as in `Solids`.
    """

    centre: Floats
    axes: Floats
    reach: Floats
    is_tube: NDArray[np.bool_]
    depth: Floats
    reflectance: Floats
    owner: NDArray[np.int64]
    velocity: Floats


@dataclass
class Shapes:
    """Collects parts; `solids` and `rounds` turn them into arrays once the ground's height is known."""

    _solids: list[tuple[float, ...]] = field(default_factory=list)
    _rounds: list[tuple[float, ...]] = field(default_factory=list)

    def box(
        self,
        pose: Pose,
        x: tuple[float, float],
        half_width: float,
        z: tuple[float, float],
        *,
        roof_x: tuple[float, float] | None = None,
        roof_half_width: float | None = None,
        y: float = 0.0,
        ends: tuple[float, float] = (1.0, 1.0),
        sides_pass: float = 0.0,
        roof_passes: float = 0.0,
        depth: float = 0.0,
        reflectance: float = 0.4,
        owner: int = NOBODY,
    ) -> None:
        """Add a box; its roof may be shorter or narrower than its floor, its ends (back, front) narrower than it."""
        top = roof_x or x
        top_width = half_width if roof_half_width is None else roof_half_width
        self._solids.append(
            (
                *x,
                *top,
                half_width,
                top_width,
                *z,
                y,
                *ends,
                sides_pass,
                roof_passes,
                depth,
                reflectance,
                owner,
                pose.x,
                pose.y,
                pose.yaw,
                pose.speed,
                pose.lift,
            )
        )

    def ball(
        self,
        pose: Pose,
        centre: tuple[float, float, float],
        radii: tuple[float, float, float],
        *,
        pitch: float = 0.0,
        roll: float = 0.0,
        is_tube: bool = False,
        depth: float = 0.0,
        reflectance: float = 0.4,
        owner: int = NOBODY,
    ) -> None:
        """Add an ellipsoid or tube, leaned by `pitch` about its y axis, then by `roll` about the object's x axis."""
        self._rounds.append(
            (
                *centre,
                *radii,
                pitch,
                roll,
                float(is_tube),
                depth,
                reflectance,
                owner,
                pose.x,
                pose.y,
                pose.yaw,
                pose.speed,
                pose.lift,
            )
        )

    @property
    def solid_count(self) -> int:
        """Number of boxes so far."""
        return len(self._solids)

    def places(self) -> Floats:
        """Return where each part's object stands, (P + Q, 2), solids first."""
        rows = [row[-5:-3] for row in (*self._solids, *self._rounds)]
        return np.array(rows, np.float32).reshape(-1, 2)

    def solids(self, heights: Floats) -> Solids:
        """Return the boxes, each raised by the height (P,) of the ground under its object."""
        rows = np.array(self._solids, np.float32).reshape(-1, _SOLID_COLUMNS)
        x0, x1, top0, top1, width, top_width, z0, z1, y, back, front = rows[:, :11].T
        along = np.stack((x0, x1, x1, x0, top0, top1, top1, top0), axis=1)
        left = np.stack((-width * back, -width * front, width * front, width * back), axis=1)
        left_top = np.stack((-top_width * back, -top_width * front, top_width * front, top_width * back), axis=1)
        across = np.concatenate((left, left_top), axis=1) + y[:, None]
        up = np.repeat(np.stack((z0, z1), axis=1), 4, axis=1)
        corners = _placed(np.stack((along, across, up), axis=2), rows[:, -5:], heights)
        passing = np.repeat(rows[:, 11:12], 6, axis=1)
        passing[:, 4] = rows[:, 12]
        passing[:, 5] = 0
        return Solids(
            corners, _planes(corners), passing, rows[:, 13], rows[:, 14], rows[:, 15].astype(np.int64), _moving(rows)
        )

    def rounds(self, heights: Floats) -> Rounds:
        """Return the round bodies, each raised by the height (Q,) of the ground under its object."""
        rows = np.array(self._rounds, np.float32).reshape(-1, _ROUND_COLUMNS)
        centre = _placed(rows[:, None, :3], rows[:, -5:], heights)[:, 0]
        turn = _rotations(rows[:, -3], rows[:, 7], rows[:, 6])  # (Q, 3, 3), local to sensor
        radii = rows[:, 3:6]
        extent = np.abs(turn * radii[:, None, :])
        # Of an ellipsoid the reach along an axis is the root of squares; of a tube the sum is a safe bound.
        is_tube = rows[:, 8] > 0
        reach = np.where(is_tube[:, None], extent.sum(axis=2), np.sqrt((extent**2).sum(axis=2)))
        flat = np.hypot(reach[:, 0], reach[:, 1])
        upright = np.maximum(radii[:, 0], radii[:, 1])
        flat = np.where((rows[:, 6] == 0) & (rows[:, 7] == 0), upright, flat)
        axes = turn.transpose(0, 2, 1) / radii[:, :, None]
        return Rounds(
            centre,
            axes,
            np.stack((flat, reach[:, 2]), axis=1),
            is_tube,
            rows[:, 9],
            rows[:, 10],
            rows[:, 11].astype(np.int64),
            _moving(rows),
        )


def _placed(local: Floats, pose: Floats, heights: Floats) -> Floats:
    """Return (P, K, 3) in the sensor's frame."""
    cos, sin = np.cos(pose[:, 2:3]), np.sin(pose[:, 2:3])
    x = local[..., 0] * cos - local[..., 1] * sin + pose[:, 0:1]
    y = local[..., 0] * sin + local[..., 1] * cos + pose[:, 1:2]
    z = local[..., 2] + pose[:, 4:5] + heights[:, None]
    return np.stack((x, y, z), axis=-1)


def _planes(corners: Floats) -> Floats:
    first, second, third = (corners[:, [face[at] for face in _FACES]] for at in range(3))
    normal = np.cross(second - first, third - second)
    size = np.linalg.norm(normal, axis=2, keepdims=True)
    normal = normal / np.maximum(size, 1e-12)
    return np.concatenate((normal, (normal * first).sum(axis=2, keepdims=True)), axis=2).astype(np.float32)


def _rotations(yaw: Floats, roll: Floats, pitch: Floats) -> Floats:
    """Return (Q, 3, 3): pitch about y first, then roll about x, then yaw about z."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*rows: Floats) -> Floats:
        return np.stack(rows, axis=1).reshape(-1, 3, 3)

    about_z = matrix(np.cos(yaw), -np.sin(yaw), zero, np.sin(yaw), np.cos(yaw), zero, zero, zero, one)
    about_x = matrix(one, zero, zero, zero, np.cos(roll), -np.sin(roll), zero, np.sin(roll), np.cos(roll))
    about_y = matrix(np.cos(pitch), zero, np.sin(pitch), zero, one, zero, -np.sin(pitch), zero, np.cos(pitch))
    return np.asarray(about_z @ about_x @ about_y, np.float32)


def _moving(rows: Floats) -> Floats:
    yaw, speed = rows[:, -3], rows[:, -2]
    return np.stack((speed * np.cos(yaw), speed * np.sin(yaw)), axis=1)
