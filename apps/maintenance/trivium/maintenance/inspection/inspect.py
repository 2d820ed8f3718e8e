"""One inspection from points and a mesh to a verdict: align, trust, measure, find, decide. No files, no language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trivium.maintenance.inspection import align as alignment_of
from trivium.maintenance.inspection.datum import Datums, fit_datums
from trivium.maintenance.inspection.deviation import Surface, cell_size, finest_cell, measure
from trivium.maintenance.inspection.poses import Floats, apply
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.regions import Defect, Verdict, decide, defects, joined
from trivium.maintenance.inspection.trust import Trust, judge_hand, judge_trust, on_datums
from trivium.pointcloud.raycasting import Places
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Inspection", "Method", "Options", "Tolerance", "conclude", "deviations", "inspect", "lay", "prepared"]

Method = Literal["best_fit", "datum"]

_MIN_POINTS = 500
_MAX_POINTS = 600_000
_WIDER = 1.02  # times the finest cells: a second look is worth it
_REACH = 0.05  # of the diagonal: points farther off belong to something else


@dataclass(frozen=True)
class Tolerance:
    """How far the surface may lie off.

    Args:
        value_mm: as on the drawing.
        zone: `plus_minus`: to either side; `total`: width of the zone around the surface (ISO 1101), half to each side.

    Raises:
        InputError: if the value is not positive.
    """

    value_mm: float
    zone: Literal["plus_minus", "total"] = "plus_minus"

    def __post_init__(self) -> None:
        if not 0 < self.value_mm < float("inf"):
            raise InputError(
                Phrase("a tolerance of {value} mm is not positive", value=self.value_mm), where="--tolerance"
            )

    @property
    def limit_mm(self) -> float:
        """Largest deviation to either side."""
        return self.value_mm if self.zone == "plus_minus" else self.value_mm / 2


@dataclass(frozen=True)
class Options:
    """What is asked besides the tolerance.

    Args:
        min_coverage: share of the surface that must be seen for a verdict of pass.
        resolution_mm: width of the smallest defect that must be found.
        uncertainty_mm: standard uncertainty of the scanner that averaging does not take away.
        seed: picks the points that the search looks at.

    Raises:
        InputError: if a number is out of its range.
    """

    min_coverage: float = 0.8
    resolution_mm: float = 6.0
    uncertainty_mm: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("minimum coverage", self.min_coverage, 0.0, 1.0),
            ("smallest defect", self.resolution_mm, 0.1, 1e6),
            ("scanner uncertainty", self.uncertainty_mm, 0.0, 1e6),
        ):
            if not least <= value <= most:
                raise InputError(
                    Phrase(
                        "a {name} of {value} is not between {least} and {most}",
                        name=name,
                        value=f"{value:g}",
                        least=f"{least:g}",
                        most=f"{most:g}",
                    )
                )


_AS_USUAL = Options()


@dataclass(frozen=True)
class Inspection:
    """The result.

    Args:
        tolerance: what was asked.
        pose: (4, 4) from the scan's frame to the part's, millimetres.
        trust: whether the alignment can be trusted.
        surface: deviations in cells.
        defects: regions out of tolerance, the deepest first.
        verdict: on the part.
        points: (N, 3) of the scan in the part's frame, those that belong to the part.
        deviation: (N,) of each.
        foreign: points left out because they lie far off the part.
        options: what was asked besides.
        uncertainty_mm: standard uncertainty shared by all points: the scanner's and the pose's.
        method: how the scan was laid on the part.
    """

    tolerance: Tolerance
    pose: Floats
    trust: Trust
    surface: Surface
    defects: tuple[Defect, ...]
    verdict: Verdict
    points: Floats
    deviation: Floats
    foreign: int
    options: Options
    uncertainty_mm: float
    method: Method

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of `inspection.json`; lengths in millimetres, places in the part's frame."""
        return {
            "unit": "mm",
            "aligned": "trusted" if self.trust.is_trusted else "untrusted",
            "untrusted_because": list(self.trust.reasons),
            "alignment": self.method,
            "transform": self.pose.tolist(),
            "verdict": self.verdict,
            "coverage": self.surface.coverage,
            "min_coverage": self.options.min_coverage,
            "tolerance_mm": self.tolerance.value_mm,
            "tolerance_zone": self.tolerance.zone,
            "limit_mm": self.tolerance.limit_mm,
            # Deviations from a place that is not the true one are no defects.
            "defects": [_defect(number, one) for number, one in enumerate(self.defects, 1)]
            if self.trust.is_trusted
            else [],
            "noise_mm": self.surface.noise,
            "cell_mm": self.surface.size,
            "uncertainty_mm": self.uncertainty_mm,
            "scanner_uncertainty_mm": self.options.uncertainty_mm,
            "smallest_defect_mm": self.options.resolution_mm,
            "seed": self.options.seed,
            "points": len(self.points),
            "points_left_out": self.foreign,
            "symmetries": self.trust.symmetries,
            "off_surface_share": self.trust.off_share,
            "rival_off_surface_share": self.trust.rival_off_share,
            "area_mm2": float(self.surface.areas.sum()),
        }


def inspect(
    scan: Floats,
    reference: Reference,
    tolerance: Tolerance,
    options: Options = _AS_USUAL,
    *,
    datums: Datums | None = None,
    where: str = "",
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Inspection:
    """Inspect a scan.

    Args:
        scan: (N, 3) in millimetres, any frame.
        reference: the part.
        tolerance: how far the surface may lie off.
        options: what is asked besides.
        datums: six places to lay the scan on; None for best fit.
        where: the file, for errors.
        progress: told each stage, and the share of the whole when it begins.

    Raises:
        InputError: if there are too few points, or they all lie in one place.
    """
    scan = prepared(scan, options.seed, where)
    pose, trust = lay(scan, reference, options, datums, progress)
    progress("measure", 0.65)
    method: Method = "best_fit" if datums is None else "datum"
    return conclude(scan, reference, pose, trust, tolerance, options, method=method)


def lay(
    scan: Floats,
    reference: Reference,
    options: Options,
    datums: Datums | None,
    progress: Callable[[str, float], None],
) -> tuple[Floats, Trust]:
    """Return the pose that lays a scan on the part, by best fit or on its datums, and whether to trust it."""
    progress("align", 0.1)
    alignment = alignment_of.align(scan, reference, options.seed)
    progress("trust", 0.55)
    trust = judge_hand(judge_trust(scan, alignment, reference), scan, alignment, reference, options.seed)
    pose = alignment.candidates[0].pose
    if datums is not None:
        fit = fit_datums(scan, pose, datums, reference, options.resolution_mm / 2)
        pose, trust = fit.pose, on_datums(trust, fit)
    return pose, trust


def prepared(scan: Floats, seed: int, where: str) -> Floats:
    """Return the points to work with, in an order of chance, at most as many as are worth it.

    Raises:
        InputError: if there are too few points, or they all lie in one place.
    """
    if len(scan) < _MIN_POINTS:
        raise InputError(
            Phrase("{count} points; needs at least {least}", count=f"{len(scan):,}", least=_MIN_POINTS),
            where=where,
            hint="scan more densely",
        )
    if np.ptp(scan, axis=0).max() < 1e-3:
        raise InputError("all points lie in one place", where=where, hint="check the unit")
    generator = np.random.default_rng(seed)
    return scan[generator.permutation(len(scan))[:_MAX_POINTS]].astype(np.float64)


def conclude(
    scan: Floats,
    reference: Reference,
    pose: Floats,
    trust: Trust,
    tolerance: Tolerance,
    options: Options = _AS_USUAL,
    *,
    method: Method = "best_fit",
) -> Inspection:
    """Measure an aligned scan and decide; arguments as for `inspect`."""
    moved, deviation, places, num_foreign = deviations(scan, reference, pose)
    size = cell_size(reference, len(moved), options.resolution_mm)
    surface = measure(deviation, places, reference, size)
    systematic = (options.uncertainty_mm**2 + trust.looseness_mm**2) ** 0.5
    limit = tolerance.limit_mm
    found = defects(surface, moved, deviation, limit, systematic, options.resolution_mm)
    fine = finest_cell(reference, options.resolution_mm)
    if fine < size / _WIDER:
        # Points are few on the whole, and may be many in places: small defects are looked for there.
        close = measure(deviation, places, reference, fine)
        found = joined(found, defects(close, moved, deviation, limit, systematic, options.resolution_mm))
    verdict = decide(surface, found, limit, systematic, is_trusted=trust.is_trusted, min_coverage=options.min_coverage)
    return Inspection(
        tolerance,
        pose,
        trust,
        surface,
        tuple(found),
        verdict,
        moved,
        deviation,
        num_foreign,
        options,
        systematic,
        method,
    )


def deviations(scan: Floats, reference: Reference, pose: Floats) -> tuple[Floats, Floats, Places, int]:
    """Return the points that belong to the part, in its frame, (N, 3), their deviations (N,), nearest places, and how
    many were left out because they lie far off.

    Raises:
        InputError: if all do.
    """
    moved = apply(pose, scan)
    deviation, places = reference.signed(moved)
    is_own = np.abs(deviation) < _REACH * reference.diagonal
    if not is_own.any():
        raise InputError("no point of the scan comes near the part", hint="check both units, and that it is this part")
    kept = Places(places.positions[is_own], places.triangles[is_own], places.normals[is_own])
    return moved[is_own], deviation[is_own], kept, int((~is_own).sum())


def _defect(number: int, defect: Defect) -> dict[str, Any]:
    return {
        "id": number,
        "kind": defect.kind,
        "depth_mm": defect.depth_mm,
        "depth_uncertainty_mm": defect.uncertainty_mm,
        "area_mm2": defect.area_mm2,
        "area_out_of_tolerance_mm2": defect.area_out_mm2,
        "place": defect.place.tolist(),
        "normal": defect.normal.tolist(),
        "extent_mm": defect.extent_mm.tolist(),
        "points": defect.points,
        "volume_mm3": defect.volume_mm3,
        "volume_uncertainty_mm3": defect.volume_uncertainty_mm3,
    }
