"""Share splits: found where one period has two share counts, applied beside the reported values."""

from decimal import Decimal

import pytest
from tests.finance.test_series import Y23, Y24, made, period, series_of

from trivium.finance.analyze.splits import find_splits

Y22 = "2022-01-01/2022-12-31"


def test_ten_for_one_is_found_and_applied_to_older_filings():
    # 10 million shares became 100 million: 10.00 a share became 1.00.
    old = made("10-K", ("2023", "FY"), {Y23: 1000, Y22: 900}, shares=10)
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000}, shares=100)
    series = series_of(old, new)
    (split,) = find_splits(series)
    assert split.factor == 10
    assert (split.before.amount, split.after.amount) == (10_000_000, 100_000_000)
    assert series.get("eps_diluted", period(Y23)).amount == 1
    assert series.originals["eps_diluted", period(Y23)].amount == 10
    # Only the old filing gives 2022: reported stays, adjusted stands beside it.
    assert series.get("eps_diluted", period(Y22)).amount == 9
    adjusted = series.adjusted["eps_diluted", period(Y22)]
    assert adjusted.amount == Decimal("0.9")
    assert adjusted.formula == "eps_diluted / 10"
    assert [note.key for note in adjusted.notes] == ["note.split_adjusted"]
    assert series.adjusted["shares_diluted", period(Y22)].amount == 100_000_000
    assert ("eps_diluted", period(Y24)) not in series.adjusted
    assert ("revenue", period(Y22)) not in series.adjusted


def test_one_for_ten_is_a_reverse_split():
    old = made("10-K", ("2023", "FY"), {Y23: 1000, Y22: 900}, shares=100)
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000}, shares=10)
    series = series_of(old, new)
    (split,) = find_splits(series)
    assert split.factor == Decimal("0.1")
    assert series.adjusted["eps_diluted", period(Y22)].amount == 9
    assert series.adjusted["shares_diluted", period(Y22)].amount == 10_000_000


def test_two_splits_multiply():
    first = made("10-K", ("2022", "FY"), {Y22: 900}, shares=10)
    second = made("10-K", ("2023", "FY"), {Y23: 1000, Y22: 900}, shares=20)
    third = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000}, shares=60)
    series = series_of(first, second, third)
    assert [split.factor for split in find_splits(series)] == [2, 3]
    # The second filing restated 2022 for the first split already; only the second is left to apply.
    assert series.get("shares_diluted", period(Y22)).amount == 20_000_000
    assert series.adjusted["shares_diluted", period(Y22)].amount == 60_000_000


@pytest.mark.parametrize("shares", [10.4, 11, 12.7])
def test_other_restatements_of_shares_are_no_splits(shares):
    old = made("10-K", ("2023", "FY"), {Y23: 1000}, shares=10)
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000}, shares=shares)
    series = series_of(old, new)
    assert find_splits(series) == ()
    assert series.adjusted == {}


def test_three_for_two():
    old = made("10-K", ("2023", "FY"), {Y23: 1000}, shares=10)
    new = made("10-K", ("2024", "FY"), {Y24: 1200, Y23: 1000}, shares=15)
    (split,) = find_splits(series_of(old, new))
    assert split.factor == Decimal("1.5")
