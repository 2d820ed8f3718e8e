"""Files of an inspection: scans and parts read in millimetres, coloured clouds written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from trivium.maintenance.inspection.claims import Source
from trivium.maintenance.inspection.deviation import Surface
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.report.colors import colors
from trivium.pointcloud.io import read_mesh, read_points, write_points
from trivium.pointcloud.io.source import load
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["UNITS", "factor_of", "read_reference", "read_scan", "source_of", "write_deviation", "write_unseen"]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
"""Millimetres per unit. Files of scans and parts seldom name theirs, so it is always asked."""

_MAX_WRITTEN = 400_000


def read_scan(path: Path, unit: str) -> Floats:
    """Return the points of a scan in millimetres, (N, 3), each once: a copy of a point is no second measurement of it.

    Raises:
        InputError: if the unit is unknown or the file cannot be read.
    """
    points = read_points(path).xyz.astype(np.float64)
    order = np.lexsort(points.T)
    is_copy = (points[order[1:]] == points[order[:-1]]).all(axis=1)  # lexsort leaves equal points in their order
    return np.delete(points, order[1:][is_copy], axis=0) * factor_of(unit)


def read_reference(path: Path, unit: str) -> Reference:
    """Return the part in millimetres.

    Raises:
        InputError: if the unit is unknown or the file is no mesh.
    """
    mesh = read_mesh(path)
    return Reference(Mesh(mesh.vertices.astype(np.float64) * factor_of(unit), mesh.faces), str(path))


def source_of(path: Path, unit: str, name: str = "") -> Source:
    """Return what a report says of a file: its name (None given: its own), hash and unit."""
    return Source(name or path.name, hashlib.sha256(load(path)).hexdigest(), unit)


def factor_of(unit: str) -> float:
    """Return millimetres per unit.

    Raises:
        InputError: if the unit is unknown.
    """
    if unit not in UNITS:
        raise InputError(
            Phrase("unit '{unit}' is unknown", unit=unit),
            where="--unit",
            hint=Phrase("known: {choices}", choices=", ".join(UNITS)),
        )
    return UNITS[unit]


def write_deviation(path: Path, points: Floats, deviation: Floats, limit: float) -> Path:
    """Write a cloud, (N, 3) in the part's frame, coloured by its deviations, (N,), with `deviation_mm` a point."""
    step = -(-len(points) // _MAX_WRITTEN)
    points, deviation = points[::step], deviation[::step]
    rgb = colors(deviation, limit)
    fields = {name: np.ascontiguousarray(rgb[:, at]) for at, name in enumerate(("red", "green", "blue"))}
    fields["deviation_mm"] = deviation.astype(np.float32)
    write_points(path, PointCloud(points.astype(np.float32), fields))
    return path


def write_unseen(path: Path, surface: Surface) -> Path:
    """Write the places of the part that were not seen, with the area that each stands for."""
    unseen = ~surface.is_covered
    fields = {"area_mm2": surface.areas[unseen].astype(np.float32)}
    write_points(path, PointCloud(surface.places[unseen].astype(np.float32), fields))
    return path
