"""Numbers written in words: `twenty-one`, `third`, `二十一`, `两`. Values only; what they count is read elsewhere."""

from __future__ import annotations

import re

__all__ = ["CHINESE_NUMERAL", "ENGLISH_NUMERAL", "ORDINALS", "chinese_number", "english_number"]

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {**{word: value for value, word in enumerate(_ONES)}, **{w: (i + 2) * 10 for i, w in enumerate(_TENS)}}
_ORDINAL_WORDS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]

ORDINALS: dict[str, int] = {word: place for place, word in enumerate(_ORDINAL_WORDS, start=1)}
"""`first` to `twelfth`."""

_WORD = "|".join(sorted((*_SMALL, "hundred", "thousand"), key=len, reverse=True))
ENGLISH_NUMERAL = re.compile(rf"(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}))*\b", re.IGNORECASE)
CHINESE_NUMERAL = re.compile("[零〇一二两三四五六七八九十百千]+")

_CHINESE_DIGITS = {**{digit: value for value, digit in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_CHINESE_TENS = {"十": 10, "百": 100, "千": 1000}


def english_number(text: str) -> int | None:
    """Return 21 for `twenty-one`, 300 for `three hundred`; None for what is no number below a million."""
    total = current = 0
    for word in re.split(r"[ -]+", text.lower()):
        if word in _SMALL:
            current += _SMALL[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1000, 0
        elif word != "and":
            return None
    return total + current


def chinese_number(text: str) -> int | None:
    """Return 21 for `二十一`, 2 for `两`; None for what is no number below ten thousand."""
    total = 0
    digit: int | None = None
    for sign in text:
        if sign in _CHINESE_DIGITS:
            if digit not in (None, 0):
                return None
            digit = _CHINESE_DIGITS[sign]
        elif sign in _CHINESE_TENS:
            total, digit = total + (1 if digit is None else digit) * _CHINESE_TENS[sign], None
        else:
            return None
    return total + (digit or 0)
