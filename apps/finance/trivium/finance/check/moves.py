"""Words for how values move and compare (direction, multiples, medians, ranks) against the claims bound to them."""

from __future__ import annotations

from decimal import Decimal

from trivium.finance.check.reading import Bound, Reading, is_of
from trivium.finance.claims import ClaimContext
from trivium.service.phrase import Phrase

__all__ = [
    "compare_fault",
    "compound_fault",
    "direction_fault",
    "limit_fault",
    "multiple_fault",
    "rank_fault",
    "ranked_fault",
]

_FLAT = Decimal("0.0005")
_NEAR = {2: (Decimal("0.95"), Decimal("1.05")), 3: (Decimal("1.95"), Decimal("2.05"))}


def direction_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless every bound change that the word is about has its sign."""
    sign, text = reading.direction(place)[0], reading.tokens[place].text
    name, company, member, told = (
        reading.metric(place),
        reading.company(place),
        reading.member(place),
        reading.period(place),
    )
    if name is None or company is None:
        return Phrase("'{text}': it is not said of what", text=text)
    if name.is_turned:
        sign = -sign
    moves = [
        bound
        for bound in reading.bound
        if bound.about.metric in name.metrics
        and (bound.about.company, bound.about.member) == (company, member)
        and bound.about.role in ("change", "growth", "points", "compound")
    ]
    newest = max((bound.about.period.end for bound in moves), default=None)
    if any(reading.tokens[spot].number.unit == "years" for spot in reading.places("number")):
        fitting = [bound for bound in moves if bound.value * sign > 0]  # how many they are is counted elsewhere
    elif told is None:
        fitting = [bound for bound in moves if bound.about.period.end == newest]
    else:
        fitting = [bound for bound in moves if is_of(told, bound.about)]
    if not fitting:
        return Phrase("'{text}': no bound claim of a change", text=text)
    return (
        ""
        if all(_agrees(sign, bound) for bound in fitting)
        else Phrase("'{text}': the change goes the other way", text=text)
    )


def _agrees(sign: int, bound: Bound) -> bool:
    """Whether a change goes that way; a rate that is shown as 0.0 % goes no way and is told as unchanged."""
    if bound.about.role == "change":
        return bound.value * sign > 0
    return bound.value * sign >= _FLAT if sign else abs(bound.value) < _FLAT


def multiple_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless `doubled`, `more than doubled`, `halved` fit a bound growth."""
    how, factor = reading.tokens[place].data
    name, told = reading.metric(place), reading.period(place)
    for bound in reading.bound:
        about = bound.about
        if name is None or about.role != "growth" or about.metric not in name.metrics:
            continue
        if told is not None and not is_of(told, about):
            continue
        if how == "half":
            fits = abs(bound.value + Decimal("0.5")) < Decimal("0.025")
        elif how == "more":
            fits = bound.value >= factor - 1
        else:
            fits = _NEAR[factor][0] <= bound.value < _NEAR[factor][1]
        if fits and about.company == reading.company(place):
            return ""
    return Phrase("'{text}': follows from no bound growth", text=reading.tokens[place].text)


def compound_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a compound rate of the metric is bound."""
    name = reading.metric(place)
    fits = name is not None and any(
        bound.about.role == "compound" and bound.about.metric in name.metrics for bound in reading.bound
    )
    return "" if fits else Phrase("'{text}': no compound rate is bound", text=reading.tokens[place].text)


def compare_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless `above` or `below` has the sign of a bound distance to the median."""
    name, company, text = reading.metric(place), reading.company(place), reading.tokens[place].text
    if not reading.places("median"):
        return Phrase("'{text}': compared with what the claims do not say", text=text)
    for bound in reading.bound:
        about = bound.about
        if about.role == "gap" and about.company == company and name is not None and about.metric in name.metrics:
            sign = reading.tokens[place].data
            return (
                ""
                if isinstance(sign, int) and bound.value * sign > 0
                else Phrase("'{text}': the gap goes the other way", text=text)
            )
    return Phrase("'{text}': no bound claim of a gap", text=text)


def rank_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the company or segment stands at that place among the bound claims, without a tie."""
    position, side = reading.tokens[place].data
    name, text = reading.metric(place), reading.tokens[place].text
    if name is None:
        return Phrase("'{text}': no metric is named for it", text=text)
    if reading.places("member"):
        subject, field = reading.member(place), _member_of
        role = "change" if any(spot < place for spot in reading.places("contributed")) else "level"
    else:
        subject, field, role = reading.company(place) or "", _company_of, "level"
    told = reading.period(place)
    rivals = [
        bound
        for bound in reading.bound
        if bound.about.role == role
        and bound.about.metric in name.metrics
        and field(bound)
        and (field is _company_of or told is None or is_of(told, bound.about))
    ]
    values = {field(bound): bound.value for bound in rivals}
    if len(values) != len(rivals) or subject not in values or len(values) < 2:
        return Phrase("'{text}': the bound claims give no ranking", text=text)
    own = values[subject]
    ahead = sum(value > own if side == "high" else value < own for value in values.values())
    tied = sum(value == own for value in values.values()) > 1
    return (
        ""
        if ahead + 1 == position and not tied
        else Phrase("'{text}': {subject} is not at that rank", text=text, subject=subject)
    )


def _member_of(bound: Bound) -> str:
    return bound.about.member


def _company_of(bound: Bound) -> str:
    return bound.about.company


def ranked_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """`ranked` says a rank, or nothing that the claims could show."""
    return (
        "" if reading.kind(place + 1) == "rank" else Phrase("'{text}' without a rank", text=reading.tokens[place].text)
    )


def limit_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """`up to` makes a bound of a number, which no claim is; only the spread of year ends is told so."""
    return (
        "" if reading.places("apart") else Phrase("'{text}' makes a bound of a value", text=reading.tokens[place].text)
    )
