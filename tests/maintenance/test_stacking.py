"""Second trees over first predictions: what they learn from, and that they see nothing of the future."""

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, write

from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.analyze.measures import rmse
from trivium.maintenance.analyze.stacking import Stack, held_out
from trivium.maintenance.analyze.trees import fit_trees
from trivium.maintenance.parse.reader import read_file


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return read_file(write(tmp_path_factory.mktemp("fleet") / "f.txt", cmapss_text(15, seed=5)[0]))


def test_training_rows_are_predicted_by_trees_that_have_not_seen_their_asset():
    group = np.repeat(np.arange(12), 30)
    x = group[:, None].astype(np.float64)
    rows = np.flatnonzero(group < 10)
    seen: list[np.ndarray] = []

    def fit(learn):
        seen.append(np.unique(group[learn]))
        return fit_trees(x[learn], group[learn], objective="regression", seed=1, min_child_samples=5, count=200)

    first, _ = held_out(fit, x, group, rows, seed=3)
    assert sorted(len(groups) for groups in seen) == [8] * 5 + [10]
    # trees that have seen an asset know its number; those that have not say that of a neighbour
    assert (np.abs(first - group)[rows] > 0.5).all()
    assert first[group == 11] == pytest.approx(9, abs=0.1)


def test_the_trend_of_noisy_predictions_says_more_than_the_newest(fleet, tmp_path):
    lives = histories(fleet)
    noisy = np.clip(lives.capped + np.random.default_rng(4).normal(0, 20, len(fleet)), 0, lives.cap)
    learn, judge = np.flatnonzero(fleet.asset < 10), np.flatnonzero(fleet.asset >= 10)
    stack = Stack.fit(noisy, fleet, lives.capped, lives.remaining <= 30, learn, seed=1)
    life, risk = stack.predict(noisy, fleet, judge)
    truth = lives.capped[judge]
    assert rmse(life, truth) < 0.7 * rmse(noisy[judge], truth)
    within = lives.remaining[judge] <= 30
    assert risk[within].mean() > 0.6 > 0.2 > risk[~within].mean()
    stack.save(tmp_path, "stack-0")
    again = Stack.load(tmp_path, "stack-0").predict(noisy, fleet, judge)
    assert (again[0] == life).all()
    assert (again[1] == risk).all()


def test_later_rows_and_other_assets_change_no_prediction(fleet):
    lives = histories(fleet)
    everything = np.arange(len(fleet))
    stack = Stack.fit(lives.capped, fleet, lives.capped, lives.remaining <= 30, everything, seed=1)
    row = fleet.last_rows[3] - 20
    same = np.arange(fleet.starts[row], row + 1)
    changed = np.full(len(fleet), -50.0)
    changed[same] = lives.capped[same]
    for before, after in zip(
        stack.predict(lives.capped, fleet, same), stack.predict(changed, fleet, same), strict=True
    ):
        assert (before == after).all()
