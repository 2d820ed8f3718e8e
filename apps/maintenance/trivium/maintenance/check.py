"""Read each sentence of an alert again, on its own, and keep it only if all it says follows from its claims.

Knows no template: it takes the sensor's name off the front, then finds times, percentages, ranges, multiples and
amounts with their unit by their form, holds each against the claim that it can be, and looks whether `below` and
`above` agree with the numbers. A digit that is left over is not bound to anything, and the sentence goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from trivium.maintenance.claims import Claims
from trivium.service.evidence import Sentence

__all__ = ["Removed", "check"]

_NUMBER = r"[-\u2212]?\d+(?:\.\d+)?"
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)( UTC)?")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_RANGE = re.compile(rf"({_NUMBER})\s*(?:to|至)\s*({_NUMBER})")
_MULTIPLE = re.compile(rf"({_NUMBER})\s*(?:times|倍)")
_AMOUNT = re.compile(rf"({_NUMBER})")
_BELOW, _ABOVE = re.compile(r"\bbelow\b|低于"), re.compile(r"\babove\b|高于")
_WITHIN = re.compile(r"\bwithin\b|处于")
_LIFE = re.compile(r"\blife\b|寿命")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence that was taken out, and the first thing in it that does not follow from its claims."""

    sentence: Sentence
    reason: str


def check(
    sentences: Iterable[Sentence], claims: Claims, zone: tzinfo = UTC
) -> tuple[tuple[Sentence, ...], tuple[Removed, ...]]:
    """Return the sentences that follow from the claims bound to them, and the others with the reason."""
    kept, removed = [], []
    for sentence in sentences:
        reason = _Reading(sentence, claims, zone).fault()
        if reason:
            removed.append(Removed(sentence, reason))
        else:
            kept.append(sentence)
    return tuple(kept), tuple(removed)


class _Reading:
    """One sentence as it is read: what is understood is taken out of the text."""

    def __init__(self, sentence: Sentence, claims: Claims, zone: tzinfo) -> None:
        self._text = sentence.text
        self._ids = set(sentence.claim_ids)
        self._claims = claims
        self._zone = zone
        self._group = next((one.partition(".")[0] for one in sentence.claim_ids if "." in one), "")

    def fault(self) -> str:
        unknown = sorted(self._ids - set(self._claims.claims))
        if unknown:
            return f"bound to {unknown[0]!r}, which is no claim of this alert"
        return self._name() or self._times() or self._numbers() or self._direction()

    def _name(self) -> str:
        """A sentence about a sensor begins with its name; other sensors are not spoken of."""
        words = self._text
        own = self._claims.sensors.get(self._group)
        if own is not None:
            name = f"{own.tag} {own.description}".strip()
            if not words.startswith(name):
                return f"does not begin with {name!r}"
            words = words[len(name) :]
        for one in self._claims.sensors.values():
            if re.search(rf"(?<![\w-]){re.escape(one.tag)}(?![\w-])", words):
                return f"speaks of {one.tag}, to which it is not bound"
        self._text = words
        return ""

    def _times(self) -> str:
        for found in _TIME.finditer(self._text):
            if "since" not in self._ids:
                return f"states the time {found[0]}, which is bound to nothing"
            since = _EPOCH + timedelta(seconds=float(self._claims.claims["since"].value))
            local = since.astimezone(self._zone)
            if found[0].removesuffix(" UTC") != f"{local:%Y-%m-%d %H:%M}" or (found[6] and self._zone is not UTC):
                return f"states {found[0]}, and it was {local:%Y-%m-%d %H:%M}"
        self._text = _TIME.sub(" ", self._text)
        return ""

    def _numbers(self) -> str:
        low, high = (
            ("rul_low", "rul_high") if _LIFE.search(self._text) else (f"{self._group}.low", f"{self._group}.high")
        )
        return (
            self._take(_PERCENT, ("p_fail",), Decimal(100))
            or self._take(_MULTIPLE, ("level",))
            or self._take(_RANGE, (low, high))
            or self._amount()
            or (f"{self._left()} is bound to nothing" if self._left() else "")
        )

    def _amount(self) -> str:
        """An amount is the sensor's value with its unit, or the remaining life."""
        name = "rul" if _LIFE.search(self._text) else f"{self._group}.value"
        found = _AMOUNT.search(self._text)
        if found is None:
            return ""
        fault = self._differs(found[1], name)
        if fault:
            return fault
        unit = self._claims.claims[name].unit if name != "rul" else ""
        after = self._text[found.end() :].lstrip()
        if unit and not after.startswith(unit):
            return f"{found[1]} is not followed by its unit, {unit}"
        rest = after[len(unit) :]
        self._text = f"{self._text[: found.start()]} {rest}"
        return ""

    def _take(self, pattern: re.Pattern[str], names: tuple[str, ...], factor: Decimal = Decimal(1)) -> str:
        for found in pattern.finditer(self._text):
            for shown, name in zip(found.groups(), names, strict=True):
                fault = self._differs(shown, name, factor)
                if fault:
                    return fault
        self._text = pattern.sub(" ", self._text)
        return ""

    def _differs(self, shown: str, name: str, factor: Decimal = Decimal(1)) -> str:
        if name not in self._ids:
            return f"{shown} is bound to nothing"
        value = self._claims.claims[name].value
        assert isinstance(value, Decimal)
        number = Decimal(shown.replace("\u2212", "-"))
        places = number.as_tuple().exponent
        assert isinstance(places, int)
        rounded = (value * factor).quantize(Decimal(1).scaleb(places), ROUND_HALF_EVEN)
        return "" if number == rounded else f"{shown} is not {name}, which is {rounded}"

    def _left(self) -> str:
        found = re.search(r"\d+(?:\.\d+)?", self._text)
        return found[0] if found else ""

    def _direction(self) -> str:
        said = {
            name
            for name, words in (("below", _BELOW), ("above", _ABOVE), ("within", _WITHIN))
            if words.search(self._text)
        }
        own = self._claims.sensors.get(self._group)
        if own is None or own.low is None or own.high is None:
            return f"says {', '.join(sorted(said))} of nothing" if said else ""
        is_so = "below" if own.value < own.low else "above" if own.value > own.high else "within"
        return "" if said == {is_so} else f"says {', '.join(sorted(said)) or 'nothing'}, and it is {is_so}"
