"""How far the scan lies off the part, in cells of its surface: mean deviation, its uncertainty, and what was seen.

A cell is a cube of the grid and one of six main directions of the surface, so that the two sides of a thin wall stay
apart. Its area is found by places spread evenly over the part; its points are those whose nearest place lies in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.pointcloud.raycasting import Places

__all__ = ["Surface", "cell_size", "finest_cell", "measure"]

_SAMPLES_PER_CELL = 6
_MAX_CELLS = 300_000
_POINTS_PER_CELL = 1.5  # nine cells are averaged
_MIN_POINTS = 10
_SIMILAR = 0.8  # cosine between normals of cells that are averaged together


@dataclass(frozen=True)
class Surface:
    """The part's surface in C cells.

    Args:
        places: (C, 3) middle of each cell, in the part's frame, millimetres.
        normals: (C, 3) outwards, length 1.
        areas: (C,) square millimetres.
        counts: (C,) points of the scan.
        deviation: (C,) mean over the cell and its neighbours, millimetres, positive outside; NaN where not covered.
        error: (C,) standard error of that mean, from the scan's noise, millimetres.
        is_covered: (C,) enough points were seen.
        neighbors: two (P,) arrays, the cells that lie side by side, each pair in both orders.
        noise: standard deviation of points within a cell, millimetres.
        size: width of a cell, millimetres.
        keys: (C,) int64, rising; the names of the cells, the same for the same part and width.
    """

    places: Floats
    normals: Floats
    areas: Floats
    counts: np.ndarray
    deviation: Floats
    error: Floats
    is_covered: np.ndarray
    neighbors: tuple[np.ndarray, np.ndarray]
    noise: float
    size: float
    keys: np.ndarray

    @property
    def coverage(self) -> float:
        """Share of the part's area that was seen."""
        return float(self.areas[self.is_covered].sum() / self.areas.sum())

    def cells_of(self, places: Places, reference: Reference) -> np.ndarray:
        """Return the cell that each of N places on the part lies in, (N,), -1 where it is no cell of these."""
        wanted = _keys(places, reference, self.size)
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys[at] == wanted, at, -1)


def cell_size(reference: Reference, points: int, resolution: float) -> float:
    """Return the width of a cell: a sixth of the smallest defect, wider where points or memory do not suffice."""
    by_points = (_POINTS_PER_CELL * reference.area / max(points, 1)) ** 0.5
    return max(finest_cell(reference, resolution), by_points)


def finest_cell(reference: Reference, resolution: float) -> float:
    """Return the width of a cell where there are points enough: a sixth of the smallest defect if memory suffices."""
    return max(resolution / 6, (reference.area / _MAX_CELLS) ** 0.5)


def measure(deviation: Floats, places: Places, reference: Reference, size: float) -> Surface:
    """Gather points into cells.

    Args:
        deviation: (N,) signed, of each point, millimetres.
        places: their nearest places on the part.
        reference: the part.
        size: width of a cell, millimetres.
    """
    count = int(np.clip(_SAMPLES_PER_CELL * reference.area / size**2, 20_000, 1_000_000))
    spread = reference.scene.sample(count, np.random.default_rng(1))
    named = np.concatenate((_keys(spread, reference, size), _keys(places, reference, size)))
    keys, cell = np.unique(named, return_inverse=True)
    own, seen, total = cell[:count], cell[count:], len(keys)
    samples = np.bincount(own, minlength=total)
    counts = np.bincount(seen, minlength=total)
    both = np.concatenate((spread.positions, places.positions)), np.concatenate((spread.normals, places.normals))
    middle, normal = (_mean(values, cell, total) for values in both)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    sums = np.bincount(seen, deviation, total)
    mean = sums / np.maximum(counts, 1)
    within_cell = float(((deviation - mean[seen]) ** 2).sum() / max(len(deviation) - int((counts > 0).sum()), 1))
    first, second = _neighbors(middle, normal, 1.5 * size)
    near = counts + np.bincount(first, counts[second], total)
    smooth = (sums + np.bincount(first, sums[second], total)) / np.maximum(near, 1)
    is_covered = near >= _MIN_POINTS
    return Surface(
        middle,
        normal,
        samples.astype(np.float64) * (reference.area / count),
        counts,
        np.where(is_covered, smooth, np.nan),
        (within_cell / np.maximum(near, 1)) ** 0.5,
        is_covered,
        (first, second),
        within_cell**0.5,
        size,
        keys,
    )


def _keys(places: Places, reference: Reference, size: float) -> np.ndarray:
    # An odd offset, so that faces at round numbers do not lie between two layers of cells.
    low = reference.low - 0.37 * size
    cell = np.floor((places.positions - low) / size).astype(np.int64) + 2
    axis = np.abs(places.normals).argmax(axis=1)
    is_back = places.normals[np.arange(len(axis)), axis] < 0
    return ((cell[:, 0] << 40) | (cell[:, 1] << 20) | cell[:, 2]) * 6 + 2 * axis + is_back


def _mean(values: Floats, cell: np.ndarray, total: int) -> Floats:
    counts = np.bincount(cell, minlength=total)
    return np.stack([np.bincount(cell, column, total) for column in values.T], axis=1) / counts[:, None]


def _neighbors(middle: Floats, normal: Floats, radius: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import KDTree  # a quarter of a second that readers of this module alone do not need

    first, second = KDTree(middle).query_pairs(radius, output_type="ndarray").T
    similar = np.einsum("ij,ij->i", normal[first], normal[second]) > _SIMILAR
    first, second = first[similar], second[similar]
    return np.concatenate((first, second)), np.concatenate((second, first))
