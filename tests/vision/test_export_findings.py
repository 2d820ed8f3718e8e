"""The exported classifier: the same probabilities, a smaller graph that keeps the order, one line for what is wrong."""

import json

import numpy as np
import onnx
import pytest
from tests.vision.drawn import drawn_chest

from trivium.service.errors import InputError
from trivium.vision import commands
from trivium.vision.alignment import moved
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.export_findings import FLOAT_NAME, INT8_NAME, export, run_graph
from trivium.vision.films import standard
from trivium.vision.findings import FINDINGS


@pytest.fixture(scope="module")
def classifier():
    return FindingsClassifier.load()


@pytest.fixture(scope="module")
def written(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export(classifier, folder, int8=True)
    return folder


@pytest.fixture(scope="module")
def films(classifier):
    chest = standard(drawn_chest())
    shifts = np.array([[[1, 0, dx], [0, 1, dy]] for dx in (-0.1, 0, 0.1) for dy in (-0.1, 0.1)], np.float32)
    shown = np.concatenate([moved(np.repeat(chest[None], len(shifts), 0), shifts), classifier.drawn(20, seed=9)])
    return classifier.laid_all(shown)


def test_the_graph_gives_the_classifiers_probabilities(classifier, written, films):
    assert (
        np.abs(run_graph(written / FLOAT_NAME, films) - classifier.calibrated(classifier.logits_aligned(films))).max()
        < 1e-5
    )


def test_int8_keeps_the_order_of_films_in_a_third_of_the_size(written, films):
    whole, small = (run_graph(written / name, films, "scores") for name in (FLOAT_NAME, INT8_NAME))
    for column in range(len(FINDINGS)):
        assert np.corrcoef(whole[:, column], small[:, column])[0, 1] > 0.99
    exact, rounded = (run_graph(written / name, films) for name in (FLOAT_NAME, INT8_NAME))
    assert np.abs(exact - rounded).max() < 0.03
    assert (written / INT8_NAME).stat().st_size < 0.4 * (written / FLOAT_NAME).stat().st_size
    kinds = {node.op_type for node in onnx.load(written / INT8_NAME).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


def test_what_a_reader_needs_lies_beside_the_graph(classifier, written):
    about = json.loads((written / "findings.json").read_text())
    assert about["names"] == list(FINDINGS)
    assert set(about["limits"]) == set(classifier.supported)
    assert np.array_equal(np.load(written / "template.npy"), classifier.parts.template)


def test_wrong_folders_are_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        commands.export(tmp_path / "file" / "out", int8=False, films=None, say=print)
    with pytest.raises(InputError, match="holds no PNG"):
        commands.export(tmp_path / "out", int8=True, films=tmp_path / "empty", say=print)
    with pytest.raises(InputError, match="add --int8"):
        commands.export(tmp_path / "out", int8=False, films=tmp_path / "empty", say=print)
