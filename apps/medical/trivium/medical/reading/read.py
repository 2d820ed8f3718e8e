"""Sections, sentences and mentions of a written report: which finding, present or not, on which side, of which size.

Rules in the manner of NegEx: a word of negation counts for the findings behind it up to the end of the clause, one
behind a finding for the findings before it. Not for drafts, whose sentences carry their claims.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from trivium.medical.reading import chinese, english
from trivium.medical.reading.lexicon import Lexicon, language_of, lexicon

__all__ = ["Measure", "Mention", "Reading", "Span", "measures", "named", "read_report"]

_COMMA = re.compile(r"[,，(（]")
_SENTENCE = {"en": re.compile(r"[^.;\n]+(?:\.(?=\d)[^.;\n]+)*"), "zh": re.compile(r"[^。；;\n]+")}
_LENGTHS = {  # patterns of units, in millimetres
    "mm": 1.0, "millimet(?:er|re)s?": 1.0, "毫米": 1.0, "cm": 10.0, "centimet(?:er|re)s?": 10.0, "厘米": 10.0,
    "公分": 10.0,
    "m": 1000.0, "met(?:er|re)s?": 1000.0, "米": 1000.0, "inch(?:es)?": 25.4, "f(?:ee|oo)t": 304.8, "km": 1e6,
    "[u\u00b5\u03bc]m": 1e-3, "微米": 1e-3,
}  # fmt: skip
_OTHER_UNITS = ("kg", "g", "mg", "ml", "cc", "l", "mmhg", "%", "％", "千克", "公斤", "克", "毫升", "升")
_SIZE = re.compile(
    rf"(\d+(?:\.\d+)?)\s*(?:-\s?)?({'|'.join((*_LENGTHS, *_OTHER_UNITS))})?(?![A-Za-z\d])", re.IGNORECASE
)
_LONGEST = 800  # characters of a sentence; what is longer is no sentence, and would take the square of its length
_BOTH = re.compile(
    r"\b(left|right)\W+(?:[\w-]+\W+){0,6}?(?:and|as well as)\W+(?:[\w-]+\W+){0,3}?(?!\1)(?:left|right)\b|"
    r"左[^，。]*[及和、][^，。]*右|右[^，。]*[及和、][^，。]*左",
    re.I,
)
_ENDS = re.compile(
    r"\s*(?:$|[,.;，。；、)）]|(?:in )?(?:degree|extent|amount|size|severity|volume|grade)\b|"
    r"(?:on|at|within|in) the\b|者|度)"
)
_TOGETHER = re.compile(r"\s*(?:with|and|&|/)?\s*(?:associated|some|adjacent)?\s*", re.IGNORECASE)
_SHADOWS = ("Effusion", "Atelectasis", "Pleural Thickening", "Fibrosis", "Edema", "Mass", "Hernia", "Cardiomegaly")
SIZED = ("Nodule", "Mass")
_OF_A_TUBE = re.compile(r"\b(?:tip|carina|tube|line|catheter|above|below)\b|隆突|末端|尖端|导管|插管", re.IGNORECASE)
_NEXT = 3  # characters between two sentences, at most
LONGEST_HEADING = 120  # characters, with what stands before it in its line
_SIDES_REACH = 40  # characters before the last number
_SIDES = re.compile(r"(?:\d+(?:\.\d+)?\s*[x×*]\s*)+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence with its section and its place in the text, in characters."""

    section: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit, its place in the text, and what it is in millimetres; None for no length."""

    start: int
    end: int
    text: str
    mm: float | None


@dataclass(frozen=True, slots=True)
class Mention:
    """What a sentence says of one finding or device.

    Args:
        name: as in the lexicon.
        polarity: `present`, `uncertain` or `absent`.
        side: `left`, `right`, `both` or empty.
        size_mm: a length stated in the same clause; None where there is none.
        grades: of severity, from 1 for slight to 3 for severe; two for a range, none where nothing is said.
        span: the sentence.
        is_implied: absent because something else is called normal, not because it is named and denied.
    """

    name: str
    polarity: str
    side: str
    size_mm: float | None
    grades: frozenset[int]
    span: Span
    is_implied: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A report as read; `sentences` holds every sentence, with or without a mention."""

    text: str
    words: Lexicon
    sentences: tuple[Span, ...]
    mentions: tuple[Mention, ...]


class _Place(NamedTuple):
    """Where a clause names something, in characters."""

    start: int
    end: int
    name: str
    is_denial: bool


def read_report(text: str, language: str = "") -> Reading:
    """Read a report. What stands before the first heading counts as findings where these have none.

    Args:
        language: `en` or `zh`; empty to tell it by the characters.
    """
    words = lexicon(language or language_of(text))
    sentences = tuple(_sentences(text, words))
    mentions: list[Mention] = []
    for span in sentences:
        told = _explained(list(_mentions(span, words)))
        if told or not mentions or not _goes_on(mentions, span, words):
            mentions += told
        else:
            mentions[-1] = _told_more(mentions[-1], span.text, words)
    return Reading(text, words, sentences, tuple(mentions))


def _sentences(text: str, words: Lexicon) -> Iterator[Span]:
    place = 0
    section = "opening" if _has_findings(text, words) else "findings"
    for line in text.splitlines(keepends=True):
        start = place
        place += len(line)
        for name, heading in words.headings:
            if found := heading.match(line[:LONGEST_HEADING]):
                section, start = name, start + found.end()
                line = line[found.end() :]
                break
        for found in _SENTENCE[words.language].finditer(line):
            for begin in range(found.start(), found.end(), _LONGEST):
                said = line[begin : min(begin + _LONGEST, found.end())]
                if said.strip():
                    place_of_it = start + begin + len(said) - len(said.lstrip())
                    is_of_prior = section == "opening" and _finds(words, "of_prior", said)
                    own = "comparison" if is_of_prior else section
                    yield Span(own, place_of_it, place_of_it + len(said.strip()), said.strip())


def _has_findings(text: str, words: Lexicon) -> bool:
    """Whether the findings have a heading, so that what stands before the first heading is none of them."""
    headings = [pattern for name, pattern in words.headings if name == "findings"]
    return any(one.match(line[:LONGEST_HEADING]) for line in text.splitlines() for one in headings)


def _finds(words: Lexicon, name: str, text: str) -> bool:
    """Whether a text has one of the words of a list that not every language has."""
    pattern = words.patterns.get(name)
    return pattern is not None and pattern.search(text) is not None


def _explained(told: list[Mention]) -> list[Mention]:
    """Return the mentions of a sentence, with one side for what it names twice: "blunted right angle, an effusion"."""
    there = [one for one in told if one.polarity != "absent"]
    sides = {name: {one.side for one in there if one.name == name} for name in {one.name for one in there}}
    shared = {name: max(found) for name, found in sides.items() if "" in found and len(found) == 2}
    return [replace(one, side=one.side or shared.get(one.name, "")) if one in there else one for one in told]


def _goes_on(mentions: list[Mention], span: Span, words: Lexicon) -> bool:
    """Whether a sentence that names nothing tells of the one thing that the sentence before it names."""
    last = mentions[-1]
    is_alone = len({one.name for one in mentions if one.span == last.span}) == 1
    is_next = last.span.section == span.section and 0 <= span.start - last.span.end <= _NEXT
    is_size = last.name in SIZED and _is_a_size(span.text, words) and not _OF_A_TUBE.search(span.text)
    is_told = is_size or words.patterns["refers"].match(span.text) or _tells_more(span.text, words)
    return is_alone and is_next and bool(is_told)


def _told_more(last: Mention, text: str, words: Lexicon) -> Mention:
    """Return a mention with the side, size and degree that a further sentence tells, where it had none."""
    sides = {side for side in ("both", "left", "right") if words.patterns[side].search(text)}
    sizes = [one for one in (_largest_mm(text, found) for found in _SIZE.finditer(text)) if one is not None]
    return replace(
        last,
        side=last.side or (sides.pop() if len(sides) == 1 else ""),
        size_mm=last.size_mm or (sizes[0] if sizes else None),
        grades=last.grades or frozenset(grade for grade, pattern in words.grades.items() if _is_alone(pattern, text)),
    )


def _is_alone(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a degree stands by itself: `it is large`, and not `a large heart`."""
    return any(_ENDS.match(text, found.end()) for found in pattern.finditer(text))


def _mentions(span: Span, words: Lexicon) -> Iterator[Mention]:
    clauses = [one for one in _clauses(span.text, words) if named(one, words)]
    for clause in clauses:
        places = named(clause, words)
        sizes = [one for one in (_largest_mm(clause, found) for found in _SIZE.finditer(clause)) if one is not None]
        said = _assertions(clause, places, words)
        for position, place in enumerate(places):
            polarity, side = said[position], _side(clause, places, position, words)
            grades = _grades(clause, places, position, polarity, words)
            size = sizes[0] if sizes else None
            said_once = Mention(place.name, polarity, side, size, grades, span, place.is_denial)
            is_alone = (len(places) == 1 and len(clauses) == 1) or clause.startswith("伴")  # "左上肺结核，伴纤维化"
            whole = span.text[: span.text.find(clause) + len(clause)] if words.language == "zh" else clause
            yield _told_more(said_once, whole, words) if is_alone and polarity != "absent" else said_once


def _clauses(text: str, words: Lexicon) -> list[str]:
    parts, place = [], 0
    for found in words.patterns["breaks"].finditer(text):
        parts.append(text[place : found.start()])
        place = found.start()
    parts.append(text[place:])
    if words.language == "zh":  # a comma ends what a negation reaches
        parts = [one for part in parts for one in _split_at_commas(part, words)]
    return [one for one in parts if one.strip()]


def _split_at_commas(text: str, words: Lexicon) -> list[str]:
    """Split a Chinese text at its commas, but for those behind which nothing is named and more is told.

    A size is told of the last thing named, whatever stands between: `右肺见肿块，边缘光滑，大小约21毫米`.
    """
    parts: list[str] = []
    for part in text.split("，"):
        naming = [place for place, one in enumerate(parts) if named(one, words)]
        if naming and _is_a_size(part, words):
            parts[naming[-1]] += f" {part}"
        elif parts and (_tells_more(part, words) or words.patterns["describes"].search(part)):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    return parts


def _tells_more(part: str, words: Lexicon) -> bool:
    """Whether all that a part says is side, place, size or degree, so that it is about what stands before it."""
    told = [*words.grades.values(), *(words.patterns[side] for side in ("both", "left", "right")), _SIZE]
    rest = part
    for pattern in told:
        rest = pattern.sub(" ", rest)
    return rest != part and not re.search(r"\w", words.patterns["filler"].sub(" ", rest))


def _is_a_size(part: str, words: Lexicon) -> bool:
    """Whether a part states a length and names nothing that could have it."""
    return any(_size_mm(found) is not None for found in _SIZE.finditer(part)) and not named(part, words)


def named(clause: str, words: Lexicon) -> list[_Place]:
    """Return the places of what is named, the first of the lexicon where several begin."""
    return list(_named(clause, words.language))


@functools.lru_cache(maxsize=1024)
def _named(clause: str, language: str) -> tuple[_Place, ...]:
    taken: list[_Place] = []
    for thing in lexicon(language).things:
        for found in thing.pattern.finditer(clause):
            if all(found.end() <= one.start or found.start() >= one.end for one in taken):
                taken.append(_Place(found.start(), found.end(), thing.name, thing.is_denial))
    return tuple(sorted(one for one in taken if one.name))


def _assertions(clause: str, places: list[_Place], words: Lexicon) -> list[str]:
    """Return what the clause says of each place: what is called normal is absent, a guess is uncertain."""
    grammar = english if words.language == "en" else chinese
    said = grammar.assertions(clause, [(one.start, one.end) for one in places])
    for position, place in enumerate(places):
        before = clause[places[position - 1].end if position else 0 : place.start]
        is_guess = words.patterns["leads_to"].search(before)
        is_explanation = position and words.patterns["explained_as"].search(before)
        behind = places[position + 1] if position + 1 < len(places) else None
        if place.is_denial:
            said[position] = "absent"
        elif said[position] == "present" and place.name == "Infiltration" and behind and behind.name in _SHADOWS:
            between = clause[place.end : behind.start]  # "opacity in keeping with pleural fluid" is no infiltrate
            said[position] = "uncertain" if words.patterns["explained_as"].search(between) else "present"
        elif said[position] == "present" and (is_guess or is_explanation):
            said[position] = "uncertain"
    return said


def _reach(clause: str, places: list[_Place], position: int, words: Lexicon) -> tuple[int, int]:
    """Return from where to where a clause may tell more of a finding.

    From the finding before it to the one behind it, but behind a comma only as far as nothing else begins.
    """
    end = places[position].end
    low = places[position - 1].end if position else 0
    high = places[position + 1].start if position + 1 < len(places) else len(clause)
    commas = [end + found.start() for found in _COMMA.finditer(clause[end:high])]
    for comma, next_comma in pairwise([*commas, high]):
        if not _tells_more(clause[comma:next_comma], words):
            return low, comma
    return low, high


def _side(clause: str, places: list[_Place], position: int, words: Lexicon) -> str:
    """Return the side that stands nearest, before the finding rather than behind it."""
    start, end = places[position][:2]
    low, high = _reach(clause, places, position, words)
    found = [
        (start - hit.end() if hit.end() <= start else 1000 + hit.start() - end, side)
        for side in ("both", "left", "right")
        for hit in words.patterns[side].finditer(clause)
        if low <= hit.start() and hit.end() <= high
    ]
    sides = {side for _, side in found}
    if {"left", "right"} <= sides and "both" not in sides:
        return "both" if _BOTH.search(clause) else min(found)[1]
    if found:
        return min(found)[1]
    is_listed = position + 1 < len(places) and _TOGETHER.fullmatch(clause[end : places[position + 1].start])
    return _side_behind(clause, places, position + 1, words) if is_listed and words.language == "en" else ""


def _side_behind(clause: str, places: list[_Place], position: int, words: Lexicon) -> str:
    """Return the one side that stands behind the last of a list: `fibrosis with volume loss in the left upper zone`."""
    while position + 1 < len(places) and _TOGETHER.fullmatch(clause[places[position].end : places[position + 1].start]):
        position += 1
    high = _reach(clause, places, position, words)[1]
    behind = clause[places[position].end : high]
    sides = [side for side in ("both", "left", "right") if words.patterns[side].search(behind)]
    return sides[0] if len(sides) == 1 else ""


def _grades(clause: str, places: list[_Place], position: int, polarity: str, words: Lexicon) -> frozenset[int]:
    """Return the degrees that are told of a finding; "no large effusion" denies no small one."""
    start, end = places[position][:2]
    low, high = _reach(clause, places, position, words)
    if polarity == "absent":
        return frozenset({2, 3} if words.patterns["sizeable"].search(clause[low:start]) else ())
    before = "" if _finds(words, "formerly", clause[low:start]) else clause[low:start]
    behind = clause[end:high]
    if graded_change := words.patterns.get("graded_change"):  # "has markedly resolved" tells no degree of what has
        behind = graded_change.sub("", behind)
    parts = (before, clause[start:end], behind)
    return frozenset(grade for grade, pattern in words.grades.items() if any(pattern.search(one) for one in parts))


def _size_mm(found: re.Match[str]) -> float | None:
    scale = _scale_mm(found)
    return None if scale is None else float(found[1]) * scale


def _scale_mm(found: re.Match[str]) -> float | None:
    unit = found[2] or ""
    scales = (scale for name, scale in _LENGTHS.items() if re.fullmatch(name, unit, re.IGNORECASE))
    return next(scales, None)


def _largest_mm(clause: str, found: re.Match[str]) -> float | None:
    """Return the largest side of `2.3 x 1.8 cm`, of which `found` is the last number with the unit."""
    scale, before = _scale_mm(found), _SIDES.search(clause[max(0, found.start() - _SIDES_REACH) : found.start()])
    if scale is None:
        return None
    sides = re.findall(r"\d+(?:\.\d+)?", before[0]) if before else []
    return scale * max(map(float, (found[1], *sides)))


def measures(text: str) -> Iterator[Measure]:
    """Yield the numbers of a text that have a unit."""
    for found in _SIZE.finditer(text):
        if found[2] and found[2] != "M":  # "31M" is a man's age
            yield Measure(found.start(), found.end(), found[0].strip(), _size_mm(found))
