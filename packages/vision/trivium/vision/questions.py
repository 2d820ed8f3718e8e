"""Questions about one coloured shape: what they mean, how they can be asked, what the answers are called.

The 107 questions of easy-VQA (Victor Zhou, MIT) have 35 meanings; a grammar of ours asks each of them in many ways, in
English and in Chinese (`phrasings/`). Training draws from the grammar; answering reads any text and knows no grammar.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from trivium.service.errors import InputError

__all__ = ["ANSWERS", "COLORS", "LANGUAGES", "MEANINGS", "SHAPES", "Grammar", "Meaning", "answer_of", "in_chinese"]
__all__ += ["is_chinese", "meaning_of"]

COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
SHAPES = ("circle", "rectangle", "triangle")
ANSWERS = (*COLORS, *SHAPES, "yes", "no")
LANGUAGES = ("en", "zh")
_CHINESE = {
    "black": "黑色", "blue": "蓝色", "brown": "棕色", "gray": "灰色", "green": "绿色", "red": "红色", "teal": "蓝绿色",
    "yellow": "黄色", "circle": "圆形", "rectangle": "矩形", "triangle": "三角形", "yes": "是", "no": "否",
}  # fmt: skip
_OTHER_NAMES = {
    "黑": "black", "蓝": "blue", "棕": "brown", "褐色": "brown", "灰": "gray", "grey": "gray", "绿": "green",
    "红": "red", "青色": "teal", "青": "teal", "黄": "yellow", "圆": "circle", "长方形": "rectangle",
    "三角": "triangle", "有": "yes", "对": "yes", "是的": "yes", "没有": "no", "不": "no", "不是": "no",
}  # fmt: skip
_HAN = re.compile("[\u4e00-\u9fff]")
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_EASY_VQA = (
    ("absent", re.compile(r"(?:does the image not contain|is there not) an? (\w+)(?: shape)?(?: in the image)?")),
    ("absent", re.compile(r"is no (\w+)(?: shape)? present")),
    ("present", re.compile(r"(?:does the image contain|is there) an? (\w+)(?: shape)?(?: in the image)?")),
    ("present", re.compile(r"is an? (\w+)(?: shape)? present")),
    ("color", re.compile(r"what (?:is the color of|color is) the (\w+)")),
    ("shape", re.compile(r"what shape (?:does the image contain|is in the image|is present)()")),
    ("shape", re.compile(r"what is the (\w+) shape")),
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is asked.

    Args:
        kind: `present`, `absent` (yes when it is not there), `color` or `shape` (which one is it).
        about: a color or shape; empty where the question names none.
    """

    kind: str
    about: str = ""

    @property
    def pattern(self) -> str:
        """Name of the grammar's patterns that ask for it."""
        return "shape_of_color" if self.kind == "shape" and self.about else self.kind


MEANINGS = (
    *(Meaning(kind, about) for kind in ("present", "absent") for about in (*COLORS, *SHAPES)),
    *(Meaning("color", about) for about in ("", *SHAPES)),
    *(Meaning("shape", about) for about in ("", *COLORS)),
)


def meaning_of(question: str) -> Meaning:
    """Return what a question of easy-VQA, in its own words, asks.

    Raises:
        InputError: if it is not one of its 107.
    """
    text = question.strip().lower().rstrip("?").strip()
    for kind, form in _EASY_VQA:
        if found := form.fullmatch(text):
            meaning = Meaning(kind, "" if found[1] == "shape" else found[1])
            if meaning in MEANINGS:
                return meaning
    raise InputError(f"{question!r} is no question of easy-VQA", hint="train on its questions.json.gz as it is")


def answer_of(name: str) -> str | None:
    """Return the answer that a name, English or Chinese, stands for; None for none of ours."""
    text = name.strip().lower()
    if text in ANSWERS:
        return text
    by_chinese = {chinese: answer for answer, chinese in _CHINESE.items()}
    return by_chinese.get(text) or _OTHER_NAMES.get(text)


def in_chinese(answer: str) -> str:
    """Return the Chinese name of an answer."""
    return _CHINESE[answer]


def is_chinese(question: str) -> bool:
    """Say whether a question has a Chinese character."""
    return bool(_HAN.search(question))


class Grammar:
    """Ways to ask in one language.

    Args:
        content: of a phrasing file: `colors`, `shapes`, `words` and `patterns`.
    """

    def __init__(self, content: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._names = {**content["colors"], **content["shapes"]}
        self._words, self._patterns = content["words"], content["patterns"]

    @classmethod
    @cache
    def of(cls, language: str) -> Grammar:
        """Return the grammar that ships, of `en` or `zh`."""
        file = resources.files("trivium.vision") / "phrasings" / f"{language}.toml"
        return cls(tomllib.loads(file.read_text(encoding="utf-8")))

    def ask(self, meaning: Meaning, chance: random.Random) -> str:
        """Return one way to ask, drawn at random."""
        return self._expand(chance.choice(self._patterns[meaning.pattern]), meaning, chance)

    def _expand(self, text: str, meaning: Meaning, chance: random.Random) -> str:
        """Fill in choices and slots until none is left, innermost choices first."""
        while found := (_CHOICE.search(text) or _SLOT.search(text)):
            is_choice = found[0][0] == "["
            filling = chance.choice(found[1].split("|")) if is_choice else self._fill(found[1], meaning, chance)
            text = text[: found.start()] + filling + text[found.end() :]
        return text

    def _fill(self, slot: str, meaning: Meaning, chance: random.Random) -> str:
        """Return the text of a slot; slots about what is asked depend on whether that is a color or a shape."""
        is_color = meaning.about in COLORS
        if slot in ("color", "shape", "plain"):
            return chance.choice(self._names[meaning.about])
        name = {
            "it": "colored" if is_color else "shaped",
            "is_it": "is_it_color" if is_color else "is_it_shape",
            "subject": "shape_target" if meaning.about else "target",
        }.get(slot, slot)
        return chance.choice(self._words[name])
