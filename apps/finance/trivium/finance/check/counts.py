"""Counts in a sentence (companies, segments, weeks, years, days apart) against the claims bound to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from trivium.finance.check.reading import Reading, is_of
from trivium.finance.claims import About
from trivium.service.phrase import Phrase

__all__ = ["COUNTS", "part_fault", "spread_fault"]

_YEAR_DAYS = 365.25


def companies_fault(reading: Reading, place: int, count: int) -> str:
    name = reading.metric(place)
    owners = {
        bound.about.company
        for bound in reading.bound
        if bound.about.company and (name is None or bound.about.metric in name.metrics)
    }
    if not reading.places("rank"):
        return Phrase("{count} companies, without a ranking among them", count=count)
    return (
        ""
        if len(owners) == count
        else Phrase("{count} companies, but the claims are of {owners}", count=count, owners=len(owners))
    )


def members_fault(reading: Reading, place: int, count: int) -> str:
    members = {bound.about.member for bound in reading.bound} - {""}
    if not reading.places("rank"):
        return Phrase("{count} segments, without a ranking among them", count=count)
    return (
        ""
        if len(members) == count
        else Phrase("{count} segments, but the claims are of {members}", count=count, members=len(members))
    )


def weeks_fault(reading: Reading, place: int, count: int) -> str:
    told = reading.period(place)
    spans = [bound.about.period for bound in reading.bound if told is not None and is_of(told, bound.about)]
    fits = any(not span.is_instant and round(span.days / 7) == count for span in spans)
    return "" if fits else Phrase("{count} weeks: no bound period has them", count=count)


def years_fault(reading: Reading, place: int, count: int) -> str:
    """`in two of the three years`, `三年中，...有两年`: one number counts all changes, the other those of the sign."""
    if reading.places("compound"):
        return _compound_years_fault(reading, count)
    changes = _yearly_changes(reading, place)
    totals = [spot for spot in reading.places("number") if reading.tokens[spot].number.unit == "years"]
    is_total = reading.language == "en" or place == totals[0]
    told, newest = reading.period(place), max((about.period.end for about in changes), default=None)
    if told is not None and not any(is_of(told, about) and about.period.end == newest for about in changes):
        return Phrase("{count} years to another period than the newest bound one", count=count)
    if is_total and not _has_part(reading, place):
        fault = signed_years_fault(reading, place, count)
        if fault:
            return fault
    if is_total:
        return (
            ""
            if len(changes) == count
            else Phrase("{count} years, but {changes} changes are bound", count=count, changes=len(changes))
        )
    return signed_years_fault(reading, place, count)


def _compound_years_fault(reading: Reading, count: int) -> str:
    """`in the four years from FY2020 to FY2024`: what every bound compound rate spans."""
    rates = [bound.about for bound in reading.bound if bound.about.role == "compound"]
    spans = {round((about.period.end - about.base.end).days / _YEAR_DAYS) for about in rates if about.base is not None}
    return "" if spans == {count} else Phrase("{count} years: not what the bound rates span", count=count)


def part_fault(reading: Reading, place: int, count: int) -> str:
    """A bare number: only the `two` of `two of the three years` may stand without a unit."""
    spot = place + 2 if reading.kind(place + 2) != "word" else place + 3
    is_part = reading.kind(place + 1) == "of" and reading.kind(spot) == "number"
    if not is_part or reading.tokens[spot].number.unit != "years":
        return Phrase("'{text}' is a number without a unit", text=reading.tokens[place].text)
    return signed_years_fault(reading, place, count)


def signed_years_fault(reading: Reading, place: int, count: int) -> str:
    directions = reading.places("direction")
    nearest = min(directions, key=lambda spot: abs(spot - place), default=None)
    if nearest is None:
        return "a count of years without a direction"
    sign = reading.direction(nearest)[0]
    fitting = [value for value in _yearly_changes(reading, place).values() if value * sign > 0]
    return (
        ""
        if len(fitting) == count
        else Phrase("{count} years, but the claims show {fitting}", count=count, fitting=len(fitting))
    )


def _has_part(reading: Reading, place: int) -> bool:
    """Whether another number says how many of the years: `two of the three years`, `三年中，...有两年`."""
    return len(reading.places("number")) > 1


def _yearly_changes(reading: Reading, place: int) -> dict[About, Decimal]:
    name = reading.metric(place)
    return {
        bound.about: bound.value
        for bound in reading.bound
        if name is not None and bound.about.metric in name.metrics and bound.about.role in ("change", "points")
    }


def spread_fault(reading: Reading, count: int) -> str:
    """Return a fault unless the bound periods end `count` days apart."""
    ends = [bound.about.period.end for bound in reading.bound]
    spread = (max(ends) - min(ends)).days
    return (
        ""
        if spread == count
        else Phrase("{count} days apart, but the periods end {spread} days apart", count=count, spread=spread)
    )


COUNTS: Mapping[str, Callable[[Reading, int, int], str]] = {
    "companies": companies_fault,
    "members": members_fault,
    "weeks": weeks_fault,
    "years": years_fault,
}
