"""Scene questions: exact answers worked out by hand, words in two languages, the model reads scene and question."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from trivium.core_model.config import ModelConfig
from trivium.core_model.train.config import TrainConfig
from trivium.core_model.train.loop import fit
from trivium.pointcloud.encoders.objects import Objects
from trivium.pointcloud.scenes.answerer import UNKNOWN, SceneAnswerer, vocabulary
from trivium.pointcloud.scenes.questions import (
    ANSWERS,
    KINDS,
    LANGUAGES,
    MEANINGS,
    Meaning,
    answer,
    phrases,
    places_of,
    say,
)
from trivium.pointcloud.simulator.splits import digest
from trivium.pointcloud.train_scene_questions import Looked, QuestionObjective, usual_answers
from trivium.service.errors import InputError, ModelError

# Vehicles 5 m ahead left, 20 m behind, 30 m right; a pedestrian 12 m left; no cyclist.
PLACES = torch.tensor([[4.0, 3.0], [-20.0, 0.0], [0.0, -30.0], [0.0, 12.0]])
BOXES = torch.cat((PLACES, torch.tensor([[-1.0, 4.0, 1.8, 1.5, 0.0]]).expand(4, 5)), dim=1)
SCENE = Objects(BOXES, torch.tensor([0, 0, 0, 1]), torch.full((4,), 0.9))


@pytest.mark.parametrize(
    ("meaning", "said"),
    [
        (Meaning("count", "Vehicle", radius=20), "2"),
        (Meaning("count", "Vehicle", radius=10), "1"),
        (Meaning("count", "Cyclist", radius=50), "0"),
        (Meaning("any", "Pedestrian", radius=10), "no"),
        (Meaning("any", "Pedestrian", radius=15), "yes"),
        (Meaning("side", "Vehicle"), "left"),
        (Meaning("side", "Cyclist"), "none"),
        (Meaning("depth", "Vehicle"), "ahead"),
        (Meaning("more", "Vehicle", "Pedestrian", 10), "yes"),
        (Meaning("more", "Vehicle", "Pedestrian", 15), "no"),
        (Meaning("nearer", "Pedestrian", "Vehicle"), "no"),
        (Meaning("nearer", "Pedestrian", "Cyclist"), "yes"),
    ],
)
def test_answers_are_exact(meaning: Meaning, said: str) -> None:
    assert answer(meaning, places_of(SCENE.boxes, SCENE.kinds)) == said


def test_many_are_ten_or_more() -> None:
    many = BOXES[:1].expand(12, 7)
    assert (
        answer(Meaning("count", "Vehicle", radius=10), places_of(many, torch.zeros(12, dtype=torch.int64)))
        == "10 or more"
    )


def test_both_languages_ask_the_same_and_keep_ways_apart() -> None:
    assert list(phrases("en")) == list(phrases("zh"))
    for language in LANGUAGES:
        for kind in KINDS:
            assert not set(phrases(language)[kind]["ways"]) & set(phrases(language)[kind]["kept"])
    chance = random.Random(1)
    for meaning in MEANINGS:
        text = say(meaning, "zh", chance)
        assert "{" not in text
        assert str(meaning.radius) in text or not meaning.radius
    known = set(vocabulary())
    assert {"how", "20", "车"} <= known


def small() -> SceneAnswerer:
    known = vocabulary()
    config = ModelConfig(vocab_size=UNKNOWN + 1 + len(known), dim=32, num_layers=1, num_heads=2, hidden_dim=64)
    return SceneAnswerer(config, known, 16).eval()


def test_a_model_goes_out_and_in_and_answers_from_its_list(tmp_path) -> None:
    model = small()
    model.save(tmp_path / "s.safetensors")
    again = SceneAnswerer.load(tmp_path / "s.safetensors")
    texts = ["how many vehicles are within 20 m?", "最近的行人在左边还是右边?"]
    empty = Objects(BOXES[:0], SCENE.kinds[:0], SCENE.scores[:0])
    said = again.answer(texts, [SCENE, empty], [0, 1])
    assert all(one in ANSWERS for one in said)
    with pytest.raises(InputError, match="17 m cannot be asked about"):
        again.answer(["how many cars within 17 m?"], [SCENE], [0])
    (tmp_path / "x.safetensors").write_bytes(b"none")
    with pytest.raises(ModelError, match="cannot be loaded"):
        SceneAnswerer.load(tmp_path / "x.safetensors")


def test_a_row_reads_its_own_scene_whoever_is_beside_it() -> None:
    model = small()
    rows = model.encoder.rows([SCENE, Objects(BOXES[:1], SCENE.kinds[:1], SCENE.scores[:1])])
    ids = torch.tensor([model.words("is there a cyclist within 20 m?")] * 2)
    both = model(ids, rows).answers
    alone = model(ids[1:], model.encoder.rows([Objects(BOXES[:1], SCENE.kinds[:1], SCENE.scores[:1])])).answers
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-4)
    assert float((both[0] - both[1]).detach().abs().max()) > 1e-5


def test_training_learns_two_scenes(tmp_path) -> None:
    other = Objects(BOXES * torch.tensor([1, -1, 1, 1, 1, 1, 1.0]), SCENE.kinds, SCENE.scores)
    scenes = [SCENE, other]
    answers = np.array(
        [[ANSWERS.index(answer(m, places_of(one.boxes, one.kinds))) for m in MEANINGS] for one in scenes]
    )
    looked = Looked(scenes, answers)
    model = small().train()
    config = TrainConfig(
        out=str(tmp_path), data=("x",), model=model.config.to_json(), steps=60, batch_size=64, learning_rate=5e-3,
        eval_every=0, save_every=60, log_every=30,
    )  # fmt: skip
    objective = QuestionObjective(model, looked, config, looked)
    before = objective.evaluate()["accuracy"]
    fit(objective, config, resume=False)
    assert objective.evaluate()["accuracy"] > max(0.55, before + 0.2)
    assert (usual_answers(answers) == answers).mean() > 0.9  # only the side differs between these two


def test_scenes_to_judge_by_are_those_fixed_before_training() -> None:
    assert digest("questions_test") == "6c071b0557d8432a"
