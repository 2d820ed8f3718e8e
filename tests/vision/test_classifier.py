"""The classifier that ships: stored and read again, each film scored alone, maps over the film."""

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tests.vision.drawn import drawn_chest

from trivium.service.errors import ModelError
from trivium.vision.classifier import FindingsClassifier, Parts
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.films import standard
from trivium.vision.findings import FINDINGS, NO_FINDING


@pytest.fixture(scope="module")
def classifier():
    return FindingsClassifier.load()


@pytest.fixture(scope="module")
def chest():
    return standard(drawn_chest())


def test_what_is_stored_reads_the_same():
    tensors = load_file(WEIGHTS / "findings.safetensors")
    again = Parts.from_tensors(tensors).to_tensors()
    assert set(again) == set(tensors)
    assert all(again[name].equal(value) for name, value in tensors.items())


def test_a_film_is_scored_alone(classifier, chest):
    both = classifier.logits(np.stack([chest, 1 - chest]))
    assert np.allclose(both[0], classifier.logits(chest[None])[0], atol=1e-3)


def test_maps_lie_over_the_film_and_never_lower_a_score(classifier, chest):
    columns = [FINDINGS.index("Effusion"), FINDINGS.index("Atelectasis")]
    laid = classifier.laid(chest)
    maps = classifier.evidence(laid, columns)
    assert list(maps) == columns
    assert all((one.shape, one.dtype, one.min()) == ((64, 64), np.float32, 0) for one in maps.values())
    assert np.abs(maps[columns[0]] - maps[columns[1]]).max() > 0
    assert classifier.evidence(laid, []) == {}


def test_the_chest_lies_where_the_template_s_does(classifier):
    chest = classifier.chest(classifier.laid(classifier.parts.template))
    assert not chest[[5, 5, 48, 48], [7, 58, 7, 58]].any()  # corners hold shoulders and markers
    rows, columns = (np.flatnonzero(chest.any(axis)) for axis in (1, 0))
    assert [
        abs(place - goal) <= 1 for place, goal in zip((*rows[[0, -1]], *columns[[0, -1]]), (6, 50, 5, 59), strict=True)
    ] == [True] * 4
    shifted = classifier.chest(classifier.laid(np.roll(classifier.parts.template, 5, axis=1)))
    assert 3 <= np.flatnonzero(shifted.any(0))[0] - columns[0] <= 7


def test_limits_stand_in_their_order(classifier):
    for name in classifier.supported:
        present, uncertain = classifier.limits(name)
        assert 0 < uncertain < present
    for name in FINDINGS:
        sets = classifier.set_limits(name)
        assert 0 <= sets.present_from <= 1
        assert 0 <= sets.absent_to <= 1
    assert classifier.deniable <= classifier.supported
    assert set(classifier.record()["limits"]) == classifier.supported
    assert NO_FINDING in classifier.supported


def test_a_file_that_lacks_a_part_is_named(tmp_path):
    tensors = load_file(WEIGHTS / "findings.safetensors")
    (tmp_path / "findings.json").write_text((WEIGHTS / "findings.json").read_text())
    for name in ("template", "net.conv_stem.weight"):
        save_file({key: value for key, value in tensors.items() if key != name}, tmp_path / "findings.safetensors")
        with pytest.raises(ModelError, match=name):
            FindingsClassifier.load(tmp_path)
