"""What the readers of both languages share: classes of words, each compiled to one pattern, and lists of things."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources

__all__ = ["classes", "list_ends", "pattern_of", "stems"]


@functools.cache
def stems(name: str) -> re.Pattern[str]:
    """Return the pattern of a class of grammar_en.toml."""
    return pattern_of(classes("en")[name])


def pattern_of(words: list[str]) -> re.Pattern[str]:
    """Return a pattern for whole words; a `*` stands for any further letters."""
    ordered = sorted(words, key=len, reverse=True)
    either = "|".join(re.escape(one).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for one in ordered)
    return re.compile(rf"\b(?:{either})(?!\w)", re.IGNORECASE)


@functools.cache
def classes(language: str) -> dict[str, list[str]]:
    """Return the classes of words by which a language affirms, denies and compares."""
    file = resources.files("trivium.medical.reading") / f"grammar_{language}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def list_ends(between: list[str], joint: re.Pattern[str]) -> list[int]:
    """Return for each place the last one of the list that it stands in.

    Args:
        between: what stands between one place and the next.
        joint: what joins two things of a list.
    """
    ends = list(range(len(between) + 1))
    for position in reversed(range(len(between))):
        if joint.fullmatch(between[position]):
            ends[position] = ends[position + 1]
    return ends
