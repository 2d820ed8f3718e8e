import random
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.finance.invented import comparison

from trivium.finance.analyze.model import Status
from trivium.finance.claims import claims_of, context_of, short_name, values_of
from trivium.finance.standing import peer_columns


@pytest.fixture(scope="module")
def periods():
    return comparison(random.Random(4), "periods")


def test_a_reported_value_carries_the_place_it_was_read_from(periods):
    value = periods.series[0].get("revenue", periods.columns[-1].span.period)
    claim = claims_of([value])[value.id]
    assert claim.value == value.amount
    assert claim.evidence == (value.filing.evidence(value.fact),)
    assert claim.inputs == ()


def test_a_derived_value_brings_its_inputs_down_to_the_reported_ones(periods):
    key = periods.series[0].company.key
    period = periods.columns[-1].span.period
    margin = periods.series[0].get("operating_margin", period)
    claims = claims_of([margin])
    revenue, income = f"{key}/revenue/{period.key}", f"{key}/operating_income/{period.key}"
    assert set(claims) == {margin.id, revenue, income}
    assert claims[margin.id].formula == "operating_income / revenue"
    assert claims[margin.id].inputs == (income, revenue)
    assert claims[margin.id].value == claims[income].value / claims[revenue].value


def test_absent_values_make_no_claim(periods):
    absent = periods.series[0].get("loans", periods.columns[-1].span.period)
    assert claims_of([absent]) == {}


def test_one_id_with_two_amounts_is_refused(periods):
    value = periods.series[0].get("revenue", periods.columns[-1].span.period)
    with pytest.raises(ValueError, match="two values share the id"):
        claims_of([value, replace(value, amount=value.amount + 1)])


def test_a_reported_value_without_a_source_is_refused(periods):
    value = periods.series[0].get("revenue", periods.columns[-1].span.period)
    with pytest.raises(ValueError, match="has no source"):
        claims_of([replace(value, fact=None)])


def test_every_value_of_a_comparison_has_a_claim_and_a_subject():
    for kind in ("filing", "periods", "companies"):
        made = comparison(random.Random(5), kind)
        values, context = values_of(made), context_of(made)
        claims = claims_of(values)
        assert {value.id for value in values} == set(context.about)
        assert {value.id for value in values if value.status is not Status.ABSENT} <= set(claims)
        assert all(set(claim.inputs) <= set(claims) for claim in claims.values())


def test_a_change_knows_its_base_and_a_balance_its_fiscal_labels(periods):
    about = context_of(periods).about
    change = next(row for row in periods.tables[0].rows if row.metric == "revenue").changes[-1]
    growth = about[change.relative.id]
    assert (growth.role, growth.metric) == ("growth", "revenue")
    assert (growth.labels, growth.base_labels) == ({"FY2024"}, {"FY2023"})
    cash = next(row for row in periods.tables[2].rows if row.metric == "cash").values[-1]
    assert about[cash.id].labels == {"FY2024"}
    assert about[cash.id].period.is_instant


def test_segments_medians_and_gaps_are_told_apart():
    one, several = comparison(random.Random(1), "periods"), comparison(random.Random(1), "companies")
    members = {about.member for about in context_of(one).about.values()}
    axis = one.breakdowns[0].axis
    assert members - {"", axis} == {row.label for row in one.breakdowns[0].rows}
    roles = [about for about in context_of(several).about.values() if about.role in ("median", "gap")]
    medians = {about.metric: about.amount for about in roles if about.role == "median"}
    row = next(row for row in several.tables[3].rows if row.metric == "net_margin")
    margins = sorted(row.values[index].amount for index in peer_columns(several))
    middle = len(margins) // 2
    expected = margins[middle] if len(margins) % 2 else (margins[middle - 1] + margins[middle]) / 2
    assert medians["net_margin"] == expected
    gaps = [about.amount for about in roles if about.role == "gap" and about.metric == "net_margin"]
    assert sorted(gaps) == [Decimal(margin) - expected for margin in margins]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Apple Inc.", "Apple"),
        ("AMAZON.COM, INC.", "Amazon.com"),
        ("COCA COLA CO", "Coca Cola"),
        ("NVIDIA CORP", "NVIDIA"),
        ("AES CLEAN ENERGY INC", "AES Clean Energy"),
        ("The Coca-Cola Company", "The Coca-Cola"),
        ("Dunmere Rail Co., Ltd.", "Dunmere Rail"),
        ("四方科技集团股份有限公司", "四方科技"),
        ("Inc.", "Inc."),
    ],
)
def test_short_names_drop_the_legal_form(name, short):
    assert short_name(name) == short
