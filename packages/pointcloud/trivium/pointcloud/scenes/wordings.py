"""How questions about a scene are said in English and Chinese: a grammar of ways to ask, some kept from training.

`phrasings/en.toml` explains its notation.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from trivium.pointcloud.scenes.questions import KINDS, Meaning

__all__ = ["LANGUAGES", "in_chinese", "is_chinese", "is_kept", "phrases", "say"]

LANGUAGES = ("en", "zh")
_CHINESE = {
    "yes": "是", "no": "否", "left": "左边", "right": "右边", "ahead": "前面", "behind": "后面",
    "none": "没有这样的对象", "10 or more": "10 个或更多",
}  # fmt: skip
_FOLDER = Path(__file__).resolve().parent / "phrasings"
_HAN = re.compile("[\u4e00-\u9fff]")
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ENDS = "?.\u3002 "
_AN = re.compile(r"\ba (?=[aeiou])")


def is_chinese(text: str) -> bool:
    """Say whether a text has a Chinese character."""
    return bool(_HAN.search(text))


def in_chinese(answer: str) -> str:
    """Return the Chinese name of an answer; numbers are their own."""
    return _CHINESE.get(answer, answer)


def say(meaning: Meaning, language: str, chance: random.Random, *, kept: bool = False) -> str:
    """Return the question in words drawn by chance; with `kept`, in those that training never draws."""
    words = phrases(language)
    about, other = words[meaning.about], words[meaning.other or meaning.about]
    at, beside = chance.randrange(len(about["one"])), chance.randrange(len(other["one"]))
    known = {
        "one": about["one"][at], "many": about["many"][at], "other": other["one"][beside],
        "others": other["many"][beside], "r": str(meaning.radius),
    }  # fmt: skip
    ways = words[meaning.kind]["kept" if kept else "ways"]
    while True:
        text = _filled(chance.choice(ways), known, words["words"], chance)
        if kept or not is_kept(text, meaning.kind, language):
            return text


@cache
def phrases(language: str) -> dict[str, dict[str, Any]]:
    """Return the phrasings of a language."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def is_kept(text: str, kind: str, language: str) -> bool:
    """Say whether a text is one of the ways that training never draws, but for its end and what it is about."""
    return any(form.fullmatch(text.rstrip(_ENDS)) for form in _kept_forms(language)[kind])


def _filled(text: str, known: dict[str, str], words: dict[str, list[str]], chance: random.Random) -> str:
    """Fill in choices and names until none is left, innermost choices first."""
    while found := (_CHOICE.search(text) or _SLOT.search(text)):
        if found[0][0] == "[":
            filling = chance.choice(found[1].split("|"))
        else:
            filling = known.get(found[1]) or chance.choice(words[found[1]])
        text = text[: found.start()] + filling + text[found.end() :]
    return _AN.sub("an ", text)


@cache
def _kept_forms(language: str) -> dict[str, list[re.Pattern[str]]]:
    words = phrases(language)
    return {
        kind: [re.compile(_SLOT.sub(".+", re.sub(r"[?.]", ".?", way.rstrip(_ENDS)))) for way in words[kind]["kept"]]
        for kind in KINDS
    }
