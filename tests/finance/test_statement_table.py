"""Small statements are made here, and every expected value is what a reader of the printed table would say."""

import csv
import gzip
import io
import random
import zipfile
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse.statement.cells import read_printed
from trivium.finance.parse.statement_table import read_statement, resolve_cell
from trivium.finance.records import Fact, Filing
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import SheetCell

APPLE = """\
Apple Inc.
CONSOLIDATED STATEMENTS OF OPERATIONS
"(In millions, except number of shares, which are reflected in thousands, and per-share amounts)"
,Years ended,,
,"September 28, 2024","September 30, 2023",Change
Net sales:,,,
  Products,"$294,866","$298,085",(1)%
  Services,"96,169","85,200",13 %
Total net sales,"391,035","383,285",2 %
Other income/(expense), net,269,(565),
Impairment,—,-,
Effective tax rate,24.1%,14.7%,
Earnings per share:,,,
  Basic,$6.11,$6.16,(1)%
Shares used in computing earnings per share:,,,
  Basic,"15,343,783","15,744,231",
"""
BALANCE_CN = """\
合并资产负债表,,,,
编制单位：四方股份有限公司,2024年12月31日,,,单位：万元 币种：人民币
项目,附注,期末余额,期初余额,增减(%)
流动资产：,,,,
　　货币资金,七、1,"12,918.87","（9,000.50）",43.5
存货,七、2,１２３.４,－,
应收账款,七、3,不适用,5,
"""


def facts_of(filing: Filing, label: str) -> list[tuple[str, str, Decimal | None]]:
    """Return period, unit and value of the facts with a row label."""
    found = [fact for fact in filing.facts if fact.place.row_label == label]
    return [(fact.period.key, str(fact.unit), fact.value) for fact in found]


def one(filing: Filing, label: str) -> Fact:
    (fact,) = [fact for fact in filing.facts if fact.place.row_label == label]
    return fact


def workbook(sheets: dict[str, Any], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for address, number_format in (formats or {}).items():
            sheet[address].number_format = number_format
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def problems(filing: Filing) -> list[str]:
    return [f"{problem.where}: {problem.what}" for problem in filing.problems]


def test_an_english_income_statement() -> None:
    text = APPLE.replace("Other income/(expense), net", '"Other income/(expense), net"')
    filing = read_statement("apple.csv", b"\xef\xbb\xbf" + text.encode())
    year, before = "2023-10-01..2024-09-28", "2022-10-02..2023-09-30"
    assert facts_of(filing, "Total net sales") == [
        (year, "USD", Decimal(391_035_000_000)),
        (before, "USD", Decimal(383_285_000_000)),
    ]
    assert facts_of(filing, "Products")[0] == (year, "USD", Decimal(294_866_000_000))
    assert [value for _, _, value in facts_of(filing, "Other income/(expense), net")] == [269_000_000, -565_000_000]
    assert facts_of(filing, "Effective tax rate")[0] == (year, "pure", Decimal("0.241"))
    assert facts_of(filing, "Impairment") == []
    assert (filing.entity.name, filing.period_end, filing.fiscal_period) == ("Apple Inc.", date(2024, 9, 28), "FY")
    assert filing.source.media == "statement-csv"
    # 52 weeks to 30 September 2023 is an assumption (it had 53): nothing printed says when that year began.
    assert problems(filing) == [
        "apple.csv: the 12 months to 2023-09-30 were taken as 52 weeks, from 2022-10-02",
    ]


def test_rows_under_a_heading_that_says_what_they_count() -> None:
    filing = read_statement("apple.csv", APPLE.replace("(expense), net", "(expense) net").encode())
    basic = [fact for fact in filing.facts if fact.place.row_label == "Basic"]
    assert [(fact.concept.name, str(fact.unit), fact.value) for fact in basic[::2]] == [
        ("Earnings per share: Basic", "USD/shares", Decimal("6.11")),
        ("Shares used in computing earnings per share: Basic", "shares", Decimal(15_343_783_000)),
    ]
    assert basic[0].concept.is_row_label
    assert basic[0].concept.prefix == "row"


def test_accuracy_place_and_print_of_a_value() -> None:
    fact = one(read_statement("a.csv", b'USD in thousands,2024-12-31\nCash,"1,234.5"\n'), "Cash")
    assert (fact.value, fact.decimals, fact.printed) == (Decimal(1_234_500), -2, "1,234.5")
    assert fact.place.locator == SheetCell("", "B2")
    assert (fact.place.table, fact.place.row, fact.place.column, fact.fact_id) == (0, 1, 1, "#1")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16"])
def test_a_chinese_balance_sheet(encoding: str) -> None:
    filing = read_statement("表.csv", BALANCE_CN.encode(encoding))
    assert facts_of(filing, "货币资金") == [
        ("2024-12-31", "CNY", Decimal("129188700")),
        ("2023-12-31", "CNY", Decimal("-90005000")),
    ]
    assert facts_of(filing, "存货") == [("2024-12-31", "CNY", Decimal(1_234_000))]
    assert facts_of(filing, "应收账款") == [("2023-12-31", "CNY", Decimal(50_000))]
    assert filing.entity.name == "四方股份有限公司"
    assert filing.problems == ()


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("单位：元", 1),
        ("单位：千元", 1_000),
        ("(人民币百万元)", 10**6),
        ("金额单位：人民币亿元", 10**8),
        ("单位:万元", 10**4),
    ],
)
def test_chinese_scales_and_relative_columns(unit: str, scale: int) -> None:
    rows = f"利润表,,\n2024年1-6月,,{unit}\n项目,本期金额,上期金额\n营业收入,3,2\n基本每股收益（元/股）,0.5,0.4\n"
    filing = read_statement("利润表.csv", rows.encode())
    assert facts_of(filing, "营业收入") == [
        ("2024-01-01..2024-06-30", "CNY", Decimal(3 * scale)),
        ("2023-01-01..2023-06-30", "CNY", Decimal(2 * scale)),
    ]
    assert facts_of(filing, "基本每股收益（元/股）")[0][1:] == ("CNY/shares", Decimal("0.5"))


HEADERS = [
    ("FY2024", "2024-01-01..2024-12-31"), ("2024A", "2024-01-01..2024-12-31"), ("2024年度", "2024-01-01..2024-12-31"),
    ("Year ended Sep 28, 2024", "2023-10-01..2024-09-28"), ("Q3 2025", "2025-07-01..2025-09-30"),
    ("3Q25", "2025-07-01..2025-09-30"), ("2025Q3", "2025-07-01..2025-09-30"),
    ("2025年第三季度", "2025-07-01..2025-09-30"), ("Mar-24", "2023-04-01..2024-03-31"),
    ("Three months ended June 30, 2025", "2025-04-01..2025-06-30"), ("2025年前三季度", "2025-01-01..2025-09-30"),
    ("13 weeks ended March 29, 2025", "2024-12-29..2025-03-29"), ("2025年1-9月", "2025-01-01..2025-09-30"),
    ("H1 2025", "2025-01-01..2025-06-30"), ("2025年半年度", "2025-01-01..2025-06-30"),
    ("Six Months Ended 30 June 2025", "2025-01-01..2025-06-30"),
    ("6 months ended 06/30/2025", "2025-01-01..2025-06-30"),
    ("Quarter ended 2025-03-31", "2025-01-01..2025-03-31"),
]  # fmt: skip


@pytest.mark.parametrize(("header", "period"), HEADERS)
def test_period_headers(header: str, period: str) -> None:
    table = f'"Income statement, USD in millions",{chr(34)}{header}{chr(34)}\nRevenue,7\n'
    assert facts_of(read_statement("x.csv", table.encode()), "Revenue") == [(period, "USD", Decimal(7_000_000))]


DAYS = ["As of Sep 28, 2024", "Sep. 28, 2024", "28 September 2024", "2024年9月28日", "9/28/2024", "28/9/2024"]


@pytest.mark.parametrize("header", DAYS)
def test_balance_dates(header: str) -> None:
    table = f'"Balance sheet, USD in millions",{chr(34)}{header}{chr(34)}\nInventories,7\n'
    assert facts_of(read_statement("x.csv", table.encode()), "Inventories") == [
        ("2024-09-28", "USD", Decimal(7_000_000))
    ]


def test_a_year_alone_is_a_calendar_year_and_says_so() -> None:
    filing = read_statement("x.csv", b"USD in millions,2024,2025E\nRevenue,7,8\nTotal assets,9,10\n")
    assert facts_of(filing, "Revenue") == [("2024-01-01..2024-12-31", "USD", Decimal(7_000_000))]
    assert facts_of(filing, "Total assets") == [("2024-12-31", "USD", Decimal(9_000_000))]
    assert problems(filing) == [
        "x.csv column C: left out: estimates are not reported values",
        "x.csv: 2024 was taken to end on 2024-12-31 (calendar year), as no header gives the day",
    ]
    assert all(problem.is_recovery for problem in filing.problems)


def test_years_below_a_day_of_the_year() -> None:
    table = b"In thousands of US$,Years ended June 30,,\n,2024,2023,2022\nNet income,3,2,1\n"
    filing = read_statement("x.csv", table)
    assert facts_of(filing, "Net income")[2] == ("2021-07-01..2022-06-30", "USD", Decimal(1_000))


def test_lengths_above_dates_and_cash_at_the_edges() -> None:
    rows: list[list[Any]] = [
        ["CASH FLOWS - USD ($) shares in Thousands, $ in Millions", "3 Months Ended", None, "6 Months Ended", None],
        [None, "Mar. 29, 2025", "Mar. 30, 2024", "Mar. 29, 2025", "Mar. 30, 2024"],
        ["Cash, beginning balances", 30299, 41974, 29943, 30737],
        ["Net income", 24780, 23636, 61110, 57552],
        ["Balance date", None, "Sep. 28, 2024", None, None],
        ["Cash, ending balances", 28162, 33921, 28162, 33921],
        ["Shares issued (in shares)", 5, None, None, None],
    ]
    filing = read_statement("x.xlsx", workbook({"Statement of cash flows": rows}))
    assert [period for period, _, _ in facts_of(filing, "Net income")] == [
        "2024-12-29..2025-03-29",
        "2023-12-31..2024-03-30",
        "2024-09-29..2025-03-29",
        "2023-10-01..2024-03-30",
    ]
    assert [period for period, _, _ in facts_of(filing, "Cash, beginning balances")] == [
        "2024-12-28",
        "2023-12-30",
        "2024-09-28",
        "2023-09-30",
    ]
    assert facts_of(filing, "Cash, ending balances")[0] == ("2025-03-29", "USD", Decimal(28_162_000_000))
    assert facts_of(filing, "Shares issued (in shares)") == [("2024-12-29..2025-03-29", "shares", Decimal(5_000))]


def test_numbers_of_a_workbook_keep_every_digit_and_percent_cells_are_not_scaled() -> None:
    rows = [
        ["EUR in millions", date(2024, 12, 31)],
        ["Goodwill", 1234.5678901],
        ["Gross margin", 0.4621],
        ["Debt", 0.1],
    ]
    filing = read_statement("x.xlsx", workbook({"Balance sheet": rows}, {"B3": '0.0%;"%"'}))
    assert facts_of(filing, "Goodwill") == [("2024-12-31", "EUR", Decimal("1234567890.1"))]
    assert facts_of(filing, "Debt") == [("2024-12-31", "EUR", Decimal(100_000))]
    assert facts_of(filing, "Gross margin") == [("2024-12-31", "pure", Decimal("0.4621"))]
    assert filing.source.media == "statement-xlsx"


def test_errors_and_formulas_without_result_are_problems_not_zero() -> None:
    rows = [["USD in millions", "2024-12-31", "2023-12-31"], ["Cash", 1, "#DIV/0!"], ["Debt", "=B2*2", "1,2x"]]
    filing = read_statement("x.xlsx", workbook({"Balance sheet": rows}))
    assert [fact.value for fact in filing.facts] == [Decimal(1_000_000)]
    assert problems(filing) == [
        "Balance sheet!C2: holds the error #DIV/0!; no value was read",
        "Balance sheet!B3: holds a formula without its result; no value was read",
        "Balance sheet!C3: '1,2x' is not a number; no value was read",
    ]


def test_several_tables_in_one_sheet_and_a_hidden_sheet() -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(
            workbook(
                {
                    "Model": [
                        ["Income statement (USD in millions)", 2024, 2023],
                        ["Revenue", 10, 9],
                        [],
                        ["Balance sheet (USD in thousands)", 2024, 2023],
                        ["Receivables and other", 5, 4],
                    ],
                    "Draft": [["USD in millions", 2024], ["Revenue", 99]],
                }
            )
        )
    )
    book["Draft"].sheet_state = "hidden"
    stream = io.BytesIO()
    book.save(stream)
    filing = read_statement("x.xlsx", stream.getvalue())
    assert facts_of(filing, "Revenue")[0] == ("2024-01-01..2024-12-31", "USD", Decimal(10_000_000))
    assert {role: [row.label for row in rows] for role, rows in filing.linkbase.statements.items()} == {
        "urn:trivium:statement:income:0": ["Revenue"],
        "urn:trivium:statement:balance:0": ["Receivables and other"],
    }
    assert facts_of(filing, "Receivables and other")[1] == ("2023-12-31", "USD", Decimal(4_000))
    assert "99" not in [fact.printed for fact in filing.facts]


def test_a_label_that_comes_twice_keeps_parts_from_the_total() -> None:
    table = (
        b"Income statement (USD in millions),2024\nNet sales,100\nProducts,\nNet sales,70\nServices:,\nNet sales,30\n"
    )
    filing = read_statement("x.csv", table)
    assert [(fact.value, fact.dimensions_text) for fact in filing.facts] == [
        (Decimal(100_000_000), ""),
        (Decimal(70_000_000), "row:section=Products"),
        (Decimal(30_000_000), "row:section=Services:"),
    ]


def test_the_parent_company_is_not_the_group() -> None:
    table = "资产负债表 单位：元,合并,合并,母公司\n项目,2024年12月31日,2023年12月31日,2024年12月31日\n存货,3,2,1\n"
    filing = read_statement("x.csv", table.encode())
    assert [(fact.value, fact.dimensions_text) for fact in filing.facts] == [
        (Decimal(3), ""),
        (Decimal(2), ""),
        (Decimal(1), "row:scope=parent company"),
    ]


def test_a_table_without_a_title_and_with_names_run_together() -> None:
    """As market data sites export them: bare dates above flows, US order of month and day."""
    table = b"name,ttm,9/30/2024,9/30/2023\nTotalRevenue,3,2,1\nBasicEPS,6.11,6.11,6.16\nDilutedAverageShares,4,5,6\n"
    filing = read_statement("AAPL.csv", table)
    year = "2023-10-01..2024-09-30"
    assert facts_of(filing, "TotalRevenue")[0] == (year, "XXX", Decimal(2))
    assert facts_of(filing, "BasicEPS")[0] == (year, "XXX/shares", Decimal("6.11"))
    assert facts_of(filing, "DilutedAverageShares")[0] == (year, "shares", Decimal(5))
    assert "AAPL.csv column B: left out: its header 'ttm' names no period" in problems(filing)


def test_a_label_that_could_be_shares_or_amounts_per_share_is_left_out() -> None:
    table = (
        b"(in millions of USD),3 months ended 2025-06-30,9 months ended 2025-06-30\nNet sales,5,6\nDiluted,1.57,5.62\n"
    )
    filing = read_statement("x.csv", table)
    assert (filing.fiscal_period, [fact.place.row_label for fact in filing.facts]) == ("Q3", ["Net sales"] * 2)
    assert problems(filing)[0] == (
        "B3: 'Diluted' says neither per share nor number of shares, and no heading does; it was left out"
    )


def test_the_date_may_come_from_the_file_name() -> None:
    data = "单位：元,,\n项目,本期数,上期数\n营业收入,3,2\n".encode()
    filing = read_statement("公司2024年度利润表.csv", data)
    assert [fact.period.key for fact in filing.facts] == ["2024-01-01..2024-12-31", "2023-01-01..2023-12-31"]
    assert resolve_cell(data, SheetCell("", "C3")) == Decimal(2)
    with pytest.raises(
        InputError, match="'本期数' is counted from the document's date, and no title gives one; write it"
    ):
        read_statement("利润表.csv", data)


def test_the_issuers_own_labels_of_year_and_quarter() -> None:
    filing = read_statement("x.csv", b"USD in millions,Q2 2024,Q3 2024\nRevenue,7,8\n")
    assert (filing.fiscal_year, filing.fiscal_period, filing.period_end) == (2024, "Q3", date(2024, 9, 30))


def test_only_a_title_changes_the_kind_of_statement() -> None:
    rows = "Cash flow hedges:,\nReserve,5\nCash flows from operating activities,\nNet income,6\n"
    filing = read_statement("x.csv", f"Balance sheet (USD in millions),2024\n{rows}".encode())
    assert [fact.period.key for fact in filing.facts] == ["2024-12-31", "2024-01-01..2024-12-31"]


def test_currency_signs_in_columns_of_their_own() -> None:
    table = b'(in millions),2024,,2023,\nCash at bank,$,"1,200",$,(300\nInventories,,5,,6\n'
    filing = read_statement("balance sheet.csv", table)
    assert facts_of(filing, "Cash at bank") == [
        ("2024-12-31", "USD", Decimal(1_200_000_000)),
        ("2023-12-31", "USD", Decimal(-300_000_000)),
    ]
    assert facts_of(filing, "Inventories")[1][2] == Decimal(6_000_000)


def test_two_sided_chinese_balance_sheets() -> None:
    table = "单位：元,2024年12月31日,,\n资产,期末余额,负债和股东权益,期末余额\n存货,10,应付账款,4\n"
    filing = read_statement("资产负债表.csv", table.encode())
    assert one(filing, "存货").value == Decimal(10)
    assert one(filing, "应付账款").value == Decimal(4)


def test_points_between_thousands_and_a_comma_before_decimals() -> None:
    table = "Bilanz in EUR;31 December 2024\nInventories;1.234.567,89\nGoodwill;1.234\n"
    filing = read_statement("balance sheet.csv", table.encode())
    assert [fact.value for fact in filing.facts] == [Decimal("1234567.89"), Decimal(1234)]


def test_an_unnamed_currency_and_scale_are_said() -> None:
    filing = read_statement("x.csv", b"Balance sheet,2024-12-31\nInventories,1234\n")
    assert facts_of(filing, "Inventories") == [("2024-12-31", "XXX", Decimal(1234))]
    assert problems(filing) == [
        "x.csv: no currency is named, so amounts carry the unit XXX; name it in a title, such as USD in millions",
        "x.csv: no scale is named, so amounts were taken as printed, in full units",
    ]


SHARE_ROWS = [
    ("USD in millions, except per share data", "Weighted-average diluted shares", "shares", 7_000_000),
    ("USD in millions, except share and per share data", "Weighted-average diluted shares", "shares", 7),
    ("$ in Millions, shares in Thousands", "Common stock, shares outstanding", "shares", 7_000),
    ("USD in millions", "Dividends declared per share", "USD/shares", 7),
    ("USD in millions", "Common stock, $0.01 par value: 5,000 shares authorized, 9 shares issued", "USD", 7_000_000),
    ("USD in millions", "Number of employees", "pure", 7),
    ("USD in millions", "Backlog (in billions)", "USD", 7_000_000_000),
    ("USD in millions", "Return on equity (%)", "pure", Decimal("0.07")),
]


@pytest.mark.parametrize(("title", "label", "unit", "value"), SHARE_ROWS)
def test_what_a_row_counts(title: str, label: str, unit: str, value: Decimal) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([[title, "Dec. 31, 2024"], [label, "7"]])
    fact = one(read_statement("x.csv", table.getvalue().encode()), label)
    assert (str(fact.unit), fact.value) == (unit, value)


@given(st.decimals(-(10**14), 10**14, places=3), st.sampled_from(["{}", "$ {}", "¥{}", "{} 元", " {}\u3000"]))
def test_printed_numbers_round_trip(number: Decimal, pattern: str) -> None:
    printed = f"({-number:,})" if number < 0 else f"{number:,}"
    read = read_printed(pattern.format(printed))
    assert read is not None
    assert read.value == number
    full_width = printed.translate({ord(char): ord(char) + 0xFEE0 for char in "0123456789,.()-"})
    again = read_printed(full_width)
    assert again is not None
    assert again.value == number


NO_NUMBERS = ["1,23", "1.2.3", "12,34,567", "1 2", "--5", "(-5)", "5 (1)", "1,234.5.6", "0x10", "1e5", "%", "$"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_texts_that_are_no_single_number(text: str) -> None:
    assert read_printed(text) is None


def test_evidence_is_followed_back_to_the_cell() -> None:
    book = workbook(
        {"Balance sheet": [["USD in millions", "2024-12-31", "2023-12-31"], ["Cash", 1.5, -2], ["Debt", 3, 4]]}
    )
    for data in (APPLE.encode(), BALANCE_CN.encode("gb18030"), book):
        filing = read_statement("x", data)
        assert filing.facts
        for fact in filing.facts:
            assert isinstance(fact.place.locator, SheetCell)
            assert resolve_cell(data, fact.place.locator) == fact.value
    with pytest.raises(NotFoundError, match="Balance sheet!A1: the cell holds no value of a statement"):
        resolve_cell(book, SheetCell("Balance sheet", "A1"))


def bomb() -> bytes:
    stream = io.BytesIO(workbook({"A": [["USD", 2024], ["Revenue", 1]]}))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b" " * 20_000_000)
    return stream.getvalue()


def far_cell() -> bytes:
    book = openpyxl.Workbook()
    book.active["XFD1048576"] = 1
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


REFUSED = [
    (b"Item,Amount\nRevenue,5\n", "no row names periods .* put the periods into a row above the values"),
    (b"Item,2024\nRevenue,soon\n", "no column of numbers was found under the periods"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted; .* without a password"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "cannot be opened"),
    (b"PK\x03\x04 and then nothing", "the workbook is damaged"),
    (b"a,b\0\n", "a binary file, not CSV; give CSV or XLSX"),
    (b'Item,2024\n"Revenue,5\n', "not a CSV table"),
    (b"Item,2024\n" + b"1,1,1,1,1,1,1,1,1,1\n" * 20_001, "more than 200,000 cells; keep only the statements' sheets"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_what_cannot_be_read_is_refused_with_advice(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_statement("x", data)


def test_bombs_are_refused_before_they_are_opened() -> None:
    with pytest.raises(InputError, match=r"the workbook unpacks to .* more than a statement needs"):
        read_statement("x.xlsx", bomb())
    with pytest.raises(InputError, match="more than 200,000 cells"):
        read_statement("x.xlsx", far_cell())


def test_damaged_workbooks_are_refused_or_read_but_never_crash() -> None:
    data = workbook({"Balance sheet": [["USD in millions", "2024-12-31"], ["Cash", 1.5], ["Debt", 3]]})
    seeded, outcomes = random.Random(7), []
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(seeded.randint(1, 6)):
            damaged[seeded.randrange(len(damaged))] = seeded.randrange(256)
        try:
            values = [fact.value for fact in read_statement("x.xlsx", bytes(damaged)).facts]
            assert values == [Decimal(1_500_000), Decimal(3_000_000)]
            outcomes.append("read")
        except InputError:
            outcomes.append("refused")
    assert outcomes.count("refused") > 40


def test_western_text_is_read_with_a_note() -> None:
    filing = read_statement("x.csv", "Société,2024-12-31\nBalance sheet in €,\nInventories,5\n".encode("cp1252"))
    assert one(filing, "Inventories").value == Decimal(5)
    assert problems(filing)[0].startswith("x.csv: the file is neither UTF-8 nor GB18030; it was read as Western text")


@needs_finance_data
def test_the_secs_own_rendering_of_a_filing() -> None:
    """Every number on the statement sheets is a fact of the filing with that period and unit."""
    data = (FINANCE / "sec_xbrl" / "AAPL_10-Q_FY2025Q2" / "Financial_Report.xlsx").read_bytes()
    truth: defaultdict[tuple[str, str], set[Decimal]] = defaultdict(set)
    packed = (FINANCE / "truth_facts" / "AAPL_10-Q_FY2025Q2.csv.gz").read_bytes()
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode())):
        period = f"{row['start']}..{row['end']}" if row["start"] else row["instant"]
        if row["value"] and row["unit"]:
            truth[period, row["unit"]].add(abs(Decimal(row["value"])))  # a rendering may print a sign reversed
    filing = read_statement("Financial_Report.xlsx", data)
    assert (filing.entity.name, filing.form, filing.period_end) == ("Apple Inc.", "10-Q", date(2025, 3, 29))
    statements = [fact for fact in filing.facts if fact.place.table is not None and fact.place.table < 7]
    wrong = [fact for fact in statements if abs(fact.value or 0) not in truth[fact.period.key, str(fact.unit)]]
    assert (len(statements), wrong) == (235, [])
    sales = next(fact for fact in statements if fact.place.row_label == "Net sales")
    assert (sales.value, sales.period.key) == (Decimal(95_359_000_000), "2024-12-29..2025-03-29")
    # Notes print some balances under the length of the quarter, and count vendors in a unit of their own.
    notes = [fact for fact in filing.facts if fact not in statements]
    wrong = [fact for fact in notes if abs(fact.value or 0) not in truth[fact.period.key, str(fact.unit)]]
    assert (len(notes), len(wrong)) == (380, 4)
