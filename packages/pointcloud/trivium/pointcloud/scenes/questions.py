"""What can be asked about a scene, how it is said in English and Chinese, and the exact answer from the boxes.

Distances are from the sensor to a box's centre, seen from above. Left is y > 0, ahead is x > 0.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from trivium.pointcloud.labels import CLASSES

__all__ = ["ANSWERS", "KINDS", "LANGUAGES", "MEANINGS", "RADII", "Meaning", "Places", "answer", "places_of", "say"]

LANGUAGES = ("en", "zh")
RADII = (5, 10, 15, 20, 25, 30, 40, 50)
"""Metres that can be asked about."""
_MOST = 10
ANSWERS = ("yes", "no", "left", "right", "ahead", "behind", "none", *(str(n) for n in range(_MOST)), "10 or more")
"""`none`: there is no such object in the scene."""
KINDS = ("count", "any", "side", "depth", "more", "nearer")
_FOLDER = Path(__file__).resolve().parent / "phrasings"
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ENDS = "?.\u3002 "
_AN = re.compile(r"\ba (?=[aeiou])")


@dataclass(frozen=True)
class Meaning:
    """What is asked: kind; class asked about; class it is compared with, or none; metres, or 0."""

    kind: str
    about: str
    other: str = ""
    radius: int = 0


def _meanings() -> tuple[Meaning, ...]:
    pairs = [(one, two) for one in CLASSES for two in CLASSES if one != two]
    return (
        *(Meaning(kind, name, radius=radius) for kind in ("count", "any") for name in CLASSES for radius in RADII),
        *(Meaning(kind, name) for kind in ("side", "depth") for name in CLASSES),
        *(Meaning("more", one, two, radius) for one, two in pairs for radius in RADII),
        *(Meaning("nearer", one, two) for one, two in pairs),
    )


MEANINGS = _meanings()


Places = dict[str, list[tuple[float, float, float]]]
"""Distance, x, y of the objects of each class, nearest first."""


def places_of(boxes: torch.Tensor, kinds: torch.Tensor) -> Places:
    """Return where objects are.

    Args:
        boxes: (N, 7) of the objects of a scene.
        kinds: (N,) rows of `CLASSES`.
    """
    places: Places = {name: [] for name in CLASSES}
    far = boxes[:, :2].norm(dim=1).tolist()
    for distance, (x, y), kind in sorted(zip(far, boxes[:, :2].tolist(), kinds.tolist(), strict=True)):
        places[CLASSES[kind]].append((distance, x, y))
    return places


def answer(meaning: Meaning, places: Places) -> str:
    """Return the exact answer to what is asked of a scene."""
    mine, theirs = places[meaning.about], places[meaning.other or meaning.about]
    within = sum(distance <= meaning.radius for distance, _, _ in mine)
    if meaning.kind == "count":
        return str(within) if within < _MOST else ANSWERS[-1]
    if meaning.kind == "any":
        return "yes" if within else "no"
    if meaning.kind in ("side", "depth"):
        if not mine:
            return "none"
        _, x, y = mine[0]
        if meaning.kind == "side":
            return "left" if y > 0 else "right"
        return "ahead" if x > 0 else "behind"
    if meaning.kind == "more":
        return "yes" if within > sum(distance <= meaning.radius for distance, _, _ in theirs) else "no"
    if not mine and not theirs:
        return "none"
    nearest, other = (one[0][0] if one else float("inf") for one in (mine, theirs))
    return "yes" if nearest < other else "no"


def say(meaning: Meaning, language: str, chance: random.Random, *, kept: bool = False) -> str:
    """Return the question in words drawn by chance; with `kept`, in those that training never draws."""
    words = phrases(language)
    about, other = words[meaning.about], words[meaning.other or meaning.about]
    at, beside = chance.randrange(len(about["one"])), chance.randrange(len(other["one"]))
    known = {
        "one": about["one"][at], "many": about["many"][at], "other": other["one"][beside],
        "others": other["many"][beside], "r": str(meaning.radius),
    }  # fmt: skip
    ways = words[meaning.kind]["kept" if kept else "ways"]
    while True:
        text = _filled(chance.choice(ways), known, words["words"], chance)
        if kept or not _is_kept(text, meaning.kind, language):
            return text


@cache
def phrases(language: str) -> dict[str, dict[str, Any]]:
    """Return the phrasings of a language."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def _filled(text: str, known: dict[str, str], words: dict[str, list[str]], chance: random.Random) -> str:
    """Fill in choices and names until none is left, innermost choices first."""
    while found := (_CHOICE.search(text) or _SLOT.search(text)):
        if found[0][0] == "[":
            filling = chance.choice(found[1].split("|"))
        else:
            filling = known.get(found[1]) or chance.choice(words[found[1]])
        text = text[: found.start()] + filling + text[found.end() :]
    return _AN.sub("an ", text)


def _is_kept(text: str, kind: str, language: str) -> bool:
    """Say whether a text is one of the ways that training never draws, but for its end and what it is about."""
    return any(form.fullmatch(text.rstrip(_ENDS)) for form in _kept_forms(language)[kind])


@cache
def _kept_forms(language: str) -> dict[str, list[re.Pattern[str]]]:
    words = phrases(language)
    return {
        kind: [re.compile(_SLOT.sub(".+", re.sub(r"[?.]", ".?", way.rstrip(_ENDS)))) for way in words[kind]["kept"]]
        for kind in KINDS
    }
