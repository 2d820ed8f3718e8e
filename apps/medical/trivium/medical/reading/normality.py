"""Whether a sentence calls the whole film, or the lungs, normal: by what its words are, not by phrases.

A sentence does when every word of it belongs to the vocabulary of normality (grammar_en.toml, grammar_zh.toml) and it
has a word for "normal", or a denial with a word for "abnormality". A sentence about the bones alone has a word that is
not in the vocabulary, and says nothing of the lungs.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from trivium.medical.reading.stems import classes, pattern_of

__all__ = ["Claim", "normality"]

_WORD = re.compile(r"[a-z][a-z'-]*", re.IGNORECASE)
_NUMBER = re.compile(r"^\W*(?:\(?\d{1,2}[.)、:]\s*)?|^[\s\d.、)）(（-]+")


class Claim(NamedTuple):
    """What is called normal and where: `all`, `heart and lungs`, the `lungs`, or the `chest`, if disease is denied."""

    scope: str
    start: int
    end: int


def normality(text: str, language: str) -> Claim | None:
    """Return what a sentence calls normal; None where it speaks of something else, too."""
    for place, chunk in [(0, text), *_chunks(text)]:
        scope = (_english if language == "en" else _chinese)(chunk)
        if scope and (chunk == text or scope != "unnamed"):
            lead = len(chunk) - len(_NUMBER.sub("", chunk, count=1))
            return Claim("all" if scope == "unnamed" else scope, place + lead, place + len(chunk.rstrip(" .,;，。；")))
    return None


def _chunks(text: str) -> list[tuple[int, str]]:
    """Return the parts of a sentence between its commas, with their places."""
    return (
        [(found.start(), found[0]) for found in re.finditer(r"[^,，:：]+", text)]
        if re.search(r"[,，:：]", text)
        else []
    )


def _english(text: str) -> str:
    words = [one.strip("-'") for one in _WORD.findall(_NUMBER.sub("", text.lower(), count=1))]
    kinds = [_kind(one) for one in words if one]
    if not kinds or None in kinds:
        return ""
    denied = "denial" in kinds
    is_normal = ("normal" in kinds and "not" not in words) or (denied and "abnormal" in kinds) or "nothing" in kinds
    if not is_normal:
        return ""
    scopes = {one for one in kinds if one in ("whole", "cardiopulmonary", "lungs", "heart", "part")}
    if not scopes:
        return "unnamed"
    if "whole" in scopes:
        return "all"
    if "cardiopulmonary" in scopes or {"lungs", "heart"} <= scopes:
        return "heart and lungs"
    is_any_disease = "abnormal" in kinds
    return ("chest" if is_any_disease else "lungs") if "lungs" in scopes else ""


@functools.cache
def _kind(word: str) -> str | None:
    """Return to which class of the vocabulary of normality a word belongs; of a compound, that of its last part."""
    kind = next((kind for kind, pattern in _vocabulary().items() if pattern.fullmatch(word)), None)
    first, hyphen, rest = word.partition("-")
    return kind or (_kind(rest) if hyphen and _kind(first) else None)


@functools.cache
def _vocabulary() -> dict[str, re.Pattern[str]]:
    return {
        key.removeprefix("normality_"): pattern_of(found)
        for key, found in classes("en").items()
        if key.startswith("normality_")
    }


def _chinese(text: str) -> str:
    said = re.sub(r"[\s。；，.]+$", "", _NUMBER.sub("", text, count=1))
    parts = _chinese_parts()
    scopes = "|".join(parts[one] for one in ("whole", "cardiopulmonary", "lungs", "heart", "filler"))
    none = f"(?:{parts['denial']})(?:{scopes})*(?:{parts['abnormal']})(?:{parts['abnormal']}|{parts['filler']})*"
    match = re.fullmatch(f"(?:{scopes})*(?:{parts['normal']}|{none})(?:{parts['filler']}|{parts['whole']})*", said)
    if not match:
        return ""
    if re.search(parts["whole"], said):
        return "all"
    if re.search(parts["cardiopulmonary"], said):
        return "heart and lungs"
    lungs, heart = re.search(parts["lungs"], said), re.search(parts["heart"], said)
    if not lungs and not heart:
        return "unnamed"
    if lungs and heart:
        return "all"
    return "lungs" if lungs else ""


@functools.cache
def _chinese_parts() -> dict[str, str]:
    return {
        key.removeprefix("normality_"): "|".join(sorted(found, key=len, reverse=True))
        for key, found in classes("zh").items()
        if key.startswith("normality_")
    }
