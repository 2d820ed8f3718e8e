"""What changed between two scans of a part: each is laid on the CAD, and the surface is compared cell by cell.

Wear may not decide how a scan lies: best fit fades out what lies off, and datums (3-2-1) on places that do not wear
leave the rest out altogether. Without a CAD, a first scan that is a mesh takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from trivium.maintenance.inspection.datum import Datums
from trivium.maintenance.inspection.deviation import Surface, cell_size, measure
from trivium.maintenance.inspection.inspect import Method, Options, Tolerance, deviations, lay, prepared
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.regions import Defect, Verdict, decide, defects
from trivium.maintenance.inspection.trust import Reason, Trust

__all__ = ["Outcome", "Wear", "compare"]

Outcome = Literal["changed", "unchanged", "undecided", "incomplete"]
Progress = Callable[[str, float], None]
_OUTCOMES: dict[Verdict, Outcome] = {
    "fail": "changed",
    "pass": "unchanged",
    "undecided": "undecided",
    "incomplete": "incomplete",
}
_EXTENT = 0.1  # a volume misses what is shallower
_NOTHING = (np.empty((0, 3)), np.empty(0))


@dataclass(frozen=True)
class Wear:
    """The result.

    Args:
        tolerance: change that counts, to either side.
        poses: (4, 4) each, from the scans' frames to the part's; the first is None where the first scan is the part.
        trusts: of the alignments, as `poses`.
        surface: cells that both scans have; `deviation` is later minus earlier, negative where material went.
        changes: regions that changed: `hollow` is loss, `bump` is gain. Depths are means over cells.
        outcome: on the part.
        points: of each scan, those that belong to the part.
        later: (N, 3) points of the later scan in the part's frame.
        options: what was asked besides.
        uncertainty_mm: standard uncertainty shared by all points of the difference.
        method: how the scans were laid on the part.
    """

    tolerance: Tolerance
    poses: tuple[Floats | None, Floats]
    trusts: tuple[Trust | None, Trust]
    surface: Surface
    changes: tuple[Defect, ...]
    outcome: Outcome
    points: tuple[int, int]
    later: Floats
    options: Options
    uncertainty_mm: float
    method: Method

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why an alignment is not trusted; none when both are."""
        return tuple(dict.fromkeys(reason for one in self.trusts if one is not None for reason in one.reasons))

    @property
    def is_trusted(self) -> bool:
        """Whether both alignments are."""
        return not self.reasons

    def volume(self, kind: str) -> tuple[float, float]:
        """Return the volume of all regions of a kind, and its expanded uncertainty, mm3; what is shared adds up."""
        own = [one for one in self.changes if one.kind == kind]
        return sum(one.volume_mm3 for one in own), sum(one.volume_uncertainty_mm3 for one in own)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of `wear.json`; lengths in millimetres, places in the part's frame."""
        (lost, lost_u), (gained, gained_u) = self.volume("hollow"), self.volume("bump")
        if not self.is_trusted:
            lost = lost_u = gained = gained_u = 0.0
        return {
            "unit": "mm",
            "aligned": "trusted" if self.is_trusted else "untrusted",
            "untrusted_because": list(self.reasons),
            "alignment": self.method,
            "transforms": [None if pose is None else pose.tolist() for pose in self.poses],
            "outcome": self.outcome,
            "coverage": self.surface.coverage,
            "min_coverage": self.options.min_coverage,
            "change_mm": self.tolerance.limit_mm,
            "changes": [_change(number, one) for number, one in enumerate(self.changes, 1)] if self.is_trusted else [],
            "lost_mm3": lost,
            "lost_uncertainty_mm3": lost_u,
            "gained_mm3": gained,
            "gained_uncertainty_mm3": gained_u,
            "cell_mm": self.surface.size,
            "uncertainty_mm": self.uncertainty_mm,
            "scanner_uncertainty_mm": self.options.uncertainty_mm,
            "smallest_defect_mm": self.options.resolution_mm,
            "points": list(self.points),
        }


def compare(
    before: Floats | None,
    after: Floats,
    reference: Reference,
    tolerance: Tolerance,
    options: Options,
    *,
    datums: Datums | None = None,
    where: tuple[str, str] = ("", ""),
    progress: Progress = lambda stage, share: None,
) -> Wear:
    """Compare two scans.

    Args:
        before: (N, 3) of the first scan, millimetres; None where `reference` is the first scan itself.
        after: (M, 3) of the later one.
        reference: the part.
        tolerance: change that counts.
        options: as for `inspect`.
        datums: places that do not wear, to lay the scans on; None for best fit.
        where: the files, for errors.
        progress: told each stage, and the share of the whole when it begins.

    Raises:
        InputError: if a scan has too few points, or they all lie in one place.
    """
    later = prepared(after, options.seed, where[1])
    scans = [later] if before is None else [prepared(before, options.seed, where[0]), later]
    size = cell_size(reference, min(len(scan) for scan in scans), options.resolution_mm)
    laid = []
    for number, scan in enumerate(scans):

        def told(stage: str, share: float, number: int = number) -> None:
            progress(stage, (number + share) / len(scans) * 0.75)

        laid.append(_laid(scan, reference, options, datums, size, told))
    progress("measure", 0.75)
    last = laid[-1]
    first = laid[0] if before is not None else None
    surface = last.surface if first is None else _difference(first.surface, last.surface)
    trusts = [one.trust for one in laid]
    shared = (len(laid) * options.uncertainty_mm**2 + sum(one.looseness_mm**2 for one in trusts)) ** 0.5
    limit, is_trusted = tolerance.limit_mm, all(one.is_trusted for one in trusts)
    found = defects(surface, *_NOTHING, limit, shared, options.resolution_mm, _EXTENT)
    verdict = decide(surface, found, limit, shared, is_trusted=is_trusted, min_coverage=options.min_coverage)
    return Wear(
        tolerance,
        (None if first is None else first.pose, last.pose),
        (None if first is None else first.trust, last.trust),
        surface,
        tuple(found),
        _OUTCOMES[verdict],
        (0 if first is None else len(first.moved), len(last.moved)),
        last.moved,
        options,
        shared,
        "best_fit" if datums is None else "datum",
    )


@dataclass(frozen=True)
class _Laid:
    """One scan on the part: its pose, the trust in it, its points there, and the cells of the surface."""

    pose: Floats
    trust: Trust
    moved: Floats
    surface: Surface


def _laid(
    scan: Floats, reference: Reference, options: Options, datums: Datums | None, size: float, progress: Progress
) -> _Laid:
    pose, trust = lay(scan, reference, options, datums, progress)
    moved, deviation, places, _ = deviations(scan, reference, pose)
    return _Laid(pose, trust, moved, measure(deviation, places, reference, size))


def _difference(before: Surface, after: Surface) -> Surface:
    """Return the cells that both have, with the later minus the earlier deviation; what one lacks is not covered."""
    _, one, two = np.intersect1d(before.keys, after.keys, assume_unique=True, return_indices=True)
    back = np.full(len(after.keys), -1)
    back[two] = np.arange(len(two))
    first, second = (back[side] for side in after.neighbors)
    is_pair = (first >= 0) & (second >= 0)
    return replace(
        after,
        places=after.places[two],
        normals=after.normals[two],
        areas=after.areas[two],
        counts=np.minimum(before.counts[one], after.counts[two]),
        deviation=after.deviation[two] - before.deviation[one],
        error=np.hypot(after.error[two], before.error[one]),
        is_covered=after.is_covered[two] & before.is_covered[one],
        neighbors=(first[is_pair], second[is_pair]),
        noise=float(np.hypot(after.noise, before.noise)),
        keys=after.keys[two],
    )


def _change(number: int, one: Defect) -> dict[str, Any]:
    return {
        "id": number,
        "kind": "loss" if one.kind == "hollow" else "gain",
        "depth_mm": one.depth_mm,
        "depth_uncertainty_mm": one.uncertainty_mm,
        "area_mm2": one.area_mm2,
        "volume_mm3": one.volume_mm3,
        "volume_uncertainty_mm3": one.volume_uncertainty_mm3,
        "place": one.place.tolist(),
        "normal": one.normal.tolist(),
        "extent_mm": one.extent_mm.tolist(),
    }
