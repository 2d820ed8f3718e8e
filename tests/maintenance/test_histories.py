"""Remaining life by hand, and cuts that look like a test set's."""

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, write

from trivium.maintenance.analyze.folds import asset_folds, block_folds, class_folds, cut_rows
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.parse.reader import read_file


def test_a_run_to_failure_engine_counts_down_to_zero(tmp_path):
    text, _ = cmapss_text(2, seed=3)
    fleet = read_file(write(tmp_path / "f.txt", text))
    lives = histories(fleet)
    first = int((fleet.asset == 0).sum())
    assert lives.remaining[:first].tolist() == list(range(first - 1, -1, -1))
    assert lives.failures == 2
    assert lives.capped.max() <= 125


def test_failures_of_a_table_end_lives_and_down_time_is_not_known(tmp_path):
    marks = [0, 0, 1, 1, 0, 0, 1, 0]
    rows = "".join(f"a,{10 * i},{i}.5,{mark}\n" for i, mark in enumerate(marks))
    fleet = read_file(write(tmp_path / "f.csv", "asset,hours,p,failure\n" + rows), "csv")
    lives = histories(fleet)
    assert lives.unit == "h"
    assert lives.failures == 2
    known = np.nan_to_num(lives.remaining, nan=-1).tolist()
    assert known == [20, 10, 0, -1, 20, 10, 0, -1]  # row 3 is down-time, row 7 is after the last failure
    assert lives.cap == pytest.approx(0.6 * 25)  # lives of 20 and, from the end of the first, 30 hours


@pytest.mark.parametrize(("hours", "unit", "first"), [(6, "h", 54.0), (1, "s", 32_400.0), (100, "d", 37.5)])
def test_lives_between_dates_are_told_in_days_or_hours(tmp_path, hours, unit, first):
    begin = 1_735_689_600
    rows = "".join(f"a,{begin + 3600 * hours * i},{i}.5,{int(i == 9)}\n" for i in range(10))
    lives = histories(read_file(write(tmp_path / "f.csv", "asset,timestamp,p,failure\n" + rows), "csv"))
    assert (lives.unit, lives.remaining[0]) == (unit, pytest.approx(first))


def test_cuts_are_of_the_given_lengths_and_leave_five_rows():
    asset = np.repeat([0, 1], [40, 100])
    rows = cut_rows(asset, 50, seed=0, lengths=np.array([20, 90]))
    assert set(rows[:50]) == {19}  # 90 rows do not fit 40
    assert set(rows[50:]) == {40 + 19, 40 + 89}
    free = cut_rows(asset, 500, seed=0)
    assert free[:500].max() == 33
    assert free[500:].max() == 40 + 93


def test_folds_keep_assets_and_stretches_apart():
    asset = np.repeat(np.arange(10), 7)
    for learn, judge in asset_folds(asset, 5, seed=1):
        assert set(asset[learn]) & set(asset[judge]) == set()
        assert len(learn) + len(judge) == 70
    label = np.zeros(100)
    label[[5, 6, 50, 51, 90, 91]] = 1
    for learn, judge in block_folds(label, 3):
        assert (np.diff(judge) == 1).all()
        assert label[judge].sum() == 2
        assert len(learn) + len(judge) == 100
    for _, judge in class_folds(label, 3, seed=1):
        assert label[judge].sum() == 2
