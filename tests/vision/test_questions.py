"""What questions mean, and that the grammar can say each of them; answers in two languages."""

import random
import re

import pytest

from trivium.service.errors import InputError
from trivium.vision.questions import MEANINGS, Grammar, Meaning, answer_of, in_chinese, is_chinese, meaning_of


@pytest.mark.parametrize(
    ("question", "meaning"),
    [
        ("is there not a teal shape in the image?", Meaning("absent", "teal")),
        ("does the image contain a circle?", Meaning("present", "circle")),
        ("is no triangle present?", Meaning("absent", "triangle")),
        ("what is the color of the shape?", Meaning("color")),
        ("what color is the circle?", Meaning("color", "circle")),
        ("what is the blue shape?", Meaning("shape", "blue")),
        ("what shape does the image contain?", Meaning("shape")),
    ],
)
def test_a_question_of_easy_vqa_has_its_meaning(question, meaning):
    assert meaning_of(question) == meaning


def test_another_question_has_none():
    with pytest.raises(InputError, match="no question of easy-VQA"):
        meaning_of("how many circles are there?")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_grammar_asks_for_every_meaning_and_leaves_no_slot(language):
    chance = random.Random(1)
    for meaning in MEANINGS:
        asked = [Grammar.of(language).ask(meaning, chance) for _ in range(150)]
        assert not [text for text in asked if re.search(r"[{}\[\]|]", text)]
        assert len(set(asked)) > 60
        assert all(is_chinese(text) == (language == "zh") for text in asked)


def test_negation_is_in_what_asks_for_absence():
    chance = random.Random(2)
    asked = [Grammar.of("zh").ask(Meaning("absent", "red"), chance) for _ in range(300)]
    assert not [text for text in asked if not re.search("[没不无未缺非少]|找不|看不|木有", text)]


def test_answers_have_names_in_both_languages():
    assert [answer_of(name) for name in ("Yes", "红色", "蓝绿色", "长方形", "grey", "没有")] == [
        "yes", "red", "teal", "rectangle", "gray", "no",
    ]  # fmt: skip
    assert answer_of("purple") is None
    assert in_chinese("triangle") == "三角形"
