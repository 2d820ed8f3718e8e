import csv
import dataclasses
from datetime import date
from decimal import Decimal

import pytest
from tests.finance.made_series import made_series, made_value, quarter, year
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.formulas import SHARES_METRIC, anchors, derive, formulas, shares_at
from trivium.finance.analyze.model import Message, Status, Value
from trivium.finance.records import Period
from trivium.service.text import catalogue

END = date(2024, 12, 31)
FLOWS = {
    "revenue": "1000",
    "cost_of_revenue": "600",
    "operating_income": "150",
    "pretax_income": "140",
    "income_tax": "35",
    "depreciation_and_amortization": "50",
    "operating_cash_flow": "180",
    "capex": "70",
    "dividends_paid": "20",
    "selling_and_marketing": "60",
    "general_and_administrative": "40",
}
BALANCES = {
    "total_assets": "2000",
    "liabilities_and_equity": "2000",
    "current_assets": "800",
    "current_liabilities": "500",
    "receivables": "300",
    "inventory": "200",
    "payables": "250",
    "cash": "120",
    "short_term_investments": "80",
    "long_term_debt": "400",
    "current_debt": "100",
    "equity": "900",
    "noncontrolling_interests": "30",
    "redeemable_nci": "10",
    "goodwill": "150",
    "intangibles": "50",
}


def derived(flows=FLOWS, balances=BALANCES, **company):
    series = made_series({year(2024): flows}, {END: balances}, **company)
    derive(series)
    return series


@pytest.mark.parametrize(
    ("metric", "amount"),
    [
        ("gross_profit", "400"),
        ("operating_expenses", "250"),
        ("sga", "100"),
        ("ebit", "150"),
        ("ebitda", "200"),
        ("tax_rate", "0.25"),
        ("nopat", "112.5"),  # 150 * (1 - 0.25)
        ("free_cash_flow", "110"),
        ("shareholder_distributions", "20"),  # no buyback line in the cash flow statement
    ],
)
def test_flows_by_hand(metric, amount):
    value = derived().get(metric, year(2024).period)
    assert value.amount == Decimal(amount)
    assert value.status is Status.DERIVED
    assert value.inputs


@pytest.mark.parametrize(
    ("metric", "amount"),
    [
        ("equity_incl_nci", "930"),
        ("total_liabilities", "1060"),  # 2000 - 930 - 10
        ("noncurrent_assets", "1200"),
        ("noncurrent_liabilities", "560"),
        ("working_capital", "300"),
        ("trade_working_capital", "250"),
        ("total_debt", "500"),
        ("cash_and_investments", "200"),
        ("net_debt", "300"),
        ("total_capital", "1440"),
        ("invested_capital", "1240"),
        ("capital_employed", "1500"),
        ("tangible_book_value", "700"),
    ],
)
def test_balances_by_hand(metric, amount):
    value = derived().get(metric, Period(END))
    assert (value.amount, value.unit, value.status) == (Decimal(amount), "USD", Status.DERIVED)


def test_every_derived_value_carries_its_formula_and_inputs():
    value = derived().get("net_debt", Period(END))
    assert value.formula == "total_debt - cash - short_term_investments"
    assert [source.metric for source in value.inputs] == ["total_debt", "cash", "short_term_investments"]
    assert value.id == "ACME/net_debt/2024-12-31"


def test_a_reported_value_is_never_replaced():
    series = derived({**FLOWS, "gross_profit": "399"})
    value = series.get("gross_profit", year(2024).period)
    assert (value.amount, value.status) == (399, Status.REPORTED)


def test_the_reason_an_earlier_stage_gave_is_kept():
    series = made_series({year(2024): {"revenue": "5"}})
    period = year(2024).period
    doubt = Value("x", "gross_profit", period, "", None, Status.ABSENT, Message("reason.two_candidates"))
    series.values[("gross_profit", period)] = doubt
    derive(series)
    assert series.get("gross_profit", period) is doubt


def test_a_missing_input_is_named_and_nothing_is_plugged():
    series = derived({"revenue": "1000"}, {"current_assets": "5"})
    gross_profit = series.get("gross_profit", year(2024).period)
    assert (gross_profit.amount, gross_profit.status) == (None, Status.ABSENT)
    assert gross_profit.reason == Message("reason.missing_input", {"metric": "cost_of_revenue"})
    ebitda = series.get("ebitda", year(2024).period)
    assert ebitda.reason == Message("reason.missing_input", {"metric": "operating_income"})


def test_two_formulas_that_need_each_other_give_no_circular_reason():
    series = derived({"revenue": "1000"})
    cost = series.get("cost_of_revenue", year(2024).period)
    assert cost.reason == Message("reason.not_reported")
    gross_profit = series.get("gross_profit", year(2024).period)
    assert gross_profit.reason == Message("reason.missing_input", {"metric": "cost_of_revenue"})


def test_without_any_debt_line_total_debt_is_absent_and_not_zero():
    balances = {key: value for key, value in BALANCES.items() if not key.endswith("_debt")}
    value = derived(FLOWS, balances).get("total_debt", Period(END))
    assert value.amount is None
    assert value.reason == Message("reason.missing_input", {"metric": "long_term_debt"})


def test_a_filing_that_splits_its_current_debt():
    balances = {key: value for key, value in BALANCES.items() if key != "current_debt"}
    series = derived(FLOWS, balances | {"short_term_borrowings": "25", "current_portion_of_debt": "60"})
    assert series.get("current_debt", Period(END)).amount == 85
    assert series.get("total_debt", Period(END)).amount == 485


def test_the_part_due_within_a_year_is_not_counted_twice():
    # The mapping found only the debt note's total, which includes the current portion.
    series = made_series({year(2024): {}}, {END: BALANCES | {"current_portion_of_debt": "100"}})
    key = ("long_term_debt", Period(END))
    values = {"concept": "us-gaap:LongTermDebt", "differs": "includes the current part"}
    reason = Message("reason.by_proxy", values | {"includes": "current_portion_of_debt"})
    series.values[key] = dataclasses.replace(series.values[key], status=Status.DERIVED, reason=reason)
    derive(series)
    value = series.get("total_debt", Period(END))
    assert (value.amount, value.formula) == (400, "long_term_debt")


def test_ebit_falls_back_to_pretax_income_before_interest():
    flows = {key: value for key, value in FLOWS.items() if key != "operating_income"} | {"interest_expense": "12"}
    value = derived(flows).get("ebit", year(2024).period)
    assert (value.amount, value.formula) == (152, "pretax_income + interest_expense")


def test_a_tax_rate_on_a_loss_is_not_meaningful_and_nopat_says_why():
    series = derived({**FLOWS, "pretax_income": "-10"})
    for metric in ("tax_rate", "nopat"):
        assert series.get(metric, year(2024).period).reason == Message("reason.nm", {"metric": "pretax_income"})


def test_a_bank_has_no_working_capital_and_that_is_a_reason():
    series = derived(template="bank")
    assert series.get("working_capital", Period(END)).reason == Message("reason.not_for_template", {"template": "bank"})
    assert series.get("total_debt", Period(END)).amount == 500


def test_bank_lines():
    flows = {
        "interest_income_total": "90",
        "interest_expense": "30",
        "noninterest_income": "40",
        "noninterest_expense": "55",
    }
    series = derived(flows, {"total_assets": "1"}, template="bank")
    period = year(2024).period
    assert series.get("net_interest_income", period).amount == 60
    assert series.get("revenue", period).amount == 100
    assert series.get("pre_provision_profit", period).amount == 45
    assert ("underwriting_result", period) not in series.values


def test_insurer_lines():
    flows = {
        "premiums_earned": "100",
        "claims_incurred": "62",
        "policy_acquisition_costs": "18",
        "underwriting_expenses": "11",
        "net_income": "7",
    }
    assert derived(flows, template="insurer").get("underwriting_result", year(2024).period).amount == 9


def test_quarters_get_their_flows_too():
    series = made_series({quarter(2024, 2): {"operating_cash_flow": "40", "capex": "55"}})
    derive(series)
    assert series.get("free_cash_flow", quarter(2024, 2).period).amount == -15


def test_shares_come_from_the_cover_page_that_follows():
    series = made_series(
        {year(2024): {}}, {END: {"total_assets": "1"}, date(2025, 2, 14): {"shares_outstanding": "77"}}
    )
    derive(series)
    value = series.get(SHARES_METRIC, Period(END))
    assert (value.amount, value.unit) == (77, "shares")
    assert value.notes == (Message("note.shares_counted", {"date": "2025-02-14"}),)


def test_the_next_quarters_cover_page_is_too_late():
    series = made_series({year(2024): {}}, {date(2025, 4, 25): {"shares_outstanding": "77"}})
    assert shares_at(series, END).reason == Message("reason.missing_input", {"metric": "shares_outstanding"})


def test_the_table_is_consistent():
    keys = {formula.metric for formula in formulas()}
    assert {"total_debt", "net_debt", "ebitda", "free_cash_flow", "invested_capital", "nopat"} <= keys
    assert all(formula.kind in ("flow", "balance") for formula in formulas())
    assert not keys & set(anchors()), "a derived metric may not count as zero"


@needs_finance_data
@pytest.mark.parametrize(
    ("ticker", "day", "liabilities"),
    [
        # The balance sheets print no total: KO 100,549 - 26,372; AMZN 624,894 - 285,970 (USD m, both 10-K FY2024).
        ("KO", date(2024, 12, 31), 74_177),
        ("AMZN", date(2024, 12, 31), 338_924),
    ],
)
def test_total_liabilities_that_a_filing_does_not_tag(ticker, day, liabilities):
    with (FINANCE / "gold_metrics.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["ticker"] == ticker and row["value"]]
    series = made_series({}, {day: {}}, key=ticker)
    for row in rows:
        if row["end"] == day.isoformat() and not row["start"]:
            value = made_value(row["metric"], Period(day), row["value"], decimals=-6)
            series.values[(row["metric"], Period(day))] = value
    derive(series)
    value = series.get("total_liabilities", Period(day))
    assert value.amount == liabilities * 10**6
    assert value.notes == (Message("note.counted_as_zero", {"metric": "redeemable_nci"}),) + (
        () if ticker == "KO" else (Message("note.counted_as_zero", {"metric": "noncontrolling_interests"}),)
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_derived_metric_has_a_name_in_each_language(language):
    texts = catalogue("trivium.finance", language)
    names = [formula.metric for formula in formulas()] + [SHARES_METRIC]
    assert [name for name in names if f"metric.{name}" not in texts] == []
