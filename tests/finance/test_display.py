from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finance.made_series import made_series, year

from trivium.finance.analyze.model import Comparison
from trivium.finance.display import (
    Scale,
    admitted,
    cell,
    cell_points,
    header,
    number,
    places,
    prose,
    prose_points,
    usual_scale,
)
from trivium.service.text import catalogue

REVENUE = Decimal("391035000000")  # Apple, FY2024


@pytest.mark.parametrize(
    ("scale", "english", "chinese"),
    [
        (Scale.FULL, "$391,035,000,000", "391,035,000,000美元"),
        (Scale.THOUSAND, "$391,035,000 thousand", "391,035,000千美元"),
        (Scale.MILLION, "$391,035 million", "391,035百万美元"),
        (Scale.BILLION, "$391.04 billion", "391.04十亿美元"),
        (Scale.WAN, "$39,103,500.00 ten thousand", "39,103,500.00万美元"),
        (Scale.YI, "$3,910.35 hundred million", "3,910.35亿美元"),
    ],
)
def test_amounts_in_every_scale(scale, english, chinese):
    assert prose(REVENUE, "USD", scale, "en") == english
    assert prose(REVENUE, "USD", scale, "zh") == chinese


def test_each_kind_in_prose():
    assert prose(Decimal("-1234567890"), "CNY", Scale.YI, "zh") == "-12.35亿元"
    assert prose(Decimal("-1234567890"), "USD", Scale.BILLION, "en") == "-$1.23 billion"
    assert prose(Decimal("6.075"), "USD/shares", Scale.BILLION, "en") == "$6.08"
    assert prose(Decimal("0.016"), "USD/shares", Scale.BILLION, "en") == "$0.016"
    assert prose(Decimal("0.4621"), "pure", Scale.FULL, "en") == "46.2%"
    assert prose(Decimal("0.866"), "times", Scale.FULL, "zh") == "0.87倍"
    assert prose(Decimal(1), "days", Scale.FULL, "en") == "1 day"
    assert prose(Decimal("45.4"), "days", Scale.FULL, "en") == "45 days"
    assert prose(Decimal(15_343_783_000), "shares", Scale.MILLION, "en") == "15,344 million shares"
    assert prose(Decimal(1200), "bbl", Scale.THOUSAND, "en") == "1 thousand bbl"
    assert prose_points(Decimal("0.0134"), "en") == "1.3 percentage points"
    assert prose_points(Decimal("-0.0134"), "zh") == "-1.3个百分点"


def test_tables_put_negatives_in_parentheses():
    assert cell(Decimal("-96773000000"), "USD", Scale.MILLION) == "(96,773)"
    assert cell(Decimal("-0.0201"), "pure", Scale.MILLION) == "(2.0%)"
    assert cell(Decimal("0.866"), "times", Scale.MILLION) == "0.87x"
    assert cell(Decimal("-0.35"), "USD/shares", Scale.MILLION) == "(0.35)"
    assert cell_points(Decimal("-0.013"), "en") == "(1.3 pp)"
    assert cell_points(Decimal("-0.013"), "zh") == "(1.3个百分点)"


def test_header_names_unit_and_scale():
    assert header("USD", Scale.MILLION, "en") == "USD million"
    assert header("CNY", Scale.YI, "zh") == "亿元"
    assert header("shares", Scale.FULL, "en") == "shares"
    assert header("SEK", Scale.MILLION, "zh") == "百万SEK"


def test_half_goes_away_from_zero_and_zero_has_no_sign():
    assert number(Decimal("0.125"), 2) == "0.13"
    assert number(Decimal("-0.125"), 2) == "-0.13"
    assert number(Decimal("-0.004"), 2) == "0.00"
    assert cell(Decimal("-400000"), "USD", Scale.MILLION) == "0"


def test_admitted_is_half_open_on_the_far_side():
    shown = admitted(Decimal("12.3"), 1, -2)  # 12.3 %
    assert shown.contains(Decimal("0.1225"))
    assert shown.contains(Decimal("0.123499"))
    assert not shown.contains(Decimal("0.1235"))
    assert not shown.contains(Decimal("-0.123"))
    assert not admitted(Decimal("12.4"), 1, -2).contains(Decimal("0.1234"))


def test_a_displayed_zero_admits_both_sides():
    assert admitted(Decimal("0.0"), 1, -2).contains(Decimal("-0.0004"))
    assert not admitted(Decimal("0.0"), 1, -2).contains(Decimal("-0.0005"))


@given(st.decimals(-(10**13), 10**13, places=3), st.sampled_from(list(Scale)))
def test_every_displayed_amount_admits_its_value_and_no_neighbour(value, scale):
    decimals = places("money", scale.exponent)
    shown = number(value.scaleb(-scale.exponent), decimals)
    exact = admitted(Decimal(shown.replace(",", "")), decimals, scale.exponent)
    assert exact.contains(value), shown
    step = Decimal(1).scaleb(scale.exponent - decimals)
    assert not exact.contains(value + step)
    assert not exact.contains(value - step)


def test_every_currency_has_a_name_and_a_form_in_both_languages():
    for language in ("en", "zh"):
        keys = [key for key in catalogue("trivium.finance", language) if key.startswith("unit.")]
        assert keys == sorted(keys)
        forms = {key.removeprefix("unit.money_") for key in keys if key.startswith("unit.money_")}
        assert forms == {key.removeprefix("unit.name_") for key in keys if key.startswith("unit.name_")}


@pytest.mark.parametrize(
    ("revenue", "assets", "english", "chinese"),
    [
        ("57000000000", "1", "million", "yi"),
        ("1000000000", "1", "million", "yi"),
        ("999999999", "1", "million", "wan"),
        ("99999999", "1", "thousand", "wan"),
        ("99999", "1", "full", "full"),
        (None, "3000000000", "million", "yi"),
        (None, "-43000000", "thousand", "wan"),
        (None, None, "million", "yi"),
    ],
)
def test_the_usual_scale_follows_the_largest_company(revenue, assets, english, chinese):
    small = made_series({year(2024): {"revenue": "1000"}})
    large = made_series(
        {year(2024): {"revenue": revenue} if revenue else {}},
        {date(2024, 12, 31): {"total_assets": assets} if assets else {}},
    )
    series = (small, large) if revenue else (large,)
    comparison = Comparison("companies", (), (), series)
    assert (usual_scale(comparison, "en"), usual_scale(comparison, "zh")) == (english, chinese)
