"""Small invented companies for the tests of the analysis: amounts by span and by balance date."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from trivium.finance.analyze.model import Company, Series, Span, Status, Value
from trivium.finance.records import Concept, Fact, Period, Place, Unit
from trivium.service.evidence import FactAnchor

ISO = "http://www.xbrl.org/2003/iso4217"
GAAP = "http://fasb.org/us-gaap/2024"
SHARES = frozenset({"shares_basic", "shares_diluted", "shares_outstanding"})
PER_SHARE = frozenset({"eps_basic", "eps_diluted", "dividends_per_share"})


def year(fiscal_year: int) -> Span:
    """Return a calendar year."""
    period = Period(end=date(fiscal_year, 12, 31), start=date(fiscal_year, 1, 1))
    return Span("year", f"FY{fiscal_year}", period, fiscal_year)


def quarter(fiscal_year: int, number: int) -> Span:
    """Return a calendar quarter."""
    start = date(fiscal_year, 3 * number - 2, 1)
    end = date(fiscal_year, 3 * number, 31 if number in (1, 4) else 30)
    return Span("quarter", f"Q{number} FY{fiscal_year}", Period(end=end, start=start), fiscal_year, number)


def part_year(fiscal_year: int, number: int) -> Span:
    """Return the year to date at the end of a calendar quarter."""
    end = quarter(fiscal_year, number).period.end
    return Span(
        "ytd", f"{3 * number}M FY{fiscal_year}", Period(end=end, start=date(fiscal_year, 1, 1)), fiscal_year, number
    )


def made_fact(metric: str, period: Period, amount: Decimal, unit: str, decimals: int | None) -> Fact:
    """Return a reported fact; the concept's name is the metric key."""
    above, _, below = unit.partition("/")
    measures = tuple(Concept(ISO if above.isupper() else GAAP, above) for _ in range(1))
    return Fact(
        fact_id=f"f-{metric}-{period.key}",
        concept=Concept(GAAP, metric),
        period=period,
        unit=Unit(measures, (Concept(GAAP, below),) if below else ()),
        value=amount,
        place=Place(FactAnchor("", f"f-{metric}")),
        decimals=decimals,
    )


def made_value(
    metric: str, period: Period, amount: str, *, company: str = "ACME", currency: str = "USD", decimals: int | None = 0
) -> Value:
    """Return a reported value; share counts and per-share amounts get their unit by name."""
    unit = "shares" if metric in SHARES else f"{currency}/shares" if metric in PER_SHARE else currency
    places = 2 if metric in PER_SHARE else decimals
    number = Decimal(amount)
    fact = made_fact(metric, period, number, unit, places)
    return Value(f"{company}/{metric}/{period.key}", metric, period, unit, number, Status.REPORTED, fact=fact)


def made_series(
    flows: Mapping[Span, Mapping[str, str]],
    balances: Mapping[date, Mapping[str, str]] | None = None,
    *,
    template: str = "industrial",
    key: str = "ACME",
    currency: str = "USD",
    accounting: str = "US-GAAP",
    decimals: int | None = 0,
) -> Series:
    """Return a company whose reported values are the given amounts, in full units of its currency."""
    values = {}
    dated = [(span.period, amounts) for span, amounts in flows.items()]
    dated += [(Period(day), amounts) for day, amounts in (balances or {}).items()]
    for period, amounts in dated:
        for metric, amount in amounts.items():
            value = made_value(metric, period, amount, company=key, currency=currency, decimals=decimals)
            values[(metric, period)] = value
    spans = tuple(sorted(flows, key=lambda span: (span.period.end, span.period.days)))
    company = Company(key, f"{key} Inc.", "", template, accounting, currency)
    return Series(company, (), spans, values)
