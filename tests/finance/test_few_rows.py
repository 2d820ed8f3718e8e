"""A user's own table of a line or two: it is compared like a report, and what it lacks is named."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from lxml import html

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.policy import load_policy
from trivium.finance.claims import claims_of, values_of
from trivium.finance.display import Scale, message_text
from trivium.finance.parse.statement_table import read_statement
from trivium.finance.records import Period
from trivium.finance.report.content import Content
from trivium.finance.report.html import render_html
from trivium.service.errors import InputError

HEAD = "USD in millions,2022,2023,2024\n"
TWO = HEAD + "Revenue,100,110,125\nNet income,10,12,15\n"


def compared(*texts: str):
    filings = [read_statement(f"own-{place}.csv", text.encode()) for place, text in enumerate(texts)]
    return compare(filings, load_policy(), created=datetime.date(2026, 1, 1))


def test_revenue_and_net_income_are_enough():
    one = compared(TWO)
    assert [column.span.label for column in one.columns] == ["FY2022", "FY2023", "FY2024"]
    year = Period(datetime.date(2024, 12, 31), datetime.date(2024, 1, 1))
    assert one.series[0].get("net_income", year).amount == Decimal(15_000_000)
    ratios = {row.metric: row.values for table in one.tables if table.key == "ratios" for row in table.rows}
    assert ratios["net_margin"][-1].amount == Decimal("0.12")
    told = [message_text(note, "en") for note in one.notes]
    lacks = "own-0.csv: the sources give no {}; its table stays empty, and so do ratios that need it"
    assert told == [lacks.format("balance sheet"), lacks.format("cash flow statement")]
    chinese = message_text(one.notes[0], "zh")
    assert chinese == "own-0.csv：资料中没有资产负债表；相应的表以及需要它的比率留空"


def test_a_balance_sheet_of_two_rows_is_read_beside_it():
    one = compared(
        "Income statement\n" + TWO + "\nBalance sheet\n" + HEAD + "Total assets,90,95,99\nTotal equity,40,44,48\n"
    )
    assert one.series[0].get("total_assets", Period(datetime.date(2023, 12, 31))).amount == Decimal(95_000_000)
    assert [note.values["statement"] for note in one.notes] == ["cash_flow"]


def test_a_column_with_less_than_the_others_is_still_no_period():
    whole = HEAD + "Revenue,100,,125\nCost of revenue,50,,60\nGross profit,50,,65\nNet income,10,12,15\n"
    assert [column.span.label for column in compared(whole).columns] == ["FY2022", "FY2024"]


def test_rows_of_no_statement_are_refused_as_before():
    with pytest.raises(InputError, match="no row of a statement was recognised"):
        compared(HEAD + "Visitors,100,110,125\n")


@pytest.mark.parametrize(("language", "title"), [("en", "own-0.csv: FY2024"), ("zh", "own-0.csv：2024财年")])
def test_its_report_is_titled_in_the_readers_language(language, title):
    one = compared(TWO)
    claims = claims_of(values_of(one))
    document = html.fromstring(render_html(Content(one, (), claims, language, Scale.MILLION)))
    assert document.findtext(".//h1") == title
