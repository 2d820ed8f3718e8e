from datetime import date
from decimal import Decimal

import pytest
from tests.finance.made_series import made_series, quarter, year

from trivium.finance.analyze.expressions import Binary, Call, Name, Negative, Number, parse
from trivium.finance.analyze.formulas import derive, formulas
from trivium.finance.analyze.model import Message
from trivium.finance.analyze.quantities import ARITHMETIC
from trivium.finance.analyze.ratios import GROUPS, compute_ratios, ratios
from trivium.service.text import catalogue

CLOSE, OPEN = date(2024, 12, 31), date(2023, 12, 31)
FLOWS = {
    "revenue": "1000",
    "cost_of_revenue": "600",
    "research_and_development": "80",
    "sga": "100",
    "operating_income": "150",
    "pretax_income": "140",
    "income_tax": "35",
    "net_income": "100",
    "interest_expense": "30",
    "depreciation_and_amortization": "50",
    "stock_compensation": "20",
    "operating_cash_flow": "180",
    "capex": "70",
    "dividends_paid": "25",
    "share_repurchases": "15",
    "eps_diluted": "2.00",
    "shares_diluted": "50",
}
PRIOR = {
    "revenue": "800",
    "cost_of_revenue": "500",
    "operating_income": "100",
    "net_income": "80",
    "eps_diluted": "1.60",
}
PRIOR |= {"operating_cash_flow": "120", "capex": "65"}
BALANCES = {
    "total_assets": "2000",
    "liabilities_and_equity": "2000",
    "current_assets": "800",
    "current_liabilities": "500",
    "cash": "120",
    "short_term_investments": "80",
    "receivables": "300",
    "inventory": "200",
    "payables": "250",
    "property_plant_equipment": "700",
    "long_term_debt": "400",
    "current_debt": "100",
    "equity": "900",
    "goodwill": "150",
    "intangibles": "50",
    "shares_outstanding": "45",
}
OPENING = {
    "total_assets": "1600",
    "liabilities_and_equity": "1600",
    "current_assets": "600",
    "current_liabilities": "400",
    "cash": "100",
    "short_term_investments": "60",
    "receivables": "200",
    "inventory": "100",
    "payables": "150",
    "property_plant_equipment": "500",
    "long_term_debt": "300",
    "equity": "700",
    "goodwill": "150",
    "intangibles": "50",
}


def computed(flows, balances, span=None, template="industrial"):
    series = made_series(flows, balances, template=template)
    derive(series)
    return {value.metric: value for value in compute_ratios(series, span or year(2024))}


@pytest.fixture(scope="module")
def industrial():
    return computed({year(2023): PRIOR, year(2024): FLOWS}, {CLOSE: BALANCES, OPEN: OPENING})


@pytest.mark.parametrize(
    ("key", "numerator", "denominator"),
    [
        ("gross_margin", 400, 1000),
        ("operating_margin", 150, 1000),
        ("ebitda_margin", 200, 1000),
        ("pretax_margin", 140, 1000),
        ("net_margin", 100, 1000),
        ("rnd_intensity", 80, 1000),
        ("sga_ratio", 100, 1000),
        ("stock_compensation_ratio", 20, 1000),
        ("effective_tax_rate", 35, 140),
        ("return_on_equity", 100, 800),
        ("return_on_assets", 100, 1800),
        # NOPAT 150 * 0.75; invested capital 900 + 500 - 200 = 1200 and 700 + 300 - 160 = 840
        ("return_on_invested_capital", Decimal("112.5"), 1020),
        ("return_on_capital_employed", 150, 1350),
        ("return_on_tangible_equity", 100, 600),
        ("revenue_growth", 200, 800),
        ("gross_profit_growth", 100, 300),
        ("operating_income_growth", 50, 100),
        ("net_income_growth", 20, 80),
        ("eps_diluted_growth", 40, 160),
        ("operating_cash_flow_growth", 60, 120),
        ("free_cash_flow_growth", 55, 55),
        ("total_assets_growth", 400, 1600),
        ("current_ratio", 800, 500),
        ("quick_ratio", 500, 500),
        ("cash_ratio", 200, 500),
        ("operating_cash_flow_ratio", 180, 500),
        ("working_capital_to_revenue", 300, 1000),
        ("debt_to_equity", 500, 900),
        ("debt_to_capital", 500, 1400),
        ("debt_to_assets", 500, 2000),
        ("liabilities_to_assets", 1100, 2000),
        ("equity_multiplier", 2000, 900),
        ("debt_to_ebitda", 500, 200),
        ("net_debt_to_ebitda", 300, 200),
        ("interest_coverage", 150, 30),
        ("ebitda_coverage", 200, 30),
        ("operating_cash_flow_to_debt", 180, 500),
        ("asset_turnover", 1000, 1800),
        ("fixed_asset_turnover", 1000, 600),
        ("receivables_turnover", 1000, 250),
        ("inventory_turnover", 600, 150),
        ("payables_turnover", 600, 200),
        ("days_sales_outstanding", 250 * 366, 1000),
        ("days_inventory", 150 * 366, 600),
        ("days_payables", 200 * 366, 600),
        ("cash_conversion_cycle", 61, 1),  # 91.5 + 91.5 - 122
        ("operating_cash_flow_margin", 180, 1000),
        ("free_cash_flow_margin", 110, 1000),
        ("cash_conversion", 180, 100),
        ("free_cash_flow_conversion", 110, 100),
        ("capex_to_revenue", 70, 1000),
        ("capex_to_depreciation", 70, 50),
        ("dividend_payout", 25, 100),
        ("total_payout", 40, 100),
        ("free_cash_flow_dividend_cover", 110, 25),
        ("revenue_per_share", 1000, 50),
        ("operating_cash_flow_per_share", 180, 50),
        ("free_cash_flow_per_share", 110, 50),
        ("book_value_per_share", 900, 45),
        ("tangible_book_value_per_share", 700, 45),
        ("net_debt_per_share", 300, 45),
    ],
)
def test_industrial_ratios_by_hand(industrial, key, numerator, denominator):
    value = industrial[key]
    assert value.amount is not None, value.reason
    assert value.amount * denominator == pytest.approx(Decimal(numerator), abs=Decimal("1e-25"))
    assert value.inputs
    assert value.formula


def test_units_follow_the_table(industrial):
    assert industrial["gross_margin"].unit == "pure"
    assert industrial["current_ratio"].unit == "times"
    assert industrial["days_sales_outstanding"].unit == "days"
    assert industrial["book_value_per_share"].unit == "USD/shares"


def test_precision_is_not_lost(industrial):
    assert str(industrial["return_on_assets"].amount).startswith("0.0555555555555555555555555555555")


def test_a_quarter_is_annualised_and_says_so():
    span = quarter(2024, 1)
    flows = {"net_income": "91", "revenue": "910"}
    values = computed(
        {span: flows},
        {date(2024, 3, 31): {"equity": "800", "receivables": "50"}, OPEN: {"equity": "660", "receivables": "50"}},
        span,
    )
    assert values["return_on_equity"].amount == Decimal(365) / Decimal(730)
    assert values["return_on_equity"].notes == (Message("note.annualised", {"days": "91"}),)
    assert values["days_sales_outstanding"].amount == 5  # 50 / 910 * 91: the quarter's own days, nothing annualised


def test_bank_ratios_by_hand():
    flows = {
        "net_interest_income": "60",
        "noninterest_income": "40",
        "noninterest_expense": "55",
        "provision_for_credit_losses": "9",
        "net_income": "20",
        "revenue": "100",
    }
    balances = {
        "total_assets": "2000",
        "loans": "1000",
        "deposits": "1250",
        "allowance_for_credit_losses": "25",
        "equity": "160",
    }
    opening = {"total_assets": "2000", "loans": "800"}
    values = computed({year(2024): flows}, {CLOSE: balances, OPEN: opening}, template="bank")
    expected = {
        "net_interest_margin": "0.03",
        "efficiency_ratio": "0.55",
        "noninterest_income_share": "0.4",
        "loans_to_deposits": "0.8",
        "loans_to_assets": "0.5",
        "provision_rate": "0.01",
        "allowance_to_loans": "0.025",
        "equity_to_assets": "0.08",
    }
    assert {key: values[key].amount for key in expected} == {key: Decimal(text) for key, text in expected.items()}
    assert values["net_interest_margin"].notes == (Message("note.on_total_assets"),)


def test_a_bank_has_no_current_ratio_and_that_is_a_reason_not_an_error():
    values = computed({year(2024): {"revenue": "1"}}, {CLOSE: {"current_assets": "1"}}, template="bank")
    assert values["current_ratio"].reason == Message("reason.not_for_template", {"template": "bank"})
    assert values["loss_ratio"].reason == Message("reason.not_for_template", {"template": "bank"})


def test_insurer_ratios_by_hand():
    flows = {
        "premiums_earned": "100",
        "claims_incurred": "62",
        "policy_acquisition_costs": "18",
        "underwriting_expenses": "11",
        "net_investment_income": "30",
        "net_income": "7",
    }
    balances = {CLOSE: {"total_assets": "800", "loss_reserves": "300", "equity": "150"}, OPEN: {"total_assets": "700"}}
    values = computed({year(2024): flows}, balances, template="insurer")
    expected = {
        "loss_ratio": "0.62",
        "expense_ratio": "0.29",
        "combined_ratio": "0.91",
        "investment_income_to_assets": "0.04",
    }
    expected["loss_reserves_to_equity"] = "2"
    assert {key: values[key].amount for key in expected} == {key: Decimal(text) for key, text in expected.items()}


@pytest.mark.parametrize(
    ("key", "balances", "flows", "reason"),
    [
        ("debt_to_equity", {"equity": "-5", "long_term_debt": "3", "total_assets": "9"}, {}, ("nm", "equity_incl_nci")),
        (
            "net_debt_to_ebitda",
            {"cash": "1", "long_term_debt": "3", "total_assets": "9"},
            {"ebitda": "-4"},
            ("nm", "ebitda"),
        ),
        ("dividend_payout", {}, {"dividends_paid": "3", "net_income": "-2"}, ("nm", "net_income")),
        ("current_ratio", {"current_assets": "3"}, {}, ("missing_input", "current_liabilities")),
        ("interest_coverage", {}, {"operating_income": "5"}, ("missing_input", "interest_expense")),
        ("return_on_equity", {"equity": "5"}, {"net_income": "5"}, ("missing_opening", "equity")),
        ("revenue_growth", {}, {"revenue": "5"}, ("missing_prior", "revenue")),
        ("days_inventory", {"inventory": "5"}, {"cost_of_revenue": "5"}, ("missing_opening", "inventory")),
        ("cash_conversion_cycle", {}, {"revenue": "5"}, ("missing_input", "receivables")),
    ],
)
def test_reasons(key, balances, flows, reason):
    value = computed({year(2024): flows}, {CLOSE: balances})[key]
    assert value.amount is None
    assert value.reason is not None
    assert value.reason.key == f"reason.{reason[0]}"
    assert value.reason.values["metric"] == reason[1]


def test_the_table_is_complete_and_consistent():
    table = ratios()
    keys = [ratio.key for ratio in table]
    assert len(keys) == len(set(keys)) >= 40
    assert not set(keys) & {formula.metric for formula in formulas()}
    assert [group for group in GROUPS if not any(ratio.group == group for ratio in table)] == []
    assert {ratio.group for ratio in table} <= set(GROUPS)
    assert {ratio.direction for ratio in table} <= {"higher", "lower", "none"}
    assert {ratio.unit for ratio in table} <= {"pure", "times", "days", "money/shares"}
    assert set().union(*(ratio.templates for ratio in table)) == {"industrial", "bank", "insurer", "other"}


def test_a_ratio_says_how_it_treats_balances_and_time():
    table = {ratio.key: ratio for ratio in ratios()}
    equity, current = table["return_on_equity"], table["current_ratio"]
    assert (equity.is_on_average, equity.is_annualised) == (True, True)
    assert (current.is_on_average, current.is_annualised) == (False, False)
    assert equity.inputs == ("net_income", "equity")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_ratio_and_group_has_a_name_in_each_language(language):
    texts = catalogue("trivium.finance", language)
    missing = [ratio.key for ratio in ratios() if f"ratio.{ratio.key}" not in texts]
    missing += [group for group in GROUPS if f"ratio_group.{group}" not in texts]
    assert missing == []


def replay(node, inputs):
    """Evaluate a formula over the value's inputs alone, as a workbook would; a closing balance precedes the opening."""
    match node:
        case Number(amount):
            return amount
        case Negative(operand):
            return -replay(operand, inputs)
        case Binary(operator, left, right):
            a, b = replay(left, inputs), replay(right, inputs)
            return {"+": ARITHMETIC.add, "-": ARITHMETIC.subtract, "*": ARITHMETIC.multiply, "/": ARITHMETIC.divide}[
                operator
            ](a, b)
        case Name(metric):
            return next(value.amount for value in inputs if value.metric == metric)
        case Call("avg", (Name(metric),)):
            closing, opening = (value.amount for value in inputs if value.metric == metric)
            return (closing + opening) / 2
        case Call("prior" | "opening", (Name(metric),)):
            return [value.amount for value in inputs if value.metric == metric][-1]
    raise AssertionError(node)


def test_every_formula_gives_its_value_from_its_inputs_alone(industrial):
    available = [value for value in industrial.values() if value.is_available]
    assert len(available) >= 55
    for value in available:
        assert replay(parse(value.formula), value.inputs) == pytest.approx(value.amount, abs=Decimal("1e-25")), (
            value.metric
        )
