"""Sections, sentences and mentions of a written report: which finding, present or not, on which side, of which size.

Rules in the manner of NegEx: a word of negation counts for the findings behind it up to the end of the clause, one
behind a finding for the findings before it. Not for drafts, whose sentences carry their claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trivium.medical.reading.lexicon import Lexicon, language_of, lexicon

__all__ = ["Mention", "Reading", "Span", "read_report"]

_SENTENCE = {"en": re.compile(r"[^.;\n]+(?:\.(?=\d)[^.;\n]+)*"), "zh": re.compile(r"[^。；;\n]+")}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|cm|m|inch(?:es)?|毫米|厘米|米|kg|ml)?\b", re.IGNORECASE)
_MM = {"mm": 1.0, "毫米": 1.0, "cm": 10.0, "厘米": 10.0, "m": 1000.0, "米": 1000.0, "inch": 25.4, "inches": 25.4}


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence with its section and its place in the text, in characters."""

    section: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mention:
    """What a sentence says of one finding or device.

    Args:
        name: as in the lexicon.
        polarity: `present`, `uncertain` or `absent`.
        side: `left`, `right`, `both` or empty.
        size_mm: a length stated in the same clause; None where there is none.
        span: the sentence.
    """

    name: str
    polarity: str
    side: str
    size_mm: float | None
    span: Span


@dataclass(frozen=True, slots=True)
class Reading:
    """A report as read; `sentences` holds every sentence, with or without a mention."""

    text: str
    words: Lexicon
    sentences: tuple[Span, ...]
    mentions: tuple[Mention, ...]


def read_report(text: str, language: str = "") -> Reading:
    """Read a report. What stands before the first heading counts as findings.

    Args:
        language: `en` or `zh`; empty to tell it by the characters.
    """
    words = lexicon(language or language_of(text))
    sentences = tuple(_sentences(text, words))
    mentions = tuple(one for span in sentences for one in _mentions(span, words))
    return Reading(text, words, sentences, mentions)


def _sentences(text: str, words: Lexicon) -> Iterator[Span]:
    section, place = "findings", 0
    for line in text.splitlines(keepends=True):
        start = place
        place += len(line)
        for name, heading in words.headings:
            if found := heading.match(line):
                section, start = name, start + found.end()
                line = line[found.end() :]
                break
        for found in _SENTENCE[words.language].finditer(line):
            said = found[0]
            if said.strip():
                lead = len(said) - len(said.lstrip())
                begin = start + found.start() + lead
                yield Span(section, begin, begin + len(said.strip()), said.strip())


def _mentions(span: Span, words: Lexicon) -> Iterator[Mention]:
    for clause in _clauses(span.text, words):
        places = _named(clause, words)
        sizes = [one for one in (_size_mm(found) for found in _SIZE.finditer(clause)) if one is not None]
        for position, (start, end, name) in enumerate(places):
            before, after = clause[:start], clause[end:]
            polarity = _polarity(before, after, clause, words)
            yield Mention(name, polarity, _side(clause, places, position, words), sizes[0] if sizes else None, span)


def _clauses(text: str, words: Lexicon) -> list[str]:
    parts, place = [], 0
    for found in words.patterns["breaks"].finditer(text):
        parts.append(text[place : found.start()])
        place = found.start()
    parts.append(text[place:])
    if words.language == "zh":  # a comma ends what a negation reaches
        return [one for part in parts for one in part.split("，") if one.strip()]
    return [one for one in parts if one.strip()]


def _named(clause: str, words: Lexicon) -> list[tuple[int, int, str]]:
    """Return the places of what is named, the longest phrase where several begin."""
    taken: list[tuple[int, int, str]] = []
    for name, pattern in words.things:
        for found in pattern.finditer(clause):
            if all(found.end() <= start or found.start() >= end for start, end, _ in taken):
                taken.append((found.start(), found.end(), name))
    return sorted(taken)


def _polarity(before: str, after: str, clause: str, words: Lexicon) -> str:
    if words.patterns["uncertain"].search(clause):
        return "uncertain"
    if words.patterns["negated_after"].search(after):
        return "absent"
    negations = list(words.patterns["negated"].finditer(before))
    if not negations:
        return "absent" if re.match(r"\s*[:：]\s*(no|none|无)\b", after) else "present"
    # `No pneumothorax, left effusion is seen`: an "is" or "are" between ends the reach, unless it negates itself.
    between = before[negations[-1].end() :]
    ends = re.search(r",\s*(?:there (?:is|are)|and there (?:is|are)|with a)\b", between)
    return "present" if ends else "absent"


def _side(clause: str, places: list[tuple[int, int, str]], position: int, words: Lexicon) -> str:
    """Return the side that stands nearest, before the finding rather than behind it."""
    start, end, _ = places[position]
    low = places[position - 1][1] if position else 0
    high = places[position + 1][0] if position + 1 < len(places) else len(clause)
    comma = re.search(r"[,，]", clause[end:high])
    high = end + comma.start() if comma else high  # behind a comma another thing may begin
    found = [
        (start - hit.end() if hit.end() <= start else 1000 + hit.start() - end, side)
        for side in ("both", "left", "right")
        for hit in words.patterns[side].finditer(clause)
        if low <= hit.start() and hit.end() <= high
    ]
    sides = {side for _, side in found}
    if {"left", "right"} <= sides and "both" not in sides:
        return "both" if re.search(r"\b(and|as well as)\b|及|和", clause) else min(found)[1]
    return min(found)[1] if found else ""


def _size_mm(found: re.Match[str]) -> float | None:
    unit = (found[2] or "").lower()
    return float(found[1]) * _MM[unit] if unit in _MM else None
