"""Sample files for the inspections of a demo, made here: a bracket, a scan with a hollow, a later one with a groove.

All in millimetres. `bracket-may.ply` against `bracket.stl` at a tolerance of 0.1 fails by one hollow 0.25 mm deep;
between May and July a groove 0.3 mm deep was worn across the arm, 48 mm3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trivium.maintenance.inspection.poses import Floats, apply, exponential
from trivium.pointcloud.io import write_mesh, write_points
from trivium.pointcloud.records import Mesh, PointCloud

__all__ = ["write_samples"]

_OUTLINE = ((0, 0), (80, 0), (80, 20), (30, 20), (30, 60), (0, 60), (0, 20))
_FLAT = ((0, 1, 2), (0, 2, 6), (6, 3, 5), (3, 4, 5))
_HEIGHT = 24.0
_POINTS, _NOISE = 60_000, 0.03
_DATUMS = "# bracket.stl, millimetres: stands on z = 0, against y = 0 and x = 0\n" + (
    "A 10 10 0\nA 70 10 0\nA 10 50 0\nB 10 0 12\nB 70 0 12\nC 0 40 12\n"
)


def write_samples(folder: Path) -> list[Path]:
    """Write the part, two scans of it and its datums into a folder, and return their paths."""
    part = _bracket()
    generator = np.random.default_rng(7)
    write_mesh(folder / "bracket.stl", part)
    for name, is_worn, turn in (
        ("bracket-may.ply", False, (0.4, -1.1, 0.7)),
        ("bracket-july.ply", True, (-0.9, 0.3, 1.2)),
    ):
        points = _scan(part, generator, is_worn=is_worn)
        pose = exponential(np.array([[*turn, 30.0, -20.0, 55.0]]))[0]
        write_points(folder / name, PointCloud(apply(pose, points).astype(np.float32)))
    (folder / "bracket-datums.txt").write_text(_DATUMS, encoding="ascii")
    names = ("bracket.stl", "bracket-may.ply", "bracket-july.ply", "bracket-datums.txt")
    return [folder / name for name in names]


def _bracket() -> Mesh:
    """Return an L from two blocks' outlines, extruded; all faces outwards."""
    count = len(_OUTLINE)
    vertices = np.array([[x, y, z] for z in (0.0, _HEIGHT) for x, y in _OUTLINE])
    faces = [(a, c, b) for a, b, c in _FLAT] + [(a + count, b + count, c + count) for a, b, c in _FLAT]
    for at in range(count):
        after = (at + 1) % count
        faces += [(at, after, after + count), (at, after + count, at + count)]
    return Mesh(vertices, np.array(faces))


def _scan(part: Mesh, generator: np.random.Generator, *, is_worn: bool) -> Floats:
    """Return places spread over the surface with noise along its normals, and what happened to it."""
    corners = part.triangles.astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(across, axis=1)
    rows = generator.choice(len(areas), _POINTS, p=areas / areas.sum())
    one, two = generator.random((2, _POINTS, 1))
    root = np.sqrt(one)
    a, b, c = (corners[rows, corner] for corner in range(3))
    points = (1 - root) * a + root * (1 - two) * b + root * two * c
    points += generator.normal(0, _NOISE, (_POINTS, 1)) * across[rows] / areas[rows, None]
    top = points[:, 2] > _HEIGHT - 0.5
    distance = np.hypot(points[:, 0] - 60, points[:, 1] - 10)
    hollow = top & (distance < 5)
    points[hollow, 2] -= 0.125 * (1 + np.cos(np.pi * distance[hollow] / 5))
    groove = top & (np.abs(points[:, 1] - 42) < 4) & is_worn
    points[groove, 2] -= 0.3 * (1 - ((points[groove, 1] - 42) / 4) ** 2)
    return points
