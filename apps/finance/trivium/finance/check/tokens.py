"""A sentence to tokens: numbers with their units, periods, names, direction words; what is none of these is `unknown`.

At each place the longest reading wins. The reader knows the names of the companies, segments and metrics of one
comparison; it knows nothing of the templates that the sentence may have come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trivium.finance.check.numbers import Number, read_number, read_rank, read_split
from trivium.finance.check.periods import read_period
from trivium.finance.check.words import METRIC_SYNONYMS, PHRASES
from trivium.finance.claims import ClaimContext
from trivium.finance.display import message_text, metric_names

__all__ = ["Lexer", "MetricName", "Token"]

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
        self._exact = exact
        self._folded = {**PHRASES[language], **folded}
        edge = "A-Za-z0-9" if language == "en" else "A-Za-z"
        self._exact_pattern = _alternation(exact, edge, 0)
        self._folded_pattern = _alternation(self._folded, edge, re.IGNORECASE)

    def read(self, sentence: str) -> list[Token]:
        """Return the tokens of a sentence in order."""
        return list(self._tokens(sentence.translate(_FOLD)))

    def _tokens(self, text: str) -> Iterator[Token]:
        place = 0
        while place < len(text):
            if text[place].isspace():
                place += 1
                continue
            token = self._longest(text, place)
            yield token
            place += len(token.text)

    def _longest(self, text: str, place: int) -> Token:
        readings = [*self._dictionary(text, place), *self._patterns(text, place)]
        if readings:
            return max(readings, key=lambda token: len(token.text))
        if text[place] in _PUNCTUATION:
            return Token(_PUNCTUATION[text[place]], text[place])
        found = re.compile(r"'s?(?![A-Za-z])").match(text, place)
        if found and place and (text[place - 1].isalnum() or text[place - 1] == "."):
            return Token("word", found[0])
        found = re.compile(r"[A-Za-z0-9$€£¥%+-][A-Za-z0-9.,'%-]*[A-Za-z0-9%]|.").match(text, place)
        return Token("unknown", found[0] if found else text[place])

    def _dictionary(self, text: str, place: int) -> Iterator[Token]:
        if found := self._exact_pattern.match(text, place):
            kind, data = self._exact[found[0]]
            yield Token(kind, found[0], data)
        if found := self._folded_pattern.match(text, place):
            kind, data = self._folded[found[0].lower()]
            yield Token(kind, found[0], data)

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


def _names(context: ClaimContext, language: str) -> tuple[Mapping[str, tuple[str, Any]], ...]:
    exact: dict[str, tuple[str, Any]] = {}
    folded: dict[str, tuple[str, Any]] = {}
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


def _alternation(phrases: Mapping[str, object], edge: str, flags: int) -> re.Pattern[str]:
    parts = []
    for phrase in sorted(phrases, key=len, reverse=True):
        before = f"(?<![{edge}])" if re.match(f"[{edge}]", phrase) else ""
        after = f"(?![{edge}])" if re.search(f"[{edge}]$", phrase) else ""
        parts.append(f"{before}{re.escape(phrase)}{after}")
    return re.compile("|".join(parts) or r"(?!)", flags)
