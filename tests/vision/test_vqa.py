"""The command that answers questions, with the model that ships, on pictures drawn here."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from trivium.vision.answerer import UNKNOWN, Answerer
from trivium.vision.cli import app
from trivium.vision.questions import ANSWERS

QUESTIONS = [
    ["what color is the shape?", "teal", 0],
    ["图中的图形是什么形状？", "triangle", 0],
    ["图中没有圆形吗？", "yes", 0],
    ["图中有没有圆形？", "no", 0],
    ["what is the red shape?", "circle", 1],
    ["请问图里是否存在红色的形状？", "yes", 1],
    ["这个圆形的颜色是什么？", "红色", 1],
    ["is there not a red shape?", "no", 1],
    ["does the image contain a rectangle?", None, 1],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("vqa")
    for number, color in enumerate([(0, 128, 128), (255, 0, 0)]):
        picture = Image.new("RGB", (64, 64), (236, 240, 244))
        draw = ImageDraw.Draw(picture)
        draw.polygon([(20, 40), (30, 20), (40, 40)], fill=color) if number == 0 else draw.ellipse(
            [20, 20, 44, 44], fill=color
        )
        picture.save(path / f"{number}.png")
    (path / "2.png").write_text("no picture")
    return path


def asked(folder, rows, *more):
    (folder / "q.json").write_text(json.dumps(rows), encoding="utf-8")
    done = CliRunner().invoke(app, ["vqa", str(folder / "q.json"), str(folder), "--out", str(folder / "a.json"), *more])
    return done, json.loads((folder / "a.json").read_text(encoding="utf-8"))


def test_questions_in_both_languages_are_answered_right(folder):
    done, rows = asked(folder, QUESTIONS)
    assert done.exit_code == 0, done.output
    assert [row["answer"] for row in rows] == [
        "teal", "triangle", "yes", "no", "circle", "yes", "red", "no", "no",
    ]  # fmt: skip
    assert rows[1]["answer_zh"] == "三角形"
    assert "answer_zh" not in rows[0]
    assert all(0.5 < row["probability"] <= 1 for row in rows)
    assert "all: accuracy 1.0000 of 8; question only (no picture shown)" in done.output
    assert "Chinese: accuracy 1.0000 of 5" in done.output


def test_a_missing_picture_and_one_that_is_none_are_said_and_stop_nothing(folder):
    done, rows = asked(folder, [["is there a circle?", None, 1], ["is there a circle?", None, 2], ["why?", None, 3]])
    assert done.exit_code == 1
    assert [row["answer"] for row in rows] == ["yes", None, None]
    assert "is no picture" in rows[1]["error"]
    assert "2.png" in done.stderr
    assert "no picture for image 3" in done.stderr


def test_a_row_that_is_no_question_is_named_and_stops_nothing(folder):
    done, rows = asked(folder, [["is there a circle?", "yes", 1], ["", "yes", 1], ["is there a circle?", "maybe", 1]])
    assert done.exit_code == 1
    assert [row["answer"] for row in rows] == ["yes", None, "yes"]
    assert [row.get("error", "")[:30] for row in rows] == [
        "",
        "row 2 has no text as its quest",
        "row 3 has the answer 'maybe', ",
    ]
    assert "q.json: row 2 has no text as its question" in done.stderr
    assert "accuracy 1.0000 of 1;" in done.output


def test_a_picture_in_any_company_gets_the_same_answer():
    model = Answerer.load()
    pictures = np.random.default_rng(3).integers(0, 255, (3, 3, 24, 24), dtype=np.uint8)
    texts = ["what color is the shape?", "这是什么形状？", "is there no circle in the whole wide image here?"]
    together = model.answer(texts, pictures, [0, 1, 2])
    alone = np.concatenate([model.answer([text], pictures, [place]) for place, text in enumerate(texts)])
    assert together.shape == (3, len(ANSWERS))
    assert np.abs(together - alone).max() < 1e-5


def test_words_outside_the_vocabulary_share_one_id():
    words = Answerer.load().words
    assert words("鑫")[0] == UNKNOWN
    assert words("Is there a CIRCLE?!") == words("is there a circle")
    assert words("") == [UNKNOWN]
