"""Measures against values worked out by hand."""

import numpy as np
import pytest

from trivium.vision.calibration import best_threshold, best_thresholds, expected_best_f1, fit_platt
from trivium.vision.folds import patient_folds
from trivium.vision.metrics import auroc, calibration_error, interval, micro_f1

YES, NO = True, False


def test_auroc_counts_pairs_and_ties_half():
    # pairs: (3 over 1), (3 over 2), (2 over 1), (2 ties with 2) = 3.5 of 4
    assert auroc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([NO, NO, YES, YES])) == pytest.approx(3.5 / 4)
    assert np.isnan(auroc(np.array([1.0, 2.0]), np.array([YES, YES])))


def test_micro_f1_counts_over_all_labels():
    predicted = np.array([[YES, NO], [YES, YES]])
    truth = np.array([[YES, NO], [NO, YES]])
    assert micro_f1(predicted, truth) == pytest.approx(2 * 2 / (3 + 2))
    assert micro_f1(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 0


def test_calibration_error_of_two_bins():
    # three films at 0.1 of which one has the label: gap 1/3 - 0.1; one at 0.9 with it: gap 0.1
    p, y = np.array([0.1, 0.1, 0.1, 0.9]), np.array([YES, NO, NO, YES])
    assert calibration_error(p, y) == pytest.approx(0.75 * (1 / 3 - 0.1) + 0.25 * 0.1)


def test_an_interval_draws_patients_and_not_films():
    """One patient has all films with the value 1: a draw without that patient has mean 0."""
    patients = np.array([0, 1, 1, 1, 1, 1, 1, 1])
    values = (patients == 0).astype(float)
    low, high = interval(lambda films: float(values[films].mean()), patients, rounds=300)
    assert (low, high) == (0, 1)


def test_folds_keep_patients_together_and_cover_all():
    patients = np.repeat(np.arange(40), 3)
    parts = patient_folds(patients, 7)
    assert sorted(np.concatenate(parts)) == list(range(120))
    assert [len(part) for part in parts] == [24] * 5
    assert all(len(set(patients[a]) & set(patients[b])) == 0 for a in parts for b in parts if a is not b)


def test_platt_gives_the_base_rate_to_a_score_that_ranks_the_wrong_way():
    logits, labels = np.linspace(-1, 1, 40), np.arange(40) < 10
    wrong = fit_platt(logits, labels)
    assert wrong.slope == 0
    assert wrong(logits) == pytest.approx(11 / 42)
    right = fit_platt(-logits, labels)
    assert right.slope > 0
    assert right(-logits).mean() == pytest.approx(0.25, abs=0.02)


def test_one_threshold_for_all_labels():
    p = np.array([[0.9, 0.2], [0.4, 0.3]])
    y = np.array([[YES, NO], [YES, NO]])
    assert best_threshold(p, y) == pytest.approx(0.35)


def test_a_threshold_for_each_label_finds_the_best_f1_of_all():
    """Against every combination of thresholds: the second label's scores are on another scale."""
    generator = np.random.default_rng(8)
    y = generator.random((30, 2)) < [0.4, 0.2]
    p = np.clip(y * 0.3 + generator.random((30, 2)) * 0.5, 0, 1) * [1.0, 0.2]
    cuts = [np.append(np.unique(p[:, one]), 2.0) for one in range(2)]
    best = max(micro_f1(p >= np.array([a, b]), y) for a in cuts[0] for b in cuts[1])
    assert micro_f1(p >= best_thresholds(p, y), y) == pytest.approx(best)


def test_a_label_that_only_costs_is_never_named():
    p = np.array([[0.9, 0.3], [0.8, 0.2], [0.1, 0.4], [0.2, 0.1]])
    y = np.array([[YES, NO], [YES, YES], [NO, NO], [NO, NO]])
    # alone: 2 of 2 found, one missed: 4/5. Naming the second down to 0.2 adds 1 hit and 2 errors: 6/8
    limits = best_thresholds(p, y)
    assert limits[0] == pytest.approx(0.5)
    assert limits[1] > 1
    # with ten labels that nobody names, the one hit is worth its two errors: 4/15 against 6/18
    assert best_thresholds(p, y, others=10)[1] == pytest.approx(0.15)


def test_the_best_f1_to_expect():
    # named: the first: 1.6/2; both of 0.8 and 0.5: 2.6/3; all: 2.8/4, with 1 wanted
    assert expected_best_f1(np.array([[0.8, 0.1], [0.5, 0.0]]), 1) == pytest.approx(2.6 / 3)
