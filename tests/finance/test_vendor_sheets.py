"""Statements as data vendors export them: their dates, labels in one word, costs below zero. Amounts are invented."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Comparison
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.parse.reader import read_source
from trivium.finance.records import Period
from trivium.service.errors import InputError

TERMINAL = """Acme Corp (NYSE:ACME) - Income Statement
In Millions of USD except Per Share,,
,FY2022,FY2023
Period Ending,Dec-31-2022,Dec-31-2023
Revenue,1000.0,1100.0
Cost of Goods Sold,(600.0),(650.0)
Gross Profit,400.0,450.0
R&D Expenses,(20.0),(25.0)
Operating Income,200.0,240.0
Income Tax Expense,(40.0),5.0
Net Income,150.0,180.0
Diluted EPS,1.50,1.80
"""
ONE_WORD = """name,ttm,12/31/2023,12/31/2022
TotalRevenue,"1,150,000,000","1,100,000,000","1,000,000,000"
CostOfRevenue,"660,000,000","650,000,000","600,000,000"
GrossProfit,"490,000,000","450,000,000","400,000,000"
OperatingIncome,"250,000,000","240,000,000","200,000,000"
NetIncome,"185,000,000","180,000,000","150,000,000"
DilutedEPS,1.85,1.80,1.50
"""
DAYS = """单位：万元
报表日期,20231231,20221231
营业总收入,110000.00,100000.00
营业成本,65000.00,60000.00
归属于母公司所有者的净利润,18000.00,15000.00
"""


def values(text: str) -> dict[tuple[str, int], tuple[Decimal | None, str]]:
    """Return amount and unit of each metric and year."""
    (filing,) = read_source("sheet.csv", text.encode(), lambda name: None)
    series = build_series([filing], load_policy())
    years = {span.period for span in series.spans if span.kind == "year"}
    assert {period.key for period in years} == {"2022-01-01..2022-12-31", "2023-01-01..2023-12-31"}
    found = {(key, period.end.year): value for (key, period), value in series.values.items() if period in years}
    return {key: (value.amount, value.unit) for key, value in found.items() if value.is_available}


@pytest.mark.parametrize(("text", "currency"), [(TERMINAL, "USD"), (ONE_WORD, "XXX"), (DAYS, "CNY")])
def test_years_and_costs_are_read_as_they_are_meant(text, currency):
    found = values(text)
    for year, revenue, cost, net in ((2022, 1000, 600, 150), (2023, 1100, 650, 180)):
        for metric, amount in (("revenue", revenue), ("cost_of_revenue", cost), ("net_income", net)):
            assert found[metric, year] == (amount * 1_000_000, currency)


def test_all_costs_below_zero_are_turned_and_a_tax_benefit_stays_one():
    found = values(TERMINAL)
    assert found["research_and_development", 2023] == (25_000_000, "USD")
    assert found["income_tax", 2022] == (40_000_000, "USD")
    assert found["income_tax", 2023] == (-5_000_000, "USD")
    assert found["eps_diluted", 2023] == (Decimal("1.80"), "USD/shares")


def test_one_cost_above_zero_leaves_every_sign_as_printed():
    mixed = TERMINAL.replace("R&D Expenses,(20.0),(25.0)", "R&D Expenses,20.0,25.0")
    assert values(mixed)["cost_of_revenue", 2022] == (-600_000_000, "USD")


def test_a_row_of_values_names_no_company():
    (filing,) = read_source("sheet.csv", DAYS.encode(), lambda name: None)
    assert filing.entity.name == ""
    (filing,) = read_source("sheet.csv", TERMINAL.encode(), lambda name: None)
    assert filing.entity.name == "Acme Corp (NYSE:ACME)"


def test_rows_in_a_language_that_is_not_read_are_refused_as_such():
    german = "in Mio. EUR;2023;2022\nUmsatzerlöse;1.100,5;1.000,2\nJahresüberschuss;180,1;150,0\n"
    filings = read_source("guv.csv", german.encode(), lambda name: None)
    with pytest.raises(InputError) as caught:
        compare(list(filings), load_policy(), created=None)
    assert caught.value.line_in("zh") == (
        "guv.csv：没有识别出报表项目；项目名称请用中文或英文，如营业收入、净利润、资产总计"
    )


BALANCE = """name,12/31/2023,12/31/2022
TotalAssets,"2,200,000,000","2,000,000,000"
TotalLiabilitiesNetMinorityInterest,"1,150,000,000","1,100,000,000"
StockholdersEquity,"1,030,000,000","880,000,000"
"""
CASH_FLOW = """name,ttm,12/31/2023,12/31/2022
OperatingCashFlow,"310,000,000","300,000,000","250,000,000"
CapitalExpenditure,"-75,000,000","-70,000,000","-60,000,000"
FreeCashFlow,"235,000,000","230,000,000","190,000,000"
"""


def compared(**sheets: str) -> Comparison:
    filings = [
        one for name, text in sheets.items() for one in read_source(f"{name}.csv", text.encode(), lambda near: None)
    ]
    return compare(filings, load_policy(), created=None)


def test_statements_in_files_of_their_own_are_one_company():
    (series,) = compared(income=ONE_WORD, balance=BALANCE, cash=CASH_FLOW).series
    end = date(2023, 12, 31)
    year = Period(end, date(2023, 1, 1))
    amounts = [
        series.get(metric, period).amount
        for metric, period in (
            ("revenue", year),
            ("operating_cash_flow", year),
            ("capex", year),
            ("free_cash_flow", year),
            ("equity", Period(end)),
            ("total_liabilities", Period(end)),
        )
    ]
    assert amounts == [1_100_000_000, 300_000_000, 70_000_000, 230_000_000, 1_030_000_000, 1_150_000_000]


def test_files_without_a_name_that_contradict_each_other_are_companies_of_their_own():
    other = ONE_WORD.replace('"1,100,000,000"', '"7,100,000,000"')
    one, two = compared(alder=ONE_WORD, birch=other).series
    assert (one.company.key, two.company.key) == ("ALDER", "BIRCH")
    year = Period(date(2023, 12, 31), date(2023, 1, 1))
    assert (one.get("revenue", year).amount, two.get("revenue", year).amount) == (1_100_000_000, 7_100_000_000)


def test_a_balance_sheet_alone_says_what_it_lacks():
    with pytest.raises(
        InputError, match="a balance sheet alone has no fiscal period; give the income statement with it"
    ):
        compared(balance=BALANCE)


@pytest.mark.parametrize(
    ("row", "unit"),
    [("Currency,USD,USD", ("USD", 1)), ("单位,万元,万元", ("CNY", 10_000)), ("币种,人民币,人民币", ("CNY", 1))],
)
def test_a_row_may_say_currency_and_unit(row, unit):
    text = f"item,2023-12-31,2022-12-31\n{row}\nTotal revenue,110,100\nNet income,11,10\nIncome tax,3,2\n"
    (filing,) = read_source("sheet.csv", text.encode(), lambda near: None)
    revenue = next(fact for fact in filing.facts if fact.place.row_label == "Total revenue")
    assert (str(revenue.unit), revenue.value) == (unit[0], 110 * unit[1])
    assert "currency" not in " ".join(problem.what for problem in filing.problems)
