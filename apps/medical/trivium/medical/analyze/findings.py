"""Findings of one film: calibrated probability, what may be said, and where the score comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trivium.medical.analyze.quality import CHILD
from trivium.medical.records import EvidenceMap, Finding, Quality, State
from trivium.service.evidence import ImageRegion
from trivium.vision.classifier import FindingsClassifier, Laid
from trivium.vision.evidence_maps import strongest_region
from trivium.vision.films import SIDE
from trivium.vision.findings import FINDINGS, NO_FINDING

__all__ = ["read_findings", "state_of"]


def read_findings(
    laid: Laid, quality: Quality, size: tuple[int, int], classifier: FindingsClassifier, *, with_regions: bool = True
) -> tuple[Finding, ...]:
    """Score a film set right and place what is present or uncertain.

    On a child's film nothing is assessed, whatever the probabilities: the classifier learned from films of adults.

    Args:
        laid: the film, upright and with bone bright, over the classifier's template.
        quality: of the film; its quarter turns lead a region back into the source.
        size: width and height of the source in pixels.
        with_regions: whether to place findings; most of the time goes there.
    """
    probabilities = classifier.calibrated(classifier.logits_aligned(laid.picture[None]))[0]
    states = _agreed([state_of(name, float(p), classifier) for name, p in zip(FINDINGS, probabilities, strict=True)])
    is_child = CHILD in quality.reasons
    if is_child:
        states = [State.NOT_ASSESSED] * len(FINDINGS)
    shown = [
        column
        for column, (name, state) in enumerate(zip(FINDINGS, states, strict=True))
        if name != NO_FINDING and state in (State.PRESENT, State.UNCERTAIN)
    ]
    is_placed = with_regions and bool(shown) and not quality.is_refused
    maps = classifier.evidence(laid, shown) if is_placed else {}
    turned = {column: np.rot90(values, quality.quarter_turns) for column, values in maps.items()}
    regions = {column: _region(values, size) for column, values in turned.items()}
    chest = classifier.chest(laid) if is_placed else None
    return tuple(
        Finding(
            name,
            round(float(probabilities[column]), 4),
            states[column],
            name in classifier.supported and not is_child,
            regions.get(column),
            chest is not None and _is_outside(maps.get(column), chest),
            _scaled(turned[column]) if regions.get(column) else None,
        )
        for column, name in enumerate(FINDINGS)
    )


def state_of(name: str, probability: float, classifier: FindingsClassifier) -> State:
    """Return what a draft may say of a finding with this probability."""
    if name not in classifier.supported:
        return State.NOT_ASSESSED
    present, uncertain = classifier.limits(name)
    if probability >= present:
        return State.PRESENT
    return State.UNCERTAIN if probability >= uncertain else State.ABSENT


def _agreed(states: list[State]) -> list[State]:
    """Let `No Finding` not contradict the others: no film shows nothing and something."""
    place = FINDINGS.index(NO_FINDING)
    others = states[:place] + states[place + 1 :]
    if states[place] == State.PRESENT and State.PRESENT in others:
        states = [*states[:place], State.UNCERTAIN, *states[place + 1 :]]
    return states


def _region(values: NDArray[np.float32], size: tuple[int, int]) -> ImageRegion | None:
    """Return the strongest part of a map in pixels of the source."""
    box = strongest_region(values)
    if box is None:
        return None
    row, column, height, width = box
    scale_x, scale_y = size[0] / SIDE, size[1] / SIDE
    x, y = int(column * scale_x), int(row * scale_y)
    right, low = min(size[0], round((column + width) * scale_x)), min(size[1], round((row + height) * scale_y))
    return ImageRegion(x, y, max(1, right - x), max(1, low - y))


def _is_outside(values: NDArray[np.float32] | None, chest: NDArray[np.bool_]) -> bool:
    """Tell whether a map has its maximum outside the chest; one that is flat, or none, has not."""
    return values is not None and values.max() > 0 and not chest.flat[values.argmax()]


def _scaled(values: NDArray[np.float32]) -> EvidenceMap:
    """Return a map with a peak above 0 in steps of its peak."""
    return np.rint(values * (255 / values.max())).astype(np.uint8)
