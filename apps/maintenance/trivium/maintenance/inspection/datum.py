"""Alignment by datums (3-2-1, ISO 5459): six places on the part fix the scan, whatever the rest of it looks like.

Three places on the primary plane take a shift and two turns, two on the secondary a shift and a turn, one on the
tertiary the last shift. The scan is laid near by best fit, its height over each place is measured from the points
around it, and the one small motion that makes all six heights zero is applied, until it no longer moves.

The file has a line a place: the datum (`A`, `B`, `C`) and x y z in the part's frame and unit; `#` begins a comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trivium.maintenance.inspection.poses import Floats, apply, exponential
from trivium.maintenance.inspection.reference import Reference
from trivium.pointcloud.io.source import load
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Datums", "Fit", "fit_datums", "read_datums"]

_WANTED = {"A": 3, "B": 2, "C": 1}
_LIMIT_BYTES = 1 << 16
_ON_PART = 0.01  # of the diagonal: a place farther off the surface is a mistake
_PLANE = 0.98  # cosine between normals of places of one datum
_APART = 0.2  # smallest singular value of the six conditions, turns in units of the part's size
_STEPS = 6
_MIN_POINTS = 10
_REACH = 0.02  # of the diagonal: points farther off the surface are not of the place


@dataclass(frozen=True)
class Datums:
    """Six places on the part: three of the primary, two of the secondary, one of the tertiary.

    Args:
        places: (6, 3) on the surface, millimetres, in the part's frame.
        normals: (6, 3) outwards.
    """

    places: Floats
    normals: Floats


@dataclass(frozen=True)
class Fit:
    """A scan laid onto its datums.

    Args:
        pose: (4, 4) from the scan's frame to the part's.
        points: (6,) of the scan around each place.
        looseness_mm: standard deviation of the pose at the part's outline, from the noise of the six heights.
    """

    pose: Floats
    points: np.ndarray
    looseness_mm: float

    @property
    def is_seen(self) -> bool:
        """Whether every place was seen by enough points."""
        return bool((self.points >= _MIN_POINTS).all())


def read_datums(path: Path, factor: float, reference: Reference) -> Datums:
    """Read a datum file.

    Args:
        path: the file.
        factor: millimetres per unit of its numbers.
        reference: the part; each place is moved onto its surface.

    Raises:
        InputError: if a line cannot be read, a place is missing or lies off the part, or the six leave the part loose.
    """
    where = str(path)
    found: dict[str, list[list[float]]] = {name: [] for name in _WANTED}
    for number, line in enumerate(load(path, limit=_LIMIT_BYTES).decode("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if words:
            name, place = _line(words, f"{where}:{number}")
            found[name].append(place)
    for name, count in _WANTED.items():
        if len(found[name]) != count:
            raise InputError(
                Phrase("datum {name} has {found} places, not {count}", name=name, found=len(found[name]), count=count),
                where=where,
                hint="A needs 3, B 2, C 1",
            )
    given = np.array([place for name in _WANTED for place in found[name]]) * factor
    return _on_part(given, reference, where)


def fit_datums(scan: Floats, pose: Floats, datums: Datums, reference: Reference, radius: float) -> Fit:
    """Move a scan that lies about right so that it touches the six places.

    Args:
        scan: (N, 3) millimetres.
        pose: (4, 4) by best fit.
        datums: the places.
        reference: the part.
        radius: of the patch around each place whose points are averaged, millimetres.
    """
    centre, size = (reference.low + reference.high) / 2, reference.diagonal / 2
    slope = _conditions(datums.places, datums.normals, centre, size)
    counts, errors = np.zeros(6, dtype=np.int64), np.zeros(6)
    for _ in range(_STEPS):
        heights, errors, counts = _heights(apply(pose, scan), datums, radius, reference)
        if (counts < _MIN_POINTS).any():
            break
        step: Floats = -np.linalg.solve(slope, heights).astype(np.float64)
        step[:3] /= size
        motion = exponential(step[None])[0]
        motion[:3, 3] += centre - motion[:3, :3] @ centre
        pose = motion @ pose
        if np.abs(heights).max() < 1e-6:
            break
    spread = np.linalg.inv(slope) @ np.diag(errors**2) @ np.linalg.inv(slope).T
    return Fit(pose, counts, float(np.linalg.eigvalsh(spread).max() ** 0.5))


def _line(words: list[str], where: str) -> tuple[str, list[float]]:
    name = words[0].upper()
    if name not in _WANTED:
        raise InputError(
            Phrase("datum '{name}' is unknown", name=words[0][:20]),
            where=where,
            hint="a line is: A x y z, with A, B or C",
        )
    try:
        place = [float(word) for word in words[1:]]
    except ValueError:
        place = []
    if len(place) != 3 or not np.isfinite(place).all():
        raise InputError("is no place", where=where, hint="a line is: A x y z")
    return name, place


def _on_part(given: Floats, reference: Reference, where: str) -> Datums:
    found = reference.scene.nearest(given)
    distance = np.linalg.norm(given - found.positions, axis=1)
    worst = int(distance.argmax())
    if distance[worst] > _ON_PART * reference.diagonal:
        x, y, z = given[worst]
        raise InputError(
            Phrase(
                "place ({place}) mm lies {distance} mm off the part",
                place=f"{x:g}, {y:g}, {z:g}",
                distance=f"{distance[worst]:.3g}",
            ),
            where=where,
            hint="places are in the part's frame and unit (--cad-unit)",
        )
    for name, rows in (("A", slice(0, 3)), ("B", slice(3, 5))):
        if (found.normals[rows] @ found.normals[rows][0] < _PLANE).any():
            raise InputError(
                Phrase("the places of datum {name} do not lie on faces of one direction", name=name), where=where
            )
    centre, size = (reference.low + reference.high) / 2, reference.diagonal / 2
    slope = _conditions(found.positions, found.normals, centre, size)
    if np.linalg.svd(slope, compute_uv=False)[-1] < _APART / 6:
        raise InputError(
            "the six places leave the part loose",
            where=where,
            hint="spread the three of A apart, take B and C on faces across A",
        )
    return Datums(found.positions, found.normals)


def _conditions(places: Floats, normals: Floats, centre: Floats, size: float) -> Floats:
    """Return how a small motion, three turns in units of the part's size and three shifts, changes the six heights."""
    return np.concatenate((np.cross((places - centre) / size, normals), normals), axis=1)


def _heights(moved: Floats, datums: Datums, radius: float, reference: Reference) -> tuple[Floats, Floats, np.ndarray]:
    """Return mean height of the points around each place, its standard error, and their number, (6,) each."""
    reach = _REACH * reference.diagonal
    heights, errors, counts = np.zeros(6), np.full(6, reach), np.zeros(6, dtype=np.int64)
    for at, (place, normal) in enumerate(zip(datums.places, datums.normals, strict=True)):
        near = moved[(np.abs(moved - place) < radius + reach).all(axis=1)]
        if not len(near):
            continue
        height, found = reference.signed(near)
        is_own = (np.linalg.norm(found.positions - place, axis=1) < radius) & (found.normals @ normal > _PLANE)
        own = height[is_own & (np.abs(height) < reach)]
        counts[at] = len(own)
        if len(own) > 1:
            heights[at], errors[at] = own.mean(), own.std(ddof=1) / len(own) ** 0.5
    return heights, errors, counts
