"""Packed blocks read as before, and what is thinned out keeps every spike."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sqlalchemy import func, select
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance import tables
from trivium.maintenance.ingest import packing
from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.ingest.stored import read_predictions, read_readings
from trivium.maintenance.ingest.trend import read_trend, thin_out, trend_of_predictions

SENSORS = ("temp", "press", "speed")
EVER = (0, 2**62)


@pytest.fixture
def stored(plant, monkeypatch):
    """A plant with forty small blocks of one asset, scored, with a late row among them."""
    monkeypatch.setattr(packing, "_LEAST_BLOCKS", 20)
    plant.register(pump("P1"))
    rng = np.random.default_rng(1)
    values = [60, 8, 3000] + rng.normal(size=(400, 3)) * [1, 0.2, 30]
    plant.scorer = fit_monitor(values, SENSORS, step_s=1.0)
    order = [*range(10, 200, 5), 0, 5]
    for start in order:
        rows = [
            {"asset": "P1", "time": at(start + k), **dict(zip(SENSORS, values[start + k], strict=True))}
            for k in range(5)
        ]
        assert plant.send(json.dumps(rows), batch_id=str(start)).status == 202
        plant.drain()
    return plant


def count(plant, table) -> int:
    with plant.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_packing_changes_nothing_that_is_read(stored):
    readings = read_readings(stored.database, PLANT, "P1", *EVER)
    predictions = read_predictions(stored.database, PLANT, "P1", *EVER)
    assert (count(stored, tables.block), packing.is_due(stored.database)) == (40, True)
    assert packing.pack_due(stored.database, "test") == 80  # 40 of readings, 40 of predictions
    assert (count(stored, tables.block), count(stored, tables.prediction)) == (1, 1)
    again = read_readings(stored.database, PLANT, "P1", *EVER)
    np.testing.assert_array_equal(again.values, readings.values)
    np.testing.assert_array_equal(again.times_us, readings.times_us)
    told = read_predictions(stored.database, PLANT, "P1", *EVER)
    np.testing.assert_array_equal(told.outputs["score"], predictions.outputs["score"])
    np.testing.assert_array_equal(told.reasons, predictions.reasons)
    assert (packing.is_due(stored.database), packing.pack_due(stored.database, "test")) == (False, 0)


def test_late_rows_go_into_the_packed_block(stored):
    packing.pack_due(stored.database, "test")
    rows = [{"asset": "P1", "time": at(50.5 + k), "temp": 61.0} for k in range(100)]
    for row in rows:
        stored.send(json.dumps([row]), batch_id=row["time"])
    stored.drain()
    with stored.database.read() as connection:
        (packed,) = connection.execute(select(tables.block.c.id).where(tables.block.c.is_packed)).scalars()
    stored_ids = count(stored, tables.block)
    assert stored_ids > 1
    packing._LEAST_BLOCKS = 1
    packing.pack_due(stored.database, "test")
    assert count(stored, tables.block) == 1
    assert len(read_readings(stored.database, PLANT, "P1", *EVER).times_us) == 300
    with stored.database.read() as connection:
        assert connection.execute(select(tables.block.c.id)).scalars().all() == [packed]


def test_a_spike_stays_however_few_buckets_there_are():
    times = np.arange(100_000) * 10**6
    values = np.sin(np.arange(100_000) / 999)
    values[[51_234, 70_001]] = (50.0, -40.0)
    curve = thin_out("t", times, values, 0, int(times[-1]), 300)
    assert len(curve.times_us) == 300
    assert (curve.high.max(), curve.low.min()) == (50.0, -40.0)
    assert abs(curve.times_us[curve.high.argmax()] - times[51_234]) <= times[-1] // 300
    few = thin_out("t", times[:10], values[:10], 0, 10**7, 300)
    np.testing.assert_array_equal(few.low, values[:10])


def test_the_trend_is_that_of_all_readings_at_once(stored):
    readings = read_readings(stored.database, PLANT, "P1", *EVER)
    span = (int(readings.times_us[0]), int(readings.times_us[-1]))
    column = readings.values[:, readings.tags.index("press")]
    whole = thin_out("press", readings.times_us, column, *span, 50)
    (curve, nothing) = read_trend(stored.database, PLANT, "P1", ["press", "none"], *span, 50)
    np.testing.assert_array_equal(curve.low, whole.low)
    np.testing.assert_array_equal(curve.high, whole.high)
    assert len(nothing.times_us) == 0
    (score,) = trend_of_predictions(stored.database, PLANT, "P1", ["score", "rul"], *span, 50)
    assert (score.name, len(score.times_us)) == ("score", 50)
