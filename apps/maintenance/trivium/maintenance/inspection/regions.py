"""Regions of the surface that are out of tolerance, and whether the part as a whole is.

Decisions follow ISO 14253-1: a place is out when its deviation exceeds the limit by more than its uncertainty, in when
it stays below by more, and undecided between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from trivium.maintenance.inspection.deviation import Surface
from trivium.maintenance.inspection.poses import Floats
from trivium.pointcloud.geometry.clusters import connected

__all__ = ["Defect", "Verdict", "decide", "defects", "expanded", "joined"]

Verdict = Literal["pass", "fail", "undecided", "incomplete"]

_EXTENT = 0.3  # a region reaches down to this share of its depth
_COVERAGE_FACTOR = 2.0  # expanded uncertainty, about 95 %


@dataclass(frozen=True)
class Defect:
    """A region out of tolerance.

    Args:
        kind: `hollow` below the surface, `bump` above it.
        depth_mm: largest deviation, always positive: the apex of a paraboloid fitted around the deepest cell, because
            means over cells read narrow hollows too shallow.
        uncertainty_mm: of the depth, expanded (k = 2).
        area_mm2: of the region: what is out, and what is deeper than a third of its depth.
        area_out_mm2: of the part of it beyond the limit.
        place: (3,) its middle on the part, in the part's frame, millimetres.
        normal: (3,) outwards there.
        extent_mm: (3,) sides of the box around it.
        points: of the scan, in it.
        volume_mm3: between the surface and the CAD over the area.
        volume_uncertainty_mm3: of the volume, expanded (k = 2).
    """

    kind: Literal["hollow", "bump"]
    depth_mm: float
    uncertainty_mm: float
    area_mm2: float
    area_out_mm2: float
    place: Floats
    normal: Floats
    extent_mm: Floats
    points: int
    volume_mm3: float
    volume_uncertainty_mm3: float


def expanded(surface: Surface, systematic: float) -> Floats:
    """Return the expanded uncertainty (k = 2) of each cell's deviation, (C,): noise and what averaging leaves.

    Args:
        surface: the cells.
        systematic: standard uncertainty that all points share (scanner, pose), millimetres.
    """
    return _COVERAGE_FACTOR * np.sqrt(surface.error**2 + systematic**2)


def defects(
    surface: Surface,
    points: Floats,
    deviation: Floats,
    limit: float,
    systematic: float,
    resolution: float,
    extent: float = _EXTENT,
) -> list[Defect]:
    """Return the regions that are out, the deepest first.

    Args:
        surface: the cells.
        points: (N, 3) of the scan in the part's frame.
        deviation: (N,) of each.
        limit: largest deviation allowed to either side, millimetres.
        systematic: as for `expanded`.
        resolution: width of the smallest defect that must be found, millimetres.
        extent: share of its depth that a region reaches down to, where the deviation is sure to be one at all.
    """
    mean = np.where(surface.is_covered, surface.deviation, 0.0)
    uncertainty = expanded(surface, systematic)
    found: list[Defect] = []
    kinds: tuple[tuple[int, Literal["hollow", "bump"]], ...] = ((-1, "hollow"), (1, "bump"))
    for sign, kind in kinds:
        height = sign * mean
        is_out = height - uncertainty > limit
        for cells in _groups(surface, is_out, height, uncertainty, extent):
            top = cells[height[cells].argmax()]
            depth, error = _depth(surface, int(top), points, sign * deviation, resolution / 3)
            sure = _COVERAGE_FACTOR * (error**2 + systematic**2) ** 0.5
            found.append(_describe(surface, cells, height, limit, kind, (depth, sure), systematic))
    return sorted(found, key=lambda one: -one.depth_mm)


def joined(found: list[Defect], others: list[Defect]) -> list[Defect]:
    """Return regions found in wide cells and those of others, found in finer ones, that lie in none of them."""

    def is_known(one: Defect) -> bool:
        return any(
            known.kind == one.kind
            and (np.abs(known.place - one.place) <= (known.extent_mm + one.extent_mm) / 2).all()
            and known.normal @ one.normal > 0
            for known in found
        )

    return sorted([*found, *(one for one in others if not is_known(one))], key=lambda one: -one.depth_mm)


def decide(
    surface: Surface, found: list[Defect], limit: float, systematic: float, *, is_trusted: bool, min_coverage: float
) -> Verdict:
    """Return the verdict on the part: one that is not trusted or not seen enough never passes."""
    if not is_trusted:
        return "undecided"
    if found:
        return "fail"
    if surface.coverage < min_coverage or not surface.is_covered.any():
        return "incomplete"
    height = np.abs(surface.deviation[surface.is_covered])
    is_in = height + expanded(surface, systematic)[surface.is_covered] <= limit
    return "pass" if is_in.all() else "undecided"


def _groups(
    surface: Surface, is_out: np.ndarray, height: Floats, uncertainty: Floats, extent: float
) -> list[np.ndarray]:
    """Return the cells of each region: those out, and those around them that reach down to a share of the depth."""
    if not is_out.any():
        return []
    first, second = surface.neighbors
    core = connected(len(height), *_edges(first, second, is_out)).numpy()
    peak = np.zeros(len(height))
    np.maximum.at(peak, core[is_out], height[is_out])
    floor = extent * float(peak[core[is_out]].min())
    is_part = is_out | ((height > floor) & (height > uncertainty))
    group = connected(len(height), *_edges(first, second, is_part)).numpy()
    regions = []
    for name in np.unique(group[is_out]):
        cells = np.flatnonzero((group == name) & is_part)
        regions.append(cells[is_out[cells] | (height[cells] > extent * height[cells].max())])
    return regions


def _depth(surface: Surface, top: int, points: Floats, height: Floats, radius: float) -> tuple[float, float]:
    """Return the largest height near a cell and its standard error, by a paraboloid through the points there.

    Where the surface is torn no paraboloid fits: one whose apex is lower than the cell's own mean, or higher than any
    point, gives way to that mean.
    """
    normal = surface.normals[top]
    side, up = np.linalg.svd(normal[None])[2][1:]
    near = np.flatnonzero((np.abs(points - surface.places[top]) < radius + surface.size).all(axis=1))
    offset = points[near] - surface.places[top]
    u, v = offset @ side / radius, offset @ up / radius
    inside = (u * u + v * v < 1) & (np.abs(offset @ normal) < radius)
    u, v, values = u[inside], v[inside], height[near[inside]]
    terms = np.stack((np.ones_like(u), u, v, u * u, u * v, v * v), axis=1)
    mean = abs(float(surface.deviation[top])), float(surface.error[top])
    if len(values) < 2 * terms.shape[1]:
        return mean
    inverse = np.linalg.pinv(terms.T @ terms)
    fitted = terms @ (inverse @ (terms.T @ values))
    error = np.sqrt(np.einsum("ij,jk,ik->i", terms, inverse, terms)) * surface.noise
    # The rim of a fit is loose: only where it is as sure as in the middle.
    apex = int(np.where(u * u + v * v < 0.25, fitted, -np.inf).argmax())
    if not mean[0] - _COVERAGE_FACTOR * mean[1] <= fitted[apex] <= values.max():
        return mean
    return float(fitted[apex]), float(error[apex])


def _edges(first: np.ndarray, second: np.ndarray, is_node: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    keep = is_node[first] & is_node[second]
    return torch.from_numpy(first[keep]), torch.from_numpy(second[keep])


def _describe(
    surface: Surface,
    cells: np.ndarray,
    height: Floats,
    limit: float,
    kind: Literal["hollow", "bump"],
    depth: tuple[float, float],
    systematic: float,
) -> Defect:
    areas = surface.areas[cells]
    # Each mean is over some nine cells, so that a cell of its own has three times the error.
    scatter = np.sqrt(((3 * surface.error[cells] * areas) ** 2).sum())
    weight = surface.areas[cells] * height[cells]
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(cells), 1 / len(cells))
    places = surface.places[cells]
    normal = weight @ surface.normals[cells]
    return Defect(
        kind,
        *depth,
        float(areas.sum()),
        float(areas[height[cells] > limit].sum()),
        weight @ places,
        normal / max(float(np.linalg.norm(normal)), 1e-12),
        places.max(axis=0) - places.min(axis=0) + surface.size,
        int(surface.counts[cells].sum()),
        float(areas @ height[cells]),
        float(_COVERAGE_FACTOR * np.hypot(scatter, systematic * areas.sum())),
    )
