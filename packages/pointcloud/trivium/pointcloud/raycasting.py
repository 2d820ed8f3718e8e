"""Rays and nearest places on a triangle mesh, by open3d's `RaycastingScene` (Embree), imported when first used.

open3d needs libusb, which not every machine has; the package `libusb-package` brings it and is loaded first.
"""

from __future__ import annotations

import ctypes
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivium.pointcloud.records import Mesh
from trivium.service.errors import UpstreamError

__all__ = ["Hits", "Places", "Scene", "load_open3d"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Places:
    """Nearest places on the mesh to N points: positions (N, 3), triangle of each (N,) and its normal (N, 3)."""

    positions: NDArray[np.float64]
    triangles: NDArray[np.int64]
    normals: NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """What N rays meet first: distance (N,), infinite for nothing; triangle (N,), -1 for nothing; normal (N, 3)."""

    distances: NDArray[np.float64]
    triangles: NDArray[np.int64]
    normals: NDArray[np.float64]


def load_open3d() -> Any:
    """Import open3d.

    Raises:
        UpstreamError: if it, or a system library that it needs, is missing.
    """
    try:
        libusb = importlib.import_module("libusb_package")
        path = libusb.get_library_path()
        if path:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        return importlib.import_module("open3d")
    except (ImportError, OSError) as error:
        raise UpstreamError(
            f"open3d cannot be loaded ({error})", hint="pip install 'trivium[pointcloud]', or install the library named"
        ) from error


class Scene:
    """A mesh to ask.

    Args:
        mesh: its triangles; coordinates become float32 relative to `origin`, so that parts far from 0 keep precision.
    """

    def __init__(self, mesh: Mesh) -> None:
        open3d = load_open3d()
        self._tensor = open3d.core.Tensor
        self.mesh = mesh
        vertices = mesh.vertices.astype(np.float64)
        self.origin = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        corners = vertices[mesh.faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        lengths = np.linalg.norm(across, axis=1)
        self.areas: NDArray[np.float64] = lengths / 2
        self._corners = corners
        self.normals: NDArray[np.float64] = across / np.maximum(lengths, 1e-300)[:, None]
        sides = corners[:, 1:] - corners[:, :1]
        self._shares = np.linalg.pinv(np.swapaxes(sides, 1, 2))  # (F, 2, 3)
        self._scene = open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor((vertices - self.origin).astype(np.float32)), self._tensor(mesh.faces.astype(np.uint32))
        )

    def nearest(self, points: Floats) -> Places:
        """Return the nearest place on the mesh to each of (N, 3) points.

        Embree works in float32 and places points on long thin triangles up to a tenth of a millimetre wrong on a part
        of 300 mm; only its choice of triangle is used, and the place on it is found in float64.
        """
        found = self._scene.compute_closest_points(self._tensor((points - self.origin).astype(np.float32)))
        triangles = found["primitive_ids"].numpy().astype(np.int64)
        return Places(self._on_triangles(points, triangles), triangles, self.normals[triangles])

    def cast(self, starts: Floats, directions: Floats) -> Hits:
        """Return what rays meet: starts and directions (N, 3), directions of length 1."""
        rays = np.concatenate((starts - self.origin, directions), axis=1).astype(np.float32)
        found = self._scene.cast_rays(self._tensor(rays))
        distances = found["t_hit"].numpy().astype(np.float64)
        triangles = np.where(np.isfinite(distances), found["primitive_ids"].numpy().astype(np.int64), -1)
        return Hits(distances, triangles, self.normals[triangles])

    def sample(self, count: int, generator: np.random.Generator) -> Places:
        """Return places spread evenly over the surface at random, with their triangles and normals."""
        triangles = np.sort(generator.choice(len(self.areas), count, p=self.areas / self.areas.sum()))
        one, two = generator.random((2, count, 1))
        root = np.sqrt(one)
        a, b, c = (self.mesh.vertices[self.mesh.faces[triangles, corner]].astype(np.float64) for corner in range(3))
        return Places((1 - root) * a + root * (1 - two) * b + root * two * c, triangles, self.normals[triangles])

    def _on_triangles(self, points: Floats, triangles: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the nearest place to each point on the triangle named for it."""
        first = self._corners[triangles, 0]
        offset = points - first
        share = np.einsum("nij,nj->ni", self._shares[triangles], offset)  # along the two sides from the first corner
        places = points - np.einsum("ij,ij->i", offset, self.normals[triangles])[:, None] * self.normals[triangles]
        outside = np.flatnonzero((share[:, 0] < 0) | (share[:, 1] < 0) | (share.sum(axis=1) > 1))
        if len(outside):
            corners = self._corners[triangles[outside]]
            places[outside] = _on_sides(points[outside], corners)
        return places


def _on_sides(points: Floats, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest place to each of (N, 3) points on the sides of its triangle (N, 3, 3)."""
    sides = np.roll(corners, -1, axis=1) - corners
    along = np.einsum("nki,nki->nk", points[:, None] - corners, sides)
    along /= np.maximum(np.einsum("nki,nki->nk", sides, sides), 1e-300)
    places = corners + along.clip(0, 1)[:, :, None] * sides
    nearest = ((places - points[:, None]) ** 2).sum(axis=2).argmin(axis=1)
    return places[np.arange(len(points)), nearest]
