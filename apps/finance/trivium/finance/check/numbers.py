"""Numbers in a sentence: digits or words, sign, currency, scale word and unit; ranks and split factors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.check.numerals import (
    CHINESE_NUMERAL,
    ENGLISH_NUMERAL,
    ORDINALS,
    chinese_number,
    english_number,
)
from trivium.finance.check.words import COUNTED, CURRENCY_PREFIXES, CURRENCY_WORDS, SCALE_WORDS, UNIT_WORDS

__all__ = ["Number", "read_number", "read_rank", "read_split"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number as printed.

    Args:
        value: with its sign, before the scale word: -1.20 for `-$1.20 billion`.
        decimals: decimals printed.
        exponent: of the scale word: 9 for billion, 0 for none.
        unit: `money`, `percent`, `points`, `times`, `days`, `weeks`, `years`, `shares`, `companies`, `members`, ...;
            empty for a bare number.
        currency: ISO code for money.
        is_signed: whether a plus or minus sign was printed.
        is_per_share: whether `per share` follows.
    """

    value: Decimal
    decimals: int
    exponent: int = 0
    unit: str = ""
    currency: str = ""
    is_signed: bool = False
    is_per_share: bool = False


def _choice(texts: object) -> str:
    longest_first = sorted(texts, key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(re.escape(text) + (r"(?![A-Za-z])" if text[-1].isascii() and text[-1].isalpha() else "")
                    for text in longest_first)  # fmt: skip


_PREFIX = re.compile(rf"(?P<sign>[-+]?) ?(?P<currency>{_choice(CURRENCY_PREFIXES)})? ?(?P<inner>[-+]?)")
_DIGITS = re.compile(r"\d+(?:,\d+)*(?:\.\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d+)?|\d+(?:\.\d+)?")
_SCALE = re.compile(rf"[ -]?({_choice(SCALE_WORDS)})", re.IGNORECASE)
_SUFFIX = re.compile(rf"[ -]?({_choice({**UNIT_WORDS, **COUNTED, **CURRENCY_WORDS})})", re.IGNORECASE)
_PER_SHARE = re.compile(r" per (?:diluted |basic )?share\b|/股")
_ORDINAL = re.compile(
    rf"(?P<place>{'|'.join(ORDINALS)}|\d+(?=st|nd|rd|th))(?:st|nd|rd|th)?"
    r"(?:[- ](?P<side>highest|largest|biggest|greatest|lowest|smallest|least|last))?(?![A-Za-z])",
    re.IGNORECASE,
)
_LOW = {"lowest", "smallest", "least", "last", "低", "小", "少"}
_CHINESE_RANK = re.compile(r"(?P<from_end>倒数)?第(?P<place>[一二三四五六七八九十]+|\d+)(?P<side>[高低大小多少位名]?)")
_SPLIT = {
    "en": re.compile(r"(?P<to>\d+|[a-z]+)-for-(?P<from>\d+|[a-z]+)(?![A-Za-z])", re.IGNORECASE),
    "zh": re.compile(r"(?P<from>\d+|[一二三四五六七八九十]+)拆(?P<to>\d+|[一二三四五六七八九十]+)"),
}

_Found = tuple[Number, int] | None


def read_number(text: str, place: int, language: str) -> _Found:
    """Read a number that starts at `place`; return it with its length, None where there is none."""
    prefix = _PREFIX.match(text, place)
    start = prefix.end() if prefix else place
    digits = _DIGITS.match(text, start)
    if digits is None:
        return _in_words(text, place, language)
    if not _GROUPED.fullmatch(digits[0]) or prefix is None:
        return None
    shown = Decimal(digits[0].replace(",", ""))
    sign = prefix["sign"] or prefix["inner"]
    number = Number(
        -shown if sign == "-" else shown,
        len(digits[0].partition(".")[2]),
        currency=CURRENCY_PREFIXES.get(prefix["currency"] or "", ""),
        is_signed=bool(sign),
    )
    return _with_suffix(number, text, place, digits.end())


def read_rank(text: str, place: int, language: str) -> tuple[tuple[int, str], int] | None:
    """Read `second`, `2nd`, `second-highest`, `第二`, `第二低`, `倒数第二` as (position, `high` or `low`)."""
    if language == "en":
        found = _ORDINAL.match(text, place)
        if found is None:
            return None
        word = found["place"].lower()
        position = ORDINALS.get(word) or int(word)
        side = "low" if (found["side"] or "").lower() in _LOW else "high"
        return (position, side), len(found[0])
    found = _CHINESE_RANK.match(text, place)
    if found is None:
        return None
    position_text = found["place"]
    counted = int(position_text) if position_text.isdigit() else chinese_number(position_text)
    if counted is None:
        return None
    return (counted, "low" if found["from_end"] or found["side"] in _LOW else "high"), len(found[0])


def read_split(text: str, place: int, language: str) -> tuple[Decimal, int] | None:
    """Read `10-for-1` or `1拆10` as the factor 10."""
    found = _SPLIT[language].match(text, place)
    if found is None:
        return None
    parts = [_whole(found["to"], language), _whole(found["from"], language)]
    if not parts[0] or not parts[1]:
        return None
    return Decimal(parts[0]) / Decimal(parts[1]), len(found[0])


def _whole(text: str, language: str) -> int | None:
    if text.isdigit():
        return int(text)
    return english_number(text) if language == "en" else chinese_number(text)


def _in_words(text: str, place: int, language: str) -> _Found:
    pattern, value_of = (ENGLISH_NUMERAL, english_number) if language == "en" else (CHINESE_NUMERAL, chinese_number)
    found = pattern.match(text, place)
    counted = value_of(found[0]) if found else None
    if found is None or counted is None:
        return None
    return _with_suffix(Number(Decimal(counted), 0), text, place, found.end())


def _with_suffix(number: Number, text: str, start: int, end: int) -> _Found:
    exponent, unit, currency, is_per_share = 0, "", number.currency, False
    if scale := _SCALE.match(text, end):
        exponent, end = SCALE_WORDS[scale[1].lower()], scale.end()
    if suffix := _SUFFIX.match(text, end):
        word = suffix[1] if suffix[1] in CURRENCY_WORDS else suffix[1].lower()
        unit = UNIT_WORDS.get(word) or COUNTED.get(word) or "money"
        if word in CURRENCY_WORDS:
            if currency and currency != CURRENCY_WORDS[word]:
                return None
            currency = CURRENCY_WORDS[word]
        end = suffix.end()
    if currency and unit not in ("", "money"):
        return None
    if currency and (per_share := _PER_SHARE.match(text, end)):
        is_per_share, end = True, per_share.end()
    if end < len(text) and text[end].isascii() and (text[end].isalnum() or text[end] in "%$"):
        return None
    unit = "money" if currency else unit
    made = Number(number.value, number.decimals, exponent, unit, currency, number.is_signed, is_per_share)
    return made, end - start
