from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finance.made_series import made_series, made_value, part_year, quarter, year

from trivium.finance.analyze.evaluation import Scope, evaluate
from trivium.finance.analyze.expressions import parse
from trivium.finance.analyze.model import Message, Span, Status, Value
from trivium.finance.analyze.quantities import Absence
from trivium.finance.records import Period

ANCHORS = {"current_debt": "total_assets"}


def evaluated(text, series, span):
    return evaluate(parse(text), Scope.of_span(series, span, ANCHORS))


def absence(text, series, span):
    with pytest.raises(Absence) as caught:
        evaluated(text, series, span)
    return caught.value.reason


def test_arithmetic_binds_as_written_and_the_text_says_what_was_used():
    series = made_series({year(2024): {"revenue": "100", "cost_of_revenue": "60", "sga": "10"}})
    outcome = evaluated("(revenue - (cost_of_revenue + sga)) / revenue", series, year(2024))
    assert outcome.amount == Decimal("0.3")
    assert outcome.unit == "pure"
    assert outcome.formula == "(revenue - (cost_of_revenue + sga)) / revenue"
    assert [value.metric for value in outcome.inputs] == ["revenue", "cost_of_revenue", "sga"]


@given(
    st.lists(st.integers(-50, 50), min_size=3, max_size=3), st.sampled_from(["a - b - c", "a - (b - c)", "-a + b * 2"])
)
def test_expressions_agree_with_pythons_own_arithmetic(numbers, text):
    a, b, c = numbers
    series = made_series({year(2024): dict(zip("abc", map(str, numbers), strict=True))})
    expected = {"a - b - c": a - b - c, "a - (b - c)": a - (b - c), "-a + b * 2": -a + b * 2}[text]
    outcome = evaluated(text, series, year(2024))
    assert outcome.amount == expected
    assert outcome.formula == text


def test_a_missing_input_is_named():
    series = made_series({year(2024): {"revenue": "100"}})
    assert absence("revenue - cost_of_revenue", series, year(2024)) == Message(
        "reason.missing_input", {"metric": "cost_of_revenue"}
    )


def test_the_root_cause_is_named_through_a_derived_input():
    series = made_series({year(2024): {"ebit": "5"}})
    period = year(2024).period
    reason = Message("reason.missing_input", {"metric": "depreciation_and_amortization"})
    series.values[("ebitda", period)] = Value("x", "ebitda", period, "", None, Status.ABSENT, reason)
    assert absence("ebitda / ebit", series, year(2024)) == reason


def test_units_are_checked_and_cancelled():
    series = made_series({year(2024): {"net_income": "10", "shares_basic": "4", "eps_basic": "2.50"}})
    assert evaluated("net_income / shares_basic", series, year(2024)).unit == "USD/shares"
    product = evaluated("eps_basic * shares_basic", series, year(2024))
    assert (product.amount, product.unit) == (Decimal(10), "USD")
    assert absence("net_income + shares_basic", series, year(2024)) == Message(
        "reason.unit_mismatch", {"left": "USD", "right": "shares"}
    )


def test_two_currencies_never_add_up():
    series = made_series({year(2024): {"revenue": "10"}})
    period = year(2024).period
    series.values[("sga", period)] = made_value("sga", period, "3", currency="EUR")
    assert absence("revenue - sga", series, year(2024)).key == "reason.unit_mismatch"


def test_an_optional_term_counts_as_zero_only_where_its_statement_was_read():
    day = date(2024, 12, 31)
    read = made_series({year(2024): {}}, {day: {"long_term_debt": "70", "total_assets": "500"}})
    outcome = evaluated("long_term_debt + current_debt?", read, year(2024))
    assert outcome.amount == 70
    assert outcome.formula == "long_term_debt"
    assert outcome.notes == (Message("note.counted_as_zero", {"metric": "current_debt"}),)
    unread = made_series({year(2024): {}}, {day: {"long_term_debt": "70"}})
    assert absence("long_term_debt + current_debt?", unread, year(2024)).values["metric"] == "current_debt"


def test_an_optional_term_that_could_not_be_decided_is_not_zero():
    day = date(2024, 12, 31)
    series = made_series({year(2024): {}}, {day: {"long_term_debt": "70", "total_assets": "500"}})
    doubt = Value("x", "current_debt", Period(day), "", None, Status.ABSENT, Message("reason.two_candidates"))
    series.values[("current_debt", Period(day))] = doubt
    assert absence("long_term_debt + current_debt?", series, year(2024)).values["metric"] == "current_debt"


def test_nothing_but_optional_terms_is_not_zero():
    series = made_series({year(2024): {}}, {date(2024, 12, 31): {"total_assets": "500"}})
    assert absence("current_debt? + current_debt?", series, year(2024)).key == "reason.missing_input"


def test_first_takes_what_is_there():
    series = made_series({year(2024): {"equity": "7"}})
    outcome = evaluated("first(equity_incl_nci, equity)", series, year(2024))
    assert (outcome.amount, outcome.formula) == (7, "equity")
    assert absence("first(a, b)", series, year(2024)).values["metric"] == "a"


def test_averages_and_openings_use_the_balance_before_the_span():
    series = made_series(
        {year(2024): {"revenue": "300"}},
        {date(2024, 12, 31): {"inventory": "30"}, date(2023, 12, 31): {"inventory": "20"}},
    )
    outcome = evaluated("revenue / avg(inventory)", series, year(2024))
    assert outcome.amount == 12  # 300 / 25
    assert [value.period.key for value in outcome.inputs[1:]] == ["2024-12-31", "2023-12-31"]
    assert evaluated("inventory - opening(inventory)", series, year(2024)).amount == 10


def test_a_missing_opening_balance_is_named_with_its_date():
    series = made_series({year(2024): {"revenue": "300"}}, {date(2024, 12, 31): {"inventory": "30"}})
    assert absence("revenue / avg(inventory)", series, year(2024)) == Message(
        "reason.missing_opening", {"metric": "inventory", "date": "2023-12-31"}
    )


def test_quarters_are_annualised_by_days_and_years_are_not():
    series = made_series({year(2024): {"net_income": "366"}, quarter(2024, 1): {"net_income": "91"}})
    whole = evaluated("annual(net_income)", series, year(2024))
    assert (whole.amount, whole.notes) == (366, ())
    part = evaluated("annual(net_income)", series, quarter(2024, 1))
    assert part.amount == 365  # 91 days in the first quarter of 2024
    assert part.formula == "net_income * 365 / 91"
    assert part.notes == (Message("note.annualised", {"days": "91"}),)


def test_growth_compares_with_the_same_span_a_year_before():
    series = made_series({part_year(2023, 2): {"revenue": "80"}, part_year(2024, 2): {"revenue": "100"}})
    assert evaluated("growth(revenue)", series, part_year(2024, 2)).amount == Decimal("0.25")
    assert absence("growth(revenue)", series, part_year(2023, 2)).key == "reason.missing_prior"


@pytest.mark.parametrize(("base", "current"), [("0", "5"), ("-4", "5"), ("4", "-5")])
def test_growth_from_nothing_or_across_zero_is_not_meaningful(base, current):
    series = made_series({year(2023): {"net_income": base}, year(2024): {"net_income": current}})
    assert absence("growth(net_income)", series, year(2024)) == Message("reason.nm", {"metric": "net_income"})


def test_growth_over_unequal_weeks_says_so():
    end = date(2024, 2, 3)
    long_year = Span("year", "FY2023", Period(end=end, start=end - timedelta(days=7 * 53 - 1)), 2023)
    before = long_year.period.start - timedelta(days=1)
    short_year = Span("year", "FY2022", Period(end=before, start=before - timedelta(days=7 * 52 - 1)), 2022)
    series = made_series({short_year: {"revenue": "100"}, long_year: {"revenue": "110"}})
    outcome = evaluated("growth(revenue)", series, long_year)
    assert outcome.amount == Decimal("0.1")
    assert outcome.notes == (Message("note.weeks_differ", {"weeks": "53", "base_weeks": "52"}),)


def test_a_division_by_zero_or_less_is_not_meaningful():
    series = made_series({year(2024): {"net_debt": "5", "ebitda": "-2"}})
    assert absence("net_debt / ebitda", series, year(2024)) == Message("reason.nm", {"metric": "ebitda"})


def test_rounding_of_the_inputs_is_carried_through():
    # EPS to the cent times shares to the thousand: 2.50 * 500 + 1,000,000 * 0.005 + 500 * 0.005 = 6,252.50
    period = year(2024).period
    series = made_series({year(2024): {"eps_basic": "2.50"}})
    series.values[("shares_basic", period)] = made_value("shares_basic", period, "1000000", decimals=-3)
    assert evaluated("eps_basic * shares_basic", series, year(2024)).error == Decimal("6252.5")
