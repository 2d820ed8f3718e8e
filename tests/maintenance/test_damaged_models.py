"""Files of a model that are cut short are named; LightGBM ends the process at some of them."""

from __future__ import annotations

import shutil

import pytest

from trivium.maintenance.analyze.state import StateModel
from trivium.maintenance.model_folder import load_model, shipped_models
from trivium.service.errors import ModelError


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_trees_that_are_cut_short(tmp_path, share):
    folder = tmp_path / "model"
    shutil.copytree(shipped_models()[0], folder)
    text = (folder / "life-0.txt").read_text(encoding="utf-8")
    trees = text[: text.index("end of trees")]
    (folder / "life-0.txt").write_text(trees[: round(share * len(trees))], encoding="utf-8")
    with pytest.raises(ModelError, match=r"is damaged \(the trees are cut short\); train it again"):
        load_model(folder)


def test_a_tree_that_is_missing(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(shipped_models()[0], folder)
    text = (folder / "risk.txt").read_text(encoding="utf-8")
    start, stop = text.index("Tree=3\n"), text.index("Tree=4\n")
    (folder / "risk.txt").write_text(text[:start] + text[stop:], encoding="utf-8")
    with pytest.raises(ModelError, match="the trees are cut short"):
        load_model(folder)


def test_a_forest_that_is_cut_short(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(ValueError, match="header"):
        StateModel.load(tmp_path, {"kind": "forest"})


def test_a_description_without_its_parts(tmp_path):
    (tmp_path / "model.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(ModelError, match="is damaged"):
        load_model(tmp_path)
