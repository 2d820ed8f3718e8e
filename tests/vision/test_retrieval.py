"""Retrieval on planted descriptors: both languages, denial, what is kept on disk, and the command on drawn films."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.vision.drawn import drawn_chest

from trivium.service.cli import run
from trivium.service.errors import InputError, ModelError
from trivium.vision.findings import FINDINGS
from trivium.vision.frozen import DESCRIPTORS
from trivium.vision.report_text import known_words, report_from_labels
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
    films.mkdir()
    for number, height in enumerate((80, 96)):
        Image.fromarray((drawn_chest(height, 90) * 255).astype(np.uint8)).save(films / f"{number}.png")
    assert run(["vision", "search", str(films), "--text", "心影增大", "--out", str(tmp_path / "a.json")]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert sorted(one["film"] for one in found) == ["0.png", "1.png"]
    assert found[0]["likeness"] >= found[1]["likeness"]
    (tmp_path / "told.txt").write_text("No effusion.\nEnlarged heart.\n")
    told = ["--sentences", str(tmp_path / "told.txt"), "--top", "1", "--out", str(tmp_path / "b.json")]
    assert run(["vision", "search", str(films), *told]) == 0
    assert [one["film"] for one in json.loads((tmp_path / "b.json").read_text())] == ["0.png", "1.png"]
    assert run(["vision", "search", str(films), "--out", str(tmp_path / "c.json")]) == 1
    assert "give either a text or sentences" in capsys.readouterr().err
