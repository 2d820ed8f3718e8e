"""Measures against values worked out by hand or by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from trivium.maintenance.analyze.calibrate import Logistic, log_odds
from trivium.maintenance.analyze.conformal import Band
from trivium.maintenance.analyze.measures import average_precision, best_f1, brier, calibration_error, nasa_score, rmse


def test_nasa_score_punishes_late_predictions_more():
    assert nasa_score(np.array([110.0]), np.array([100.0])) == pytest.approx(np.e - 1)
    assert nasa_score(np.array([87.0]), np.array([100.0])) == pytest.approx(np.e - 1)
    assert rmse(np.array([1.0, 5.0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(8))


def test_average_precision_and_f1_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.2).astype(float)
    score = np.round(label + rng.normal(0, 0.8, 300), 1)  # with ties
    assert average_precision(score, label) == pytest.approx(average_precision_score(label, score))
    best, threshold = best_f1(score, label)
    assert best == pytest.approx(f1_score(label, score >= threshold))
    assert best == pytest.approx(max(f1_score(label, score >= one) for one in np.unique(score)))


def test_calibration_error_of_a_biased_forecast_is_the_bias():
    probability, label = np.full(100, 0.35), np.r_[np.ones(15), np.zeros(85)]
    assert calibration_error(probability, label) == pytest.approx(0.20)
    assert brier(probability, label) == pytest.approx(0.15 * 0.65**2 + 0.85 * 0.35**2)


def test_recalibration_undoes_a_distorted_scale():
    rng = np.random.default_rng(1)
    true = rng.random(4000)
    label = (rng.random(4000) < true).astype(float)
    distorted = log_odds(true) * 3 + 1
    calibrated = Logistic.fit(distorted[:, None], label).probability(distorted[:, None])
    assert np.abs(calibrated - true).mean() < 0.03
    again = Logistic.from_json(Logistic.fit(distorted[:, None], label).to_json())
    assert (again.probability(distorted[:, None]) == calibrated).all()


def test_the_band_covers_new_assets_and_is_narrow_where_errors_are_small():
    rng = np.random.default_rng(2)
    truth = rng.uniform(0, 125, 4000)
    predicted = truth + rng.normal(0, 1 + truth / 10)
    asset = np.arange(4000) // 10
    band = Band.fit(predicted[:2000], truth[:2000], asset[:2000], 0.9)
    low, high = band.around(predicted[2000:], 125)
    assert np.mean((low <= truth[2000:]) & (truth[2000:] <= high)) == pytest.approx(0.9, abs=0.03)
    width = high - low
    assert width[truth[2000:] < 20].mean() < 0.5 * width[truth[2000:] > 90].mean()
    assert (low >= 0).all()
    assert (high <= 125).all()


def test_where_the_cap_ends_the_band_all_misses_lie_below():
    rng = np.random.default_rng(2)
    at_cap = rng.random(20_000) < 0.6
    truth = np.where(at_cap, 125.0, rng.uniform(60, 125, 20_000))
    band = Band.fit(np.full(20_000, 120.0), truth, np.arange(20_000), 0.9, cap=125.0)
    low, high = band.around(np.array([120.0]), 125.0)
    # P(truth < low) = 0.4 (low - 60) / 65 = 0.1; with a twentieth on each side low would be 68.1
    assert low[0] == pytest.approx(60 + 65 * 0.1 / 0.4, abs=1.5)
    assert high[0] == 125


def test_a_band_of_few_assets_covers_new_ones_as_well():
    shares = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        asset = np.repeat(np.arange(400), 10)
        truth = rng.uniform(0, 125, 4000)
        predicted = truth + rng.normal(0, 10, 400)[asset]  # all rows of an asset are off alike
        known = asset < 20
        band = Band.fit(predicted[known], truth[known], asset[known], 0.9, cap=125.0)
        low, high = band.around(predicted[~known], 125.0)
        shares.append(np.mean((low <= truth[~known]) & (truth[~known] <= high)))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.03)
