"""Say what an inspection found: templates only, no digit that is not a claim's. `check` reads each sentence again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from trivium.maintenance.inspection.inspect import Inspection
from trivium.service.evidence import Claim, Sentence
from trivium.service.text import Catalogue, catalogue

__all__ = ["MOST_TOLD", "narrate", "percent", "regions", "shown", "verdict_key"]

MOST_TOLD = 12
"""Regions that have a sentence; all have a row."""

_DIGITS = {
    "depth": 3,
    "u": 3,
    "area": 1,
    "out": 1,
    "x": 1,
    "y": 1,
    "z": 1,
    "noise": 3,
    "uncertainty": 3,
    "volume": 2,
    "volume_u": 2,
}
_AS_ASKED = ("limit", "tolerance", "smallest_defect", "scanner_uncertainty")
_NEVER_NONE = ("u", "noise", "uncertainty", "volume_u")
_ENOUGH = 6


def narrate(inspection: Inspection, claims: Mapping[str, Claim], language: str) -> list[Sentence]:
    """Return the sentences on an inspection, the verdict first, each bound to claims.

    Args:
        inspection: the result.
        claims: of `claims_of`.
        language: `en` or `zh`.
    """
    texts = catalogue("trivium.maintenance", language)
    found = [_verdict(inspection, claims, texts), _tolerance(inspection, claims, texts)]
    if inspection.trust.is_trusted:
        found += regions(claims, texts)
        coverage, least = percent(claims, "coverage", "min_coverage"), percent(claims, "min_coverage")
        text = texts.say("inspection.coverage", coverage=coverage, least=least)
        found.append(Sentence(text, ("coverage", "min_coverage")))
    found += _alignment(inspection, texts)
    for name in ("noise", "uncertainty") if inspection.trust.is_trusted else ():
        found.append(Sentence(texts.say(f"inspection.{name}", value=shown(claims, name)), (name,)))
    return found


def regions(claims: Mapping[str, Claim], texts: Catalogue) -> list[Sentence]:
    """Return a sentence for each of the first regions."""
    found = []
    for number in range(1, MOST_TOLD + 1):
        group = f"d{number}"
        if f"{group}.depth" not in claims:
            break
        names = [
            name for name in ("depth", "u", "area", "volume", "volume_u", "x", "y", "z") if f"{group}.{name}" in claims
        ]
        values = {name: shown(claims, f"{group}.{name}") for name in names}
        text = texts.say(f"inspection.region_{claims[f'{group}.kind'].value}", number=number, **values)
        found.append(Sentence(text, (*(f"{group}.{name}" for name in names), f"{group}.kind")))
    return found


def shown(claims: Mapping[str, Claim], name: str) -> str:
    """Return a claim's number as reports write it."""
    value = claims[name].value
    assert isinstance(value, Decimal)
    ending = name.rpartition(".")[2]
    if ending in _AS_ASKED:
        return f"{value.normalize():f}"
    digits = _DIGITS.get(ending, 0)
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    while not rounded and value and ending in _NEVER_NONE and digits < _ENOUGH:  # a small uncertainty is not none
        digits += 1
        rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    return f"{rounded if rounded else abs(rounded):f}"


def percent(claims: Mapping[str, Claim], name: str, against: str = "") -> str:
    """Return a share in percent, with as many digits as show on which side of another one it lies."""
    value = claims[name].value
    assert isinstance(value, Decimal)
    if name == "min_coverage":
        return f"{(100 * value).normalize():f}"
    other = claims[against].value if against else Decimal(-1)
    assert isinstance(other, Decimal)
    for digits in range(1, _ENOUGH):
        rounded = (100 * value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
        if value == other or (rounded - 100 * other) * (value - other) > 0:
            break
    return f"{rounded:f}"


def verdict_key(inspection: Inspection) -> str:
    """Return `pass`, `fail`, `undecided`, `incomplete`, or `untrusted`, which is undecided for another reason."""
    return inspection.verdict if inspection.trust.is_trusted else "untrusted"


def _verdict(inspection: Inspection, claims: Mapping[str, Claim], texts: Catalogue) -> Sentence:
    key = verdict_key(inspection)
    used: dict[str, Sequence[str]] = {
        "pass": ("coverage", "limit"),
        "fail": ("regions", "limit"),
        "undecided": ("limit",),
        "incomplete": ("coverage", "min_coverage"),
        "untrusted": (),
    }
    values = {"limit": shown(claims, "limit"), "coverage": percent(claims, "coverage", "min_coverage")}
    values["least"] = percent(claims, "min_coverage")
    if "regions" in claims:
        values["regions"] = shown(claims, "regions")
    if key == "fail" and claims["regions"].value == 1:
        key = "fail_one"
    bound = ("verdict", "aligned", *used[verdict_key(inspection)])
    return Sentence(texts.say(f"inspection.say_{key}", **values), bound)


def _tolerance(inspection: Inspection, claims: Mapping[str, Claim], texts: Catalogue) -> Sentence:
    values = {name: shown(claims, name) for name in ("tolerance", "limit")}
    text = texts.say(f"inspection.zone_{inspection.tolerance.zone}", **values)
    return Sentence(text, ("tolerance", "limit"))


def _alignment(inspection: Inspection, texts: Catalogue) -> list[Sentence]:
    trust = inspection.trust
    aligned = "trusted" if trust.is_trusted else "untrusted"
    found = [Sentence(texts[f"inspection.method_{inspection.method}_{aligned}"], ("aligned",))]
    found += [Sentence(texts[f"inspection.because_{reason}"], ("aligned",)) for reason in trust.reasons]
    if trust.symmetries:
        text = texts.say("inspection.symmetries", count=trust.symmetries)
        found.append(Sentence(text, ("symmetries",)))
    return found
