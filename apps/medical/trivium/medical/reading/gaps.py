"""What templates and dictation systems leave where a word belongs: blanks, choices not made, units without a number."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from importlib import resources

__all__ = ["gaps"]

_DIGITS = "0-9\uff10-\uff19一二三四五六七八九十百两半几数多个点.％%"


def gaps(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text has a gap that nobody filled in, from and to."""
    for found in _pattern().finditer(text):
        yield found.span()


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Return one pattern for all that gaps.toml lists."""
    words = tomllib.loads((resources.files("trivium.medical.reading") / "gaps.toml").read_text("utf-8"))
    counted = "".join(
        rf"(?<!{one})" for one in (f"[{_DIGITS}]", rf"[{_DIGITS}][\s-]", r"\d\s\s", r"\ba ", *words["counting"])
    )
    kinds = ("brackets", "marks", "choices", "words", "dangling", "numberless")
    either = "|".join(f"(?:{one})" for kind in kinds for one in words[kind])
    either = either.replace("{unit}", f"(?:{'|'.join(words['unit'])})(?![A-Za-z])").replace("{counted}", counted)
    return re.compile(either.replace("{choice}", "|".join(words["choice"])), re.IGNORECASE | re.MULTILINE)
