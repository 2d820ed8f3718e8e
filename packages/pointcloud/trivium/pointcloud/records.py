"""What readers give and writers take: point clouds and triangle meshes as numpy arrays. No geometry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Mesh", "PointCloud"]

Array = NDArray[np.generic]


@dataclass(frozen=True)
class PointCloud:
    """Points of one scan.

    Args:
        xyz: (N, 3) float32 or float64, in the unit and frame of the file.
        fields: further columns by name, each (N,) or (N, k): `intensity`, `ring`, `red`, `normals`.
        dropped: points of the file that were left out because a coordinate was not finite.

    Raises:
        ValueError: if a field has another number of rows than `xyz`.
    """

    xyz: NDArray[np.floating]
    fields: Mapping[str, Array] = field(default_factory=dict)
    dropped: int = 0

    def __post_init__(self) -> None:
        if self.xyz.ndim != 2 or self.xyz.shape[1] != 3:
            raise ValueError(f"xyz has shape {self.xyz.shape}, not (N, 3)")
        for name, column in self.fields.items():
            if len(column) != len(self.xyz):
                raise ValueError(f"field {name!r} has {len(column)} rows beside {len(self.xyz)} points")

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True)
class Mesh:
    """A surface of triangles.

    Args:
        vertices: (V, 3) float32 or float64, in the unit and frame of the file.
        faces: (F, 3) int64, indices into `vertices`, counterclockwise seen from outside.
        colors: (V, 3) uint8 or None.
        fields: further columns per vertex, each (V,).

    Raises:
        ValueError: if a face names a vertex that does not exist.
    """

    vertices: NDArray[np.floating]
    faces: NDArray[np.int64]
    colors: NDArray[np.uint8] | None = None
    fields: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.faces) and (self.faces.min() < 0 or self.faces.max() >= len(self.vertices)):
            raise ValueError(f"a face names a vertex outside 0..{len(self.vertices) - 1}")

    @property
    def triangles(self) -> NDArray[np.floating]:
        """Corners of each triangle, (F, 3, 3)."""
        return self.vertices[self.faces]
