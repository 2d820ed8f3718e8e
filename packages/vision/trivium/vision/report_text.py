"""Sentences of reports as vectors of known words, English and Chinese; what is denied is a word of its own.

No language model: words are the terms of `phrasings/findings.toml`, found by the longest that fits. Denial
reaches from its word to the next stop, Chinese comma or word that ends it: "no effusion or pneumothorax, but
a nodule" denies the first two. Standard library and numpy.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from trivium.vision.findings import FINDINGS, NO_FINDING

__all__ = ["Vocabulary", "known_words", "named_findings", "report_from_labels"]

_PIECE = re.compile(r"[a-z]+|[\u4e00-\u9fff]+|[.;:,!?。；：，！？]")
_STOPS = frozenset(".;:!?。；：！？，")  # a Chinese comma ends a clause, as a list has its own
_NOT = "not:"
_LONGEST = 8  # English words or Chinese characters of a term


@cache
def _lists() -> tuple[dict[str, list[str]], frozenset[str], frozenset[str]]:
    text = (resources.files("trivium.vision") / "phrasings" / "findings.toml").read_text("utf-8")
    content = tomllib.loads(text)
    return content["findings"], frozenset(content["words"]["negated"]), frozenset(content["words"]["ends"])


@cache
def _terms() -> dict[str, str]:
    """Return the finding that each term names."""
    return {term: name for name, terms in _lists()[0].items() for term in terms}


def known_words(text: str) -> tuple[str, ...]:
    """Return the known terms of a text in their order; a denied one begins with `not:`."""
    _, negated, ends = _lists()
    is_denied, found = False, []
    for word in _words(text.lower()):
        if word in negated:
            is_denied = True
        elif word in _STOPS or word in ends:
            is_denied = False
        elif word in _terms():
            found.append(_NOT + word if is_denied else word)
    return tuple(found)


def named_findings(text: str) -> dict[str, int]:
    """Return the findings that a text names: 1 where one is stated, -1 where it is denied; the last word counts."""
    return {_terms()[word.removeprefix(_NOT)]: -1 if word.startswith(_NOT) else 1 for word in known_words(text)}


def report_from_labels(present: Sequence[bool] | NDArray[np.bool_]) -> str:
    """Return what both languages may say of a film with these labels, every wording once: a document, not a report."""
    terms = _lists()[0]
    said = []
    for name, is_present in zip(FINDINGS, present, strict=True):
        for term in terms[name]:
            if is_present:
                said.append(f"{term}.")
            elif name != NO_FINDING:
                said.append(f"no {term}." if term.isascii() else f"未见{term}。")
    return " ".join(said)


class Vocabulary:
    """Known words by number, with how much each tells (inverse document frequency, Sparck Jones 1972).

    Args:
        words: in their order.
        weights: (V,) of them.
    """

    def __init__(self, words: Sequence[str], weights: NDArray[np.float32]) -> None:
        self.words, self.weights = tuple(words), weights
        self._places = {word: place for place, word in enumerate(words)}

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Vocabulary:
        """Take every known word of some texts."""
        each = [set(known_words(text)) for text in texts]
        words = sorted(set().union(*each))
        counts = np.array([sum(word in one for one in each) for word in words])
        return cls(words, np.log((len(texts) + 1) / counts).astype(np.float32))

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return `(N, V)`, each of length 1; zeros where no word is known."""
        out = np.zeros((len(texts), len(self.words)), np.float32)
        for row, text in enumerate(texts):
            for word in known_words(text):
                if word in self._places:
                    out[row, self._places[word]] = self.weights[self._places[word]]
        length = np.linalg.norm(out, axis=1, keepdims=True)
        return (out / np.where(length > 0, length, 1)).astype(np.float32)


def _words(text: str) -> list[str]:
    """Cut a text into terms, words of denial and stops, the longest that fits first; the rest word by word."""
    _, negated, ends = _lists()
    pieces = [
        part for piece in _PIECE.findall(text) for part in ([piece] if piece.isascii() or piece in _STOPS else piece)
    ]
    out, place = [], 0
    while place < len(pieces):
        for size in range(min(_LONGEST, len(pieces) - place), 0, -1):
            taken = pieces[place : place + size]
            word = (" " if taken[0].isascii() else "").join(taken)
            if size == 1 or word in _terms() or word in negated or word in ends:
                out.append(word)
                place += size
                break
    return out
