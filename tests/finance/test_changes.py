from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finance.made_series import made_series, made_value, quarter, year

from trivium.finance.analyze.changes import base_column, cagr, change, common_size, with_changes
from trivium.finance.analyze.model import Column, Message, Row, Status, Table, Value

THIS, LAST = year(2024).period, year(2023).period


def changed(base, value, metric="revenue"):
    return change(made_value(metric, LAST, base), made_value(metric, THIS, value))


def test_a_change_by_hand():
    result = changed("80", "100")
    assert result.absolute.amount == 20
    assert result.relative.amount == Decimal("0.25")
    assert (result.absolute.unit, result.relative.unit, result.is_points) == ("USD", "pure", False)
    assert [value.amount for value in result.relative.inputs] == [100, 80]


@pytest.mark.parametrize(
    ("base", "value", "difference"), [("0", "5", 5), ("-4", "6", 10), ("4", "-6", -10), ("-4", "-2", 2)]
)
def test_no_relative_change_from_a_base_that_is_not_positive_or_over_zero(base, value, difference):
    result = changed(base, value)
    assert result.absolute.amount == difference
    assert result.relative.amount is None
    assert result.relative.reason == Message("reason.nm", {"metric": "revenue"})
    assert (result.relative.status, result.relative.inputs) == (Status.ABSENT, ())


def test_a_fall_to_zero_is_minus_one():
    assert changed("4", "0").relative.amount == -1


def test_margins_change_in_points():
    def margin(period, amount):
        return Value(f"ACME/m/{period.key}", "m", period, "pure", Decimal(amount), Status.DERIVED)

    result = change(margin(LAST, "0.40"), margin(THIS, "0.43"))
    assert (result.absolute.amount, result.is_points) == (Decimal("0.03"), True)
    assert result.relative.reason == Message("reason.told_in_points")


def test_a_missing_side_is_a_reason():
    absent = Value("ACME/revenue/x", "revenue", LAST, "USD", None, Status.ABSENT, Message("reason.not_tagged"))
    present = made_value("revenue", THIS, "5")
    assert change(absent, present).absolute.reason == Message("reason.missing_prior", {"metric": "revenue"})
    assert change(present, absent).absolute.reason == Message("reason.not_tagged")


def test_two_currencies_do_not_change_into_each_other():
    result = change(made_value("revenue", LAST, "80", currency="EUR"), made_value("revenue", THIS, "100"))
    assert result.absolute.reason == Message("reason.unit_mismatch", {"left": "USD", "right": "EUR"})


def test_columns_are_compared_with_the_same_span_a_year_before():
    company, other = made_series({}).company, made_series({}, key="OTHER").company
    spans = [quarter(2023, 2), year(2023), quarter(2024, 1), quarter(2024, 2), year(2024)]
    columns = [Column(company, span) for span in spans] + [Column(other, year(2024))]
    assert [base_column(columns, index) for index in range(6)] == [None, None, None, 0, 1, None]


def test_a_table_gets_its_changes():
    company = made_series({}).company
    columns = (Column(company, year(2023)), Column(company, year(2024)))
    row = Row("revenue", (made_value("revenue", LAST, "80"), made_value("revenue", THIS, "100")))
    changes = with_changes(Table("income_statement", (row,)), columns).rows[0].changes
    assert changes[0] is None
    assert changes[1] is not None
    assert changes[1].absolute.amount == 20


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6), st.integers(1, 10**12))
def test_common_size_of_the_total_is_one_and_the_parts_add_up(parts, revenue):
    total = sum(parts)
    amounts = {f"part_{number}": str(part) for number, part in enumerate(parts)} | {
        "revenue": str(revenue),
        "rest": str(total),
    }
    series = made_series({year(2024): amounts})
    columns = (Column(series.company, year(2024)),)
    rows = tuple(Row(metric, (series.get(metric, THIS),)) for metric in amounts)
    sized = {
        row.metric: row.values[0].amount
        for row in common_size(Table("income_statement", rows), columns, {"ACME": series}).rows
    }
    assert sized.pop("revenue") == 1
    rest = sized.pop("rest")
    assert sum(sized.values()) == pytest.approx(rest, abs=Decimal("1e-12"))


def test_common_size_leaves_per_share_rows_out_and_uses_closing_assets():
    day = date(2024, 12, 31)
    series = made_series(
        {year(2024): {"revenue": "50", "eps_basic": "2"}}, {day: {"total_assets": "200", "cash": "30"}}
    )
    columns = (Column(series.company, year(2024)),)
    income = Table(
        "income_statement",
        (Row("revenue", (series.get("revenue", THIS),)), Row("eps_basic", (series.get("eps_basic", THIS),))),
    )
    assert [row.metric for row in common_size(income, columns, {"ACME": series}).rows] == ["revenue"]
    cash = made_value("cash", type(THIS)(day), "30")
    sheet = common_size(Table("balance_sheet", (Row("cash", (cash,)),)), columns, {"ACME": series})
    assert (sheet.key, sheet.rows[0].values[0].amount) == ("common_size_balance_sheet", Decimal("0.15"))
    assert sheet.rows[0].values[0].formula == "cash / total_assets"


def test_common_size_without_a_positive_base_is_not_meaningful():
    series = made_series({year(2024): {"revenue": "0", "sga": "5"}})
    table = Table("income_statement", (Row("sga", (series.get("sga", THIS),)),))
    value = common_size(table, (Column(series.company, year(2024)),), {"ACME": series}).rows[0].values[0]
    assert value.reason == Message("reason.nm", {"metric": "revenue"})


def test_compound_growth_by_hand():
    first, last = made_value("revenue", year(2021).period, "100"), made_value("revenue", THIS, "133.1")
    assert cagr(first, last, 3).amount == pytest.approx(Decimal("0.1"), abs=Decimal("1e-30"))
    assert cagr(made_value("revenue", LAST, "-1"), last, 3).reason == Message("reason.nm", {"metric": "revenue"})
    with pytest.raises(ValueError, match="at least one year"):
        cagr(first, last, 0)
