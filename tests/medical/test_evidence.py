"""Where a score comes from, and what a child's film says: read by a classifier whose scores the test sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.vision.drawn import drawn_chest

from trivium.medical.analyze.findings import read_findings
from trivium.medical.analyze.heart_size import measure
from trivium.medical.records import Quality, State
from trivium.vision import classifier as classifier_file
from trivium.vision.classifier import FindingsClassifier, Laid
from trivium.vision.films import standard
from trivium.vision.findings import FINDINGS
from trivium.vision.outlines import Outlines

GOOD = Quality("good", (), (), 0.9, 0, -1.0, -1.0, True)
CHILD = replace(GOOD, level="refused", reasons=("child",))
EFFUSION, MASS = FINDINGS.index("Effusion"), FINDINGS.index("Mass")
BRIGHT = slice(36, 48), slice(8, 20)  # rows, columns of what the classifier looks at


class Looking:
    """Gives effusion a score by the brightness of one place, and knows nothing else but masses, which it denies."""

    supported = frozenset({"Effusion", "Mass"})

    def __init__(self, inside=None):
        self.inside = np.ones((64, 64), bool) if inside is None else inside

    def laid(self, film):
        return Laid(film, np.eye(3, dtype=np.float32)[None, :2])

    def logits_aligned(self, films):
        out = np.full((len(films), len(FINDINGS)), -5.0, np.float32)
        out[:, EFFUSION] = films[:, *BRIGHT].mean((1, 2)) * 4
        return out

    def calibrated(self, logits):
        return 1 / (1 + np.exp(-logits))

    def limits(self, name):
        return 0.5, 0.1

    def chest(self, laid):
        return self.inside

    def evidence(self, laid, columns):
        seen = np.zeros((64, 64), np.float32)
        seen[BRIGHT] = laid.picture[BRIGHT]
        return dict.fromkeys(columns, seen)


@pytest.fixture
def film():
    made = np.full((64, 64), 0.2, np.float32)
    made[BRIGHT] = 1.0
    return made


def test_the_map_lies_where_the_score_comes_from(film):
    found = read_findings(Looking().laid(film), GOOD, (640, 1280), Looking())
    effusion = found[EFFUSION]
    assert (effusion.state, found[MASS].state) == (State.PRESENT, State.ABSENT)
    assert (effusion.evidence_map.dtype, effusion.evidence_map.shape) == (np.uint8, (64, 64))
    row, column = np.unravel_index(effusion.evidence_map.argmax(), (64, 64))
    assert (effusion.evidence_map.max(), 34 <= row < 50, 6 <= column < 22) == (255, True, True)
    region = effusion.region  # the strongest part of the same map, in pixels of the source
    assert region.x <= column * 10 < region.x + region.width
    assert region.y <= row * 20 < region.y + region.height
    assert found[MASS].evidence_map is None


def test_evidence_is_outside_where_its_strongest_place_is(film):
    inside = np.zeros((64, 64), bool)
    inside[BRIGHT] = True
    turned = replace(GOOD, quarter_turns=1)
    for quality in (GOOD, turned):
        assert not read_findings(Looking().laid(film), quality, (640, 1280), Looking(inside))[EFFUSION].is_outside
        assert read_findings(Looking().laid(film), quality, (640, 1280), Looking(~inside))[EFFUSION].is_outside
    assert not read_findings(Looking().laid(film), GOOD, (640, 1280), Looking(~inside))[MASS].is_outside


def test_nothing_is_assessed_on_a_childs_film(film):
    adult, child = (
        read_findings(Looking().laid(film), GOOD, (64, 64), Looking()),
        read_findings(Looking().laid(film), CHILD, (64, 64), Looking()),
    )
    assert {one.state for one in child} == {State.NOT_ASSESSED}
    assert [one.probability for one in child] == [one.probability for one in adult]
    assert {(one.supported, one.region, one.evidence_map) for one in child} == {(False, None, None)}


def test_a_film_is_laid_over_the_template_once(monkeypatch):
    count, lay = [], classifier_file.lay

    def counted(films, template):
        count.append(len(films))
        return lay(films, template)

    monkeypatch.setattr(classifier_file, "lay", counted)
    classifier, film = FindingsClassifier.load(), standard(drawn_chest())
    laid = classifier.laid(film)
    found = read_findings(laid, GOOD, (640, 640), classifier)
    measure(film, laid, GOOD, (640, 640), Outlines.load())
    assert any(one.region for one in found)  # its place was asked for, too, and whether it is in the chest
    assert count == [1]
