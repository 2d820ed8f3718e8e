"""Pneumonia on small films and films of children: the probability of the classifier that learned from such films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trivium.medical.records import Finding, State
from trivium.vision.films import Film
from trivium.vision.findings import NO_FINDING
from trivium.vision.pneumonia import PneumoniaClassifier

__all__ = ["with_pneumonia"]

_PNEUMONIA = "Pneumonia"


def with_pneumonia(
    findings: Sequence[Finding], film: Film, size: tuple[int, int], classifier: PneumoniaClassifier
) -> tuple[Finding, ...]:
    """Return the findings with this classifier's pneumonia where it speaks, and as they were elsewhere.

    `No Finding` is then at most as probable as no pneumonia, and is not called present beside it.

    Args:
        film: (H, W) in [0, 1], upright, bone bright.
        size: width and height of the source in pixels.
    """
    if not classifier.speaks_of(film, size):
        return tuple(findings)
    probability = round(classifier.probability(film), 4)
    present, uncertain = classifier.limits
    state = (
        State.PRESENT if probability >= present
        else State.UNCERTAIN if probability >= uncertain
        else State.ABSENT
    )  # fmt: skip
    return tuple(_changed(one, probability, state) for one in findings)


def _changed(finding: Finding, probability: float, state: State) -> Finding:
    if finding.name == _PNEUMONIA:
        return Finding(_PNEUMONIA, probability, state, supported=True)
    if finding.name == NO_FINDING:
        no_more = round(min(finding.probability, 1 - probability), 4)
        clashes = state == State.PRESENT and finding.state == State.PRESENT
        return replace(finding, probability=no_more, state=State.UNCERTAIN if clashes else finding.state)
    return finding
