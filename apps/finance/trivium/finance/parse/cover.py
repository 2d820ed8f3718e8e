"""Read a filing's cover page from its `dei` facts: who filed, which form, for which period.

Shared by the inline reader and the instance reader. A file name is never asked: issuers' names for their files follow
no rule. Where a cover fact is missing (filings before 2009, cut files) the header follows from the periods of the
facts, and a problem says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from trivium.finance.records import Entity, Fact, Period, Problem
from trivium.service.phrase import Phrase

__all__ = ["FISCAL_PERIODS", "CoverPage", "cover", "format_identifier", "main_period"]

FISCAL_PERIODS = {"FY", "Q1", "Q2", "Q3"}
"""What `Filing.fiscal_period` may hold, apart from nothing."""

_DEI = re.compile(r"https?://xbrl\.(sec\.gov|us)/dei(/|$)")
_IS_ABOUT_DOCUMENT = re.compile(r"https?://xbrl\.(sec\.gov/|us/dei)")
_MONTH_DAY = re.compile(r"--(\d\d)-(\d\d)")
_DATE_FORMATS = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%m/%d/%Y")
_NO_SYMBOL = {"", "-", "--", "N/A", "NA", "NONE", "NOT APPLICABLE"}
_IFRS = re.compile(r"https?://xbrl\.ifrs\.org/taxonomy/")
_IFRS_NAME = "NameOfReportingEntityOrOtherMeansOfIdentification"
"""Reports to European registers have no cover page; the statements of IFRS must name the entity."""
_SPANNED = {6: (range(170, 196), "Q2"), 9: (range(260, 286), "Q3"), 12: (range(350, 381), "FY")}
"""Months that a report's facts span to what it is; a quarter alone could be any."""
_IS_COMMON = 0.1
"""A period is common when it carries at least this share of the facts that the most frequent one carries."""


@dataclass(frozen=True, slots=True)
class CoverPage:
    """The header of a filing; its fields are those of `records.Filing`.

    Args:
        problems: what the cover page did not say, and what was taken instead.
    """

    entity: Entity
    form: str
    period_end: date | None
    fiscal_year: int | None
    fiscal_period: str
    is_amendment: bool
    problems: tuple[Problem, ...] = ()


def cover(facts: Iterable[Fact], identifier: str = "") -> CoverPage:
    """Read the cover page from a filing's facts.

    Args:
        facts: all facts, in document order.
        identifier: the entity identifier of the contexts, taken where `dei:EntityCentralIndexKey` is missing.
    """
    facts = tuple(facts)
    stated = _first_of_each(facts)
    problems: list[Problem] = []

    def text_of(name: str) -> str:
        return _text(stated[name]) if name in stated else ""

    def required(name: str, instead: str) -> str:
        text = text_of(name)
        if not text:
            problems.append(
                Problem(f"dei:{name}", Phrase("the cover page does not state it; {instead}", instead=instead))
            )
        return text

    name = text_of("EntityRegistrantName") or _ifrs_name(facts)
    name = name or required("EntityRegistrantName", "the company's name is unknown")
    form = required("DocumentType", "the form is unknown")
    period_end = _period_end(stated.get("DocumentPeriodEndDate"), facts, problems.append)
    fiscal_year = _fiscal_year(required("DocumentFiscalYearFocus", "only dates are known"), period_end, problems.append)
    return CoverPage(
        entity=Entity(name, format_identifier(text_of("EntityCentralIndexKey") or identifier), _ticker(facts)),
        form=form,
        period_end=period_end,
        fiscal_year=fiscal_year,
        fiscal_period=_fiscal_period(text_of("DocumentFiscalPeriodFocus"), facts, period_end, problems.append),
        is_amendment=text_of("AmendmentFlag").lower() in {"true", "1"} or form.endswith("/A"),
        problems=tuple(problems),
    )


def format_identifier(text: str) -> str:
    """Return a CIK with its ten digits (`320193` as `0000320193`); other identifiers as they are."""
    text = text.strip()
    return text.zfill(10) if text.isascii() and text.isdigit() else text


def main_period(facts: Iterable[Fact]) -> Period | None:
    """Return the reporting period as the facts show it: of the periods that many share, the latest, then the longest.

    Only numeric facts without dimensions count, none of the SEC's own taxonomies (they describe the document, not the
    company), and balance dates only where there is no span. None without any such fact.
    """
    counts = Counter(
        fact.period
        for fact in facts
        if fact.is_numeric
        and not fact.dimensions
        and date.min < fact.period.end < date.max
        and not _IS_ABOUT_DOCUMENT.match(fact.concept.namespace)
    )
    spans = {period: count for period, count in counts.items() if not period.is_instant} or dict(counts)
    if not spans:
        return None
    least = max(spans.values()) * _IS_COMMON
    return max((period for period, count in spans.items() if count >= least), key=lambda p: (p.end, p.days))


def _first_of_each(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Return the first fact of each dei name; one without dimensions wins over a co-registrant's."""
    first: dict[str, Fact] = {}
    for fact in facts:
        if fact.text is None or not _DEI.match(fact.concept.namespace):
            continue
        known = first.get(fact.concept.name)
        if known is None or (known.dimensions and not fact.dimensions):
            first[fact.concept.name] = fact
    return first


def _ifrs_name(facts: Iterable[Fact]) -> str:
    """Return the name that statements under IFRS give their entity; empty where they do not."""
    names = (_text(f) for f in facts if f.concept.name == _IFRS_NAME and _IFRS.match(f.concept.namespace))
    return next(filter(None, names), "")


def _text(fact: Fact) -> str:
    return " ".join((fact.text or "").split())


def _ticker(facts: Iterable[Fact]) -> str:
    symbols = (_text(f) for f in facts if f.concept.name == "TradingSymbol" and _DEI.match(f.concept.namespace))
    return next((symbol for symbol in symbols if symbol.upper() not in _NO_SYMBOL), "")


def _period_end(stated: Fact | None, facts: tuple[Fact, ...], report: Callable[[Problem], None]) -> date | None:
    where = "dei:DocumentPeriodEndDate"
    if stated is not None:
        text = _text(stated)
        end = _read_date(text, near=stated.period.end)
        if end is not None:
            return end
        report(
            Problem(
                where, Phrase("'{text}' is not a date; the end of its own period is taken", text=text), is_recovery=True
            )
        )
        return stated.period.end
    main = main_period(facts)
    if main is None:
        report(Problem(where, "the cover page does not state it, and no fact has a period"))
        return None
    report(
        Problem(
            where,
            Phrase("the cover page does not state it; the facts' main period is {period}", period=main.key),
            is_recovery=True,
        )
    )
    return main.end


def _read_date(text: str, near: date) -> date | None:
    """Read a date; one without a year is the one nearest to `near`."""
    month_day = _MONTH_DAY.fullmatch(text)
    if month_day is None:
        for pattern in _DATE_FORMATS:
            try:
                return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar day has no time zone
            except ValueError:
                continue
        return None
    candidates = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            candidates.append(date(year, int(month_day[1]), int(month_day[2])))
        except ValueError:
            continue
    return min(candidates, key=lambda day: abs(day - near), default=None)


def _fiscal_year(text: str, period_end: date | None, report: Callable[[Problem], None]) -> int | None:
    if not text:
        return None
    where = "dei:DocumentFiscalYearFocus"
    if not re.fullmatch(r"[12]\d{3}", text):
        report(Problem(where, Phrase("'{text}' is not a year; only dates are known", text=text)))
        return None
    year = int(text)
    if period_end is not None and abs(year - period_end.year) > 1:
        report(
            Problem(where, Phrase("says {year}, while the period ends on {end}", year=year, end=period_end.isoformat()))
        )
    return year


def _fiscal_period(
    text: str, facts: tuple[Fact, ...], period_end: date | None, report: Callable[[Problem], None]
) -> str:
    where = "dei:DocumentFiscalPeriodFocus"
    if text.upper() in FISCAL_PERIODS:
        return text.upper()
    if text:
        report(Problem(where, Phrase("'{text}' is none of FY, Q1, Q2, Q3", text=text)))
        return ""
    main = main_period(facts)
    if main is not None and main.end == period_end:
        for months, (days, period) in _SPANNED.items():
            if main.days in days:
                what = Phrase(
                    "the cover page does not state it; the facts span {months} months ({period})",
                    months=months,
                    period=main.key,
                )
                report(Problem(where, what, is_recovery=True))
                return period
    report(Problem(where, "the cover page does not state it; the kind of period is unknown"))
    return ""
