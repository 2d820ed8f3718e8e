"""Files of an inspection: scans and parts read in millimetres; `inspection.json` and the coloured clouds written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from trivium.maintenance.inspection.inspect import Inspection
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.pointcloud.io import read_mesh, read_points, write_points
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.errors import InputError

__all__ = ["UNITS", "colors", "read_reference", "read_scan", "write"]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
"""Millimetres per unit. Files of scans and parts seldom name theirs, so it is always asked."""

_MAX_WRITTEN = 400_000


def read_scan(path: Path, unit: str) -> Floats:
    """Return the points of a scan in millimetres, (N, 3).

    Raises:
        InputError: if the unit is unknown or the file cannot be read.
    """
    return read_points(path).xyz.astype(np.float64) * _factor(unit)


def read_reference(path: Path, unit: str) -> Reference:
    """Return the part in millimetres.

    Raises:
        InputError: if the unit is unknown or the file is no mesh.
    """
    mesh = read_mesh(path)
    return Reference(Mesh(mesh.vertices.astype(np.float64) * _factor(unit), mesh.faces), str(path))


def write(inspection: Inspection, folder: Path) -> list[Path]:
    """Write `inspection.json`, and two clouds in the part's frame: `deviation.ply` and `not_covered.ply`.

    Raises:
        InputError: if the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        result = folder / "inspection.json"
        result.write_text(json.dumps(inspection.to_json(), indent=1), encoding="utf-8")
        return [result, _write_deviation(inspection, folder), _write_coverage(inspection, folder)]
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(folder)) from error


def colors(deviation: Floats, limit: float) -> np.ndarray:
    """Return (N, 3) uint8: white at 0, full blue at -2 limits and below (too low), full red at 2 limits and above."""
    share = np.clip(deviation / (2 * limit), -1, 1)
    fade = 255 * (1 - np.abs(share))
    full = np.full_like(fade, 255)
    rgb = np.where(share[:, None] > 0, np.stack((full, fade, fade), axis=1), np.stack((fade, fade, full), axis=1))
    return np.round(rgb).astype(np.uint8)


def _write_deviation(inspection: Inspection, folder: Path) -> Path:
    step = -(-len(inspection.points) // _MAX_WRITTEN)
    points, deviation = inspection.points[::step], inspection.deviation[::step]
    rgb = colors(deviation, inspection.tolerance.limit_mm)
    fields = {name: np.ascontiguousarray(rgb[:, at]) for at, name in enumerate(("red", "green", "blue"))}
    fields["deviation_mm"] = deviation.astype(np.float32)
    path = folder / "deviation.ply"
    write_points(path, PointCloud(points.astype(np.float32), fields))
    return path


def _write_coverage(inspection: Inspection, folder: Path) -> Path:
    surface = inspection.surface
    unseen = ~surface.is_covered
    fields = {"area_mm2": surface.areas[unseen].astype(np.float32)}
    path = folder / "not_covered.ply"
    write_points(path, PointCloud(surface.places[unseen].astype(np.float32), fields))
    return path


def _factor(unit: str) -> float:
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is unknown", where="--unit", hint=f"known: {', '.join(UNITS)}")
    return UNITS[unit]
