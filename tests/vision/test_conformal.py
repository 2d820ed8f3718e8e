"""Conformal limits against values worked out by hand, and their promise on patients whose films are alike."""

import numpy as np
import pytest

from trivium.vision.conformal import SetLimits, fit_limits, hierarchical_quantile


def test_a_quantile_weighs_patients_and_keeps_one_share_for_the_patient_to_come():
    # groups weigh 1/4 each: 0.1 and 0.2 have 1/8, 0.5 and 0.9 have 1/4; sums 1/8, 2/8, 4/8, 6/8
    scores, groups = np.array([0.9, 0.1, 0.5, 0.2]), [3, 1, 2, 1]
    assert hierarchical_quantile(scores, groups, 0.25) == 0.2
    assert hierarchical_quantile(scores, groups, 0.5) == 0.5
    assert hierarchical_quantile(scores, groups, 0.75) == 0.9
    assert hierarchical_quantile(scores, groups, 0.76) == float("inf")


def test_too_few_patients_rule_nothing_out():
    p, y = np.array([0.2, 0.9, 0.1, 0.3]), np.array([True, True, False, False])
    assert fit_limits(p, y, np.arange(4), 0.1) == SetLimits(0.0, 1.0)
    # with one half to spare: present from 0.2 (the farther of two), absent up to 0.3
    assert fit_limits(p, y, np.arange(4), 0.34) == SetLimits(pytest.approx(0.2), pytest.approx(0.3))


def test_sets_hold_one_answer_both_or_none():
    limits = SetLimits(present_from=0.3, absent_to=0.2)
    assert limits.holds(np.array([0.1, 0.25, 0.4])).tolist() == [[True, False], [False, False], [False, True]]
    assert SetLimits(0.3, 0.5).holds(np.array([0.4])).tolist() == [[True, True]]


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"alpha is 1\.5"):
        fit_limits(np.array([0.5]), np.array([True]), np.array([1]), 1.5)


def test_patients_with_many_films_do_not_break_the_promise():
    """One patient in five has 30 films, all hard; drawn as films, the limit would fail every other patient."""
    generator = np.random.default_rng(4)
    covered = []
    for _ in range(300):
        sizes = np.where(generator.random(41) < 0.2, 30, 1)
        offsets = generator.normal(0, 1, 41)
        scores = [offset + generator.normal(0, 0.2, size) for offset, size in zip(offsets, sizes, strict=True)]
        limit = hierarchical_quantile(np.concatenate(scores[:40]), np.repeat(np.arange(40), sizes[:40]), 0.9)
        covered.append((scores[40] <= limit).mean())
    assert 0.88 <= np.mean(covered) <= 0.94  # 0.9 promised, at most 1/41 more
