"""A sentence to tokens: numbers with their units, periods, names, direction words; what is none of these is `unknown`.

At each place the longest reading wins. The reader knows the names of the companies, segments and metrics of one
comparison; it knows nothing of the templates that the sentence may have come from.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trivium.finance.check.numbers import Number, read_number, read_rank, read_split
from trivium.finance.check.periods import read_period
from trivium.finance.check.words import METRIC_SYNONYMS, PHRASES
from trivium.finance.claims import ClaimContext
from trivium.finance.display import message_text, metric_names

__all__ = ["Lexer", "MetricName", "Token"]

_Meaning = tuple[str, Any]
_FOLD = str.maketrans("０１２３４５６７８９％－−–＋．＄’", "0123456789%---+.$'")
_PUNCTUATION = {
    **dict.fromkeys(",，、", "comma"),
    **dict.fromkeys(";；.。:：", "clause"),
    **dict.fromkeys("(（", "open"),
    **dict.fromkeys(")）", "close"),
}


@dataclass(frozen=True, slots=True)
class MetricName:
    """The metrics a name may mean, and whether it turns the sign (`net loss`)."""

    metrics: frozenset[str]
    is_turned: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a sentence.

    Args:
        kind: `number`, `period` (label or date), `relative` (a year earlier), `company`, `member`, `metric`, `rank`,
            `split`, `quote` (the printed reason of an absent value), a kind of `words.PHRASES`, punctuation
            (`comma`, `clause`, `open`, `close`), or `unknown`.
        data: what was read: a `Number`, a label, a date, a key, a sign.
    """

    kind: str
    text: str
    data: Any = None

    @property
    def number(self) -> Number:
        """The number of a `number` token."""
        if not isinstance(self.data, Number):
            raise TypeError(f"{self.text!r} is no number")
        return self.data


class Lexer:
    """Reads sentences of one comparison in one language.

    Args:
        context: companies, members and metrics that may be named.
        language: `en` or `zh`.
    """

    def __init__(self, context: ClaimContext, language: str) -> None:
        self.language = language
        exact, folded = _names(context, language)
        edge = string.ascii_letters + (string.digits if language == "en" else "")
        self._exact = _Phrases(exact, edge)
        self._folded = _Phrases({**PHRASES[language], **folded}, edge)

    def read(self, sentence: str) -> list[Token]:
        """Return the tokens of a sentence in order."""
        return list(self._tokens(sentence.translate(_FOLD)))

    def _tokens(self, text: str) -> Iterator[Token]:
        lowered = _lowered(text)
        place = 0
        while place < len(text):
            if text[place].isspace():
                place += 1
                continue
            token = self._longest(text, lowered, place)
            yield token
            place += len(token.text)

    def _longest(self, text: str, lowered: str, place: int) -> Token:
        readings = [*self._dictionary(text, lowered, place), *self._patterns(text, place)]
        if readings:
            return max(readings, key=lambda token: len(token.text))
        if text[place] in _PUNCTUATION:
            return Token(_PUNCTUATION[text[place]], text[place])
        found = re.compile(r"'s?(?![A-Za-z])").match(text, place)
        if found and place and (text[place - 1].isalnum() or text[place - 1] == "."):
            return Token("word", found[0])
        found = re.compile(r"[A-Za-z0-9$€£¥%+-][A-Za-z0-9.,'%-]*[A-Za-z0-9%]|.").match(text, place)
        return Token("unknown", found[0] if found else text[place])

    def _dictionary(self, text: str, lowered: str, place: int) -> Iterator[Token]:
        for phrases, written in ((self._exact, text), (self._folded, lowered)):
            found = phrases.match(written, place)
            if found is not None:
                phrase, (kind, data) = found
                yield Token(kind, text[place : place + len(phrase)], data)

    def _patterns(self, text: str, place: int) -> Iterator[Token]:
        before = text[place - 1 : place]
        if (
            before.isascii()
            and text[place].isascii()
            and (before.isdigit() or (before.isalpha() and self.language == "en"))
        ):
            return
        for kind, reader in (
            ("period", read_period),
            ("split", read_split),
            ("rank", read_rank),
            ("number", read_number),
        ):
            found = reader(text, place, self.language)
            if found is not None:
                yield Token(kind, text[place : place + found[1]], found[0])


def _names(context: ClaimContext, language: str) -> tuple[dict[str, _Meaning], dict[str, _Meaning]]:
    exact: dict[str, _Meaning] = {}
    folded: dict[str, _Meaning] = {}
    turned = METRIC_SYNONYMS[language]
    metrics = {about.metric for about in context.about.values()}
    meanings: dict[str, set[str]] = {}
    for metric in metrics:
        for name in metric_names(metric, language):
            meanings.setdefault(name.lower(), set()).add(metric)
    for name, (metric, is_turned) in turned.items():
        if metric in metrics:
            folded[name.lower()] = ("metric", MetricName(frozenset([metric]), is_turned))
    for name, found in meanings.items():
        folded[name] = ("metric", MetricName(frozenset(found)))
    for about in context.about.values():
        if about.member:
            exact[about.member] = ("member", about.member)
        if about.amount is None and about.reason is not None:
            quoted = message_text(about.reason, language)
            exact.setdefault(quoted.translate(_FOLD), ("quote", quoted))
    for company in context.companies:
        exact.update({name.translate(_FOLD): ("company", company.key) for name in company.names})
    return exact, folded


class _Phrases:
    """Finds the longest known phrase that starts at a place and ends at a word's end.

    Indexed by first character: compiling one pattern of a thousand names would cost more than all the reading.
    """

    def __init__(self, phrases: Mapping[str, _Meaning], edge: str) -> None:
        self._meanings = phrases
        self._edge = edge
        self._by_first: dict[str, list[str]] = {}
        for phrase in sorted(phrases, key=len, reverse=True):
            self._by_first.setdefault(phrase[:1], []).append(phrase)

    def match(self, text: str, place: int) -> tuple[str, _Meaning] | None:
        for phrase in self._by_first.get(text[place], ()):
            if text.startswith(phrase, place) and self._is_whole(text, place, place + len(phrase)):
                return phrase, self._meanings[phrase]
        return None

    def _is_whole(self, text: str, start: int, end: int) -> bool:
        is_cut_before = text[start] in self._edge and start > 0 and text[start - 1] in self._edge
        is_cut_after = text[end - 1] in self._edge and end < len(text) and text[end] in self._edge
        return not is_cut_before and not is_cut_after


def _lowered(text: str) -> str:
    """Lower case, character by character, so that places stay the same."""
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
