"""Where a score comes from: how far it falls when a part of the film is replaced by what a usual film shows there.

An occlusion map (Zeiler and Fergus, ECCV 2014) asks the same with a gray patch, which is itself a finding that no
film has. Here the patch comes from the other side of the same film, where that is darker: a part without an opacity
of its own changes little, and the fall of the score is the classifier's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import SIDE, Film

__all__ = ["occluded", "replacement_maps", "strongest_region", "usual"]

PATCH = 16
STEP = 8
_WINDOW = np.sqrt(np.outer(np.hanning(PATCH + 2)[1:-1], np.hanning(PATCH + 2)[1:-1])).astype(np.float32)


def usual(film: Film) -> Film:
    """Return the darker of a film and its mirror image, smoothed: what a usual film shows at each place.

    The two lungs are each other's best reference on a single film.
    """
    mirror = film[:, ::-1]
    low = _smooth(np.minimum(film, mirror), 2)
    return low.astype(np.float32)


def occluded(film: Film) -> tuple[Film, list[tuple[int, int]]]:
    """Return the film with one patch replaced, for each place, and the upper left corners."""
    reference = usual(film)
    places = [(y, x) for y in range(0, SIDE - PATCH + 1, STEP) for x in range(0, SIDE - PATCH + 1, STEP)]
    out = np.repeat(film[None], len(places), 0)
    for one, (y, x) in zip(out, places, strict=True):
        part = one[y : y + PATCH, x : x + PATCH]
        part += _WINDOW * (reference[y : y + PATCH, x : x + PATCH] - part)
    return out, places


def replacement_maps(
    classifier: FindingsClassifier, film: Film, columns: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Return for each column of `FINDINGS` a map `(64, 64)`: the fall of its logit, 0 where it does not fall."""
    changed, places = occluded(film)
    logits = classifier.logits(np.concatenate([film[None], changed]))
    falls = logits[0] - logits[1:]  # (P, 15)
    total = np.zeros((len(columns), SIDE, SIDE), np.float32)
    for fall, (y, x) in zip(falls, places, strict=True):
        total[:, y : y + PATCH, x : x + PATCH] += fall[list(columns), None, None] * _WINDOW
    return {column: np.maximum(one, 0) for column, one in zip(columns, total, strict=True)}


def strongest_region(values: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return row, column, height, width of the part around the maximum above half of it; None for a flat map."""
    peak = float(values.max())
    if peak <= 0:
        return None
    above = values >= peak / 2
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    top = low = int(row)
    left = right = int(column)
    grown = True
    while grown:
        grown = False
        if top > 0 and above[top - 1, left : right + 1].any():
            top, grown = top - 1, True
        if low < SIDE - 1 and above[low + 1, left : right + 1].any():
            low, grown = low + 1, True
        if left > 0 and above[top : low + 1, left - 1].any():
            left, grown = left - 1, True
        if right < SIDE - 1 and above[top : low + 1, right + 1].any():
            right, grown = right + 1, True
    return top, left, low - top + 1, right - left + 1


def _smooth(film: Film, radius: int) -> Film:
    padded = np.pad(film, radius, mode="edge")
    size = 2 * radius + 1
    sums = np.cumsum(np.cumsum(np.pad(padded, ((1, 0), (1, 0))), 0), 1)
    inside: Film = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return inside / np.float32(size**2)
