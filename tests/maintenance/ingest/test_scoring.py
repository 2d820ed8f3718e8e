"""Scoring: predictions depend on no cut, order, unit or repetition, and nothing later changes what was earlier."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sqlalchemy import select
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import unpack_block
from trivium.maintenance.ingest.frames import Reason
from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.ingest.stored import read_fleet, read_predictions, read_readings
from trivium.maintenance.registry import add_outage

SENSORS = ("temp", "press", "speed")


def signal(count: int, seed: int = 0) -> np.ndarray:
    """Normal operation: a load that moves slowly, three sensors that follow it; (count, 3)."""
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(count) / 40) + 0.1 * rng.normal(size=count)
    return np.column_stack([60 + 5 * load, 8 + load, 3000 + 200 * load]) + rng.normal(size=(count, 3)) * [0.5, 0.1, 9]


@pytest.fixture(params=[1.0, 0.0], ids=["clock", "cycles"])
def monitor(request):
    return fit_monitor(signal(600, seed=1), SENSORS, step_s=request.param)


def rows_of(values: np.ndarray, asset: str = "P1", start: int = 0) -> list[dict]:
    return [
        {"asset": asset, "time": at(start + i), "temp": line[0], "press": line[1], "speed": line[2]}
        for i, line in enumerate(values.tolist())
    ]


def predictions(plant, asset: str = "P1") -> dict[int, tuple]:
    """What counts in the end: of each time (reason, outputs and contributions)."""
    found = read_predictions(plant.database, PLANT, asset, 0, 2**62)
    columns = [*found.outputs.values(), *found.why.values()]
    lines = np.column_stack(columns) if columns else np.zeros((0, 0))
    return dict(zip(found.times_us.tolist(), zip(found.reasons.tolist(), lines, strict=True), strict=True))


def assert_same(one: dict, other: dict) -> None:
    assert list(one) == list(other)
    for time_us, (reason, line) in one.items():
        assert other[time_us][0] == reason
        np.testing.assert_allclose(other[time_us][1], line, rtol=1e-6, atol=1e-9)


def send_all(plant, batches: list[list[dict]], **options) -> None:
    for rows in batches:
        assert plant.send(json.dumps(rows), **options).status == 202
        plant.drain()


def test_predictions_are_those_of_the_monitor_by_itself(plant, monitor):
    plant.register(pump("P1"))
    plant.scorer = monitor
    values = signal(120, seed=2)
    send_all(plant, [rows_of(values)])
    found = predictions(plant)
    assert len(found) == 120
    window = values[100 - 9 : 101].mean(axis=0)  # ten rows up to row 100
    z = (window - monitor.mean) / monitor.scale
    scores = monitor.components.T @ z
    t2 = float(np.sum(scores**2 / monitor.variances))
    q = float(np.sum((z - monitor.components @ scores) ** 2))
    reason, line = list(found.values())[100]
    assert reason == Reason.SCORED
    assert line[:3] == pytest.approx([max(t2 / monitor.t2_limit, q / monitor.q_limit), t2, q], rel=1e-9)


@pytest.mark.parametrize("how", ["shuffled", "cut", "shuffled and cut", "twice", "units", "narrow", "backwards"])
def test_how_rows_come_changes_no_prediction(plant, database, monitor, how):
    plant.register(pump("P1"), pump("P2"))
    plant.scorer = monitor
    values = signal(200, seed=3)
    plain = rows_of(values, "P1")
    send_all(plant, [plain])
    expected = predictions(plant)
    other, options = rows_of(values, "P2"), {}
    order = np.random.default_rng(4).permutation(200)
    batches = [other]
    if "shuffled" in how:
        other = [other[i] for i in order]
        batches = [other]
    if "cut" in how:
        batches = [other[i : i + 17] for i in range(0, 200, 17)]
    if how == "twice":
        batches = [other[:120], other[60:], other[:200]]
    if how == "backwards":  # each batch is older than everything before it
        batches = [other[i : i + 20] for i in range(180, -1, -20)]
    if how == "units":
        batches = [
            [{**row, "temp": row["temp"] * 1.8 + 32, "press": row["press"] / 0.0689475729316836} for row in other]
        ]
        options = {"units": {"temp": "degF", "press": "psig"}}
    if how == "narrow":
        batches = [
            [{"asset": "P2", "tag": tag, "time": row["time"], "value": row[tag]} for row in other for tag in SENSORS]
        ]
    send_all(plant, batches, **options)
    assert_same(expected, predictions(plant, "P2"))


def test_a_late_row_sees_the_rows_before_it_that_the_state_no_longer_has(plant, monitor):
    plant.register(pump("P1"), pump("P2"))
    plant.scorer = monitor
    values = signal(200, seed=3)
    send_all(plant, [rows_of(values)])
    other = rows_of(values, "P2")
    send_all(plant, [other[:128] + other[131:], other[128:131]])  # the state keeps 74 rows: 126 to 199
    assert_same(predictions(plant), predictions(plant, "P2"))


@pytest.mark.parametrize("how", ["wide", "narrow"])
@pytest.mark.parametrize("step_s", [1.0, 0.0], ids=["clock", "cycles"])
def test_a_model_that_looks_back_further_than_the_last_sees_all_from_its_first_row_on(plant, step_s, how):
    plant.register(pump("P1"), pump("P2"))
    short, long = (fit_monitor(signal(600, seed=1), SENSORS, step_s=step_s, window=window) for window in (10, 150))
    values = signal(300, seed=3)
    plant.scorer = long
    send_all(plant, [rows_of(values)])
    plant.scorer = short
    rows = rows_of(values, "P2")
    before = [rows[:200]]
    if how == "narrow":  # three blocks of each time
        before = [[{"asset": "P2", "time": row["time"], tag: row[tag]} for row in rows[:200]] for tag in SENSORS]
    send_all(plant, before)
    plant.scorer = long
    send_all(plant, [rows[200:220], rows[220:]])
    one, other = predictions(plant), predictions(plant, "P2")
    assert_same({time: one[time] for time in list(one)[200:]}, {time: other[time] for time in list(other)[200:]})


def test_two_drainers_that_take_turns_say_the_same(plant, monitor):
    plant.register(pump("P1"), pump("P2"))
    plant.scorer = monitor
    values = signal(100, seed=5)
    send_all(plant, [rows_of(values)])
    for number, start in enumerate(range(0, 100, 20)):
        plant.drainer = plant.new_drainer(f"drainer {number % 2}")
        send_all(plant, [rows_of(values[start : start + 20], "P2", start)])
    assert_same(predictions(plant), predictions(plant, "P2"))


def test_later_rows_change_no_earlier_prediction(plant, monitor):
    plant.register(pump("P1"), pump("P2"))
    plant.scorer = monitor
    values = signal(100, seed=6)
    changed = values.copy()
    changed[60:] += 50
    send_all(plant, [rows_of(values)])
    send_all(plant, [rows_of(changed, "P2")])
    one, other = predictions(plant), predictions(plant, "P2")
    times = list(one)
    assert_same({time: one[time] for time in times[:60]}, {time: other[time] for time in times[:60]})
    assert abs(other[times[70]][1][0] - one[times[70]][1][0]) > 1  # and later ones do change


def test_verdicts_of_late_and_repeated_rows(plant):
    plant.register(pump("P1"))
    rows = rows_of(signal(30))
    send_all(plant, [rows[10:20]])
    assert plant.send(json.dumps(rows[5:15]), batch_id="b").status == 202
    plant.drain()
    told = plant.told("b", with_rows=True)
    assert told["state"] == "done"
    assert told["verdicts"]["late"] == 5
    assert told["verdicts"]["duplicate"] == 5
    assert told["row_verdicts"] == ["late"] * 5 + ["duplicate"] * 5
    assert told["stored_readings"] == 15
    assert sum(told["verdicts"].values()) == told["rows"] == 10


def test_the_first_reading_of_a_time_stays(plant):
    plant.register(pump("P1"))
    send_all(
        plant, [[{"asset": "P1", "time": at(0), "temp": 20}], [{"asset": "P1", "time": at(0), "temp": 99, "press": 5}]]
    )
    with plant.database.read() as connection:
        blocks = [unpack_block(data) for data in connection.execute(select(tables.block.c.data)).scalars()]
    assert [(block.tags, block.values.tolist()) for block in blocks] == [
        (("temp",), [[20.0]]),
        (("press",), [[5.0]]),  # was new; the other temperature was not
    ]
    read = read_readings(plant.database, PLANT, "P1", 0, 2**62)
    assert (dict(zip(read.tags, read.values[0], strict=True)), len(read.times_us)) == ({"temp": 20.0, "press": 5.0}, 1)


def test_nothing_is_scored_while_it_does_not_run(plant, monitor):
    plant.register(pump("P1", running="speed > 500", startup_s=20))
    plant.scorer = monitor
    values = signal(100, seed=7)
    values[30:50, 2] = 0
    send_all(plant, [rows_of(values)])
    reasons = [reason for reason, _ in predictions(plant).values()]
    assert reasons[:20] == [Reason.STARTUP] * 20  # it began to run when it was first seen
    assert reasons[20:30] == [Reason.SCORED] * 10
    assert reasons[30:50] == [Reason.STOPPED] * 20
    assert reasons[50:70] == [Reason.STARTUP] * 20
    assert reasons[70:] == [Reason.SCORED] * 30


def test_an_outage_is_not_scored(plant, monitor):
    plant.register(pump("P1"))
    plant.scorer = monitor
    start = 1_772_362_800_000_000  # NOW less an hour
    add_outage(plant.database, PLANT, "P1", start + 10_000_000, start + 19_000_000, "turnaround")
    send_all(plant, [rows_of(signal(30))])
    reasons = [reason for reason, _ in predictions(plant).values()]
    assert reasons == [Reason.SCORED] * 10 + [Reason.OUTAGE] * 10 + [Reason.SCORED] * 10


def test_a_model_that_fails_loses_no_reading(plant, monitor):
    class Broken:
        version, sensors, outputs, step_s, history_rows, life_unit = "broken", SENSORS, ("score",), 0.0, 0, ""

        def score(self, frames):
            raise RuntimeError("no")

    plant.register(pump("P1"))
    plant.scorer = Broken()
    send_all(plant, [rows_of(signal(10))])
    assert {reason for reason, _ in predictions(plant).values()} == {Reason.MODEL_FAILED}
    with plant.database.read() as connection:
        assert connection.execute(select(tables.block.c.num_rows)).scalars().all() == [10]


def test_the_state_names_what_stands_out(plant, monitor):
    plant.register(pump("P1"))
    plant.scorer = monitor
    values = signal(60, seed=8)
    values[40:, 1] += 3  # pressure leaves the others
    send_all(plant, [rows_of(values)])
    (latest,) = read_fleet(plant.database, plant.registries.of(PLANT))
    assert (latest["asset"], latest["newest_reading"], latest["predicted_at"]) == ("P1", at(59), at(59))
    assert latest["outputs"]["score"] > 1
    assert next(iter(latest["why"])) == "press"
    assert latest["reason"] == "scored"
    assert latest["stuck"] == []
