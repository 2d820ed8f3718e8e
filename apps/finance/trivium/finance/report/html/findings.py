"""Sentences with each number leading to its claim. The text itself is never changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from trivium.finance.analyze.model import Value
from trivium.finance.display import Scale, prose, prose_points
from trivium.finance.report.html.cells import Cells
from trivium.finance.report.html.markup import Html, escape, join, tag
from trivium.finance.report.wording import Wording
from trivium.service.evidence import Sentence

__all__ = ["Findings"]

_BEFORE = frozenset("0123456789.,")
_AFTER = re.compile(r"[.,]?\d")
_OPENING = "(（"
_STOPS = re.compile(r"[),.;:）、，。；：]+")


class Findings:
    """Finds, for each number a sentence prints, the bound value that prints so.

    Args:
        values: every value of the comparison, by id.
    """

    def __init__(self, values: Mapping[str, Value], cells: Cells, wording: Wording) -> None:
        self._values = values
        self._cells = cells
        self._wording = wording

    def sentence(self, sentence: Sentence) -> Html:
        """Return a sentence; a bound value that it does not print gets a small mark at the end.

        Raises:
            KeyError: if it is bound to an id that is no value of the comparison.
        """
        bound = [self._values[claim_id] for claim_id in sentence.claim_ids]
        places = sorted(self._places(sentence.text, bound))
        pieces: list[Html] = []
        end = 0
        for start, stop, value in places:
            before, after = _ties(sentence.text, end, start, stop)
            button = self._cells.button(value, text=sentence.text[start:stop])
            tied = [escape(sentence.text[before:start]), button, escape(sentence.text[stop:after])]
            is_tied = before < start or after > stop
            pieces += [escape(sentence.text[end:before]), tag("span", *tied, class_="tie") if is_tied else button]
            end = after
        pieces.append(escape(sentence.text[end:]))
        shown = {value.id for _, _, value in places}
        marks = [value for value in bound if value.id not in shown]
        return tag("li", *pieces, *self._marks(marks))

    def _marks(self, values: Iterable[Value]) -> Iterator[Html]:
        for number, value in enumerate(values, 1):
            spoken = self._wording.say("evidence", name=self._wording.value_name(value), period=value.period.key)
            yield join([Html(" "), self._cells.marker(value, str(number), spoken)])

    def _places(self, text: str, bound: Iterable[Value]) -> Iterator[tuple[int, int, Value]]:
        """Yield (start, stop, value) of every number that a bound value prints, the longest print of each first."""
        taken: list[tuple[int, int]] = []
        for value in bound:
            for printed in sorted(self._prints(value), key=len, reverse=True):
                found = _first_free(text, printed, taken)
                if found is not None:
                    taken.append(found)
                    yield (*found, value)
                    break

    def _prints(self, value: Value) -> set[str]:
        """Return how prose may print a value: with its sign or beside a direction word, in any scale."""
        assert value.amount is not None
        found = set()
        for amount in (value.amount, abs(value.amount)):
            for scale in Scale:
                found.add(prose(amount, value.unit, scale, self._wording.language))
            if value.unit == "pure":
                found.add(prose_points(amount, self._wording.language))
        return found


def _ties(text: str, end: int, start: int, stop: int) -> tuple[int, int]:
    """Return from where to where a text stays on one line with a number: an opening bracket before it, stops after it.

    Browsers break a line on both sides of a button, whatever stands there.
    """
    opening = start - 1 if start > end and text[start - 1] in _OPENING else start
    closing = _STOPS.match(text, stop)
    return opening, closing.end() if closing else stop


def _first_free(text: str, printed: str, taken: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    start = text.find(printed)
    while start >= 0:
        stop = start + len(printed)
        is_whole = text[start - 1 : start] not in _BEFORE and not _AFTER.match(text, stop)
        if is_whole and all(stop <= one or start >= other for one, other in taken):
            return start, stop
        start = text.find(printed, start + 1)
    return None
