"""What an invented company is made of: its economics, segments, products, debts and fiscal calendar.

Amounts are whole ticks of the company: one unit of the last digit that its statements print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from trivium.finance.records import Period

__all__ = ["FIRST_YEAR", "LAST_YEAR", "Bank", "Company", "Debt", "Industrial", "Insurer", "Member"]

FIRST_YEAR, LAST_YEAR = 2021, 2024
"""Fiscal labels of the first and the last year that the models run."""


@dataclass(frozen=True)
class Member:
    """A member of a segment, product or geography axis; `weight` is its starting share, `drift` what a year adds."""

    label: str
    qname: str
    weight: float
    drift: float = 0.0
    margin: float = 1.0
    is_service: bool = False


@dataclass(frozen=True)
class Debt:
    """A note issued and due at the end of a quarter, given as (fiscal year, quarter); repaid at par."""

    label: str
    qname: str
    principal: int
    rate: Decimal
    issued: tuple[int, int]
    due: tuple[int, int]


@dataclass(frozen=True)
class Industrial:
    """Economics of a company that makes or sells things; ratios are of revenue unless named otherwise."""

    annual_revenue: int
    growth: float
    season: tuple[float, float, float, float]
    product_cost: float
    service_cost: float
    research: float
    selling: float
    depreciation: float
    capex: float
    stock_compensation: float
    payout: float
    buyback: float
    receivable_days: int
    inventory_days: int
    payable_days: int
    property_gross: int
    goodwill: int
    intangibles: int
    leases: int
    securities: int
    cash: int
    minority: float = 0.0


@dataclass(frozen=True)
class Bank:
    """Economics of a bank; amounts in ticks, yields a year."""

    loans: int
    securities: int
    deposits: int
    growth: float
    loan_yield: float
    security_yield: float
    deposit_cost: float
    provision: float
    fees: float
    cost_income: float


@dataclass(frozen=True)
class Insurer:
    """Economics of a property and casualty insurer; premiums in ticks a year."""

    premiums: int
    growth: float
    loss_ratio: float
    expense_ratio: float
    investments: int
    investment_yield: float
    reserves: int


@dataclass(frozen=True)
class Company:
    """One registrant.

    Args:
        scale: power of ten that the statements print in (6: millions); `places` decimals are printed after it.
        share_scale: the same for share counts, with `share_places`.
        shares: shares outstanding at the start, in ticks of the share scale, on today's basis after any split.
        price: dollars a share at the start.
        year_end_month: last month of the fiscal year; 0 for the Saturday nearest 31 January (52 or 53 weeks).
        concepts: statement keys that this company tags with another concept than most do.
        split_factor: shares that one share became between the two annual filings; 1 for none.
    """

    name: str
    ticker: str
    cik: str
    prefix: str
    state: str
    exchange: str
    city: str
    business: str
    economics: Industrial | Bank | Insurer
    scale: int
    places: int
    share_scale: int
    share_places: int
    shares: int
    price: Decimal
    year_end_month: int
    segments: tuple[Member, ...]
    products: tuple[Member, ...] = ()
    geographies: tuple[Member, ...] = ()
    debts: tuple[Debt, ...] = ()
    concepts: Mapping[str, str] = field(default_factory=dict)
    split_factor: int = 1
    tax_rate: float = 0.21

    @property
    def namespace(self) -> str:
        """Namespace of the company's own concepts."""
        return f"http://www.{self.prefix}.example/20241231"

    def year_end(self, year: int) -> date:
        """Return the last day of the fiscal year labelled `year`."""
        if self.year_end_month:
            return _month_end(year, self.year_end_month)
        anchor = date(year + 1, 1, 31)
        to_saturday = (5 - anchor.weekday()) % 7
        return anchor + timedelta(days=to_saturday if to_saturday <= 3 else to_saturday - 7)

    def quarter_end(self, year: int, number: int) -> date:
        """Return the last day of a quarter; the fourth takes the 53rd week where there is one."""
        if number == 4:
            return self.year_end(year)
        if self.year_end_month:
            month = self.year_end_month + 3 * number
            return _month_end(year - 1 + (month - 1) // 12, (month - 1) % 12 + 1)
        return self.year_end(year - 1) + timedelta(weeks=13 * number)

    def span(self, year: int, first: int, last: int) -> Period:
        """Return the days from the first to the last of these quarters of a year."""
        before = self.year_end(year - 1) if first == 1 else self.quarter_end(year, first - 1)
        return Period(self.quarter_end(year, last), before + timedelta(days=1))


def _month_end(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)
