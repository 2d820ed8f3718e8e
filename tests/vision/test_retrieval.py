"""Retrieval on planted descriptors: both languages, denial, what is kept on disk, and the command on drawn films."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.vision.drawn import drawn_chest

from trivium.service.cli import run
from trivium.service.errors import InputError, ModelError
from trivium.vision.chest_films import read_film
from trivium.vision.findings import FINDINGS
from trivium.vision.frozen import DESCRIPTORS
from trivium.vision.report_text import known_words, named_findings, report_from_labels
from trivium.vision.retrieval import Retriever

EFFUSION, NODULE = FINDINGS.index("Effusion"), FINDINGS.index("Nodule")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Large pleural effusion on the left.", ("pleural effusion",)),
        ("No effusion or pneumothorax, but a nodule.", ("not:effusion", "not:pneumothorax", "nodule")),
        ("No effusion. Nodule. The mass of the air.", ("not:effusion", "nodule", "mass")),
        ("没有肺水肿和气胸；心脏增大", ("not:肺水肿", "not:气胸", "心脏增大")),
        ("右侧胸腔积液，未见气胸。结节", ("胸腔积液", "not:气胸", "结节")),
        ("the weather", ()),
    ],
)
def test_known_words_and_what_is_denied(text, words):
    assert known_words(text) == words


def test_the_findings_that_a_text_names():
    assert named_findings("没有积液，心脏增大") == {"Effusion": -1, "Cardiomegaly": 1}
    assert named_findings("No fluid; effusions, no nodule") == {"Effusion": 1, "Nodule": -1}


@pytest.fixture(scope="module")
def planted():
    """Films whose descriptors hold their labels, in columns that the network's maps have."""
    generator = np.random.default_rng(2)
    labels = generator.random((120, 15)) < 0.25
    labels[:, 0] = ~labels[:, 1:].any(1)
    descriptors = 0.1 * generator.normal(size=(120, DESCRIPTORS)).astype(np.float32)
    for column in range(15):
        descriptors[:, column * 200 : (column + 1) * 200] += labels[:, column, None]
    retriever = Retriever.fit(descriptors, [report_from_labels(one) for one in labels])
    return retriever, descriptors, labels


@pytest.mark.parametrize("query", ["pleural effusion", "Effusions are seen.", "胸腔积液"])
def test_films_by_text_in_either_language(planted, query):
    retriever, descriptors, labels = planted
    like = retriever.of_films(descriptors) @ retriever.of_texts([query])[0]
    assert labels[np.argsort(-like)[:10], EFFUSION].all()


def test_a_denied_finding_ranks_films_the_other_way(planted):
    retriever, descriptors, labels = planted
    like = retriever.of_films(descriptors) @ retriever.of_texts(["no effusion"])[0]
    assert not labels[np.argsort(-like)[:10], EFFUSION].any()


def test_likeness_adds_what_the_classifier_says_of_the_findings_named(planted):
    retriever, descriptors, _ = planted
    nats = np.zeros((120, 15))
    nats[:, EFFUSION], nats[:, NODULE] = 5, -1
    texts = ["effusion", "no effusion, but a nodule"]
    added = retriever.likeness(descriptors, nats, texts) - retriever.likeness(descriptors, 0 * nats, texts)
    assert added == pytest.approx(np.tile([5, (-5 - 1) / 2], (120, 1)), abs=1e-4)


def test_sentences_by_film(planted):
    retriever, descriptors, labels = planted
    texts = retriever.of_texts(["nodule", "pleural effusion"])
    alone = np.flatnonzero(labels[:, NODULE] != labels[:, EFFUSION])
    nearest = (retriever.of_films(descriptors[alone]) @ texts.T).argmax(1)
    assert (nearest == labels[alone, EFFUSION]).mean() > 0.95


def test_a_text_without_a_known_word_is_refused(planted):
    with pytest.raises(InputError, match="'the weather' has no word that is known"):
        planted[0].of_texts(["nodule", "the weather"])


def test_what_is_stored_reads_the_same(planted, tmp_path):
    retriever, descriptors, _ = planted
    retriever.save(tmp_path)
    again = Retriever.load(tmp_path)
    assert again.vocabulary.words == retriever.vocabulary.words
    assert np.array_equal(again.of_films(descriptors), retriever.of_films(descriptors))
    assert np.array_equal(again.of_texts(["结节"]), retriever.of_texts(["结节"]))
    with pytest.raises(ModelError):
        Retriever.load(tmp_path / "nothing")


def test_the_command_finds_films_and_sentences(tmp_path, capsys):
    films = tmp_path / "films"
    (films / "a").mkdir(parents=True)
    for number, height in enumerate((80, 96)):
        Image.fromarray((drawn_chest(height, 90) * 255).astype(np.uint8)).save(films / f"a/{number}.png")
    assert run(["vision", "search", str(films), "--text", "心影增大", "--out", str(tmp_path / "a.json")]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert sorted(one["film"] for one in found) == ["a/0.png", "a/1.png"]
    assert found[0]["likeness"] >= found[1]["likeness"]
    (tmp_path / "told.txt").write_text("No effusion.\nEnlarged heart.\n")
    told = ["--sentences", str(tmp_path / "told.txt"), "--top", "1", "--out", str(tmp_path / "b.json")]
    assert run(["vision", "search", str(films), *told]) == 0
    assert [one["film"] for one in json.loads((tmp_path / "b.json").read_text())] == ["a/0.png", "a/1.png"]
    assert run(["vision", "search", str(films), "--out", str(tmp_path / "c.json")]) == 1
    assert "give either a text or sentences" in capsys.readouterr().err
    (films / "cut.png").write_bytes((films / "a/0.png").read_bytes()[:300])
    assert run(["vision", "search", str(films), "--text", "effusion", "--out", str(tmp_path / "d.json")]) == 1
    assert len(json.loads((tmp_path / "d.json").read_text())) == 2  # the others are ranked all the same
    assert "cut.png: is no picture that can be read" in capsys.readouterr().err
    assert run(["vision", "search", str(tmp_path / "no"), "--text", "effusion", "--out", str(tmp_path / "e.json")]) == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_a_turned_or_inverted_film_is_ranked_as_it_would_be_upright(tmp_path):
    chest = (drawn_chest(160, 180) * 255).astype(np.uint8)
    for name, pixels in (("a", chest), ("turned", np.rot90(chest, 2)), ("inverted", 255 - chest)):
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"{name}.png")
    assert run(["vision", "search", str(tmp_path), "--text", "effusion", "--out", str(tmp_path / "a.json")]) == 0
    found = {one["film"]: one["likeness"] for one in json.loads((tmp_path / "a.json").read_text())}
    assert found["turned.png"] == pytest.approx(found["a.png"], abs=0.02)
    assert found["inverted.png"] == pytest.approx(found["a.png"], abs=0.02)


def test_a_picture_that_shows_no_chest_is_left_out(tmp_path, capsys):
    Image.fromarray(np.zeros((90, 90), np.uint8)).save(tmp_path / "black.png")
    asked = ["vision", "search", str(tmp_path), "--text", "effusion", "--out", str(tmp_path / "a.json")]
    assert run(asked) == 1
    assert "no picture looks like a frontal chest film" in capsys.readouterr().err
    Image.fromarray((drawn_chest(80, 90) * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert run(asked) == 0
    assert [one["film"] for one in json.loads((tmp_path / "a.json").read_text())] == ["a.png"]
    assert "black.png: does not look like a frontal chest film; left out" in capsys.readouterr().err


def test_sixteen_bits_give_the_same_film_as_eight(tmp_path):
    eight = (drawn_chest(80, 90) * 255).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "8.png")
    Image.fromarray(eight.astype(np.uint16) * 257).save(tmp_path / "16.png")
    assert read_film(tmp_path / "16.png") == pytest.approx(read_film(tmp_path / "8.png"), abs=1e-6)
