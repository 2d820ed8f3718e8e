"""Fiscal spans of a filing: its own quarter, year to date or year, and the comparative ones it prints.

Spans come from the facts' own dates, never from a file name. Quarters are 9 to 18 weeks (12-week and 16-week quarters
are both real), years 48 to 56 weeks. The period of an annual report that is shorter (a transition report, the year a
company began) is a year to date: `6M FY2024`, never compared with a year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from trivium.finance.analyze.model import Span
from trivium.finance.analyze.statements import Faces
from trivium.finance.records import Filing, Period

__all__ = ["balance_dates", "filing_spans", "own_spans"]

_QUARTER = range(63, 127)
_YEAR = range(336, 400)
_QUARTER_OF = {"Q1": 1, "Q2": 2, "Q3": 3, "FY": 4}
_QUARTER_DAYS = 365.25 / 4
_QUARTER_SLACK_DAYS = 25
"""Quarters of 12 and 16 weeks end that much off quarters of three months."""
_FEWEST_FACTS = 3
_NEAR = timedelta(days=7)


def filing_spans(filing: Filing, faces: Faces) -> tuple[Span, ...]:
    """Return every fiscal span for which the filing's statements give flows, oldest first.

    The labels of comparative spans follow from the filing's own label and the distance in years.
    """
    counts = _durations(filing, faces)
    short = _short_year(filing, counts)
    spans = []
    for period, count in counts.items():
        span = _label(period, filing) if short is None else _label_beside(period, short, filing)
        if count >= _fewest(filing, counts) and span is not None:
            spans.append(span)
    return tuple(sorted(spans, key=lambda span: (span.period.end, span.period.days)))


def own_spans(filing: Filing, faces: Faces) -> tuple[Span, ...]:
    """Return the spans the filing is about: the year, or quarter and year to date (equal in a first quarter)."""
    end = _own_end(filing, faces)
    spans = [span for span in filing_spans(filing, faces) if end is not None and abs(span.period.end - end) <= _NEAR]
    kinds: tuple[str, ...] = ("quarter", "ytd")
    if _is_annual(filing):
        kinds = ("year",) if any(span.kind == "year" for span in spans) else ("ytd",)
    own = []
    for kind in kinds:
        of_kind = [span for span in spans if span.kind == kind]
        if of_kind:
            own.append(max(of_kind, key=lambda span: span.period.end))
    if kinds == ("quarter", "ytd") and len(own) == 1 and own[0].kind == "quarter" and own[0].quarter == 1:
        quarter = own[0]
        own.append(Span("ytd", quarter.label, quarter.period, quarter.fiscal_year, 1))
    return tuple(own)


def balance_dates(filing: Filing, faces: Faces) -> tuple[date, ...]:
    """Return the dates of the balance sheet's columns, oldest first."""
    counts: Counter[date] = Counter(
        fact.period.end
        for fact in filing.facts
        if fact.period.is_instant and fact.is_numeric and not fact.dimensions and faces.holds(fact, "balance")
    )
    if faces.is_known and not faces.finds("balance"):
        return ()
    return tuple(sorted(day for day, count in counts.items() if count >= _fewest(filing, counts)))


def _fewest(filing: Filing, counts: Mapping[Any, int]) -> int:
    """Return how many lines make a column of a statement.

    A user's own table may have two lines, Revenue and Net income; a filing's period with two has them from a note.
    """
    is_own_table = filing.source.media.startswith("statement-")
    return min(_FEWEST_FACTS, max(counts.values(), default=0)) if is_own_table else _FEWEST_FACTS


def _durations(filing: Filing, faces: Faces) -> Counter[Period]:
    counts: Counter[Period] = Counter()
    for fact in filing.facts:
        if fact.period.is_instant or not fact.is_numeric or fact.dimensions:
            continue
        if any(faces.holds(fact, statement) for statement in ("income", "cash_flow")):
            counts[fact.period] += 1
    return counts


def _short_year(filing: Filing, counts: Counter[Period]) -> Period | None:
    """Return what an annual report is about where that is no year: the span with most flows that end with it."""
    if not _is_annual(filing) or filing.period_end is None:
        return None
    own = [period for period in counts if abs(period.end - filing.period_end) <= _NEAR]
    main = max(own, key=lambda period: (counts[period], period.days), default=None)
    return main if main is not None and main.days < _YEAR.start else None


def _label_beside(period: Period, short: Period, filing: Filing) -> Span | None:
    """Name a span of a report about a short year; full years before it are named by the calendar."""
    year = (filing.fiscal_year or short.end.year) - (short.end.year - period.end.year)
    if period.days in _YEAR:
        return Span("year", f"FY{year}", period, year)
    months = round(period.days / 30.4)
    return Span("ytd", f"{months}M FY{year}", period, year) if period.days > _QUARTER.start else None


def _own_end(filing: Filing, faces: Faces) -> date | None:
    if filing.period_end is not None:
        return filing.period_end
    return max((period.end for period in _durations(filing, faces)), default=None)


def _is_annual(filing: Filing) -> bool:
    return filing.fiscal_period == "FY" or filing.form.upper().startswith(("10-K", "20-F", "40-F"))


def _fiscal_years_back(period: Period, filing: Filing) -> int | None:
    """Return how many fiscal years before a quarterly filing's own a year-long span lies.

    It must end where the year to date begins, give or take whole years; None where it is twelve other months.
    """
    to_date = [
        fact.period
        for fact in filing.facts
        if fact.period.end == filing.period_end and 0 < fact.period.days < _YEAR.start
    ]
    start = max(to_date, key=lambda one: one.days).start if to_date else None
    if start is None:
        return None
    distance = (start - period.end).days
    years = round(distance / 365.25)
    return years + 1 if years >= 0 and abs(distance - years * 365.25) < 21 else None


def _label(period: Period, filing: Filing) -> Span | None:
    """Name a span after the issuer's labels; None for spans that are neither quarter, year nor year to date."""
    end = filing.period_end or period.end
    years_back = round((end - period.end).days / 365.25)
    own_year = filing.fiscal_year or end.year
    if period.days in _YEAR:
        back = years_back if _is_annual(filing) else _fiscal_years_back(period, filing)
        if back is not None:
            return Span("year", f"FY{own_year - back}", period, own_year - back)
    fiscal_year = own_year - years_back
    is_same_season = abs((end - period.end).days - 365.25 * years_back) < 21
    quarter = _QUARTER_OF.get(filing.fiscal_period) if is_same_season else None
    if period.days in _YEAR:
        name = f"TTM Q{quarter} FY{fiscal_year}" if quarter else f"TTM to {period.end.isoformat()}"
        return Span("ttm", name, period, fiscal_year, quarter)
    if period.days in _QUARTER:
        return _label_quarter(period, filing, end)
    if period.days < _YEAR.start and is_same_season and quarter in (2, 3):
        return Span("ytd", f"{3 * quarter}M FY{fiscal_year}", period, fiscal_year, quarter)
    return None


def _label_quarter(period: Period, filing: Filing, end: date) -> Span:
    """Name a quarter by its distance from the filing's own; `Quarter to 2024-03-31` where that is no whole number."""
    own = _QUARTER_OF.get(filing.fiscal_period)
    back = round((end - period.end).days / _QUARTER_DAYS)
    if own is None or abs((end - period.end).days - back * _QUARTER_DAYS) > _QUARTER_SLACK_DAYS:
        fiscal_year = (filing.fiscal_year or end.year) - round((end - period.end).days / 365.25)
        return Span("quarter", f"Quarter to {period.end.isoformat()}", period, fiscal_year, None)
    years, quarter = divmod(own - 1 - back, 4)
    fiscal_year = (filing.fiscal_year or end.year) + years
    return Span("quarter", f"Q{quarter + 1} FY{fiscal_year}", period, fiscal_year, quarter + 1)
