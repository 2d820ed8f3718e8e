"""Facts and metrics as CSV rows: the columns that scripts rely on, and what each cell holds."""

import csv
import io

import pytest
from tests.finance.inline_doc import context, filing, member, number, read, words
from tests.finance.test_periods import lines

from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import own_values
from trivium.finance.report.delimited import (
    FACT_COLUMNS,
    METRIC_COLUMNS,
    fact_rows,
    metric_rows,
    source_stem,
    write_csv,
)


def test_the_columns():
    assert ",".join(FACT_COLUMNS) == "concept,start,end,instant,dims,unit,value,decimals,fact_id"
    assert ",".join(METRIC_COLUMNS) == (
        "ticker,file,metric,period_kind,start,end,value,unit,concept,fact_id,row_label,status,reason"
    )


def test_a_row_for_each_numeric_fact():
    inside = member("us-gaap:ClassAxis", "ex:AMember") + member("ex:BAxis", "ex:BMember")
    body = (
        number("Revenues", "1,234.5", id="a")
        + number("Assets", "7", "i", id="b", scale="0", decimals="INF")
        + number("EarningsPerShareDiluted", "0.05", unit="eps", id="c", scale="0", decimals="2", sign="-")
        + number("Liabilities", "", "i", id="d", xsi_nil="true")
        + number("Goodwill", "3", "x", id="e", decimals="")
        + words("ex:Note", "text", id="f")
    )
    source = read(body, contexts=context("x", "2023-12-31", inside))
    assert list(fact_rows(source)) == [
        ("us-gaap:Revenues", "2024-01-01", "2024-12-31", "", "", "USD", "1234500000", "-6", "a"),
        ("us-gaap:Assets", "", "", "2024-12-31", "", "USD", "7", "INF", "b"),
        ("us-gaap:EarningsPerShareDiluted", "2024-01-01", "2024-12-31", "", "", "USD/shares", "-0.05", "2", "c"),
        ("us-gaap:Liabilities", "", "", "2024-12-31", "", "USD", "", "", "d"),
        (
            "us-gaap:Goodwill",
            "",
            "",
            "2023-12-31",
            "ex:BAxis=ex:BMember|us-gaap:ClassAxis=ex:AMember",
            "USD",
            "3000000",
            "",
            "e",
        ),
    ]


def metric_table(source_name: str = "folder/10-K_FY2024.htm.gz") -> dict[str, dict[str, str]]:
    income, balance, cash = lines(1)
    income[0] = ("Net sales", "Revenues", 50)
    balance.append(("Debt", "LongTermDebt", 20))
    source = filing(income, balance, cash, flows=["2024-01-01/2024-12-31"], dates=["2024-12-31"])
    source.source = type(source.source)(source_name, "", 0, "inline-xbrl")
    rows = [
        dict(zip(METRIC_COLUMNS, row, strict=True)) for row in metric_rows(source, own_values(source, load_policy()))
    ]
    return {row["metric"]: row for row in rows}


def test_a_reported_metric():
    row = metric_table()["revenue"]
    fact_id = row.pop("fact_id")
    assert fact_id.startswith("#")
    assert row == {
        "ticker": "EXC",
        "file": "10-K_FY2024",
        "metric": "revenue",
        "period_kind": "year",
        "start": "2024-01-01",
        "end": "2024-12-31",
        "value": "50000000",
        "unit": "USD",
        "concept": "us-gaap:Revenues",
        "row_label": "Net sales",
        "status": "reported",
        "reason": "",
    }


def test_a_derived_metric_says_from_what():
    rows = metric_table()
    assert (rows["depreciation_and_amortization"]["value"], rows["depreciation_and_amortization"]["status"]) == (
        "1000000",
        "derived",
    )
    assert rows["depreciation_and_amortization"]["reason"] == "taken from us-gaap:Depreciation: depreciation only"
    assert rows["total_liabilities"]["status"] == "absent"


def test_an_absent_metric_has_a_reason_and_nothing_else():
    row = metric_table()["goodwill"]
    assert (row["value"], row["unit"], row["concept"], row["fact_id"], row["status"]) == ("", "", "", "", "absent")
    assert row["reason"] != ""


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("AAPL/10-K_FY2024.htm.gz", "10-K_FY2024"),
        ("C:/filings/report.XLSX", "report"),
        ("aapl-20240928_htm.xml", "aapl-20240928_htm"),
        ("v1.2.csv", "v1.2"),
        ("no ending", "no ending"),
    ],
)
def test_a_stem_has_neither_folder_nor_ending(name, stem):
    assert source_stem(name) == stem


def test_csv_is_quoted_where_it_must_be():
    stream = io.StringIO()
    assert write_csv(stream, ("a", "b"), [("1,5", 'say "x"'), ("line\nbreak", "")]) == 2
    assert list(csv.reader(io.StringIO(stream.getvalue()))) == [["a", "b"], ["1,5", 'say "x"'], ["line\nbreak", ""]]
