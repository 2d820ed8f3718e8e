"""The claims of an inspection: each number its report may state, with the points of the scan or the request behind it.

`resolve` goes back to the scan: with the pose that the inspection found, everything after the search is done anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from trivium.maintenance.inspection.inspect import Inspection, Options, Tolerance, conclude, prepared
from trivium.maintenance.inspection.poses import Floats, apply, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.regions import Defect
from trivium.maintenance.inspection.trust import Trust
from trivium.service.errors import NotFoundError
from trivium.service.evidence import Claim, Evidence, JsonPointer, ScanRegion

__all__ = [
    "Source",
    "asked_claims",
    "ball_around",
    "claims_of",
    "computed_claim",
    "decimal_of",
    "request_bytes",
    "resolve",
    "text_claim",
]

_SEARCHED = "search of poses, and what speaks against the best one"


@dataclass(frozen=True)
class Source:
    """A file that was read: its name, the SHA-256 of its bytes after decompression, its unit."""

    name: str
    sha256: str
    unit: str


def request_bytes(tolerance: Tolerance, options: Options) -> bytes:
    """Return what was asked as a JSON document, which claims about limits point into."""
    asked = {"tolerance_mm": tolerance.value_mm, "limit_mm": tolerance.limit_mm, "zone": tolerance.zone}
    return json.dumps(asked | asdict(options), sort_keys=True, separators=(",", ":")).encode()


def asked_claims(tolerance: Tolerance, options: Options) -> list[Claim]:
    """Return the claims about what was asked."""
    sha256 = hashlib.sha256(request_bytes(tolerance, options)).hexdigest()

    def claim(name: str, value: float, unit: str, pointer: str) -> Claim:
        return Claim(name, decimal_of(value), unit, (Evidence(sha256, JsonPointer(pointer)),))

    return [
        claim("tolerance", tolerance.value_mm, "mm", "/tolerance_mm"),
        claim("limit", tolerance.limit_mm, "mm", "/limit_mm"),
        claim("min_coverage", options.min_coverage, "pure", "/min_coverage"),
        claim("smallest_defect", options.resolution_mm, "mm", "/resolution_mm"),
        claim("scanner_uncertainty", options.uncertainty_mm, "mm", "/uncertainty_mm"),
    ]


def claims_of(inspection: Inspection, scan: Source) -> dict[str, Claim]:
    """Return what a report on this inspection may state, by id; lengths in millimetres, shares of 1."""
    claims = [
        *asked_claims(inspection.tolerance, inspection.options),
        Claim("points", Decimal(len(inspection.points)), "pure", (Evidence(scan.sha256, _whole(inspection)),)),
        computed_claim(
            "coverage", inspection.surface.coverage, "pure", "share of the area with ten points or more nearby"
        ),
        computed_claim("noise", inspection.surface.noise, "mm", "standard deviation of points within cells"),
        computed_claim("uncertainty", inspection.uncertainty_mm, "mm", "scanner and pose, root of squares", "noise"),
        computed_claim("symmetries", inspection.trust.symmetries, "pure", _SEARCHED),
        computed_claim("off_share", inspection.trust.off_share, "pure", _SEARCHED),
        text_claim(
            "aligned", "trusted" if inspection.trust.is_trusted else "untrusted", _SEARCHED, "points", "off_share"
        ),
    ]
    if inspection.trust.is_trusted:
        claims.append(computed_claim("regions", len(inspection.defects), "pure", "regions out of tolerance"))
        claims += _of_defects(inspection, scan)
    rule = "ISO 14253-1: out, in, or within the uncertainty of the limit"
    depths = tuple(claim.id for claim in claims if claim.id.endswith(".depth"))
    claims.append(
        text_claim("verdict", inspection.verdict, rule, "limit", "coverage", "min_coverage", "aligned", *depths)
    )
    return {claim.id: claim for claim in claims}


def resolve(claim: Claim, scan: Floats, sha256: str, reference: Reference, described: Mapping[str, Any]) -> float:
    """Measure anew what a claim's evidence points to: the depth of the region there, or the number of points.

    Args:
        claim: `points`, or the depth of a region.
        scan: (N, 3) the scan's points, millimetres.
        sha256: of the scan's bytes.
        reference: the part.
        described: `inspection.json`.

    Raises:
        NotFoundError: if this is not the scan of the claim, or no region lies there.
    """
    (evidence,) = claim.evidence
    place = evidence.locator
    assert isinstance(place, ScanRegion)
    if sha256 != evidence.source_sha256:
        raise NotFoundError("this is not the scan that the claim was made from", where=sha256[:16])
    pose = np.array(described["transform"])
    tolerance = Tolerance(described["tolerance_mm"], described["tolerance_zone"])
    names = ("min_coverage", "smallest_defect_mm", "scanner_uncertainty_mm", "seed")
    options = Options(*(described[name] for name in names))
    shared = max(described["uncertainty_mm"] ** 2 - options.uncertainty_mm**2, 0.0) ** 0.5
    trust = Trust((), 0, 0.0, None, shared)
    found = conclude(prepared(scan, options.seed, ""), reference, pose, trust, tolerance, options)
    if claim.id == "points":
        return float(len(found.points))
    centre = apply(pose, np.array([[place.x, place.y, place.z]]))[0]
    for one in found.defects:
        if np.linalg.norm(one.place - centre) <= 1e-3 * place.radius:
            return one.depth_mm
    raise NotFoundError("no region out of tolerance lies there", where=str(place))


def _of_defects(inspection: Inspection, scan: Source) -> list[Claim]:
    back = inverse(inspection.pose)
    claims = []
    for number, one in enumerate(inspection.defects, 1):
        group = f"d{number}"
        evidence = (Evidence(scan.sha256, ball_around(one, back, inspection.surface.size)),)
        claims += [
            Claim(f"{group}.depth", decimal_of(one.depth_mm), "mm", evidence),
            *(Claim(f"{group}.{axis}", decimal_of(one.place["xyz".index(axis)]), "mm", evidence) for axis in "xyz"),
            computed_claim(f"{group}.u", one.uncertainty_mm, "mm", "k = 2, noise of the fit and what all points share",
                      f"{group}.depth", "noise", "uncertainty"),
            computed_claim(f"{group}.area", one.area_mm2, "mm2", "cells to a third of the depth", f"{group}.depth"),
            computed_claim(f"{group}.out", one.area_out_mm2, "mm2", "cells beyond the limit", f"{group}.depth"),
            text_claim(f"{group}.kind", one.kind, "sign of the deviation", f"{group}.depth"),
        ]  # fmt: skip
    return claims


def ball_around(defect: Defect, back: Floats, cell: float) -> ScanRegion:
    """Return where a region lies in its scan: `back` leads from the part's frame to the scan's, a cell is so wide."""
    x, y, z = apply(back, defect.place[None])[0].tolist()
    return ScanRegion(x, y, z, max(float(np.linalg.norm(defect.extent_mm)) / 2, cell))


def _whole(inspection: Inspection) -> ScanRegion:
    back = apply(inverse(inspection.pose), inspection.points)
    low, high = back.min(axis=0), back.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    return ScanRegion(x, y, z, float(np.linalg.norm(high - low)))


def computed_claim(name: str, value: float, unit: str, formula: str, *inputs: str) -> Claim:
    """Make a claim computed from others, from the points if none are named."""
    return Claim(name, decimal_of(value), unit, formula=formula, inputs=inputs or ("points",))


def text_claim(name: str, value: str, formula: str, *inputs: str) -> Claim:
    """Make a claim that is a word."""
    return Claim(name, value, "", formula=formula, inputs=inputs)


def decimal_of(number: float) -> Decimal:
    """Return a number as claims hold it."""
    return Decimal(repr(float(number)))
