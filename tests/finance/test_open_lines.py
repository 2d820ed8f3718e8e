"""A line that may be debt, without saying when it falls due, keeps a part of debt from passing for all of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from trivium.finance.analyze.model import Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.parse.reader import read_source
from trivium.finance.records import Period

# As the SEC renders a balance sheet: "Term debt" stands in it twice, and only the headings tell the two apart.
SHEET = """CONDENSED CONSOLIDATED BALANCE SHEETS - USD ($) $ in Millions,"Mar. 29, 2025"
Total assets,331233
Current liabilities:,
Accounts payable,54126
Commercial paper,5982
{current},13638
Total current liabilities,144571
Non-current liabilities:,
{long},78566
Total non-current liabilities,119866
Total liabilities,264437
Total liabilities and equity,331233
"""
DAY = Period(date(2025, 3, 29))


def debt(current: str, long: str, metric: str = "total_debt") -> Value:
    (filing,) = read_source("sheet.csv", SHEET.format(current=current, long=long).encode(), lambda name: None)
    return build_series([filing], load_policy()).get(metric, DAY)


@pytest.mark.parametrize(
    ("current", "long"),
    [("Term debt", "Term debt"), ("Bank loans", "Bank loans"), ("Senior notes (3)", "Other liabilities")],
)
@pytest.mark.parametrize("metric", ["total_debt", "current_debt"])
def test_commercial_paper_alone_is_not_all_debt(current: str, long: str, metric: str):
    value = debt(current, long, metric)
    assert value.amount is None
    assert (value.reason.key, value.reason.values["label"]) == ("reason.open_line", current)


def test_lines_that_say_what_they_are_add_up():
    value = debt("Current portion of long-term debt", "Long-term debt")
    assert value.amount == Decimal(5982 + 13638 + 78566) * 10**6


@pytest.mark.parametrize("line", ["Debt securities held to maturity", "Notes receivable", "Loans held for sale"])
def test_what_others_owe_is_no_debt(line: str):
    assert debt(line, "Other liabilities").amount == Decimal(5982) * 10**6
