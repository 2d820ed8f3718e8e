"""A number in a sentence against the claims bound to it: metric, role, company, segment, unit, rounding, period."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from trivium.finance.check.counts import COUNTS, part_fault, spread_fault
from trivium.finance.check.numbers import Number
from trivium.finance.check.reading import Reading, Spoken, is_base_of, is_of
from trivium.finance.claims import About, ClaimContext
from trivium.finance.display import Kind, admitted, places
from trivium.service.phrase import Phrase

__all__ = ["number_fault"]

_LEAST_DECIMALS = 2


def number_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the number at `place` follows from one bound claim that no other number has told."""
    number = reading.tokens[place].number
    counted = COUNTS.get(number.unit)
    if counted is not None:
        return counted(reading, place, int(number.value)) if number.decimals == 0 else "a count with decimals"
    if number.unit == "" and number.exponent == 0:
        return part_fault(reading, place, int(number.value))
    if number.unit == "days" and reading.places("apart"):
        return spread_fault(reading, int(number.value))
    spoken, name, company = reading.spoken(place), reading.metric(place), reading.company(place)
    text = reading.tokens[place].text
    if name is None:
        return Phrase("{text}: no metric is named for it", text=text)
    if company is None:
        return Phrase("{text}: it is not said of which company", text=text)
    value = _signed(reading, place, number, spoken)
    if value is None:
        return Phrase("{text}: a sign beside a direction word", text=text)
    if name.is_turned:
        value = -value
    for bound in reading.bound:
        about = bound.about
        if (
            bound.id not in reading.told
            and about.metric in name.metrics
            and about.role == _role(number, spoken)
            and about.company in (company, "")
            and about.member == reading.member(place)
            and _unit_fits(number, about)
            and _is_fine_enough(number, about)
            and _admits(number, value, bound.value)
            and _period_fits(reading, place, about)
        ):
            reading.told.add(bound.id)
            return ""
    return Phrase("{text}: follows from no bound claim, or from one already told", text=text)


def _signed(reading: Reading, place: int, number: Number, spoken: Spoken) -> Decimal | None:
    """The number with the sign its words give; None when words and sign clash."""
    is_minus = reading.has_minus(place)
    if spoken.sign and (number.is_signed or is_minus):
        return None
    if is_minus:
        return None if number.is_signed else -number.value
    if spoken.use == "change" and spoken.sign == 0 and reading.kind(reading.left(place)) == "direction":
        return None  # "unchanged by 3 %"
    return number.value * spoken.sign if spoken.sign else number.value


def _role(number: Number, spoken: Spoken) -> str:
    if spoken.use == "change":
        return {"percent": "growth", "points": "points", "basis points": "points"}.get(number.unit, "change")
    if number.unit in ("points", "basis points") and spoken.use != "gap":
        return "none"
    return spoken.use


def _unit_fits(number: Number, about: About) -> bool:
    if number.unit == "money":
        if about.unit == f"{number.currency}/shares":
            return number.exponent == 0
        return about.unit == number.currency and not number.is_per_share
    if number.unit in ("points", "basis points"):
        return about.role in ("points", "gap") and number.exponent == 0
    if number.unit == "percent":
        return about.unit == "pure" and about.role not in ("points", "gap") and number.exponent == 0
    return number.unit == about.unit


def _is_fine_enough(number: Number, about: About) -> bool:
    """Whether the text shows at least the decimals that every other place shows."""
    if number.unit == "basis points":
        return True
    kinds: dict[str, Kind] = {"percent": "ratio", "points": "points", "times": "times", "days": "days"}
    kind = kinds.get(number.unit, "per_share" if "/" in about.unit else "money")
    known = kind != "money" or number.exponent in (0, 3, 4, 6, 8, 9)
    return number.decimals >= (places(kind, number.exponent) if known else _LEAST_DECIMALS)


def _admits(number: Number, value: Decimal, exact: Decimal) -> bool:
    exponent = {"percent": -2, "points": -2, "basis points": -4}.get(number.unit, number.exponent)
    return admitted(value, number.decimals, exponent).contains(exact)


def _period_fits(reading: Reading, place: int, about: About) -> bool:
    if about.role == "median":
        return True
    if about.base is not None and not all(is_base_of(told, about) for told in reading.base_periods(place)):
        return False
    if about.role in ("level", "original") and reading.is_from(place) and not _told_between(reading, place):
        return about.period.end < _newest(reading, about)
    told = reading.period(place)
    return about.period.end == _newest(reading, about) if told is None else is_of(told, about)


def _told_between(reading: Reading, place: int) -> bool:
    """Whether a period stands between the word `from` and the number."""
    base = max((spot for spot in reading.places("base") if spot < place), default=-1)
    return any(base < spot < place for spot in reading.places("period"))


def _newest(reading: Reading, about: About) -> date:
    return max(
        bound.about.period.end
        for bound in reading.bound
        if bound.about.metric == about.metric and bound.about.company == about.company
    )
