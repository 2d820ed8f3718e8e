"""The words that a written report is read by, one file a language, compiled once."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from trivium.service.text import LANGUAGES

__all__ = ["Lexicon", "Thing", "language_of", "lexicon"]


@dataclass(frozen=True, slots=True)
class Thing:
    """Words that name a finding or a device; `is_denial` where they say by themselves that it is not there."""

    name: str
    pattern: re.Pattern[str]
    is_denial: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language.

    Args:
        language: `en` or `zh`.
        headings: section by pattern of its heading at the beginning of a line.
        things: findings and devices by pattern, families of wording first, then the longest phrase; whether it denies
            what it names ("heart size is normal"). Without a name: words that mean no finding ("bone density").
        devices: which of the names are devices.
        critical: names that somebody must be told of.
        patterns: patterns of the word lists, and of the expressions that some of them have besides.
        grades: patterns of severity, 1 for slight to 3 for severe.
        one_sided: parts of the lung that only the left or the right one has.
    """

    language: str
    headings: tuple[tuple[str, re.Pattern[str]], ...]
    things: tuple[Thing, ...]
    devices: frozenset[str]
    critical: frozenset[str]
    patterns: dict[str, re.Pattern[str]]
    grades: dict[int, re.Pattern[str]]
    one_sided: dict[str, re.Pattern[str]]


def language_of(text: str) -> str:
    """Return `zh` for a text with Chinese characters, else `en`."""
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


@functools.cache
def lexicon(language: str) -> Lexicon:
    """Load the words of a language."""
    assert language in LANGUAGES
    data = tomllib.loads((resources.files("trivium.medical.reading") / f"{language}.toml").read_text("utf-8"))
    return Lexicon(
        language,
        tuple((section, _heading(found)) for section, found in data["headings"].items()),
        tuple(_things(data, language)),
        frozenset(data["devices"]),
        frozenset(data["critical"]["names"]),
        {
            key: _pattern(data["words"].get(key, []), language, data["expressions"].get(key, ""))
            for key in (*data["words"], *(data["expressions"].keys() - data["words"].keys()))
        },
        {int(grade): _pattern(found, language) for grade, found in data["grades"].items()},
        {side: _pattern(found, language) for side, found in data["one_sided"].items()},
    )


def _things(data: Mapping[str, Any], language: str) -> Iterator[Thing]:
    """Yield what is named, in the order in which it is looked for: what comes first takes its words."""
    for name, expression in data["denials"].items():
        yield Thing(name, _pattern([], language, expression), is_denial=True)
    yield Thing("", _pattern([], language, data["expressions"]["no_finding"]))
    for name, expression in data["families"].items():
        yield Thing(name, _pattern([], language, expression))
    named = [
        (phrase, name) for part in ("findings", "devices") for name, found in data[part].items() for phrase in found
    ]
    for phrase, name in sorted(named, key=lambda one: -len(one[0])):
        yield Thing(name, _pattern([phrase], language))


def _heading(phrases: list[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(one) for one in sorted(phrases, key=len, reverse=True))
    plain = rf"\**\s*(?:{either})\s*\**\s*(?:[:：]\**|[-–—]\s|$)"
    return re.compile(rf"^\s*(?:[【\[]\s*(?:{either})\s*[】\]]\s*[:：]?|{plain})", re.IGNORECASE)


def _pattern(phrases: list[str], language: str, expression: str = "") -> re.Pattern[str]:
    either = "|".join(re.escape(one) for one in sorted(phrases, key=len, reverse=True))
    either = "|".join(filter(None, (expression, either)))
    return re.compile(rf"\b(?:{either})\b" if language == "en" else either, re.IGNORECASE)
