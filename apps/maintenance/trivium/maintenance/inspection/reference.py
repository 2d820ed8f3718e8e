"""The CAD part that a scan is held against: its surface to ask, and places spread over it. Millimetres."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from trivium.maintenance.inspection.poses import Floats
from trivium.pointcloud.raycasting import Places, Scene
from trivium.pointcloud.records import Mesh
from trivium.service.errors import InputError

__all__ = ["Reference"]

_SAMPLES = 4000
_GRID = 40


class Reference:
    """A part.

    Args:
        mesh: its surface in millimetres, outside seen counterclockwise; turned over as a whole where it is inside out.
        where: the file, for errors.

    Raises:
        InputError: if the surface has no area.
    """

    def __init__(self, mesh: Mesh, where: str = "") -> None:
        corners = mesh.triangles.astype(np.float64)
        corners = corners - corners.mean(axis=(0, 1))
        volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum()
        self.scene = Scene(Mesh(mesh.vertices, mesh.faces if volume >= 0 else mesh.faces[:, ::-1].copy()))
        self.area = float(self.scene.areas.sum())
        if not self.area > 0:
            raise InputError("the surface has no area", where=where)
        self.low, self.high = mesh.vertices.min(axis=0).astype(float), mesh.vertices.max(axis=0).astype(float)
        self.diagonal = float(np.linalg.norm(self.high - self.low))

    @cached_property
    def samples(self) -> Places:
        """The same few thousand places each time, spread evenly over the surface."""
        return self.scene.sample(_SAMPLES, np.random.default_rng(0))

    @cached_property
    def outline(self) -> Floats:
        """The corners of the box around the part, (8, 3): what a pose is told apart from another by."""
        ends = np.stack((self.low, self.high))
        return np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])

    def signed(self, points: Floats) -> tuple[Floats, Places]:
        """Return the deviation of points, positive outside the part, and the nearest places."""
        places = self.scene.nearest(points)
        offset = points - places.positions
        side = np.einsum("ij,ij->i", offset, places.normals)
        return np.where(side < 0, -1.0, 1.0) * np.linalg.norm(offset, axis=1), places

    def self_distance(self, poses: Floats) -> Floats:
        """Return how far each of (H, 4, 4) motions carries the surface off itself at most, (H,).

        A symmetry carries it nowhere.
        """
        moved = self.samples.positions @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
        flat = moved.reshape(-1, 3)
        distance = np.linalg.norm(flat - self.scene.nearest(flat).positions, axis=1)
        return distance.reshape(len(poses), -1).max(axis=1)

    @cached_property
    def _field(self) -> tuple[Floats, float, Floats]:
        low, high = self.low - 0.15 * self.diagonal, self.high + 0.15 * self.diagonal
        step = float((high - low).max() / _GRID)
        shape = np.ceil((high - low) / step).astype(int)
        cells = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
        centres = low + (cells.reshape(-1, 3) + 0.5) * step
        return low, step, self.scene.nearest(centres).positions.reshape(*shape, 3)

    def roughly_nearest(self, points: Floats) -> Floats:
        """Return places near the nearest ones, (..., 3), to about a cell of a coarse grid; fast for many points."""
        low, step, field = self._field
        cell = np.clip(((points - low) / step).astype(int), 0, np.array(field.shape[:3]) - 1)
        return field[cell[..., 0], cell[..., 1], cell[..., 2]]
