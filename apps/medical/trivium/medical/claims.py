"""What a draft may state, as claims bound to the film: each finding's probability, what was measured, and its size."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trivium.medical.records import Finding, HeartSize, Radiograph
from trivium.service.evidence import Claim, Evidence, ImageRegion

__all__ = ["FILM", "HEART_SIZE", "claim_id", "claims_of"]

FILM = "film"
HEART_SIZE = "measure/cardiothoracic_ratio"


def claim_id(name: str) -> str:
    """Return the id of a finding's claim: `finding/Effusion`."""
    return f"finding/{name}"


def claims_of(
    radiograph: Radiograph, findings: Sequence[Finding], heart_size: HeartSize | None = None
) -> dict[str, Claim]:
    """Return the claims by id; a finding without a region has the whole film as its evidence."""
    width, height = radiograph.size
    whole = Evidence(radiograph.sha256, ImageRegion(0, 0, width, height))
    claims = {FILM: Claim(FILM, f"{width} x {height}", "", (whole,))}
    for finding in findings:
        place = Evidence(radiograph.sha256, finding.region) if finding.region else whole
        key = claim_id(finding.name)
        claims[key] = Claim(key, Decimal(str(finding.probability)), "probability", (place,))
    if heart_size is not None:
        places = tuple(Evidence(radiograph.sha256, one) for one in (heart_size.heart, heart_size.chest))
        claims[HEART_SIZE] = Claim(HEART_SIZE, Decimal(f"{heart_size.ratio:.2f}"), "pure", places)
    return claims
