"""Fiscal spans: what a filing is about, on calendars that are not twelve equal months."""

from datetime import date, timedelta

import pytest
from tests.finance.inline_doc import Row, annual_cover, filing

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Span
from trivium.finance.analyze.periods import balance_dates, filing_spans, own_spans
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.statements import find_faces
from trivium.finance.records import Filing, Period

PRETAX = "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"


def lines(count: int) -> tuple[list[Row], list[Row], list[Row]]:
    values = range(1, count + 1)
    income: list[Row] = [
        ("Net sales", "Revenues", *values),
        ("Income before taxes", PRETAX, *values),
        ("Income taxes", "IncomeTaxExpenseBenefit", *values),
        ("Net income", "NetIncomeLoss", *values),
    ]
    balance: list[Row] = [
        ("Cash", "CashAndCashEquivalentsAtCarryingValue", *values),
        ("Total assets", "Assets", *values),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", *values),
    ]
    cash: list[Row] = [
        ("Net income", "NetIncomeLoss", *values),
        ("Depreciation", "Depreciation", *values),
        ("Stock compensation", "ShareBasedCompensation", *values),
        ("Operating", "NetCashProvidedByUsedInOperatingActivities", *values),
        ("Investing", "NetCashProvidedByUsedInInvestingActivities", *values),
        ("Financing", "NetCashProvidedByUsedInFinancingActivities", *values),
    ]
    return income, balance, cash


def made(form: str, end: str, label: tuple[str, str], flows: list[str], dates: list[str], cash: list[str]) -> Filing:
    income, balance, cash_flow = lines(max(len(flows), len(cash)))
    cover = annual_cover(form, end, *label)
    return filing(income, balance, cash_flow, flows=flows, dates=dates, cash_periods=cash, cover=cover)


def told(spans: tuple[Span, ...]) -> list[tuple[str, str, str]]:
    return [(span.kind, span.label, span.period.key.replace("..", "/")) for span in spans]


def own(source: Filing) -> list[tuple[str, str, str]]:
    return told(own_spans(source, find_faces(source)))


def every(source: Filing) -> list[tuple[str, str, str]]:
    return told(filing_spans(source, find_faces(source)))


def test_a_year_of_53_weeks_keeps_the_issuers_label():
    # A retailer: the year to 2 February 2025 is its fiscal 2024 and has 53 weeks, the one before 52.
    flows = ["2024-01-29/2025-02-02", "2023-01-30/2024-01-28", "2022-01-31/2023-01-29"]
    source = made("10-K", "2025-02-02", ("2024", "FY"), flows, ["2025-02-02", "2024-01-28"], flows)
    assert own(source) == [("year", "FY2024", flows[0])]
    assert every(source) == [("year", "FY2022", flows[2]), ("year", "FY2023", flows[1]), ("year", "FY2024", flows[0])]
    assert [span.weeks for span in filing_spans(source, find_faces(source))] == [52, 52, 53]
    assert balance_dates(source, find_faces(source)) == (date(2024, 1, 28), date(2025, 2, 2))


def test_a_label_may_run_ahead_of_the_calendar():
    # A chip maker: the year to 26 January 2025 is its fiscal 2025.
    flows = ["2024-01-29/2025-01-26", "2023-01-30/2024-01-28"]
    source = made("10-K", "2025-01-26", ("2025", "FY"), flows, ["2025-01-26"], flows)
    assert every(source) == [("year", "FY2024", flows[1]), ("year", "FY2025", flows[0])]


def test_a_quarter_that_ends_on_friday_in_a_year_of_calendar_months():
    # A beverage maker: quarters end on the Friday nearest to month's end, years on 31 December.
    flows = ["2025-03-29/2025-06-27", "2024-03-30/2024-06-28", "2025-01-01/2025-06-27", "2024-01-01/2024-06-28"]
    source = made("10-Q", "2025-06-27", ("2025", "Q2"), flows, ["2025-06-27", "2024-12-31"], flows[2:])
    assert own(source) == [("quarter", "Q2 FY2025", flows[0]), ("ytd", "6M FY2025", flows[2])]
    assert every(source) == [
        ("quarter", "Q2 FY2024", flows[1]),
        ("ytd", "6M FY2024", flows[3]),
        ("quarter", "Q2 FY2025", flows[0]),
        ("ytd", "6M FY2025", flows[2]),
    ]


def test_quarters_of_twelve_weeks():
    flows = ["2025-02-17/2025-05-11", "2024-02-19/2024-05-12", "2024-09-02/2025-05-11", "2023-09-04/2024-05-12"]
    source = made("10-Q", "2025-05-11", ("2025", "Q3"), flows, ["2025-05-11", "2024-09-01"], flows[2:])
    assert own(source) == [("quarter", "Q3 FY2025", flows[0]), ("ytd", "9M FY2025", flows[2])]
    assert own_spans(source, find_faces(source))[0].weeks == 12


def test_a_first_quarter_of_sixteen_weeks_is_quarter_and_year_to_date_at_once():
    flows = ["2025-02-02/2025-05-24", "2024-02-04/2024-05-25"]
    source = made("10-Q", "2025-05-24", ("2025", "Q1"), flows, ["2025-05-24"], flows)
    assert own(source) == [("quarter", "Q1 FY2025", flows[0]), ("ytd", "Q1 FY2025", flows[0])]


def test_columns_of_twelve_trailing_months_are_no_fiscal_year():
    # An online retailer prints three pairs in its cash flow statement: quarter, year to date, twelve months.
    flows = ["2023-04-01/2023-06-30", "2023-01-01/2023-06-30"]
    trailing = ["2022-07-01/2023-06-30", "2021-07-01/2022-06-30"]
    source = made("10-Q", "2023-06-30", ("2023", "Q2"), flows, ["2023-06-30"], [*flows, *trailing])
    assert own(source) == [("quarter", "Q2 FY2023", flows[0]), ("ytd", "6M FY2023", flows[1])]
    assert every(source) == [
        ("ttm", "TTM Q2 FY2022", trailing[1]),
        ("quarter", "Q2 FY2023", flows[0]),
        ("ytd", "6M FY2023", flows[1]),
        ("ttm", "TTM Q2 FY2023", trailing[0]),
    ]


def test_a_quarterly_report_may_print_the_last_fiscal_year():
    flows = ["2023-04-01/2023-06-30", "2023-01-01/2023-06-30", "2022-01-01/2022-12-31"]
    source = made("10-Q", "2023-06-30", ("2023", "Q2"), flows, ["2023-06-30"], flows[1:])
    assert ("year", "FY2022", flows[2]) in every(source)


def test_other_spans_are_no_fiscal_spans():
    # Four weeks, and the whole life of a development company.
    flows = ["2024-01-01/2024-12-31", "2024-12-04/2024-12-31", "2018-03-01/2024-12-31"]
    source = made("10-K", "2024-12-31", ("2024", "FY"), flows, ["2024-12-31"], flows[:1])
    assert every(source) == [("year", "FY2024", flows[0])]


def test_a_period_of_two_facts_is_no_column():
    income, balance, cash = lines(1)
    income[0] = (*income[0], 5)
    income[1] = (*income[1], 5)
    flows = ["2024-01-01/2024-12-31", "2023-01-01/2023-12-31"]
    source = filing(income, balance, cash, flows=flows, dates=["2024-12-31"])
    assert every(source) == [("year", "FY2024", flows[0])]


def test_a_cover_page_that_rounds_to_the_end_of_the_month():
    flows = ["2023-10-01/2024-09-28"]
    source = made("10-K", "2024-09-30", ("2024", "FY"), flows, ["2024-09-28"], flows)
    assert own(source) == [("year", "FY2024", flows[0])]


@pytest.mark.parametrize("year_end", [date(2024, 1, 31), date(2024, 6, 30), date(2024, 9, 28), date(2024, 12, 31)])
def test_any_month_may_end_the_year(year_end):
    start = (year_end - timedelta(days=363)).isoformat()
    flows = [f"{start}/{year_end.isoformat()}"]
    source = made("10-K", year_end.isoformat(), ("2024", "FY"), flows, [year_end.isoformat()], flows)
    assert own(source) == [("year", "FY2024", flows[0])]


def test_balance_dates_need_a_balance_sheet():
    income, _, cash = lines(1)
    source = filing(income, [], cash, flows=["2024-01-01/2024-12-31"], dates=[])
    assert balance_dates(source, find_faces(source)) == ()
    assert Period(date(2024, 12, 31)).is_instant


def test_a_transition_report_is_a_year_to_date_beside_the_last_full_year():
    # A company moves its year end from June to December: six months, with the full year before them.
    flows = ["2024-07-01/2024-12-31", "2023-07-01/2024-06-30"]
    source = made("10-KT", "2024-12-31", ("2024", "FY"), flows, ["2024-12-31", "2024-06-30"], flows)
    assert own(source) == [("ytd", "6M FY2024", "2024-07-01/2024-12-31")]
    assert ("year", "FY2024", "2023-07-01/2024-06-30") in every(source)


def test_the_first_short_year_of_a_company_is_read():
    flows = ["2024-03-05/2024-12-31"]
    source = made("10-K", "2024-12-31", ("2024", "FY"), flows, ["2024-12-31"], flows)
    assert own(source) == [("ytd", "10M FY2024", "2024-03-05/2024-12-31")]


def test_a_short_year_is_compared_with_no_full_one():
    flows = ["2024-07-01/2024-12-31", "2023-07-01/2024-06-30"]
    source = made("10-KT", "2024-12-31", ("2024", "FY"), flows, ["2024-12-31", "2024-06-30"], flows)
    comparison = compare([source], load_policy(), created=date(2025, 3, 1))
    income = next(table for table in comparison.tables if table.key == "income_statement")
    revenue = next(row for row in income.rows if row.metric == "revenue")
    assert {
        column.span.label: value.amount for column, value in zip(comparison.columns, revenue.values, strict=True)
    } == {
        "6M FY2024": 1_000_000,
        "FY2024": 2_000_000,
    }
    assert set(revenue.changes) == {None}


def test_an_annual_report_names_its_quarters_by_the_fiscal_year():
    # A year to June with its quarters, as 10-Ks print them; two quarters of the year before.
    quarters = ["2023-10-01/2023-12-31", "2024-01-01/2024-03-31", "2024-04-01/2024-06-30", "2023-01-01/2023-03-31"]
    flows = ["2023-07-01/2024-06-30", "2023-07-01/2023-09-30", *quarters, "2022-10-02/2022-12-31"]
    source = made("10-K", "2024-06-30", ("2024", "FY"), flows, ["2024-06-30"], flows)
    assert [label for kind, label, _ in every(source) if kind == "quarter"] == [
        "Q2 FY2023",
        "Q3 FY2023",
        "Q1 FY2024",
        "Q2 FY2024",
        "Q3 FY2024",
        "Q4 FY2024",
    ]


def test_a_quarter_off_the_calendar_of_its_filing_has_no_number():
    flows = ["2023-07-01/2024-06-30", "2023-11-01/2024-01-31"]
    source = made("10-K", "2024-06-30", ("2024", "FY"), flows, ["2024-06-30"], flows)
    assert [label for kind, label, _ in every(source) if kind == "quarter"] == ["Quarter to 2024-01-31"]
