"""What can be asked about a scene, and the exact answer from the boxes; `wordings.py` has the words.

Distances are from the sensor to a box's centre, seen from above. Left is y > 0, ahead is x > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trivium.pointcloud.labels import CLASSES

__all__ = ["ANSWERS", "KINDS", "MEANINGS", "RADII", "Meaning", "Places", "answer", "places_of"]

RADII = (5, 10, 15, 20, 25, 30, 40, 50)
"""Metres that can be asked about."""
_MOST = 10
ANSWERS = ("yes", "no", "left", "right", "ahead", "behind", "none", *(str(n) for n in range(_MOST)), "10 or more")
"""`none`: there is no such object in the scene."""
KINDS = ("count", "any", "side", "depth", "more", "nearer")


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
