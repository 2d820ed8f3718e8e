"""What a sentence names (periods, companies, segments, metrics) and states (absent, not comparable, restated)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from trivium.finance.check.reading import Reading, is_base_of, is_of
from trivium.finance.claims import ClaimContext
from trivium.finance.display import message_text
from trivium.service.phrase import Phrase

__all__ = [
    "accounting_fault",
    "company_fault",
    "currency_fault",
    "member_fault",
    "metric_fault",
    "period_fault",
    "quote_fault",
    "relative_fault",
    "restated_fault",
    "split_fault",
    "state_fault",
]

_RELATIVE_DAYS = {"year": (350, 380), "quarter": (80, 101)}


def period_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a bound claim is of the period, and a base period is what a change is measured from."""
    told, company = reading.period_at(place), reading.company(place)
    if reading.is_base(place) and not _is_earlier(reading, place, told):
        return Phrase("{text}: not what the claims are compared with", text=reading.tokens[place].text)
    is_named = any(spot < place for spot in reading.places("company"))
    for bound in reading.bound:
        about = bound.about
        if is_named and about.company not in (company, ""):
            continue
        if is_of(told, about) or is_base_of(told, about):
            return ""
    return Phrase("{text}: no bound claim is of that period", text=reading.tokens[place].text)


def _is_earlier(reading: Reading, place: int, told: str | date) -> bool:
    """Whether a period named as a base is the base of the bound changes, or before the newest bound period."""
    name = reading.metric(place)
    about = [bound.about for bound in reading.bound if name is None or bound.about.metric in name.metrics]
    changes = [one for one in about if one.base is not None and one.role != "gap"]
    if changes:
        return any(is_base_of(told, one) for one in changes)
    newest = max((one.period.end for one in about), default=None)
    return any(is_of(told, one) and newest is not None and one.period.end < newest for one in about)


def relative_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless `a year earlier`, `环比` fit the distance of two bound periods."""
    low, high = _RELATIVE_DAYS[str(reading.tokens[place].data)]
    ends = {bound.about.period.end for bound in reading.bound}
    gaps = [abs((bound.about.period.end - bound.about.base.end).days) for bound in reading.bound if bound.about.base]
    gaps += [abs((one - two).days) for one in ends for two in ends if one != two]
    return (
        ""
        if any(low <= gap <= high for gap in gaps)
        else Phrase("'{text}': no such period is bound", text=reading.tokens[place].text)
    )


def company_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a bound claim is of the company; among ranked companies each needs its own rank."""
    key, text = reading.tokens[place].data, reading.tokens[place].text
    if not any(bound.about.company == key for bound in reading.bound):
        return Phrase("{text}: no bound claim is of that company", text=text)
    ranks = [] if reading.places("member") else reading.places("rank")
    if ranks and key not in {reading.company(spot) for spot in ranks}:
        return Phrase("{text}: named among ranked companies without a rank", text=text)
    return ""


def member_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a bound claim is of the segment, product or region."""
    member = reading.tokens[place].data
    owns = any(bound.about.member == member for bound in reading.bound)
    return "" if owns else Phrase("{text}: no bound claim is of that segment", text=reading.tokens[place].text)


def metric_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a bound claim is of the metric, or the sentence says that it is absent."""
    name = reading.metric_at(place)
    states = [str(reading.tokens[spot].data) for spot in reading.places("state")]
    if "absent" in states or any(bound.about.metric in name.metrics for bound in reading.bound):
        return ""
    return Phrase("{text}: no bound claim is of that metric", text=reading.tokens[place].text)


def accounting_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the company named before reports under these standards."""
    company = next((made for made in context.companies if made.key == reading.company(place)), None)
    fits = company is not None and company.accounting == reading.tokens[place].data
    return "" if fits else Phrase("{text}: not the standards of that company", text=reading.tokens[place].text)


def currency_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the company named before reports in this currency."""
    company = next((made for made in context.companies if made.key == reading.company(place)), None)
    fits = company is not None and company.currency == reading.tokens[place].data
    return "" if fits else Phrase("{text}: not the currency of that company", text=reading.tokens[place].text)


def split_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless a bound value was adjusted by this factor."""
    factors = {note.values.get("factor") for bound in reading.bound for note in bound.about.notes}
    fits = any(factor is not None and Decimal(factor) == reading.tokens[place].data for factor in factors)
    return "" if fits else Phrase("{text}: no bound value was adjusted by that factor", text=reading.tokens[place].text)


def restated_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless an originally reported value is bound."""
    fits = any(bound.about.role == "original" for bound in reading.bound)
    return "" if fits else Phrase("'{text}': no originally reported value is bound", text=reading.tokens[place].text)


def state_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the analysis itself says that the value is absent, or the companies differ."""
    state = str(reading.tokens[place].data)
    owners = {bound.about.company for bound in reading.bound}
    named = [company for company in context.companies if company.key in owners]
    if state == "incomparable":
        fits = len({company.accounting for company in named}) > 1
    elif state == "unranked":
        fits = len({company.currency for company in named}) > 1
    else:
        fits = _is_missing(reading, place, context, "level" if state == "absent" else "growth")
    return "" if fits else Phrase("'{text}': the analysis does not say so", text=reading.tokens[place].text)


def _is_missing(reading: Reading, place: int, context: ClaimContext, role: str) -> bool:
    name, company, told = reading.metric(place), reading.company(place), reading.period(place)
    if name is None or told is None:
        return False
    matches = [
        about
        for about in context.about.values()
        if about.metric in name.metrics
        and (about.company, about.role, about.member) == (company, role, "")
        and is_of(told, about)
    ]
    return bool(matches) and all(about.amount is None for about in matches)


def quote_fault(reading: Reading, place: int, context: ClaimContext) -> str:
    """Return a fault unless the quoted reason is the one the analysis gives for this metric and period."""
    name, told, company = reading.metric(place), reading.period(place), reading.company(place)
    for about in context.about.values():
        if (
            name is not None
            and told is not None
            and about.metric in name.metrics
            and about.company == company
            and about.reason is not None
            and is_of(told, about)
            and message_text(about.reason, reading.language) == reading.tokens[place].data
        ):
            return ""
    return Phrase("'{text}' is not the reason that the analysis gives", text=reading.tokens[place].text)
