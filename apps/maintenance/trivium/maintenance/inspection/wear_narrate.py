"""The claims of a comparison of two scans, and the sentences that say what changed; `check` reads these again."""

from __future__ import annotations

from collections.abc import Mapping

from trivium.maintenance.inspection.claims import (
    Source,
    asked_claims,
    ball_around,
    computed_claim,
    decimal_of,
    text_claim,
)
from trivium.maintenance.inspection.narrate import percent, regions, shown
from trivium.maintenance.inspection.poses import inverse
from trivium.maintenance.inspection.wear import Wear
from trivium.service.evidence import Claim, Evidence, Sentence
from trivium.service.text import Catalogue, catalogue

__all__ = ["narrate_wear", "outcome_key", "wear_claims"]

_KINDS = {"hollow": "loss", "bump": "gain"}


def outcome_key(wear: Wear) -> str:
    """Return the outcome, or `untrusted`, which is undecided for another reason."""
    return wear.outcome if wear.is_trusted else "untrusted"


def wear_claims(wear: Wear, scan: Source) -> dict[str, Claim]:
    """Return what a report may state, by id; what is read of a place points to the later scan."""
    claims = [
        *asked_claims(wear.tolerance, wear.options),
        computed_claim("coverage", wear.surface.coverage, "pure", "share of the area with ten points or more in both",
                       "smallest_defect"),
        computed_claim("uncertainty", wear.uncertainty_mm, "mm", "scanner and poses, root of squares",
                       "scanner_uncertainty"),
        text_claim("aligned", "trusted" if wear.is_trusted else "untrusted", "search of poses", "coverage"),
        text_claim("verdict", wear.outcome, "ISO 14253-1", "limit", "coverage", "min_coverage", "aligned"),
    ]  # fmt: skip
    if wear.is_trusted:
        claims.append(computed_claim("regions", len(wear.changes), "pure", "regions that changed", "limit"))
        claims += _of_changes(wear, scan)
        for kind, name, group in (("hollow", "loss", "lost"), ("bump", "gain", "gained")):
            value, uncertainty = wear.volume(kind)
            inputs = tuple(one.id for one in claims if one.id.endswith(".volume"))
            if value:
                claims += [
                    computed_claim(f"{group}.volume", value, "mm3", "sum over the regions", *inputs),
                    computed_claim(f"{group}.volume_u", uncertainty, "mm3", "sum over the regions, k = 2", *inputs),
                    text_claim(f"{group}.kind", name, "sign of the change", f"{group}.volume"),
                ]
    return {claim.id: claim for claim in claims}


def narrate_wear(wear: Wear, claims: Mapping[str, Claim], language: str) -> list[Sentence]:
    """Return the sentences, the outcome first, each bound to claims."""
    texts = catalogue("trivium.maintenance", language)
    found = [_outcome(wear, claims, texts)]
    if wear.is_trusted:
        found += regions(claims, texts)
        for group in ("lost", "gained"):
            if f"{group}.volume" in claims:
                names = (f"{group}.volume", f"{group}.volume_u")
                values = {name.partition(".")[2]: shown(claims, name) for name in names}
                found.append(Sentence(texts.say(f"inspection.wear.{group}", **values), (*names, f"{group}.kind")))
        shares = {"coverage": percent(claims, "coverage", "min_coverage"), "least": percent(claims, "min_coverage")}
        found.append(Sentence(texts.say("inspection.wear.coverage", **shares), ("coverage", "min_coverage")))
    aligned = "trusted" if wear.is_trusted else "untrusted"
    found.append(Sentence(texts[f"inspection.wear.method_{wear.method}_{aligned}"], ("aligned",)))
    found += [Sentence(texts[f"inspection.because_{reason}"], ("aligned",)) for reason in wear.reasons]
    if wear.is_trusted:
        value = shown(claims, "uncertainty")
        found.append(Sentence(texts.say("inspection.wear.uncertainty", value=value), ("uncertainty",)))
    return found


def _outcome(wear: Wear, claims: Mapping[str, Claim], texts: Catalogue) -> Sentence:
    key = outcome_key(wear)
    used = {
        "changed": ("regions", "limit"),
        "unchanged": ("coverage", "limit"),
        "undecided": ("limit",),
        "incomplete": ("coverage", "min_coverage", "limit"),
        "untrusted": (),
    }[key]
    values = {
        "limit": shown(claims, "limit"),
        "coverage": percent(claims, "coverage", "min_coverage"),
        "least": percent(claims, "min_coverage"),
        "regions": shown(claims, "regions") if "regions" in claims else "",
    }
    if key == "changed" and values["regions"] == "1":
        key = "changed_one"
    return Sentence(texts.say(f"inspection.wear.say_{key}", **values), ("verdict", "aligned", *used))


def _of_changes(wear: Wear, scan: Source) -> list[Claim]:
    back = inverse(wear.poses[1])
    claims = []
    for number, one in enumerate(wear.changes, 1):
        group = f"d{number}"
        evidence = (Evidence(scan.sha256, ball_around(one, back, wear.surface.size)),)
        claims += [
            Claim(f"{group}.depth", decimal_of(one.depth_mm), "mm", evidence),
            *(Claim(f"{group}.{axis}", decimal_of(one.place["xyz".index(axis)]), "mm", evidence) for axis in "xyz"),
            computed_claim(f"{group}.u", one.uncertainty_mm, "mm", "k = 2, both scans", f"{group}.depth"),
            computed_claim(f"{group}.area", one.area_mm2, "mm2", "cells to a third of the depth", f"{group}.depth"),
            computed_claim(f"{group}.volume", one.volume_mm3, "mm3", "area times change, summed", f"{group}.area"),
            computed_claim(f"{group}.volume_u", one.volume_uncertainty_mm3, "mm3", "k = 2", f"{group}.volume"),
            text_claim(f"{group}.kind", _KINDS[one.kind], "sign of the change", f"{group}.depth"),
        ]
    return claims
