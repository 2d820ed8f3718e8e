"""A virtual scanner for parts of known shape: views from all around, noise along the line of sight, dents on demand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trivium.pointcloud.io import read_mesh
from trivium.pointcloud.raycasting import Scene
from trivium.pointcloud.records import Mesh

__all__ = ["PARTS", "Dent", "Scan", "read_part", "scan"]

# Millimetres per unit of each file. The files name none: those in inch say so by their sizes (thread and stock sizes);
# octagonal_pocket is 0.2286 wide, which is 9 inch in metres. `round` is taken as a pin of 5 x 61 mm.
PARTS = {
    "featuretype.STL": 25.4,
    "idler_riser.STL": 25.4,
    "angle_block.STL": 25.4,
    "octagonal_pocket.stl": 1000.0,
    "plate_holes.STL": 1.0,
    "1002_tray_bottom.STL": 1.0,
    "round.stl": 1.0,
}

_CLOSE_UPS, _CLOSE_UP_MM = 3, 40.0


@dataclass(frozen=True)
class Dent:
    """Where, which way (into the part), how wide across and how deep, in millimetres, in the part's frame."""

    place: np.ndarray
    normal: np.ndarray
    width: float
    depth: float
    points: int


@dataclass(frozen=True)
class Scan:
    """What the scanner gives, and the truth.

    Args:
        points: (N, 3) in the scanner's frame, millimetres.
        pose: (4, 4) from the scanner's frame to the part's.
        dents: those that were made.
    """

    points: np.ndarray
    pose: np.ndarray
    dents: tuple[Dent, ...]


def read_part(folder: Path, name: str) -> Mesh:
    """Read a part in millimetres."""
    mesh = read_mesh(folder / name)
    return Mesh(mesh.vertices.astype(np.float64) * PARTS[name], mesh.faces)


def scan(
    scene: Scene,
    generator: np.random.Generator,
    *,
    noise: float = 0.03,
    views: int = 10,
    density: float = 9.0,
    limit: int = 250_000,
    dents: int = 0,
    width: float = 6.0,
    depth: float = 0.1,
    min_points: int = 200,
) -> Scan:
    """Scan a part from `views` directions around it.

    Args:
        scene: the part, millimetres.
        noise: standard deviation along the line of sight, millimetres.
        density: points per square millimetre of surface, about.
        limit: points of the views together; a part too large for it is scanned more coarsely, with three close-ups
            of 40 x 40 mm at full density in random places, as one does by hand.
        dents: number of dents to make; each holds at least `min_points`.
    """
    low, high = scene.mesh.vertices.min(axis=0), scene.mesh.vertices.max(axis=0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    wanted = min(density * float(scene.areas.sum()), limit)
    directions = _directions(views, generator)
    rays = [_rays(direction, centre, radius, scene, wanted, views) for direction in directions]
    if density * float(scene.areas.sum()) > limit:
        rays += [_close_up(scene, generator, density) for _ in range(_CLOSE_UPS)]
    starts = np.concatenate([one[0] for one in rays])
    aims = np.concatenate([one[1] for one in rays])
    hits = scene.cast(starts, aims)
    # Grazing light gives no point: beyond 75 degrees to the surface.
    facing = -np.einsum("ij,ij->i", hits.normals, aims)
    seen = (hits.triangles >= 0) & (facing > 0.26)
    aims, normals = aims[seen], hits.normals[seen]
    points = starts[seen] + hits.distances[seen, None] * aims
    made = _dent(points, normals, generator, dents, width, depth, min_points)
    points += generator.normal(0, noise, len(points))[:, None] * aims
    pose = np.eye(4)
    pose[:3, :3] = _turn(generator)
    pose[:3, 3] = generator.uniform(-500, 500, 3)
    away = (points - pose[:3, 3]) @ pose[:3, :3]
    return Scan(away[generator.permutation(len(away))], pose, made)


def _directions(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return directions spread over the sphere, turned at random."""
    at = np.arange(count) + 0.5
    z, angle = 1 - 2 * at / count, np.pi * (1 + 5**0.5) * at
    flat = np.sqrt(1 - z * z)
    return np.stack((flat * np.cos(angle), flat * np.sin(angle), z), axis=1) @ _turn(generator).T


def _rays(
    direction: np.ndarray, centre: np.ndarray, radius: float, scene: Scene, wanted: float, views: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return parallel rays on a square grid that covers the part, as many as give this view its share of points."""
    total = float(scene.areas.sum()) / 4 * views  # the mean shadow of a convex body is a quarter of its surface
    step = (total / wanted) ** 0.5
    side, up = np.linalg.svd(direction[None])[2][1:]
    flat = (scene.mesh.vertices - centre) @ np.stack((side, up), axis=1)
    (left, bottom), (right, top) = flat.min(axis=0), flat.max(axis=0)
    u, v = np.meshgrid(np.arange(left + step / 2, right, step), np.arange(bottom + step / 2, top, step))
    starts = centre - 2 * radius * direction + u.reshape(-1, 1) * side + v.reshape(-1, 1) * up
    return starts, np.broadcast_to(direction, starts.shape)


def _close_up(scene: Scene, generator: np.random.Generator, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Return parallel rays onto a square around a random place, straight from above it."""
    target = scene.sample(1, generator)
    side, up = np.linalg.svd(target.normals)[2][1:]
    ticks = np.arange(-_CLOSE_UP_MM / 2, _CLOSE_UP_MM / 2, density**-0.5)
    u, v = np.meshgrid(ticks, ticks)
    starts = target.positions + 10 * target.normals + u.reshape(-1, 1) * side + v.reshape(-1, 1) * up
    return starts, np.broadcast_to(-target.normals, starts.shape)


def _dent(
    points: np.ndarray,
    normals: np.ndarray,
    generator: np.random.Generator,
    count: int,
    width: float,
    depth: float,
    min_points: int,
) -> tuple[Dent, ...]:
    """Press round hollows into flat or gently curved places, in place; their walls fall like a cosine."""
    made: list[Dent] = []
    for _ in range(200 * count):
        if len(made) == count:
            break
        row = int(generator.integers(len(points)))
        offset = points - points[row]
        near = np.flatnonzero((np.abs(offset) < width / 2).all(axis=1))
        across = offset[near] - (offset[near] @ normals[row])[:, None] * normals[row]
        distance = np.linalg.norm(across, axis=1)
        inside = near[(distance < width / 2) & (normals[near] @ normals[row] > 0.9)]
        if len(inside) < min_points or any(np.linalg.norm(points[row] - one.place) < 2 * width for one in made):
            continue
        shape = (1 + np.cos(2 * np.pi * distance[np.isin(near, inside)] / width)) / 2
        points[inside] -= depth * shape[:, None] * normals[row]
        made.append(Dent(points[row] + depth * normals[row], normals[row], width, depth, len(inside)))
    return tuple(made)


def _turn(generator: np.random.Generator) -> np.ndarray:
    turn, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    return turn
