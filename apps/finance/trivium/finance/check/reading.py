"""What each part of a sentence is about: the metric, company, segment, period and role that its place gives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trivium.finance.check.tokens import MetricName, Token
from trivium.finance.claims import About

__all__ = ["Bound", "Reading", "Spoken", "is_base_of", "is_of"]

_FILLERS = ("word", "by", "minus", "relative")


@dataclass(frozen=True, slots=True)
class Bound:
    """One claim bound to the sentence: its exact value and what it is about."""

    id: str
    value: Decimal
    about: About


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a number is used: as a level, a change, a compound rate, a gap to a median, a median or an original level.

    Args:
        sign: direction that the words around it give; 0 where the number carries its own sign.
    """

    use: str
    sign: int = 0


class Reading:
    """A tokenised sentence with the claims bound to it; every question about it is answered by position.

    Args:
        tokens: as the lexer gave them.
        bound: the claims the sentence is bound to.
        language: `en` or `zh`.

    Attributes:
        told: ids of the claims that a number has told; no two numbers may tell the same claim.
    """

    def __init__(self, tokens: list[Token], bound: list[Bound], language: str) -> None:
        self.tokens = tokens
        self.bound = bound
        self.language = language
        self.told: set[str] = set()

    def kind(self, place: int) -> str:
        """Kind of the token at `place`; empty outside the sentence."""
        return self.tokens[place].kind if 0 <= place < len(self.tokens) else ""

    def places(self, kind: str) -> list[int]:
        """Positions of all tokens of a kind."""
        return [place for place, token in enumerate(self.tokens) if token.kind == kind]

    def left(self, place: int) -> int:
        """Position of the nearest token before `place` that is no filler; -1 at the start."""
        place -= 1
        while place >= 0 and self.kind(place) in _FILLERS:
            place -= 1
        return place

    def spoken(self, place: int) -> Spoken:
        """How the number at `place` is used."""
        before = self.left(place)
        if self.kind(before) == "of" and self.kind(self.left(before)) in (
            "direction",
            "median",
            "contributed",
            "compound",
        ):
            before = self.left(before)
        kind = self.kind(before)
        if kind == "direction":
            sign, form = self.direction(before)
            return Spoken("level") if form == "to" else Spoken("change", sign)
        if kind == "compare":
            return Spoken("gap", self._sign(before))
        if kind == "contributed":
            return Spoken("change", 0)
        if kind == "compound":
            return Spoken("compound", self._compound_sign(before))
        if kind == "median":
            return Spoken("median")
        after = self.direction_noun_after(place)
        if after is not None:
            return Spoken("change", self.direction(after)[0])
        if self.kind(place + 1) == "compare":
            return Spoken("gap", self._sign(place + 1))
        return Spoken("original" if self._is_original(place) else "level")

    def direction(self, place: int) -> tuple[int, str]:
        """Sign and form (`verb`, `noun`, `to`) of a direction word."""
        sign, form = self.tokens[place].data
        return sign, form

    def direction_noun_after(self, place: int) -> int | None:
        """Position of the noun of `12.3% increase`, `12.3%的增长`; None where no such noun follows the number."""
        after = place + 1
        if self.language == "zh":
            after = after + 1 if self.kind(after) == "word" and self.tokens[after].text == "的" else -1
        if self.kind(after) != "direction" or (self.language == "en" and self.direction(after)[1] != "noun"):
            return None
        return after

    def has_minus(self, place: int) -> bool:
        """Whether words or lone brackets around the number at `place` make it negative."""
        before = place - 1
        while self.kind(before) in ("word", "of"):
            before -= 1
        in_brackets = self.kind(place - 1) == "open" and self.kind(place + 1) == "close"
        return self.kind(before) == "minus" or in_brackets

    def metric(self, place: int) -> MetricName | None:
        """The metric that the token at `place` is about: named right after it, else before it, else after it."""
        found = self._metric_after(place)
        if found is None:
            found = self._before(place, "metric")
        if found is None:
            found = self._after(place, "metric")
        return None if found is None else self.metric_at(found)

    def metric_at(self, place: int) -> MetricName:
        """The name of the metric token at `place`."""
        data = self.tokens[place].data
        if not isinstance(data, MetricName):
            raise TypeError(f"{self.tokens[place].text!r} is no metric")
        return data

    def member(self, place: int) -> str:
        """The segment, product or region named before `place`; empty for the company as a whole."""
        found = self._before(place, "member")
        if found is None and self.kind(place) == "rank":
            found = self._after(place, "member")
        return "" if found is None else str(self.tokens[found].data)

    def company(self, place: int) -> str | None:
        """The company that `place` is about; None when the claims are of several and the text does not say which."""
        found = self._company_after(place)
        if found is None:
            found = self._before(place, "company")
        if found is None:
            found = self._after(place, "company")
        if found is not None:
            return str(self.tokens[found].data)
        owners = {bound.about.company for bound in self.bound if bound.about.company}
        return owners.pop() if len(owners) == 1 else None

    def period(self, place: int) -> str | date | None:
        """The period that `place` is about: told right after it, else before it, else later; None if untold."""
        spot = self.period_place(place)
        return None if spot is None else self.period_at(spot)

    def period_place(self, place: int) -> int | None:
        """Position of the period that `place` is about."""
        adjacent = self._period_after(place)
        if adjacent is not None:
            return adjacent
        is_level = self.kind(place) == "number" and self.spoken(place).use in ("level", "original")
        for spot in reversed(self.places("period")):
            if spot < place and (is_level or not self.is_base(spot)):
                return spot
        return next((spot for spot in self.places("period") if spot > place and not self.is_base(spot)), None)

    def is_from(self, place: int) -> bool:
        """Whether the number at `place` is what a change is measured from, with no period of its own."""
        before = self.left(place)
        if self.kind(before) == "of":
            before = self.left(before)
        return self._period_after(place) is None and self.kind(before) == "base"

    def is_base(self, spot: int) -> bool:
        """Whether the period at `spot` is the one a change is measured from (`from X in FY2023`, `较2023财年`)."""
        before = spot - 1
        while self.kind(before) in ("word", "in", "original"):
            before -= 1
        if self.kind(before) == "number":
            before = self.left(before)
            if self.kind(before) == "of":
                before = self.left(before)
        return self.kind(before) == "base"

    def base_periods(self, place: int) -> Iterator[str | date]:
        """The base periods told in the clause of `place`."""
        start, stop = self._clause(place)
        for spot in self.places("period"):
            if start <= spot < stop and self.is_base(spot):
                yield self.period_at(spot)

    def _clause(self, place: int) -> tuple[int, int]:
        ends = self.places("clause")
        start = max((spot for spot in ends if spot < place), default=-1) + 1
        return start, min((spot for spot in ends if spot > place), default=len(self.tokens))

    def period_at(self, spot: int) -> str | date:
        """The label or date of the period token at `spot`."""
        data = self.tokens[spot].data
        return data if isinstance(data, date) else str(data)

    def _period_after(self, place: int) -> int | None:
        one, two, three = place + 1, place + 2, place + 3
        if self.language == "en" and self.kind(one) == "in" and self.kind(two) == "period":
            return two
        is_bracketed = self.kind(two) == "period" and self.kind(three) == "close"
        return two if is_bracketed and self.kind(one) in ("open", "comma") else None

    def _metric_after(self, place: int) -> int | None:
        """`highest revenue`, `$1.00 billion of revenue`, `$1.00 billion increase in revenue`."""
        spot = place + 1
        if self.kind(place) == "number" and self.direction_noun_after(place) is not None:
            spot = (self.direction_noun_after(place) or spot) + 1
        if self.kind(spot) in ("in", "of"):
            spot += 1
        return spot if self.language == "en" and self.kind(spot) == "metric" else None

    def _company_after(self, place: int) -> int | None:
        spot = place + 1
        while self.kind(spot) == "in":
            if self.kind(spot + 1) == "company":
                return spot + 1
            if self.kind(spot + 1) != "period":
                return None
            spot += 2
        return None

    def _compound_sign(self, place: int) -> int:
        """Sign of the verb of `grew at a compound annual rate`; 0 where no verb stands before."""
        before = self.left(place)
        if self.kind(before) == "in":
            before = self.left(before)
        return self.direction(before)[0] if self.kind(before) == "direction" else 0

    def _is_original(self, place: int) -> bool:
        for spot in range(place - 1, -1, -1):
            if self.kind(spot) == "original":
                return True
            if self.kind(spot) not in ("word", "of", "in", "base"):
                return False
        return False

    def _before(self, place: int, kind: str) -> int | None:
        return next((spot for spot in range(place - 1, -1, -1) if self.kind(spot) == kind), None)

    def _after(self, place: int, kind: str) -> int | None:
        return next((spot for spot in range(place + 1, len(self.tokens)) if self.kind(spot) == kind), None)

    def _sign(self, place: int) -> int:
        data = self.tokens[place].data
        return data if isinstance(data, int) else 0


def is_of(told: str | date, about: About) -> bool:
    """Whether a label or a date that was told is the period of a claim."""
    return about.period.end == told if isinstance(told, date) else told in about.labels


def is_base_of(told: str | date, about: About) -> bool:
    """Whether a label or a date that was told is the period that a change is measured from."""
    if isinstance(told, date):
        return about.base is not None and about.base.end == told
    return told in about.base_labels
