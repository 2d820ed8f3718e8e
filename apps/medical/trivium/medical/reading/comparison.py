"""Where a report compares with an earlier film: words of change and of time, by their stems, in both languages.

The words stand in grammar_en.toml and grammar_zh.toml. What only looks like a comparison is told by what stands around
it: "increased markings" describes, "has increased" compares; "to ensure resolution" asks for a film to come.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from trivium.medical.reading.stems import classes, stems

__all__ = ["comparisons"]

_NAMES_ITS_PRIOR = re.compile(r"[较比与同和跟对参前旧老原上昨]|.*(?:since|than|compared)", re.IGNORECASE)
_NOW = "本此今现目这"  # these begin a comparison only with what stands outside the name of a finding
_DEGREE = re.compile("(?:明显|显著|略|稍)增大")  # of a heart, which the name of the finding holds: no change
_VERB_ENDS = "(?:e?d|en|n|ing|t)?"
_WHOSE = r"(?:the |this |his |her )?(?:left |right |known |(?:left|right)-sided )?(?:[\w-]+ )?"


def comparisons(text: str, language: str, things: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield where a sentence compares, from and to.

    Args:
        text: one sentence.
        language: `en` or `zh`.
        things: where it names findings and devices; "enlargement of the heart" compares nothing.
    """
    if _phrases(language, "asks_for_prior").search(text):
        return
    find, recommends = (_english if language == "en" else _chinese), _phrases(language, "recommends")
    hits = [
        (start, end) for start, end in sorted(set(find(text, things)))
        if (language == "zh" and text[start] not in _NOW) or not any(low < end and start < high for low, high in things)
        if _NAMES_ITS_PRIOR.match(text[start:end]) or not recommends.search(text[:start])
    ]  # fmt: skip
    while hits:
        start, end = hits.pop(0)
        while hits and hits[0][0] <= end:
            end = max(end, hits.pop(0)[1])
        yield start, end


def _english(text: str, things: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    others = [found.span() for found in _phrases("en", "no_comparison").finditer(lower)]
    for pattern in (stems("compares"), _phrases("en", "compares_phrases")):
        for found in pattern.finditer(lower):
            if not any(low <= found.start() < high for low, high in others):
                yield found.span()
    ends, starts = [end for _, end in things], {start for start, _ in things}
    for found in _phrases("en", "compares_behind").finditer(lower):  # "the effusion is larger"
        if any(0 <= found.start() - end <= 2 for end in ends):
            yield found.span()
    for found in _change_of().finditer(lower):  # "growth of the mass"
        if found.end() in starts:
            yield found.span()


def _chinese(text: str, things: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    change = _chinese_change()
    for found in _phrases("zh", "compares").finditer(text):
        if _DEGREE.match(text, found.start()) and any(low < found.start() < high for low, high in things):
            continue
        further = change.match(text, found.end())
        yield found.start(), further.end() if further else found.end()
    for _, end in things:
        if said := change.match(text, end):
            yield said.start() + len(said[0]) - len(said[0].lstrip("，")), said.end()


@functools.cache
def _phrases(language: str, name: str) -> re.Pattern[str]:
    """Return the pattern of a list of expressions, with the classes that they name put in."""
    words = classes(language)
    either = "|".join(f"(?:{one})" for one in words[name])
    if language == "en":
        of = {one: "|".join(words[one]) for one in ("changes", "degree", "comparatives", "change_nouns", "study")}
        for key, found in (
            ("{change}", rf"(?:{of['changes']})\w*"),
            ("{changed}", f"(?:{of['changes']}){_VERB_ENDS}"),
            ("{degree}", f"(?:(?:{of['degree']}) )"),
            ("{comparative}", f"(?:{of['comparatives']})"),
            ("{noun}", f"(?:{of['change_nouns']})"),
            ("{study}", f"(?:{of['study']})"),
        ):
            either = either.replace(key, found)
    return re.compile(either, re.IGNORECASE)


@functools.cache
def _change_of() -> re.Pattern[str]:
    """Match a noun of change up to what changed."""
    noun = "|".join(classes("en")["change_nouns"])
    return re.compile(
        rf"\b(?:{noun}) (?:in|(?<!changes )of|to) (?:the )?"
        rf"(?:(?:extent|size|volume|degree|appearance|amount) of )?{_WHOSE}"
    )


@functools.cache
def _chinese_change() -> re.Pattern[str]:
    """Match a change that is said of the thing in front of it."""
    lead, verbs = ("|".join(classes("zh")[name]) for name in ("change_leads", "changes"))
    return re.compile(rf"(?:{lead})*?(?:{verbs})(?!期|的?可能|形|型|性|征)")
