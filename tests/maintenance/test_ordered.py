"""Work orders as labels: where failures are marked, where a replacement ends what was observed, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.maintenance.fleets import write
from typer.testing import CliRunner

from trivium.maintenance.analyze.degradation import DegradationFeatures
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.cli import app
from trivium.maintenance.parse.ordered import with_orders
from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.work_orders import FAILURE, OTHER, PREVENTIVE, WorkOrder
from trivium.service.errors import InputError

BEGIN_S = 1_772_323_200  # 2026-03-01T00:00Z
HOUR_US = 3600 * 10**6


@pytest.fixture
def fleet(tmp_path: Path):
    """Two pumps, a reading an hour for a day."""
    rows = [f"{name},{BEGIN_S + 3600 * hour},{hour}.5\n" for name in ("P1", "P2") for hour in range(24)]
    return read_file(write(tmp_path / "f.csv", "asset,time,flow\n" + "".join(rows)), "csv")


def order(kind: str, begin_h: float, end_h: float | None = None, asset: str = "P1") -> WorkOrder:
    begin = BEGIN_S * 10**6
    end = None if end_h is None else begin + round(end_h * HOUR_US)
    return WorkOrder("1", asset, kind, begin + round(begin_h * HOUR_US), end, "")


def test_a_failure_marks_rows_until_its_repair_ended_and_begins_a_life(fleet):
    labelled, count = with_orders(fleet, [order(FAILURE, 9.5, 12)])
    assert count == 1
    assert np.flatnonzero(labelled.label).tolist() == [10, 11, 12]
    lives = histories(labelled)
    assert lives.failures == 1
    assert (lives.remaining[:11] / 3600).tolist() == list(range(10, -1, -1))
    assert np.isnan(lives.remaining[11:]).all()  # down, then a life whose end nobody knows; P2 never failed
    assert len(np.unique(lives.life)) == 3


def test_windows_end_where_orders_say_that_a_life_began(fleet):
    assert fleet.stretch.tolist() == fleet.asset.tolist()
    labelled, _ = with_orders(fleet, [order(FAILURE, 9.5, 12), order(PREVENTIVE, 18), order(OTHER, 20)])
    assert labelled.stretch.tolist() == [0] * 13 + [1] * 5 + [2] * 6 + [3] * 24
    assert labelled.stretch_age[[0, 12, 13, 17, 18, 24]].tolist() == [1, 13, 1, 5, 1, 1]
    assert labelled.age[[0, 23, 24]].tolist() == [1, 24, 1]


def test_features_after_a_repair_are_those_of_an_asset_that_begins(tmp_path):
    """The second life of P1 has the features of P2, which is that life alone."""
    rng = np.random.default_rng(2)
    wear = [9 - hour / 10 + rng.normal(0, 0.1) for hour in (*range(30), *range(20))]
    rows = [f"P1,{BEGIN_S + 3600 * hour},{flow}\n" for hour, flow in enumerate(wear)]
    rows += [f"P2,{BEGIN_S + 3600 * hour},{flow}\n" for hour, flow in enumerate(wear) if hour >= 30]
    whole = read_file(write(tmp_path / "f.csv", "asset,time,flow\n" + "".join(rows)), "csv")
    cut, _ = with_orders(whole, [order(FAILURE, 29)])
    features = DegradationFeatures.fit(cut, np.linspace(30, 0, 70), np.arange(70), seed=1)
    found = features.transform(cut)
    np.testing.assert_allclose(found[30:50], found[50:], atol=1e-12)
    assert not np.allclose(features.transform(whole)[30:50], found[50:], atol=0.1)


def test_a_replacement_is_no_failure_and_ends_what_was_observed(fleet):
    labelled, _ = with_orders(fleet, [order(PREVENTIVE, 6), order(FAILURE, 20)])
    assert labelled.label.sum() == 1
    lives = histories(labelled)
    assert np.isnan(lives.remaining[:6]).all()  # it was replaced: how long it would have lasted, nobody knows
    assert lives.remaining[6] == 14 * 3600
    assert lives.failures == 1


def test_the_last_reading_is_the_failure_where_an_order_follows_within_a_day(fleet):
    labelled, count = with_orders(fleet, [order(FAILURE, 40), order(FAILURE, 48.5, asset="P2")])
    assert np.flatnonzero(labelled.label).tolist() == [23]
    assert count == 1


def test_other_orders_and_other_assets_say_nothing(fleet):
    labelled, count = with_orders(fleet, [order(OTHER, 5), order(FAILURE, 5, asset="P9"), order(FAILURE, -1)])
    assert (labelled.label.sum(), labelled.renewed.any(), count) == (0, False, 1)


def test_a_table_without_dates_or_assets_is_refused(tmp_path):
    counts = read_file(write(tmp_path / "c.csv", "asset,cycle,flow\nP1,1,2.5\nP1,2,3.5\n"), "csv")
    with pytest.raises(InputError, match="has no dates, so that orders cannot be placed; see --asset and --time"):
        with_orders(counts, [])
    alone = read_file(write(tmp_path / "a.csv", f"time,flow\n{BEGIN_S},2.5\n{BEGIN_S + 9},3.5\n"), "csv")
    with pytest.raises(InputError, match="has no column of assets"):
        with_orders(alone, [])


@pytest.fixture
def worn(tmp_path: Path) -> Path:
    """Ten pumps whose flow falls until each fails at hour 30; the log goes on."""
    rng = np.random.default_rng(1)
    rows = [
        f"P{number},{BEGIN_S + 3600 * hour},{9 - 3 * ((hour % 30) / 30) ** 2 + rng.normal(0, 0.1):.3f}\n"
        for number in range(10)
        for hour in range(36)
    ]
    return write(tmp_path / "worn.csv", "asset,time,flow [m3/h]\n" + "".join(rows))


@pytest.mark.slow
def test_train_learns_life_from_readings_and_orders(worn, tmp_path):
    lines = [f"{number};P{number};03/02/2026 06:00;Breakdown\n" for number in range(10)]
    orders = write(tmp_path / "orders.csv", "WO;Pump;Start;Type\n" + "".join(lines))
    given = ["--orders", str(orders), "--column", "asset=Pump", "--orders-time-format", "%m/%d/%Y %H:%M"]
    ended = CliRunner().invoke(app, ["train", str(worn), "--format", "csv", "--out", str(tmp_path / "m"), *given])
    assert ended.exit_code == 0, ended.output
    assert "remaining life in h, from 10 failures" in ended.output
    assert "10 failures, by the work orders `orders.csv`" in (tmp_path / "m" / "MODEL_CARD.md").read_text("utf-8")
    assert json.loads((tmp_path / "m" / "model.json").read_text("utf-8"))["data"]["orders"] == "orders.csv"
    out = tmp_path / "p.csv"
    assert (
        CliRunner().invoke(app, ["predict", str(worn), "--model", str(tmp_path / "m"), "--out", str(out)]).exit_code
        == 0
    )
    header, *rows = [line.split(",") for line in out.read_text("utf-8-sig").splitlines()]
    assert {"p_fail", "rul", "rul_low", "rul_high"} <= set(header)
    near, far = (float(rows[hour][header.index("rul")]) for hour in (29, 8))
    assert near < 8 < far
    model = ["predict", str(worn), "--model", str(tmp_path / "m"), "--out", str(out)]
    assert "without --orders rows after a repair count as of the life before" in CliRunner().invoke(app, model).output
    told = CliRunner().invoke(app, [*model, *given])
    assert "--orders" not in told.output
    again = [line.split(",") for line in out.read_text("utf-8-sig").splitlines()][1:]
    after = [float(table[34][header.index("rul")]) for table in (rows, again)]  # the fifth row of a new life
    assert after[1] > 12 > after[0]


def test_orders_of_other_assets_are_told(worn, tmp_path):
    orders = write(tmp_path / "orders.csv", "asset,date,kind\nQ1,2026-03-02T06:00Z,failure\n")
    ended = CliRunner().invoke(
        app, ["train", str(worn), "--format", "csv", "--out", str(tmp_path / "m"), "--orders", str(orders)]
    )
    assert isinstance(ended.exception, InputError)
    assert "no order is of an asset of" in ended.exception.line
    assert "orders name Q1; see --column asset=NAME" in ended.exception.line
