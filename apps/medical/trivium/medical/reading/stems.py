"""Classes of English words by which assertions and comparisons are read, each compiled to one pattern."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources

__all__ = ["classes", "pattern_of", "stems"]


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
