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
from trivium.pointcloud.scenes.answerer import END, SceneAnswerer, vocabulary
from trivium.pointcloud.scenes.looked import Looked, look_at, read_looked, write_looked
from trivium.pointcloud.scenes.mixing import Mixer
from trivium.pointcloud.scenes.questions import ANSWERS, KINDS, MEANINGS, Meaning, answer, places_of
from trivium.pointcloud.scenes.wordings import LANGUAGES, is_kept, phrases, say
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.splits import digest
from trivium.pointcloud.train_scene_questions import QuestionObjective, answers_of, usual_answers
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
    chance = random.Random(1)
    for language in LANGUAGES:
        assert [len(phrases(language)[kind]["kept"]) for kind in KINDS] == [6] * len(KINDS)
        for meaning in MEANINGS:
            kept = say(meaning, language, chance, kept=True)
            assert is_kept(kept, meaning.kind, language)
            text = say(meaning, language, chance)
            assert not is_kept(text, meaning.kind, language)
            assert not set("{}[]|") & set(text)
            assert str(meaning.radius) in text or not meaning.radius
    assert {"how", "20", "车"} <= set(vocabulary())
    assert "quantity" not in vocabulary()  # only in words that training never draws


def test_there_are_hundreds_of_ways_to_ask() -> None:
    chance = random.Random(2)
    for language in LANGUAGES:
        for meaning in (Meaning("count", "Vehicle", radius=20), Meaning("nearer", "Cyclist", "Pedestrian")):
            assert len({say(meaning, language, chance) for _ in range(600)}) > 400


def small() -> SceneAnswerer:
    known = vocabulary()
    config = ModelConfig(vocab_size=END + 1 + len(known), dim=32, num_layers=1, num_heads=2, hidden_dim=64)
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


def test_what_is_asked_is_read_before_any_object() -> None:
    """So that the token of an object can know it."""
    model = small()
    ids = torch.tensor([model.words("is there a cyclist within 20 m?")])
    with torch.no_grad():
        full, empty = (
            model(ids, model.encoder.rows([one]))
            for one in (SCENE, Objects(BOXES[:0], SCENE.kinds[:0], SCENE.scores[:0]))
        )
    torch.testing.assert_close(full.asked, empty.asked)
    assert float((full.answers - empty.answers).abs().max()) > 1e-5


def test_looked_scenes_hold_what_was_found_and_what_is_there(tmp_path) -> None:
    scene = compose(SimulatorConfig("hdl32", 360.0, 0.1), 1_700_001, 0)
    looked = look_at([[scene]])
    write_looked(looked, tmp_path / "looked.safetensors")
    again = read_looked(tmp_path / "looked.safetensors")
    for one, other in zip((*looked.found, *looked.truth), (*again.found, *again.truth), strict=True):
        assert torch.equal(one.boxes, other.boxes)
        assert torch.equal(one.kinds, other.kinds)
        assert float(one.boxes[:, :2].norm(dim=1).max()) <= 50
    assert len(looked.truth[0].boxes) > 4
    assert float(looked.found[0].scores.min()) >= 0.35
    # Each scene's surest detections lie on objects.
    sure = looked.found[0].boxes[looked.found[0].scores > 0.7, :2]
    assert len(sure) > 1
    assert float(torch.cdist(sure, looked.truth[0].boxes[:, :2]).min(dim=1).values.max()) < 2


def test_mixed_scenes_err_as_the_detector_did() -> None:
    """One vehicle found, one missed, one false alarm: objects come and go with what found them."""
    truth = Objects(BOXES[:2], torch.tensor([0, 0]), torch.ones(2))
    found = Objects(
        BOXES[[0, 3]] + torch.tensor([0.2, 0, 0, 0, 0, 0, 0]), torch.tensor([0, 0]), torch.tensor([0.9, 0.4])
    )
    mixer = Mixer(Looked([found], [truth]))
    chance = np.random.default_rng(0)
    counts = set()
    for _ in range(200):
        seen, there = mixer.draw(chance)
        near = (
            torch.cdist(seen.boxes[:, :2], there.boxes[:, :2]) if len(there.boxes) else torch.ones(len(seen.boxes), 1)
        )
        for row, score in zip(near, seen.scores.tolist(), strict=True):
            assert (float(row.min()) < 0.3) == (score > 0.5)  # the sure one found its vehicle, the other none
        far = there.boxes[:, :2].norm(dim=1)
        assert all(min(abs(one - 5), abs(one - 20)) < 1e-3 for one in far.tolist())  # turning keeps distances
        assert int((far < 10).sum()) == int((seen.scores > 0.5).sum())
        counts.add((len(seen.boxes), len(there.boxes)))
    assert len(counts) > 8


def test_training_learns_two_scenes(tmp_path) -> None:
    other = Objects(BOXES * torch.tensor([0.5, 0.5, 1, 1, 1, 1, 1.0]), SCENE.kinds, SCENE.scores)
    looked = Looked([SCENE, other], [SCENE, other])
    model = small().train()
    config = TrainConfig(
        out=str(tmp_path), data=("x",), model=model.config.to_json(), steps=60, batch_size=64, learning_rate=5e-3,
        eval_every=0, save_every=60, log_every=30,
    )  # fmt: skip
    objective = QuestionObjective(model, looked, config, looked)
    before = objective.evaluate()["accuracy"]
    fit(objective, config, resume=False)
    after = objective.evaluate()["accuracy"]
    assert (before, after) == (pytest.approx(0.1, abs=0.2), pytest.approx(0.8, abs=0.25))


def test_the_usual_answers_by_hand() -> None:
    answers = answers_of([SCENE, SCENE, Objects(BOXES[:0], SCENE.kinds[:0], SCENE.scores[:0])])
    usual = usual_answers(answers)
    assert answers.shape == (3, len(MEANINGS))
    assert ANSWERS[usual[MEANINGS.index(Meaning("count", "Vehicle", radius=20))]] == "2"
    assert ANSWERS[usual[MEANINGS.index(Meaning("side", "Vehicle"))]] == "left"
    assert (usual == answers[2]).mean() < 0.7


def test_scenes_to_judge_by_are_those_fixed_before_training() -> None:
    assert digest("questions_test") == "6c071b0557d8432a"
