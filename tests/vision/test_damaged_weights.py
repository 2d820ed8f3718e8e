"""A weights file that was cut off is one error that names the folder, whichever model it belongs to."""

from __future__ import annotations

import shutil

import pytest

from trivium.service.errors import ModelError
from trivium.vision.answerer import Answerer
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.outlines import Outlines
from trivium.vision.pneumonia import PneumoniaClassifier
from trivium.vision.quality_gate import Gate
from trivium.vision.retrieval import Retriever
from trivium.vision.seen_films import load_seen

LOADERS = {
    "findings": FindingsClassifier.load,
    "outlines": Outlines.load,
    "pneumonia": PneumoniaClassifier.load,
    "quality": Gate.load,
    "retrieval": Retriever.load,
    "seen_films": load_seen,
    "vqa": Answerer.load,
}


@pytest.mark.parametrize("length", [0, 8, 100])
@pytest.mark.parametrize("name", LOADERS)
def test_a_file_cut_off_is_one_error(name, length, tmp_path):
    for settings in WEIGHTS.glob("*.json"):
        shutil.copy(settings, tmp_path)
    whole = (WEIGHTS / f"{name}.safetensors").read_bytes()
    (tmp_path / f"{name}.safetensors").write_bytes(whole[:length])
    with pytest.raises(ModelError, match="cannot be loaded"):
        LOADERS[name](tmp_path)
