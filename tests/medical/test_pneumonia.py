"""Pneumonia in the findings of a film, with a classifier whose score the test sets."""

import numpy as np
import pytest

from trivium.medical.analyze.pneumonia import with_pneumonia
from trivium.medical.records import Finding, State
from trivium.vision.findings import FINDINGS

FILM = np.zeros((28, 28), np.float32)


class Fixed:
    limits = (0.5, 0.15)

    def __init__(self, probability: float, speaks: bool = True) -> None:
        self._probability, self._speaks = probability, speaks

    def speaks_of(self, film, size):
        return self._speaks

    def probability(self, film):
        return self._probability


BEFORE = tuple(
    Finding(name, 0.6, State.PRESENT, True) if name == "No Finding" else Finding(name, 0.01, State.NOT_ASSESSED, False)
    for name in FINDINGS
)


def read(probability: float, speaks: bool = True):
    return {one.name: one for one in with_pneumonia(BEFORE, FILM, (28, 28), Fixed(probability, speaks))}


@pytest.mark.parametrize(
    ("probability", "state"), [(0.5, State.PRESENT), (0.4999, State.UNCERTAIN), (0.1499, State.ABSENT)]
)
def test_the_state_follows_the_limits(probability, state):
    assert read(probability)["Pneumonia"] == Finding("Pneumonia", probability, state, True)


def test_no_finding_does_not_stand_beside_pneumonia():
    found = read(0.9)
    assert (found["No Finding"].probability, found["No Finding"].state) == (0.1, State.UNCERTAIN)
    assert found["Mass"] == BEFORE[FINDINGS.index("Mass")]
    assert read(0.05)["No Finding"] == BEFORE[0]


def test_other_films_keep_what_the_classifier_of_findings_said():
    assert with_pneumonia(BEFORE, FILM, (512, 512), Fixed(0.9, speaks=False)) == BEFORE
