from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finance.made_series import made_series, made_value, year

from trivium.finance.analyze.bridges import (
    UNEXPLAINED,
    breakdown_bridge,
    bridges,
    cash_bridge,
    net_debt_bridge,
    operating_income_bridge,
)
from trivium.finance.analyze.formulas import derive
from trivium.finance.analyze.model import Breakdown, Column, Message, Row, Status, Value
from trivium.service.text import catalogue

OPEN, CLOSE = date(2023, 12, 31), date(2024, 12, 31)
THIS, LAST = year(2024).period, year(2023).period
LAST_FLOWS = {
    "revenue": "800",
    "cost_of_revenue": "500",
    "research_and_development": "60",
    "sga": "90",
    "operating_income": "140",
}
FLOWS = {
    "revenue": "1000",
    "cost_of_revenue": "600",
    "research_and_development": "80",
    "sga": "100",
    "operating_income": "215",
    "operating_cash_flow": "180",
    "investing_cash_flow": "-90",
    "financing_cash_flow": "-60",
    "fx_effect_on_cash": "-3",
    "capex": "70",
    "dividends_paid": "25",
}
BALANCES = {
    OPEN: {"cash": "100", "long_term_debt": "400", "total_assets": "1000"},
    CLOSE: {"cash": "127", "long_term_debt": "380", "total_assets": "1100"},
}


def made():
    series = made_series({year(2023): LAST_FLOWS, year(2024): FLOWS}, BALANCES)
    derive(series)
    return series


def steps_of(bridge):
    return {step.metric: step.amount for step in bridge.steps}


def adds_up(bridge):
    return bridge.start.amount + sum(step.amount for step in bridge.steps) == bridge.end.amount


def made_breakdown(before, after, total_before, total_after):
    def value(amount, period, name):
        if amount is None:
            return Value(name, "revenue", period, "USD", None, Status.ABSENT, Message("reason.not_reported"))
        return made_value("revenue", period, str(amount))

    rows = tuple(
        Row("revenue", (value(a, LAST, f"a{n}"), value(b, THIS, f"b{n}")), label=f"Part {n}")
        for n, (a, b) in enumerate(zip(before, after, strict=True))
    )
    total = Row("revenue", (value(total_before, LAST, "t"), value(total_after, THIS, "u")), is_total=True)
    return Breakdown("revenue", "StatementBusinessSegmentsAxis", rows, total, Row("unallocated", ()), "ACME")


def test_revenue_by_segment_by_hand():
    bridge = breakdown_bridge(made_breakdown([50, 30], [55, 45], 80, 100), 0, 1)
    assert bridge is not None
    assert bridge.key == "revenue_by_segments"
    assert (bridge.start.amount, bridge.end.amount) == (80, 100)
    assert [step.amount for step in bridge.steps] == [5, 15]
    assert bridge.steps[0].reason == Message("bridge.member", {"label": "Part 0"})


amounts = st.one_of(st.none(), st.integers(-(10**9), 10**9))


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_bridge_always_adds_up_exactly(members, before, after):
    breakdown = made_breakdown([a for a, _ in members], [b for _, b in members], before, after)
    bridge = breakdown_bridge(breakdown, 0, 1)
    if all(a is None or b is None for a, b in members):
        assert bridge is None
    else:
        assert bridge is not None
        assert adds_up(bridge)
        assert len({step.id for step in bridge.steps}) == len(bridge.steps)


def test_a_member_that_one_year_lacks_is_unexplained_and_not_zero():
    bridge = breakdown_bridge(made_breakdown([80, None], [85, 15], 80, 100), 0, 1)
    assert bridge is not None
    assert [(step.metric, step.amount) for step in bridge.steps] == [("revenue", 5), (UNEXPLAINED, 15)]
    assert bridge.steps[1].reason == Message("bridge.unexplained")


def test_operating_income_by_hand():
    bridge = operating_income_bridge(made(), LAST, THIS)
    assert bridge is not None
    assert steps_of(bridge) == {
        "revenue": 200,
        "cost_of_revenue": -100,
        "research_and_development": -20,
        "sga": -10,
        UNEXPLAINED: 5,
    }
    assert adds_up(bridge)
    assert bridge.steps[1].formula == "-(cost_of_revenue - base(cost_of_revenue))"


def test_net_debt_by_hand():
    # From 400 - 100 = 300 to 380 - 127 = 253: cash flow 180 less capex 70 and dividends 25 would give 215.
    bridge = net_debt_bridge(made(), THIS)
    assert bridge is not None
    assert steps_of(bridge) == {"operating_cash_flow": -180, "capex": 70, "dividends_paid": 25, UNEXPLAINED: 38}
    assert adds_up(bridge)


def test_cash_by_hand_has_nothing_unexplained():
    bridge = cash_bridge(made(), THIS)
    assert bridge is not None
    assert (bridge.start.amount, bridge.end.amount) == (100, 127)
    assert steps_of(bridge) == {
        "operating_cash_flow": 180,
        "investing_cash_flow": -90,
        "financing_cash_flow": -60,
        "fx_effect_on_cash": -3,
    }


def test_cash_with_restricted_cash_goes_first():
    series = made()
    for day, amount in ((OPEN, "110"), (CLOSE, "137")):
        period = type(THIS)(day)
        series.values["cash_incl_restricted", period] = made_value("cash_incl_restricted", period, amount)
    bridge = cash_bridge(series, THIS)
    assert bridge is not None
    assert bridge.start.metric == "cash_incl_restricted"


def test_without_both_ends_there_is_no_bridge():
    series = made_series({year(2024): FLOWS}, {CLOSE: BALANCES[CLOSE]})
    assert cash_bridge(series, THIS) is None
    assert net_debt_bridge(series, THIS) is None
    assert operating_income_bridge(series, LAST, THIS) is None


def test_other_currencies_are_not_bridged():
    series = made()
    series.values["operating_income", LAST] = made_value("operating_income", LAST, "140", currency="EUR")
    assert operating_income_bridge(series, LAST, THIS) is None


def test_the_bridges_of_a_company_end_in_its_last_column():
    series = made()
    columns = (Column(series.company, year(2023)), Column(series.company, year(2024)))
    found = bridges(series, columns, [made_breakdown([50, 30], [55, 45], 800, 1000)])
    assert [bridge.key for bridge in found] == ["revenue_by_segments", "operating_income", "net_debt", "cash"]
    assert all(adds_up(bridge) for bridge in found)
    assert [bridge.key for bridge in bridges(series, columns[1:], [])] == ["net_debt", "cash"]
    assert bridges(series, (), []) == ()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_bridge_has_a_name_in_each_language(language):
    texts = catalogue("trivium.finance", language)
    keys = [
        "revenue_by_segments",
        "revenue_by_products",
        "revenue_by_geography",
        "operating_income",
        "net_debt",
        "cash",
    ]
    keys += ["member", "change_in", "flow", "unexplained"]
    assert [key for key in keys if f"bridge.{key}" not in texts] == []
    assert texts.say("bridge.member", label="Mac") == "Mac"


def test_amounts_stay_exact():
    series = made_series(
        {
            year(2023): {"revenue": "0.1", "operating_income": "0.1"},
            year(2024): {"revenue": "0.3", "operating_income": "0.4"},
        }
    )
    bridge = operating_income_bridge(series, LAST, THIS)
    assert bridge is not None
    assert steps_of(bridge) == {"revenue": Decimal("0.2"), UNEXPLAINED: Decimal("0.1")}
