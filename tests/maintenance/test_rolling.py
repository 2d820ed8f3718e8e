"""Causal windows against a loop that is plainly right."""

import numpy as np
import pytest

from trivium.maintenance.analyze import rolling

ASSET = np.repeat([0, 1, 2], [7, 1, 12])
X = np.random.default_rng(0).normal(size=(20, 2)) + 5


def windows(width):
    for row in range(len(X)):
        start = max(np.flatnonzero(ASSET[row] == ASSET)[0], row - width + 1)
        yield row, X[start : row + 1]


@pytest.mark.parametrize("width", [1, 3, 50])
def test_mean_and_spread_are_those_of_the_window(width):
    mean, spread = rolling.mean(X, ASSET, width), rolling.spread(X, ASSET, width)
    for row, seen in windows(width):
        assert mean[row] == pytest.approx(seen.mean(axis=0))
        assert spread[row] == pytest.approx(seen.std(axis=0), abs=1e-6)


def test_slope_is_the_least_squares_line():
    slope = rolling.slope(X, ASSET, 5)
    for row, seen in windows(5):
        wanted = np.polyfit(np.arange(len(seen)), seen, 1)[0] if len(seen) > 2 else np.zeros(2)
        assert slope[row] == pytest.approx(wanted, abs=1e-9)


def test_exponential_mean_weighs_by_age():
    found = rolling.exponential_mean(X, ASSET, 3)  # each row back weighs half
    weight = 0.5 ** np.arange(12)[::-1]
    assert found[19] == pytest.approx((weight[:, None] * X[8:]).sum(axis=0) / weight.sum())
    assert found[7] == pytest.approx(X[7])  # an asset of one row


def test_early_mean_knows_no_more_than_its_row():
    found = rolling.early_mean(X, ASSET, 3)
    assert found[8] == pytest.approx(X[8])
    assert found[9] == pytest.approx(X[8:10].mean(axis=0))
    assert found[19] == pytest.approx(X[8:11].mean(axis=0))


def test_values_are_carried_forward_within_the_limit_and_never_between_assets():
    x = np.array([[1.0], [np.nan], [np.nan], [np.nan], [np.nan], [2.0]])
    found = rolling.carry_forward(x, np.array([0, 0, 0, 0, 1, 1]), 2)[:, 0]
    assert found.tolist()[:3] == [1, 1, 1]
    assert np.isnan(found[3:5]).all()
    assert found[5] == 2


@pytest.mark.parametrize(
    "window",
    [
        lambda x, asset: rolling.mean(x, asset, 4),
        lambda x, asset: rolling.spread(x, asset, 4),
        lambda x, asset: rolling.slope(x, asset, 4),
        lambda x, asset: rolling.early_mean(x, asset, 4),
        lambda x, asset: rolling.exponential_mean(x, asset, 4),
    ],
)
def test_later_rows_and_other_assets_change_nothing(window):
    whole = window(X, ASSET)
    assert (window(X[8:14], ASSET[8:14]) == whole[8:14]).all()  # to the last bit
