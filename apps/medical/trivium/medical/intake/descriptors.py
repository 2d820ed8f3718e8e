"""Descriptions of a study, kept in words that say what was filmed and cannot name anybody.

PS3.15 E.3.5 (Clean Descriptors) asks that what identifies be taken out of free text. Here nothing is looked for: a word
stays because it is on the list of `descriptors.toml`, and every other word, number and sign goes.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources

__all__ = ["cleaned"]

_WORD = re.compile(r"[^\W\d_]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_LONGEST = 64  # characters of a DICOM LO


def cleaned(text: str) -> str:
    """Return the known words of a description, in upper case and in their order; empty when it has none.

    Chinese is written without spaces, so there the longest known words are taken from each run of characters.
    """
    kept: list[str] = []
    for word in _WORD.findall(text.upper()):
        kept += _known_parts(word) if _CHINESE.search(word) else [word] if word in _known() else []
    out = " ".join(dict.fromkeys(kept))
    return out if len(out) <= _LONGEST else out[:_LONGEST].rpartition(" ")[0]


def _known_parts(run: str) -> list[str]:
    found, start = [], 0
    while start < len(run):
        ends = range(len(run), start, -1)
        end = next((one for one in ends if run[start:one] in _known()), None)
        if end is not None:
            found.append(run[start:end])
        start = end or start + 1
    return found


@functools.cache
def _known() -> frozenset[str]:
    text = resources.files("trivium.medical.intake").joinpath("descriptors.toml").read_text(encoding="utf-8")
    return frozenset(word.upper() for words in tomllib.loads(text).values() for word in words)
