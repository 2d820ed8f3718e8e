from decimal import Decimal
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from trivium.finance.analyze.subsets import largest_exact_subset, without_subtotals


def numbers(*amounts):
    return [Decimal(amount) for amount in amounts]


def test_the_finest_set_wins_over_its_subtotals():
    # NVDA 10-K FY2025, USD m: data center 115,186 is compute 102,196 and networking 12,990.
    amounts = numbers(115186, 102196, 12990, 11350, 1878, 1694, 389)
    assert largest_exact_subset(amounts, Decimal(130497)) == (1, 2, 3, 4, 5, 6)


def test_nothing_is_found_where_nothing_adds_up():
    assert largest_exact_subset(numbers(5, 7), Decimal(11)) is None
    assert largest_exact_subset([], Decimal(0)) is None


def test_too_many_amounts_are_not_searched():
    assert largest_exact_subset(numbers(*range(1, 32)), Decimal(3)) is None


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=7), st.integers(-20, 20))
def test_it_agrees_with_trying_every_set(amounts, total):
    sizes = range(len(amounts), 0, -1)
    every = ((size, chosen) for size in sizes for chosen in combinations(range(len(amounts)), size))
    expected = next((chosen for _, chosen in every if sum(amounts[i] for i in chosen) == total), None)
    assert largest_exact_subset(numbers(*amounts), Decimal(total)) == expected


def test_subtotals_before_and_after_their_parts_go():
    assert without_subtotals(numbers(30, 10, 20, 7)) == (1, 2, 3)
    assert without_subtotals(numbers(110, 25, 135, 71, 3, 74)) == (0, 1, 3, 4)


def test_equal_neighbours_and_zeros_are_not_subtotals():
    assert without_subtotals(numbers(5, 5, 0, 8)) == (0, 1, 2, 3)
