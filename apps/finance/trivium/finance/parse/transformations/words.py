"""Numbers in English words, in the short form of the SEC's registry: `three hundred million and twelve`."""

from __future__ import annotations

import re

__all__ = ["ZERO_WORDS", "count_of"]

ZERO_WORDS = frozenset({"nil", "no", "none", "zero"})

_ONE_TO_NINETEEN = (
    "one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TWENTY_TO_NINETY = "twenty thirty forty fifty sixty seventy eighty ninety"
_THOUSANDS = "thousand million billion trillion quadrillion quintillion"
_ONES = {word: number for number, word in enumerate(_ONE_TO_NINETEEN.split(), 1)}
_TENS = {word: 10 * number for number, word in enumerate(_TWENTY_TO_NINETY.split(), 2)}
_SCALES = {word: 1000**number for number, word in enumerate(_THOUSANDS.split(), 1)}
_DASH = "[-\u058a\u05be\u2010-\u2015\ufe58\ufe63\uff0d]"
_WORD = re.compile(rf"[a-z]+|,|{_DASH}")


def count_of(text: str) -> int | None:
    """Return the whole number that English words name.

    Args:
        text: words in any case; dashes join tens and ones, commas and `and` may stand between the parts.

    Returns:
        None when the text is not one number written that way.
    """
    lowered = re.sub(rf"(?<=[a-z]) ?{_DASH} ?(?=[a-z])", " ", text.casefold().strip())
    if lowered in ZERO_WORDS:
        return 0
    words = _WORD.findall(lowered)
    if "".join(words) != lowered.replace(" ", ""):
        return None
    total, limit, at = 0, 10**21, 0
    while at < len(words):
        group, at = _group(words, at, is_first=total == 0)
        if group is None:
            return None
        scale = _SCALES.get(words[at], 1) if at < len(words) else 1
        if scale >= limit or (scale == 1 and at < len(words)):
            return None
        total, limit, at = total + group * scale, scale, at + (scale > 1)
        joined = at
        while at < len(words) and words[at] in {",", "and"} and at - joined < 2:
            at += 1
        if joined < at == len(words):
            return None
    return total or None


def _group(words: list[str], at: int, *, is_first: bool) -> tuple[int | None, int]:
    """Read a number below 1,000, or as in `nineteen hundred` below 2,000 at the very beginning."""
    small, at = _below_hundred(words, at)
    if small is None or at >= len(words) or words[at] != "hundred":
        return small, at
    if small > (19 if is_first else 9) or small % 10 == 0:
        return None, at
    at += 1
    after = at + 1 if at < len(words) and words[at] == "and" else at
    rest, end = _below_hundred(words, after)
    return (small * 100, at) if rest is None else (small * 100 + rest, end)


def _below_hundred(words: list[str], at: int) -> tuple[int | None, int]:
    word = words[at] if at < len(words) else ""
    if word in _ONES:
        return _ONES[word], at + 1
    if word not in _TENS:
        return None, at
    unit = _ONES.get(words[at + 1], 10) if at + 1 < len(words) else 10
    return (_TENS[word] + unit, at + 2) if unit < 10 else (_TENS[word], at + 1)
