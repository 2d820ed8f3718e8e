import csv
import gzip
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.finance.made_series import made_series, made_value, part_year, quarter, year
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.expressions import metrics_of
from trivium.finance.analyze.formulas import anchors, derive, formulas
from trivium.finance.analyze.identities import (
    BREAKDOWN_CHECK,
    PARTS_CHECK,
    check_breakdowns,
    check_identities,
    identities,
)
from trivium.finance.analyze.model import Breakdown, Column, Message, Row, Status, Value
from trivium.finance.analyze.ratios import ratios
from trivium.finance.records import Period
from trivium.service.text import catalogue

END, START = date(2024, 12, 31), date(2023, 12, 31)
FLOWS = {
    "revenue": "1000",
    "cost_of_revenue": "600",
    "gross_profit": "400",
    "operating_expenses": "250",
    "operating_income": "150",
    "selling_and_marketing": "60",
    "general_and_administrative": "40",
    "sga": "100",
    "pretax_income": "140",
    "income_tax": "35",
    "net_income_incl_nci": "105",
    "nci_income": "5",
    "net_income": "100",
    "eps_basic": "2.00",
    "eps_diluted": "1.96",
    "shares_basic": "50",
    "shares_diluted": "51",
    "operating_cash_flow": "180",
    "investing_cash_flow": "-90",
    "financing_cash_flow": "-60",
    "fx_effect_on_cash": "-3",
    "change_in_cash": "27",
}
BALANCES = {
    "total_assets": "2000",
    "current_assets": "800",
    "noncurrent_assets": "1200",
    "cash": "120",
    "cash_incl_restricted": "127",
    "property_plant_equipment": "700",
    "liabilities_and_equity": "2000",
    "total_liabilities": "1060",
    "current_liabilities": "500",
    "noncurrent_liabilities": "560",
    "equity": "900",
    "noncontrolling_interests": "30",
    "equity_incl_nci": "930",
    "redeemable_nci": "10",
}


def checks_of(flows=FLOWS, balances=BALANCES, **options):
    series = made_series(
        {year(2024): flows}, {END: balances, START: {"cash_incl_restricted": "100"}}, decimals=1, **options
    )
    derive(series)
    return {check.key: check for check in check_identities(series)}


def test_sound_books_hold():
    verdicts = Counter(check.verdict for check in checks_of().values())
    assert verdicts["fails"] == 0
    assert verdicts["holds"] >= 18


@pytest.mark.parametrize(
    ("changed", "verdict", "number", "failed"),
    [
        ({}, "holds", 1, ()),
        ({"cost_of_revenue": "590", "sales_revenue": "990"}, "holds", 2, ("revenue - cost_of_revenue = gross_profit",)),
        ({"cost_of_revenue": "590"}, "fails", 1, ()),
        (
            {"cost_of_revenue": "590", "sales_revenue": "980"},
            "fails",
            1,
            ("sales_revenue - cost_of_revenue = gross_profit",),
        ),
    ],
)
def test_a_check_says_which_form_of_its_identity_held(changed, verdict, number, failed):
    check = checks_of(FLOWS | changed)["gross_profit_is_revenue_less_cost"]
    assert (check.verdict, check.form.number, check.form.count, check.form.failed) == (verdict, number, 2, failed)
    equations = ("revenue - cost_of_revenue = gross_profit", "sales_revenue - cost_of_revenue = gross_profit")
    assert check.form.equation == equations[number - 1]


def test_an_identity_of_one_form_names_none():
    assert checks_of()["assets_equal_liabilities_and_equity"].form is None


@pytest.mark.parametrize(
    ("key", "broken"),
    [
        ("assets_equal_liabilities_and_equity", {"total_assets": "2001"}),
        ("liabilities_and_equity_add_up", {"total_liabilities": "1061"}),
        ("equity_with_minorities_adds_up", {"noncontrolling_interests": "29"}),
        ("current_and_noncurrent_assets_add_up", {"noncurrent_assets": "1"}),
        ("current_and_noncurrent_liabilities_add_up", {"noncurrent_liabilities": "1"}),
        ("current_assets_within_total_assets", {"current_assets": "800000"}),
        ("current_liabilities_within_total_liabilities", {"current_liabilities": "1062"}),
        ("liquid_assets_within_current_assets", {"cash": "120000"}),
        ("fixed_assets_within_total_assets", {"property_plant_equipment": "700000"}),
        ("cash_within_cash_with_restricted", {"cash": "130"}),
        ("gross_profit_is_revenue_less_cost", {"gross_profit": "-400"}),
        ("operating_income_is_what_expenses_leave", {"operating_income": "-150"}),
        ("selling_and_administrative_add_up", {"sga": "99"}),
        ("net_income_is_pretax_less_tax", {"income_tax": "-35"}),
        ("net_income_without_minorities", {"nci_income": "-5"}),
        ("basic_eps_times_shares", {"shares_basic": "50000"}),
        ("diluted_eps_times_shares", {"eps_diluted": "19.60"}),
        ("diluted_eps_within_basic_eps", {"eps_diluted": "2.04"}),
        ("basic_shares_within_diluted_shares", {"shares_basic": "52"}),
        ("cash_flows_add_up", {"investing_cash_flow": "90"}),
        ("change_in_cash_is_closing_less_opening", {"change_in_cash": "-27"}),
    ],
)
def test_each_identity_fails_on_a_broken_number(key, broken):
    flows = FLOWS | {name: text for name, text in broken.items() if name in FLOWS}
    balances = BALANCES | {name: text for name, text in broken.items() if name in BALANCES}
    check = checks_of(flows, balances)[key]
    assert check.verdict == "fails"
    assert check.difference is not None
    assert abs(check.difference) > check.tolerance


def test_a_check_shows_both_sides():
    check = checks_of(FLOWS | {"gross_profit": "390"})["gross_profit_is_revenue_less_cost"]
    assert check.left is not None
    assert check.right is not None
    assert (check.left.amount, check.left.formula) == (400, "revenue - cost_of_revenue")
    assert (check.right.amount, check.right.status) == (390, Status.REPORTED)
    assert check.difference == 10


def test_a_check_changes_nothing():
    series = made_series({year(2024): FLOWS | {"gross_profit": "390"}})
    before = dict(series.values)
    check_identities(series)
    assert series.values == before


@pytest.mark.parametrize(
    ("reported", "verdict"), [("400000001", "holds"), ("401500000", "holds"), ("401500001", "fails")]
)
def test_the_tolerance_is_half_a_unit_of_each_input(reported, verdict):
    # Three amounts in millions: rounding explains 1,500,000.
    period = year(2024).period
    series = made_series({year(2024): {}})
    for metric, amount in {"revenue": "1000000000", "cost_of_revenue": "600000000", "gross_profit": reported}.items():
        series.values[(metric, period)] = made_value(metric, period, amount, decimals=-6)
    check = next(check for check in check_identities(series) if check.key == "gross_profit_is_revenue_less_cost")
    assert (check.verdict, check.tolerance) == (verdict, 1_500_000)


def test_exact_amounts_have_no_tolerance():
    series = made_series({year(2024): {"revenue": "10.01", "cost_of_revenue": "6", "gross_profit": "4"}}, decimals=None)
    check = next(check for check in check_identities(series) if check.key == "gross_profit_is_revenue_less_cost")
    assert (check.verdict, check.tolerance, check.difference) == ("fails", 0, Decimal("0.01"))


def test_derived_values_prove_nothing():
    balances = {key: value for key, value in BALANCES.items() if key != "total_liabilities"}
    check = checks_of(balances=balances)["liabilities_and_equity_add_up"]
    assert check.verdict == "not_applicable"
    assert check.reason == Message("reason.derived_input", {"metric": "total_liabilities"})


def test_a_missing_input_is_not_applicable_once_with_its_reason():
    checks = [
        check
        for check in check_identities(made_series({year(2023): {}, year(2024): {}}))
        if check.key == "cash_flows_add_up"
    ]
    assert [(check.verdict, check.period) for check in checks] == [("not_applicable", year(2024).period)]
    assert checks[0].reason == Message("reason.missing_input", {"metric": "operating_cash_flow"})


def test_layouts_without_a_gross_profit_and_with_items_after_tax():
    flows = {
        "revenue": "1000",
        "operating_expenses": "850",
        "operating_income": "150",
        "pretax_income": "140",
        "income_tax": "35",
        "equity_method_income": "-2",
        "net_income": "103",
    }
    checks = checks_of(flows)
    assert checks["operating_income_is_what_expenses_leave"].verdict == "holds"
    assert checks["net_income_is_pretax_less_tax"].verdict == "holds"


def test_participating_securities_are_not_an_error():
    # AXP 10-Q FY2023Q3: 3.30 * 732 m shares = 2,415.6 m against 2,451 - 14 = 2,437 m: awards share in the earnings.
    flows = {
        "eps_basic": "3.30",
        "shares_basic": "732000000",
        "net_income": "2451000000",
        "preferred_dividends": "14000000",
    }
    check = checks_of(flows)["basic_eps_times_shares"]
    assert (check.verdict, check.reason) == ("not_applicable", Message("reason.participating_securities"))
    assert checks_of(flows | {"eps_basic": "33.0"})["basic_eps_times_shares"].verdict == "fails"
    assert checks_of(flows | {"eps_basic": "3.10"})["basic_eps_times_shares"].verdict == "fails"


def bare_quarters(amounts):
    return {quarter(2024, number): {"revenue": str(amount)} for number, amount in enumerate(amounts, 1)}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**9), min_size=4, max_size=4), st.integers(-3, 3))
def test_four_quarters_make_the_year(amounts, error):
    flows = bare_quarters(amounts) | {year(2024): {"revenue": str(sum(amounts) + error)}}
    check = next(check for check in check_identities(made_series(flows)) if check.key == PARTS_CHECK)
    assert check.difference == error
    assert check.tolerance == Decimal("2.5")  # five amounts in whole dollars
    assert check.verdict == ("holds" if abs(error) <= 2 else "fails")


def test_a_part_year_and_a_quarter_make_a_longer_part_year():
    flows = {
        part_year(2024, 2): {"revenue": "30"},
        quarter(2024, 3): {"revenue": "12"},
        part_year(2024, 3): {"revenue": "42"},
    }
    checks = [check for check in check_identities(made_series(flows)) if check.key == PARTS_CHECK]
    assert [check.verdict for check in checks if check.left and check.left.metric == "revenue"] == ["holds"]


def test_without_all_quarters_the_sum_is_not_applicable():
    flows = bare_quarters([1, 2, 3]) | {year(2024): {"revenue": "10"}}
    check = next(check for check in check_identities(made_series(flows)) if check.key == PARTS_CHECK)
    assert check.reason == Message("reason.parts_not_reported", {"metric": "revenue", "span": "FY2024"})


def made_breakdown(metric, members, total):
    period = year(2024).period

    def row(label, amount, status=Status.DERIVED):
        value = made_value(metric, period, str(amount), decimals=-1)
        return Row(metric, (value,), label=label)

    difference = Value("x", metric, period, "USD", Decimal(total - sum(members)), Status.DERIVED)
    rows = tuple(row(f"part {number}", amount) for number, amount in enumerate(members))
    return Breakdown(metric, "StatementBusinessSegmentsAxis", rows, row("", total), Row(metric, (difference,)), "ACME")


@pytest.mark.parametrize(
    ("metric", "total", "verdict"),
    [
        ("revenue", 100, "holds"),
        ("revenue", 115, "holds"),
        ("revenue", 116, "fails"),
        ("operating_income", 116, "not_applicable"),
    ],
)
def test_breakdowns_are_held_against_their_total(metric, total, verdict):
    # Amounts in tens: three of them, so rounding explains 15.
    columns = (Column(made_series({}).company, year(2024)),)
    (check,) = check_breakdowns([made_breakdown(metric, [60, 40], total)], columns)
    assert (check.key, check.verdict, check.tolerance, check.difference) == (BREAKDOWN_CHECK, verdict, 15, 100 - total)


def test_the_tables_fit_together():
    keys = [identity.key for identity in identities()]
    assert len(keys) == len(set(keys)) >= 12
    sides = [side for identity in identities() for pair in identity.sides for side in pair]
    sides += [formula.expression for formula in formulas()] + [ratio.expression for ratio in ratios()]
    optional = {name for side in sides for name in metrics_of(side, only_optional=True)}
    assert optional == set(anchors())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_identity_has_a_name_in_each_language(language):
    texts = catalogue("trivium.finance", language)
    keys = [identity.key for identity in identities()] + [PARTS_CHECK, BREAKDOWN_CHECK]
    assert [key for key in keys if f"identity.{key}" not in texts] == []


@needs_finance_data
def test_a_scale_edited_in_a_real_filing_is_reported():
    # NVDA 10-K FY2025, USD: revenue 130,497 m, cost 32,639 m, gross profit 97,858 m.
    wanted = {"Revenues": "revenue", "CostOfRevenue": "cost_of_revenue", "GrossProfit": "gross_profit"}
    with gzip.open(FINANCE / "truth_facts" / "NVDA_10-K_FY2025.csv.gz", "rt", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["end"] == "2025-01-26" and row["start"] == "2024-01-29"]
    period = Period(end=date(2025, 1, 26), start=date(2024, 1, 29))
    span = type(year(2024))("year", "FY2025", period, 2025)
    series = made_series({span: {}}, key="NVDA")
    for row in rows:
        metric = wanted.get(row["concept"].split(":")[1])
        if metric and not row["dims"]:
            series.values[(metric, period)] = made_value(metric, period, row["value"], decimals=int(row["decimals"]))

    def verdict():
        return next(
            check.verdict for check in check_identities(series) if check.key == "gross_profit_is_revenue_less_cost"
        )

    assert verdict() == "holds"
    cost = series.values[("cost_of_revenue", period)]
    series.values[("cost_of_revenue", period)] = made_value(
        "cost_of_revenue", period, str(cost.amount / 1000), decimals=-3
    )
    assert verdict() == "fails"
