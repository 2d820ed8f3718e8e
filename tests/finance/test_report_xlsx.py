import functools
import io
from dataclasses import replace
from decimal import Decimal

import openpyxl
import pytest
from tests.finance.report_cases import CREATED, case, compared, told
from tests.finance.workbooks import converted, needs_soffice, without_results
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.display import Scale
from trivium.finance.parse.reader import read_path
from trivium.finance.records import Period
from trivium.finance.report.content import Content
from trivium.finance.report.xlsx import make_book, render_xlsx
from trivium.finance.report.xlsx.formulas import excel_formula
from trivium.finance.report.xlsx.grid import Sheet
from trivium.finance.report.xlsx.printed import pages_across
from trivium.finance.report.xlsx.styles import number_format

KINDS = ("filing", "periods", "companies")


def _book(one, language="en", scale=Scale.MILLION):
    book, content = make_book(Content(one.comparison, one.sentences, one.claims, language, scale))
    return book, openpyxl.load_workbook(io.BytesIO(content))


@functools.cache
def _workbook(kind):
    return _book(case(kind))


def _row(sheet, key):
    return next(row for row in sheet.iter_rows() if row[0].value == key)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_claims_and_everything_derived_is_a_formula(kind):
    one = case(kind)
    book, workbook = _workbook(kind)
    inputs = 0
    for (sheet, row, column), placed in book.placed.items():
        cell = workbook[sheet].cell(row + 1, column + 1)
        if placed.is_formula:
            assert str(cell.value).startswith("="), cell.coordinate
        elif placed.value is not None:
            inputs += 1
            assert not placed.value.inputs, placed.value.id
            assert Decimal(repr(cell.value)) == one.claims[placed.value.id].value
            assert cell.font.color.rgb == "FF0000FF"
            assert placed.value.fact.concept.qname in cell.comment.text
    assert inputs > 100


def test_colours_tell_where_a_number_comes_from():
    _, workbook = _workbook("periods")
    statement, ratios = workbook["Income statement"], workbook["Ratios"]
    assert _row(statement, "revenue")[7].font.color.rgb == "FF0000FF"
    gross = _row(statement, "operating_income")
    assert gross[9].value.startswith("=IFERROR(") or gross[9].value.startswith("=IF(")
    assert gross[9].font.color.rgb == "FF000000"
    margin = _row(ratios, "net_margin")[7]
    assert margin.value == "=IFERROR('Income statement'!H{}/'Income statement'!H{},\"n/a\")".format(
        _row(statement, "net_income")[0].row, _row(statement, "revenue")[0].row
    )
    assert margin.font.color.rgb == "FF007A33"


def test_one_row_a_metric_oldest_left_with_a_folded_key_and_the_scale_in_the_head():
    _, workbook = _workbook("periods")
    sheet = workbook["Income statement"]
    assert [sheet.cell(4, column).value for column in range(5, 9)] == ["FY2021", "FY2022", "FY2023", "FY2024"]
    assert sheet["B2"].value.endswith("Amounts in USD million unless the row says otherwise")
    assert sheet.column_dimensions["A"].hidden
    assert sheet.freeze_panes == "C6"
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
    assert sheet.print_title_rows == "$4:$5"
    assert sheet.print_area.startswith("'Income statement'!$A$1:")
    keys = [row[0].value for row in sheet.iter_rows(min_row=6) if row[0].value]
    assert len(keys) == len(set(keys))
    row = _row(sheet, "revenue")[0].row
    assert workbook.defined_names["TVMK_revenue"].attr_text == f"'Income statement'!$E${row}:$H${row}"


def test_a_wide_sheet_is_printed_on_pages_side_by_side_with_its_names_on_each():
    """Of three companies an income statement on one page had letters of 3.9 points."""
    _, workbook = _workbook("companies")
    sheet = workbook["Income statement"]
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (2, 0)
    assert (sheet.print_title_cols, sheet.print_title_rows) == ("$B:$B", "$4:$5")
    assert (workbook["Segments"].page_setup.fitToWidth or 1, workbook["Segments"].print_title_cols) == (1, None)
    assert [pages_across(Sheet("a", (30, *[10] * columns), frozen_columns=2)) for columns in (23, 24, 39)] == [1, 2, 3]


def test_a_missing_value_is_text_with_its_reason():
    _, workbook = _workbook("periods")
    cell = _row(workbook["Balance sheet"], "total_assets")[4]
    assert cell.value == "n/a"
    assert "not reported" in cell.comment.text


def test_charts_are_native_and_described():
    assert len(_workbook("periods")[1]["Summary"]._charts) == 3


def test_the_renderer_gives_the_workbook():
    one = case("filing")
    content = render_xlsx(Content(one.comparison, one.sentences, one.claims, "en", Scale.MILLION))
    assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames == _workbook("filing")[1].sheetnames


def test_names_that_start_like_a_formula_stay_text():
    one = case("filing")
    (series,) = one.comparison.series
    company = replace(series.company, name="=HYPERLINK(1)")
    tables = tuple(
        replace(table, rows=tuple(replace(row, label='=cmd|"/c"!A1') for row in table.rows))
        for table in one.comparison.tables
    )
    comparison = replace(one.comparison, series=(replace(series, company=company),), tables=tables)
    _, workbook = _book(replace(one, comparison=comparison))
    title, label = workbook["Summary"]["B1"], _row(workbook["Income statement"], "revenue")[2]
    assert title.value == "=HYPERLINK(1): FY2022 - FY2024"
    assert label.value == '=cmd|"/c"!A1'
    assert (title.data_type, label.data_type) == ("s", "s")
    assert (title.quotePrefix, label.quotePrefix) == (True, True)


def test_chinese_sheets_and_labels():
    _, workbook = _book(case("periods", "zh"), "zh", Scale.YI)
    assert workbook.sheetnames[:4] == ["摘要", "利润表", "资产负债表", "现金流量表"]
    assert _row(workbook["利润表"], "revenue")[1].value == "营业收入"
    assert workbook["利润表"]["B2"].value.endswith("除另有说明外，金额单位为亿美元")


def test_a_concept_chosen_by_the_user_is_named():
    filings = [filing for series in compared("filing").series for filing in series.filings]
    chosen = {"FWHS": {"sales_revenue": "us-gaap:GrossProfit"}}
    _, workbook = _book(told(compare(filings, load_policy(), created=CREATED, overrides=chosen)))
    row = _row(workbook["Mapping"], "sales_revenue")
    assert (row[3].value, row[7].value) == ("us-gaap:GrossProfit", "us-gaap:GrossProfit")


def test_number_formats_show_the_scale_and_keep_full_amounts():
    assert number_format("USD", Scale.MILLION) == "#,##0,,_);(#,##0,,);#,##0,,_)"
    assert number_format("USD", Scale.YI) == r"0\.00,,_);(0\.00,,);0\.00,,_)"
    assert number_format("USD/shares", Scale.MILLION) == "#,##0.00_);(#,##0.00);#,##0.00_)"
    assert number_format("pure", Scale.MILLION, points=" pp") == '0.0" pp"_);(0.0" pp");0.0" pp"_)'


def _value(metric: str, end: int, formula: str = "", inputs: tuple[Value, ...] = ()) -> Value:
    import datetime

    period = Period(datetime.date(end, 12, 31), datetime.date(end, 1, 1))
    status = Status.DERIVED if inputs else Status.REPORTED
    return Value(
        f"X/{metric}/{period.key}", metric, period, "USD", Decimal(1), status, None, None, None, formula, inputs
    )


A, B, A_BEFORE = _value("a", 2024), _value("b", 2024), _value("a", 2023)


@pytest.mark.parametrize(
    ("formula", "inputs", "expected"),
    [
        ("a - (b - 2)", (A, B), "A-(B-2)"),
        ("(a + b) / b", (A, B), "(A+B)/B"),
        ("a / (b / 2)", (A, B), "A/(B/2)"),
        ("b / avg(a)", (B, A, A_BEFORE), "B/((A+a)/2)"),
        ("a / prior(a) - 1", (A, A_BEFORE), "A/a-1"),
        ("a * 365 / 91", (A,), "A*365/91"),
        ("-a", (A,), "-A"),
        ("-(a - base(a))", (A, A_BEFORE), "a-A"),
        ("a[FY2024] + a[9M] - a[9M FY2023]", (A, B, A_BEFORE), "A+B-a"),
        ("[Asia + Pacific] + [Other - net]", (A, B), "A+B"),
        ("revenue - members", (A, B, A_BEFORE), "A-B-a"),
    ],
)
def test_each_shape_of_formula_is_replayed(formula, inputs, expected):
    names = {A.id: "A", B.id: "B", A_BEFORE.id: "a"}
    value = _value("c", 2024, formula, inputs)
    written = excel_formula(value, lambda given: names[given.id], missing="n/a", meaningless="nm")
    assert written == f'IFERROR({expected},"n/a")'


def test_a_formula_of_unknown_shape_is_refused():
    with pytest.raises(ValueError, match="no input 'z'"):
        excel_formula(_value("c", 2024, "a / z", (A,)), lambda given: "A", missing="n/a", meaningless="nm")


def _made(one, language):
    return make_book(Content(one.comparison, one.sentences, one.claims, language, Scale.MILLION))


def _assert_calculated(book, content, folder):
    """Every formula, calculated anew, gives the number of the report, and no cell an error value."""
    path = converted(without_results(content), "report.xlsx", "xlsx:Calc MS Excel 2007 XML", folder)
    workbook = openpyxl.load_workbook(path, data_only=True)
    formulas = 0
    for (sheet, row, column), placed in book.placed.items():
        found = workbook[sheet].cell(row + 1, column + 1).value
        formulas += placed.is_formula
        if isinstance(placed.expected, str):
            assert found == placed.expected
            continue
        expected = float(placed.expected * placed.factor)
        where = f"{sheet} {row + 1},{column + 1}"
        assert isinstance(found, int | float), where
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), where
    assert formulas > 400
    texts = [cell.value for sheet in workbook for row in sheet.iter_rows() for cell in row]
    errors = ("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#N/A", "#NUM!", "Err:")
    assert [text for text in texts if isinstance(text, str) and text.startswith(errors)] == []


@needs_soffice
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "language"), [("quarters", "en"), ("periods", "zh"), ("companies", "en")])
def test_calculation_gives_every_number_of_the_report_and_no_error_value(kind, language, tmp_path):
    _assert_calculated(*_made(case(kind, language), language), tmp_path)


def test_companies_whose_periods_do_not_compare_have_no_peers():
    _, workbook = _book(case("apart"))
    assert "Income statement" in workbook.sheetnames
    assert "Peers" not in workbook.sheetnames


@needs_soffice
@needs_finance_data
@pytest.mark.slow
def test_calculation_of_two_real_annual_reports(tmp_path):
    folder = FINANCE / "sec_ixbrl" / "KO"
    filings = [filing for year in (2023, 2024) for filing in read_path(folder / f"10-K_FY{year}.htm.gz")]
    one = told(compare(filings, load_policy(), created=CREATED))
    _assert_calculated(*_made(one, "en"), tmp_path)


@needs_soffice
@pytest.mark.slow
def test_emptying_an_input_gives_not_available_and_no_error_value(tmp_path):
    one = case("periods")
    _, content = make_book(Content(one.comparison, one.sentences, one.claims, "en", Scale.MILLION))
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    _row(workbook["Income statement"], "revenue")[7].value = "n/a"
    edited = io.BytesIO()
    workbook.save(edited)
    path = converted(edited.getvalue(), "edited.xlsx", "xlsx:Calc MS Excel 2007 XML", tmp_path)
    again = openpyxl.load_workbook(path, data_only=True)
    assert _row(again["Ratios"], "net_margin")[7].value == "n/a"
    values = [cell.value for sheet in again for row in sheet.iter_rows() for cell in row]
    assert [value for value in values if isinstance(value, str) and value.startswith("#")] == []
