"""What a draft may state, as claims bound to the film: each finding's probability, and the film's own size."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trivium.medical.records import Finding, Radiograph
from trivium.service.evidence import Claim, Evidence, ImageRegion

__all__ = ["FILM", "claim_id", "claims_of"]

FILM = "film"


def claim_id(name: str) -> str:
    """Return the id of a finding's claim: `finding/Effusion`."""
    return f"finding/{name}"


def claims_of(radiograph: Radiograph, findings: Sequence[Finding]) -> dict[str, Claim]:
    """Return the claims by id; a finding without a region has the whole film as its evidence."""
    width, height = radiograph.size
    whole = Evidence(radiograph.sha256, ImageRegion(0, 0, width, height))
    claims = {FILM: Claim(FILM, f"{width} x {height}", "", (whole,))}
    for finding in findings:
        place = Evidence(radiograph.sha256, finding.region) if finding.region else whole
        key = claim_id(finding.name)
        claims[key] = Claim(key, Decimal(str(finding.probability)), "probability", (place,))
    return claims
