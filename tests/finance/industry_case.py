"""A small filing in the convention of an industry, and what a reader of its statements would write down.

Reported where the concept means the metric, derived where it is only near (or the issuer's own), absent where the
statement does not say. All amounts are invented.
"""

from dataclasses import dataclass, field

from tests.finance.inline_doc import CLOSE, YEAR, Row, filing

from trivium.finance.analyze.model import Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.records import Period

PRETAX = "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"
PRETAX_EQUITY = (
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments"
)
SALES = "RevenueFromContractWithCustomerExcludingAssessedTax"
WITH_NCI = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
CASH = "CashAndCashEquivalentsAtCarryingValue"
OPERATING, INVESTING, FINANCING = (
    f"NetCashProvidedByUsedIn{kind}Activities" for kind in ("Operating", "Investing", "Financing")
)
CASH_CHANGE = (
    "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect"
)
REPORTED, DERIVED = Status.REPORTED, Status.DERIVED
Expected = dict[str, tuple[float, Status] | None]


@dataclass
class Case:
    """A filer: its statements, one column each, and what the metrics must be (millions, or units per share)."""

    name: str
    template: str
    income: list[Row]
    balance: list[Row]
    cash_flow: list[Row]
    expected: Expected
    notes: list[list[Row]] = field(default_factory=list)
    unit: str = "usd"


def shares(net: float, basic: float = 2.0) -> list[Row]:
    return [
        ("Basic", "EarningsPerShareBasic", basic),
        ("Diluted", "EarningsPerShareDiluted", basic - 0.1),
        ("Weighted-average shares, basic", "WeightedAverageNumberOfSharesOutstandingBasic", net / basic),
        ("Weighted-average shares, diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", net / (basic - 0.1)),
    ]


def flows(*lines: Row) -> list[Row]:
    return [
        ("Net income", "ProfitLoss", 100),
        ("Deferred income taxes", "DeferredIncomeTaxExpenseBenefit", 3),
        *lines,
        ("Net cash provided by operating activities", OPERATING, 300),
        ("Net cash used in investing activities", INVESTING, -120),
        ("Net cash used in financing activities", FINANCING, -90),
        ("Change in cash", CASH_CHANGE, 90),
    ]


def values_of(case: Case) -> tuple[dict[str, Value], str]:
    source = filing(
        case.income, case.balance, case.cash_flow, notes=case.notes, flows=(YEAR,), dates=(CLOSE,), unit=case.unit
    )
    assert source.problems == ()
    series = build_series([source], load_policy())
    (year,) = (span for span in series.spans if span.kind == "year")
    found = {
        metric: value
        for (metric, period), value in series.values.items()
        if period in (year.period, Period(year.period.end))
    }
    return found, series.company.template


def told(value: Value | None) -> tuple[float, Status] | None:
    if value is None or value.amount is None:
        assert value is None or value.reason is not None
        return None
    amount = value.amount / 1_000_000 if value.unit in ("USD", "EUR") else value.amount
    return float(amount), value.status
