"""Filings merged into one series: restatements, roundings, derived quarters and trailing years, mixed bases."""

from datetime import date
from decimal import Decimal

from tests.finance.inline_doc import Row, annual_cover, filing
from tests.finance.test_periods import PRETAX

from trivium.finance.analyze.model import Series, Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series, own_values
from trivium.finance.records import Filing, Period

Y23, Y24 = "2023-01-01/2023-12-31", "2024-01-01/2024-12-31"
M9_24, Q3_24 = "2024-01-01/2024-09-30", "2024-07-01/2024-09-30"
M9_23, Q3_23 = "2023-01-01/2023-09-30", "2023-07-01/2023-09-30"
Q4_24 = "2024-10-01/2024-12-31"


def period(text: str) -> Period:
    start, _, end = text.partition("/")
    return Period(date.fromisoformat(end), date.fromisoformat(start)) if end else Period(date.fromisoformat(start))


def made(
    form: str,
    label: tuple[str, str],
    flows: dict[str, float],
    *,
    cash_only: tuple[str, ...] = (),
    shares: float = 10,
    filed: str | None = None,
) -> Filing:
    """Return a filing whose revenue is as given, income a tenth of it, and operating cash flow a fifth."""
    spans = [span for span in flows if span not in cash_only]
    cash_spans = [span for span in flows if form == "10-K" or span not in (Q3_24, Q3_23)]

    def row(text: str, concept: str, factor: float, of: list[str]) -> Row:
        return (text, concept, *(Decimal(str(flows[span])) * Decimal(str(factor)) for span in of))

    income: list[Row] = [
        row("Revenue", "Revenues", 1, spans),
        row("Pretax income", PRETAX, 0.125, spans),
        row("Taxes", "IncomeTaxExpenseBenefit", 0.025, spans),
        row("Net income", "NetIncomeLoss", 0.1, spans),
        (
            "Diluted",
            "EarningsPerShareDiluted",
            *(Decimal(str(flows[span])) / 10 / Decimal(str(shares)) for span in spans),
        ),
        ("Shares", "WeightedAverageNumberOfDilutedSharesOutstanding", *(shares for _ in spans)),
    ]
    cash: list[Row] = [
        row("Net income", "NetIncomeLoss", 0.1, cash_spans),
        row("Depreciation", "DepreciationDepletionAndAmortization", 0.05, cash_spans),
        row("Stock", "ShareBasedCompensation", 0.01, cash_spans),
        row("Operating", "NetCashProvidedByUsedInOperatingActivities", 0.2, cash_spans),
        row("Investing", "NetCashProvidedByUsedInInvestingActivities", -0.1, cash_spans),
        row("Financing", "NetCashProvidedByUsedInFinancingActivities", -0.05, cash_spans),
    ]
    end = spans[0].partition("/")[2]
    balance: list[Row] = [
        ("Cash", "CashAndCashEquivalentsAtCarryingValue", 3),
        ("Total assets", "Assets", 9),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 9),
    ]
    source = filing(
        income, balance, cash, flows=spans, cash_periods=cash_spans, dates=[end], cover=annual_cover(form, end, *label)
    )
    source.filed = date.fromisoformat(filed) if filed else None
    return source


def series_of(*filings: Filing) -> Series:
    return build_series(filings, load_policy())


def amount(found: Value) -> Decimal | None:
    return None if found.amount is None else found.amount / (1_000_000 if found.unit == "USD" else 1)


def labels(series: Series) -> list[tuple[str, str]]:
    return [(span.kind, span.label) for span in series.spans]


def test_a_restated_year_keeps_its_original_beside_it():
    old = made("10-K", ("2023", "FY"), {Y23: 1000})
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1100})
    series = series_of(new, old)
    assert amount(series.get("revenue", period(Y23))) == 1100
    original = series.originals["revenue", period(Y23)]
    assert amount(original) == 1000
    assert (original.filing, series.get("revenue", period(Y23)).filing) == (old, new)
    assert original.id == "EXC/revenue/2023-01-01..2023-12-31#original"
    assert ("revenue", period(Y24)) not in series.originals
    assert labels(series) == [("year", "FY2023"), ("year", "FY2024")]


def test_a_coarser_rounding_is_no_restatement_and_the_precise_value_stays():
    old = made("10-K", ("2023", "FY"), {Y23: 1004})
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000})
    for one in new.facts:
        if one.value is not None and one.concept.name == "Revenues":
            one.decimals = -7
    series = series_of(old, new)
    assert amount(series.get("revenue", period(Y23))) == 1004
    assert ("revenue", period(Y23)) not in series.originals


def test_a_later_filing_that_is_silent_takes_nothing_away():
    old = made("10-K", ("2023", "FY"), {Y23: 1000})
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000})
    new.facts = tuple(one for one in new.facts if (one.concept.name, one.period) != ("Revenues", period(Y23)))
    assert amount(series_of(old, new).get("revenue", period(Y23))) == 1000


def test_an_amendment_of_the_same_period_comes_after_the_original():
    first = made("10-K", ("2024", "FY"), {Y24: 1200})
    amended = made("10-K/A", ("2024", "FY"), {Y24: 1250})
    amended.is_amendment = True
    series = series_of(amended, first)
    assert amount(series.get("revenue", period(Y24))) == 1250
    assert amount(series.originals["revenue", period(Y24)]) == 1200


def test_the_fourth_quarter_is_the_year_less_nine_months_for_money_only():
    year = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000})
    third = made("10-Q", ("2024", "Q3"), {Q3_24: 310, Q3_23: 250, M9_24: 880, M9_23: 740})
    series = series_of(year, third)
    revenue = series.get("revenue", period(Q4_24))
    assert (amount(revenue), revenue.status) == (320, Status.DERIVED)
    assert revenue.formula == "revenue[FY2024] - revenue[9M FY2024]"
    assert [amount(one) for one in revenue.inputs] == [1200, 880]
    assert amount(series.get("operating_cash_flow", period(Q4_24))) == 64
    for metric in ("eps_diluted", "shares_diluted"):
        absent = series.get(metric, period(Q4_24))
        assert absent.amount is None
        assert absent.reason is not None
        assert absent.reason.key == "reason.never_subtracted"
    assert ("quarter", "Q4 FY2024") in labels(series)


def test_a_quarter_of_cash_flow_is_the_year_to_date_less_the_one_before():
    half = made("10-Q", ("2024", "Q2"), {"2024-04-01/2024-06-30": 290, "2024-01-01/2024-06-30": 570})
    third = made("10-Q", ("2024", "Q3"), {Q3_24: 310, M9_24: 880})
    flow = series_of(half, third).get("operating_cash_flow", period(Q3_24))
    assert amount(flow) == 62  # a fifth of 880 - 570
    assert flow.formula == "operating_cash_flow[9M FY2024] - operating_cash_flow[6M FY2024]"
    assert amount(series_of(half, third).get("revenue", period(Q3_24))) == 310


def test_a_metric_that_one_span_lacks_says_which():
    year = made("10-K", ("2024", "FY"), {Y24: 1200})
    third = made("10-Q", ("2024", "Q3"), {Q3_24: 310, M9_24: 880})
    third.facts = tuple(one for one in third.facts if one.concept.name != "ShareBasedCompensation")
    absent = series_of(year, third).get("stock_compensation", period(Q4_24))
    assert absent.amount is None
    assert absent.reason is not None
    assert (absent.reason.key, absent.reason.values) == ("reason.missing_span", {"span": "9M FY2024"})


def test_trailing_twelve_months():
    year = made("10-K", ("2023", "FY"), {Y23: 1000})
    third = made("10-Q", ("2024", "Q3"), {Q3_24: 310, Q3_23: 250, M9_24: 880, M9_23: 740})
    series = series_of(year, third)
    trailing = period("2023-10-01/2024-09-30")
    revenue = series.get("revenue", trailing)
    assert amount(revenue) == 1140  # 1000 + 880 - 740
    assert revenue.formula == "revenue[FY2023] + revenue[9M FY2024] - revenue[9M FY2023]"
    assert ("ttm", "TTM Q3 FY2024") in labels(series)
    assert series.get("eps_diluted", trailing).amount is None


def test_a_derivation_from_a_restated_and_an_original_number_says_so():
    third = made("10-Q", ("2023", "Q3"), {Q3_23: 250, M9_23: 740})
    year = made("10-K", ("2023", "FY"), {Y23: 1000})
    later = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1100})
    quarter = series_of(third, year, later).get("revenue", period("2023-10-01/2023-12-31"))
    assert amount(quarter) == 360
    assert [note.key for note in quarter.notes] == ["note.mixed_bases"]
    assert series_of(third, year).get("revenue", period("2023-10-01/2023-12-31")).notes == ()


def test_the_same_filing_twice_changes_nothing():
    year = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000})
    assert series_of(year, year).originals == {}


def test_own_values_give_each_metric_once_a_kind():
    third = made("10-Q", ("2024", "Q3"), {Q3_24: 310, M9_24: 880})
    rows = own_values(third, load_policy())
    kinds = [(kind, one.period.key) for kind, one in rows if one.metric == "revenue"]
    assert kinds == [("quarter", "2024-07-01..2024-09-30"), ("ytd", "2024-01-01..2024-09-30")]
    assert [kind for kind, one in rows if one.metric == "operating_cash_flow"] == ["ytd"]
    assert [(kind, one.period.key) for kind, one in rows if one.metric == "cash"] == [("instant", "2024-09-30")]
    keys = [(kind, one.metric) for kind, one in rows]
    assert len(keys) == len(set(keys))


def ifrs_balance(year: str, owners: float | None, minorities: float | None, total: float) -> Filing:
    """Return a filing whose balance sheet gives total equity at the end of 2023, and its parts where there are any."""
    day = f"{year}-12-31"
    rows: list[Row] = [
        ("Total assets", "ifrs-full:Assets", 500),
        ("Total liabilities", "ifrs-full:Liabilities", 267),
        ("Owners of the parent", "ifrs-full:EquityAttributableToOwnersOfParent", owners),
        ("Non-controlling interests", "ifrs-full:NoncontrollingInterests", minorities),
        ("Total equity", "ifrs-full:Equity", total),
        ("Total equity and liabilities", "ifrs-full:EquityAndLiabilities", 500),
    ]
    cover = annual_cover("20-F", end=day, year=year)
    return filing([], rows, [], flows=(Y23,), dates=("2023-12-31",), cover=cover)


def test_what_is_near_a_metric_never_replaces_the_metric():
    # As in a 20-F whose roll-forward gives total equity of two years ago, but not its parts.
    series = build_series([ifrs_balance("2023", 200, 33, 233), ifrs_balance("2024", None, None, 233)], load_policy())
    key = ("equity", period("2023-12-31"))
    assert (amount(series.values[key]), series.values[key].status) == (200, Status.REPORTED)
    assert key not in series.originals
    assert amount(series.values["equity_incl_nci", period("2023-12-31")]) == 233


def test_a_metric_that_a_later_filing_reports_replaces_what_was_near_it_and_restates_nothing():
    series = build_series([ifrs_balance("2023", None, None, 233), ifrs_balance("2024", 200, 33, 233)], load_policy())
    key = ("equity", period("2023-12-31"))
    assert (amount(series.values[key]), series.values[key].status) == (200, Status.REPORTED)
    assert key not in series.originals
