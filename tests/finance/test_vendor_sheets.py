"""Statements as data vendors export them: their dates, labels in one word, costs below zero. Amounts are invented."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.parse.reader import read_source
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
