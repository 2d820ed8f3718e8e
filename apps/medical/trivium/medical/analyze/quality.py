"""The quality gate of one film: what the pixels say, then what the header says; it never holds back a probability."""

from __future__ import annotations

from dataclasses import dataclass

from trivium.medical.records import Quality, Radiograph
from trivium.vision.films import Film, standard
from trivium.vision.quality_gate import CHEST_LIMIT, Gate, correct

__all__ = ["CHILD", "LIMITS", "Limits", "assess", "upright"]

_RADIOGRAPHS = ("CR", "DX", "RG", "DR", "RF", "SC", "OT")
_CHEST_WORDS = ("CHEST", "THORAX", "LUNG", "RIB", "THORX")
_FRONTAL = ("PA", "AP")
_OTHER_VIEWS = {"LATERAL": "lateral", "OBLIQUE": "oblique", "DECUBITUS": "decubitus"}  # the reason of each
CHILD = "child"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the gate draws its lines.

    Args:
        chest: a chest score below it is refused.
        inverted: a score above it is refused, and its negative below which nothing is said.
        rotated: a lead above it is refused.
        cropped: a score above it brings a warning.
        small: films with a side below it, in pixels, are of low quality.
        child: age in years below which nothing is assessed and no sentence written: the training films are of adults.
    """

    chest: float = CHEST_LIMIT
    inverted: float = 0.0
    rotated: float = 0.0
    cropped: float = 0.0
    small: int = 256
    child: float = 16.0


LIMITS = Limits()


def assess(radiograph: Radiograph, gate: Gate, limits: Limits = LIMITS) -> tuple[Quality, Film]:
    """Judge a film and return its quality with its standard form, turned upright and with bone bright.

    Raises:
        InputError: if the film cannot be reduced to the standard form.
    """
    film = standard(radiograph.film)
    verdict = gate.judge(film)
    is_rotated, is_inverted = verdict.rotated > limits.rotated, verdict.inverted > limits.inverted
    reasons = _from_header(radiograph, limits)
    if verdict.chest < limits.chest:
        reasons.append("not_chest")
    else:
        reasons += [name for name, holds in (("rotated", is_rotated), ("inverted", is_inverted)) if holds]
    header = radiograph.header
    view_verified = header.view in _FRONTAL
    warnings = []
    if min(radiograph.size) < limits.small:
        warnings.append("small")
    if verdict.cropped > limits.cropped:
        warnings.append("cropped")
    if not view_verified and header.view not in _OTHER_VIEWS:
        warnings.append("view_not_verified")
    if header.age_years is None:
        warnings.append("age_not_verified")
    is_low = "small" in warnings or "cropped" in warnings
    level = "refused" if reasons else "low" if is_low else "good"
    quality = Quality(
        level,
        tuple(reasons),
        tuple(warnings),
        round(verdict.chest, 4),
        verdict.quarter_turns if is_rotated else 0,
        round(verdict.inverted, 4),
        round(verdict.cropped, 4),
        view_verified,
    )
    return quality, correct(film, quality.quarter_turns, is_inverted)


def upright(film: Film, quality: Quality, limits: Limits = LIMITS) -> Film:
    """Return a film of any size turned upright and with bone bright, as its quality says."""
    return correct(film, quality.quarter_turns, quality.inverted > limits.inverted)


def _from_header(radiograph: Radiograph, limits: Limits) -> list[str]:
    header, reasons = radiograph.header, []
    if header.modality and header.modality.upper() not in _RADIOGRAPHS:
        reasons.append("not_radiograph")
    if header.body_part and not any(word in header.body_part.upper() for word in _CHEST_WORDS):
        reasons.append("other_body_part")
    if header.view in _OTHER_VIEWS:
        reasons.append(_OTHER_VIEWS[header.view])
    if header.age_years is not None and header.age_years < limits.child:
        reasons.append(CHILD)
    return reasons
