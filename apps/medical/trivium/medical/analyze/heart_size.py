"""The cardiothoracic ratio of a film: how wide the heart is beside the chest, measured on outlines.

The heart's greatest width over that of the chest inside the ribs (Danzer, American Journal of the Medical Sciences
1919), on the film set straight by the alignment. The outlines come from a network that learned from drawings; where it
is unsure of a border nothing is measured. On an AP film the heart looks wider than it is: the sentence says so.
Where a film was measured, Cardiomegaly is judged by the classifier and the ratio together (`vision/heart_rule.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trivium.medical.analyze.findings import state_of
from trivium.medical.records import Finding, HeartSize, Quality, State
from trivium.service.evidence import ImageRegion
from trivium.vision.alignment import Motions, align, moved, whole
from trivium.vision.classifier import FindingsClassifier, Laid
from trivium.vision.films import SIDE, Film
from trivium.vision.findings import NO_FINDING
from trivium.vision.heart_rule import CARDIOMEGALY, HeartRule
from trivium.vision.outlines import HEART, LEFT_LUNG, RIGHT_LUNG, Outlines

__all__ = ["MAX_UNSURE", "Widths", "measure", "trusted_ratios", "unsure", "widths_of", "with_heart_size"]

MAX_UNSURE = 0.10  # of `unsure`; see benchmarks/vision_heart_size.py
_FINER = 4  # outlines are read at a quarter of a pixel
_CUT = 0.1  # share of a film's rows in which a lung may reach its edge
_LEAST = {RIGHT_LUNG: 0.03, LEFT_LUNG: 0.03, HEART: 0.015}  # shares of the film that each part takes at least


@dataclass(frozen=True, slots=True)
class Widths:
    """Where the widths lie, in pixels of the aligned film, from its upper left corner.

    Args:
        heart: left, right, top and low edge of the heart.
        chest: left and right edge of the chest, and the row of its greatest width.
    """

    heart: tuple[float, float, float, float]
    chest: tuple[float, float, float]

    @property
    def ratio(self) -> float:
        """The heart's width in those of the chest."""
        return (self.heart[1] - self.heart[0]) / (self.chest[1] - self.chest[0])


def measure(film: Film, laid: Laid, quality: Quality, size: tuple[int, int], outlines: Outlines) -> HeartSize | None:
    """Measure a film, or return None where it is refused or an outline is not to be trusted.

    Args:
        film: (64, 64) standard, upright, bone bright.
        laid: the same over the template.
        quality: of the film.
        size: width and height of the source in pixels.
        outlines: finds lungs and heart.
    """
    if quality.is_refused:
        return None
    motion = whole(laid.motion, SIDE)
    found = outlines.of(moved(film[None], motion))[0]
    widths = widths_of(found) if unsure(found) <= MAX_UNSURE else None
    if widths is None:
        return None
    left, right, top, low = widths.heart
    across, wide, row = widths.chest
    return HeartSize(
        round(widths.ratio, 2),
        _box((left, right, top, low), motion, size),
        _box((across, wide, row - 0.5, row + 0.5), motion, size),
    )


def with_heart_size(
    findings: Sequence[Finding], heart_size: HeartSize | None, classifier: FindingsClassifier, rule: HeartRule
) -> tuple[Finding, ...]:
    """Return the findings with Cardiomegaly judged by the ratio, too, and its place the heart that was measured.

    As they were where nothing was measured or Cardiomegaly is not assessed.
    """
    (before,) = (one for one in findings if one.name == CARDIOMEGALY)
    if heart_size is None or before.state == State.NOT_ASSESSED:
        return tuple(findings)
    probability = round(float(rule(np.array(before.probability), np.array(heart_size.ratio))), 4)
    state = state_of(CARDIOMEGALY, probability, classifier)
    region = heart_size.heart if state in (State.PRESENT, State.UNCERTAIN) else None
    after = Finding(CARDIOMEGALY, probability, state, before.supported, region)
    found = [after if one is before else one for one in findings]
    if state == State.PRESENT:  # no film shows nothing and something
        clash = (NO_FINDING, State.PRESENT)
        found = [replace(one, state=State.UNCERTAIN) if (one.name, one.state) == clash else one for one in found]
    return tuple(found)


def trusted_ratios(films: Film, classifier: FindingsClassifier, outlines: Outlines) -> NDArray[np.float64]:
    """Return the ratio of each standard film `(N, 64, 64)`; nan where `measure` would give none."""
    found = outlines.of(align(films, classifier.parts.template)[0])
    widths = [widths_of(one) if unsure(one) <= MAX_UNSURE else None for one in found]
    return np.array([np.nan if one is None else round(one.ratio, 2) for one in widths])


def unsure(found: NDArray[np.float32]) -> float:
    """Return how undecided outlines `(3, 64, 64)` are beside the area of their parts: 0 where each place is certain."""
    return float((found * (1 - found)).sum() / max(float(found.sum()), 1.0))


def widths_of(found: NDArray[np.float32]) -> Widths | None:
    """Return the widths of heart and chest in outlines `(3, 64, 64)`; None where a part is missing or cut off."""
    parts = {part: _largest(found[part]) for part in _LEAST}
    if any(where.mean() < _LEAST[part] for part, where in parts.items()):
        return None
    right_lung, left_lung, heart = parts[RIGHT_LUNG], parts[LEFT_LUNG], parts[HEART]
    if any(lung[:, edge].mean() > _CUT for lung, edge in ((right_lung, 0), (left_lung, -1))):
        return None
    rows = np.flatnonzero(right_lung.any(1) & left_lung.any(1))
    if not len(rows):
        return None
    starts = right_lung[rows].argmax(1)
    ends = left_lung.shape[1] - left_lung[rows, ::-1].argmax(1)
    widest = int((ends - starts).argmax())
    columns, lines = np.flatnonzero(heart.any(0)), np.flatnonzero(heart.any(1))
    box = (columns[0], columns[-1] + 1, lines[0], lines[-1] + 1)
    return Widths(
        (box[0] / _FINER, box[1] / _FINER, box[2] / _FINER, box[3] / _FINER),
        (starts[widest] / _FINER, ends[widest] / _FINER, (rows[widest] + 0.5) / _FINER),
    )


def _largest(found: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the largest connected place that is likelier than not to belong to a part, on a finer grid."""
    fine = ndimage.zoom(found, _FINER, order=1, grid_mode=True, mode="nearest") > 0.5
    parts, count = ndimage.label(fine)
    if not count:
        return fine
    kept: NDArray[np.bool_] = parts == 1 + int(np.argmax(ndimage.sum_labels(fine, parts, range(1, count + 1))))
    return kept


def _box(edges: tuple[float, float, float, float], motion: Motions, size: tuple[int, int]) -> ImageRegion:
    """Return the box in the source around one in the aligned film, given as left, right, top and low edge."""
    left, right, top, low = (edge * 2 / SIDE - 1 for edge in edges)
    corners = np.array([[x, y, 1] for x in (left, right) for y in (top, low)]) @ motion[0].T
    (x, y), (far, deep) = (np.clip((ends + 1) / 2, 0, 1) * size for ends in (corners.min(0), corners.max(0)))
    x, y = min(int(x), size[0] - 1), min(int(y), size[1] - 1)
    return ImageRegion(x, y, max(1, round(far) - x), max(1, round(deep) - y))
