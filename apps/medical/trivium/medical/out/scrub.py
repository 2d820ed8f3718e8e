"""Identifiers that somebody typed into a report: found by the sealed identity of its study, and replaced by a mark.

What goes, in any case of letters unless said otherwise:

- the names of patient and referring physician in their usual orders; a single part of three or more letters as a whole
  word where it begins with a capital, and any part behind a title, so that "short of breath" stays of a Mr Short. In
  Chinese, Japanese and Korean writing, which divide no words: the whole name, parts of three or more signs, and shorter
  ones beside a title;
- patient's and accession number, also with other dividers or without leading zeros; one of fewer than four digits only
  behind a word such as ID, because it may be a measure;
- the birth date in digits, with an English month or in Chinese; the institution's whole name.

Not found: initials, nicknames, slips of the pen, a name in another script than the sealed one, the year alone, and
what identifies a patient but is not sealed. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import permutations

__all__ = ["Scrubber"]

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]
"""A pattern whose group `hit` is what goes, and whether a match is meant."""

_UNDIVIDED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"  # kana, Han, Hangul
_LETTER, _SIGN = rf"[^\W\d_{_UNDIVIDED}]", rf"[^\W_{_UNDIVIDED}]"
_BETWEEN = r"[\s,.^_\u00b7-]+"
_TITLES = ("mr", "mrs", "ms", "mx", "miss", "mister", "madam", "sir", "dr", "doctor", "prof", "professor", "herr",
           "frau")  # fmt: skip
_TITLES_BEHIND = "先生|女士|小姐|太太|老师|同志|医生|医师|主任|教授"
_CALLED = "患者|病人|姓名"
_PLACEHOLDERS = frozenset({"patient", "unknown", "anonymous", "anonymized", "anonymised", "unnamed", "test", "baby",
                           "boy", "girl", "male", "female", "self", "none"})  # fmt: skip
_NUMBERED = rf"(?:(?<!{_LETTER})(?:id|mrn|pid|number|nr|no\.|patient|accession|acc)|#|号)[\s.:#：]*"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_SHORTEST = 3
_MOST_WORDS = 8  # of a part of a name; a header may hold anything
_FEW_DIGITS = 4
_RESPACED = 6  # signs of a number that is also looked for with other dividers


class Scrubber:
    """Replaces what repeats an identity, and counts it.

    Args:
        identity: as it was sealed, `IDENTIFIERS` of the intake.
        mark: what stands in place of each.
    """

    def __init__(self, identity: Mapping[str, str], mark: str) -> None:
        self.count = 0
        self._mark = mark
        self._rules = tuple(_rules(identity))

    def clean(self, text: str) -> str:
        """Return the text without them; `count` grows by the places that were replaced."""
        parts, end = [], 0
        for start, stop in self._places(text):
            parts += [text[end:start], self._mark]
            end = stop
            self.count += 1
        return "".join([*parts, text[end:]])

    def _places(self, text: str) -> list[tuple[int, int]]:
        """Return where they stand, from left to right; what overlaps is one place."""
        hits = sorted(
            hit.span("hit") for pattern, is_meant in self._rules for hit in pattern.finditer(text) if is_meant(hit)
        )
        found: list[tuple[int, int]] = []
        for start, stop in hits:
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(stop, found[-1][1]))
            else:
                found.append((start, stop))
        return found


def _rules(identity: Mapping[str, str]) -> Iterator[_Rule]:
    for key in ("patient_name", "referrer"):
        for written in identity.get(key, "").replace("\u2019", "'").split("="):  # alphabetic, ideographic, phonetic
            parts = [part for part in (_words(one) for one in written.split("^")[:3]) if part]
            is_undivided = re.fullmatch(rf"[{_UNDIVIDED}]+", "".join("".join(part) for part in parts)) is not None
            yield from _undivided_name(["".join(part) for part in parts]) if is_undivided else _name(parts)
    for key in ("patient_id", "accession"):
        yield from _number(identity.get(key, "").strip())
    yield from _birth_date(identity.get("birth_date", "").strip())
    yield from _institution(identity.get("institution", "").split())


def _words(component: str) -> list[str]:
    """Return the words of a part of a name; a title is none, nor is a number, which might be a measure."""
    words = [one for one in re.split(r"[\s.,\u00b7]+", component) if any(map(str.isalpha, one))]
    return [one for one in words if one.casefold() not in _TITLES][:_MOST_WORDS]


def _name(parts: list[list[str]]) -> Iterator[_Rule]:
    """Yield the rules of a name in a script that divides words; parts are family, given and middle names."""
    words = [word for part in parts for word in part]
    units = parts if len(parts) > 1 else [[word] for word in words[:3]]
    is_long = any(len(word) >= _SHORTEST for word in words)
    for count in range(2, len(units) + 1):
        for order in permutations(units, count):
            if units[0] in order:  # given and middle name alone are two single parts
                phrase = _BETWEEN.join(_spelled(word) for unit in order for word in unit)
                yield _whole(phrase), _always if is_long else _is_capital
    for phrase in {*(_spelled(word) for word in words), *(_BETWEEN.join(map(_spelled, part)) for part in parts)}:
        title = rf"(?<!{_LETTER})(?:{'|'.join(_TITLES)})(?:\.\s*|\s+)"
        yield re.compile(rf"{title}(?P<hit>{phrase})(?!{_LETTER})", re.IGNORECASE), _always
    for piece in {piece for word in words for piece in (word, *word.split("-"))}:
        if len(piece) >= _SHORTEST and piece.casefold() not in _PLACEHOLDERS:
            yield _whole(_spelled(piece)), _is_capital


def _undivided_name(parts: list[str]) -> Iterator[_Rule]:
    """Yield the rules of a name in Han, kana or Hangul; where it is in one piece, one or two signs are the family's."""
    if len("".join(parts)) < 2:
        return
    whole = r"[ \u3000·^]?".join(map(re.escape, parts))
    yield re.compile(rf"(?P<hit>{whole})"), _always
    cuts = (1, 2) if len(parts) == 1 else ()
    pieces = {*parts, *(piece for cut in cuts for piece in (parts[0][:cut], parts[0][cut:]) if piece)}
    either = "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True))
    yield re.compile(rf"(?P<hit>{either})(?=\s*(?:{_TITLES_BEHIND}))"), _always
    for piece in pieces:
        called = "" if len(piece) >= _SHORTEST else rf"(?:{_CALLED})[\s:：]*"
        if len(piece) > 1:  # one sign behind "patient" is an ordinary word more often than a name
            yield re.compile(rf"{called}(?P<hit>{re.escape(piece)})"), _always


def _number(text: str) -> Iterator[_Rule]:
    bare = re.sub(r"[\W_]+", "", text)
    short = bare.lstrip("0")
    for signs in {bare, short} if bare.isdecimal() and len(short) >= _FEW_DIGITS else {bare} - {""}:
        if len(signs) >= _RESPACED:
            spelled = r"[\s._/-]?".join(map(re.escape, signs))
        else:
            spelled = re.escape(text if signs == bare else signs)
        is_short = signs.isdecimal() and len(signs) < _FEW_DIGITS
        before = _NUMBERED if is_short else rf"(?<!{_SIGN})"
        yield re.compile(rf"{before}(?P<hit>{spelled})(?!{_SIGN})", re.IGNORECASE), _always


def _birth_date(text: str) -> Iterator[_Rule]:
    if not re.fullmatch(r"\d{8}", text) or not 1 <= int(text[4:6]) <= len(_MONTHS):
        return
    year, month, day = text[:4], text[4:6], text[6:]
    either_year = rf"(?:{year}|'?{year[2:]})"
    m, d, called = rf"0?{int(month)}", rf"0?{int(day)}", _MONTHS[int(month) - 1]
    named = rf"(?:{called}|{'Sept?' if called == 'September' else called[:3]}\.?)"
    nth, wide, narrow = rf"{d}(?:st|nd|rd|th)?", r"\s?[./\s-]\s?", r"\s?[./-]\s?"
    written = (
        text, f"{day}{month}{year}", f"{month}{day}{year}",
        rf"{year}{wide}{m}{wide}{d}", rf"{d}{wide}{m}{wide}{year}", rf"{m}{wide}{d}{wide}{year}",
        rf"{d}{narrow}{m}{narrow}{either_year}", rf"{m}{narrow}{d}{narrow}{either_year}",
        rf"{nth}(?:\s+of)?[\s.-]*{named}[\s,.-]*{either_year}", rf"{named}[\s.-]*{nth}[\s,.-]*{either_year}",
        rf"{year}[\s,.-]*{named}[\s.-]*{nth}", rf"{year}\s*年\s*{m}\s*月\s*{d}\s*[日号]?",
    )  # fmt: skip
    for one in written:
        yield re.compile(rf"(?<!\d)(?P<hit>{one})(?!\d)", re.IGNORECASE), _always


def _institution(words: list[str]) -> Iterator[_Rule]:
    if len("".join(words)) >= _SHORTEST:
        yield _whole(r"[\s,]+".join(map(_spelled, words))), _always if len(words) > 1 else _is_capital


def _spelled(word: str) -> str:
    """Return a pattern of a word, with accents in either form or left out, and hyphens and apostrophes as one likes."""
    apart = unicodedata.normalize("NFD", word)
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    forms = {unicodedata.normalize("NFC", word), apart, plain, word.casefold()}
    spelled = [re.escape(one).replace(r"\-", r"[\s-]?").replace("'", r"['\u2019]?") for one in forms]
    return f"(?:{'|'.join(sorted(spelled, key=lambda one: (-len(one), one)))})"


def _whole(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!{_LETTER})(?P<hit>{phrase})(?!{_LETTER})", re.IGNORECASE)


def _always(_hit: re.Match[str]) -> bool:
    return True


def _is_capital(hit: re.Match[str]) -> bool:
    """Whether it begins with a capital, or with a letter of a script that has none."""
    return not hit["hit"][0].islower()
