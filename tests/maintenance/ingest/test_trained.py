"""Models of the file commands score live readings as they score the file."""

from __future__ import annotations

import json
import re
from datetime import datetime

import numpy as np
import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump
from tests.maintenance.ingest.test_scoring import SENSORS, predictions, rows_of, signal

from trivium.maintenance import pipeline
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.analyze.trees import tree_contributions
from trivium.maintenance.ingest.frames import Frame, Reason
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.scorers import load_scorer, scorer_of
from trivium.maintenance.ingest.trained import SETTINGS
from trivium.maintenance.model_folder import load_model, shipped_models
from trivium.maintenance.registry import Asset, Registry, Tag
from trivium.maintenance.work_orders import FAILURE, WorkOrder, write_orders
from trivium.service.errors import ModelError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A monitor, learned from a file of normal operation."""
    base = tmp_path_factory.mktemp("model")
    path = base / "normal.csv"
    write(path, signal(400, seed=1))
    request = pipeline.TrainRequest(path, "csv", unlabelled=True, seed=1)
    pipeline.train(request, base / "model", progress=lambda stage, share: None)
    return base / "model"


def write(path, values: np.ndarray) -> None:
    lines = [f"P1,{at(i)},{','.join(repr(value) for value in line)}" for i, line in enumerate(values.tolist())]
    path.write_text("\n".join([f"asset,time,{','.join(SENSORS)}", *lines]) + "\n")


def test_a_file_and_live_readings_get_the_same_scores(plant, folder, tmp_path):
    values = signal(300, seed=2)
    values[250:, 1] += 3
    path = tmp_path / "new.csv"
    write(path, values)
    told = pipeline.predict(path, folder, layout="csv", baseline=0)
    place = next(index for index, name in enumerate(told.columns) if "score" in name)
    expected = [float(row[place]) for row in told.rows]
    plant.register(pump("P1"))
    plant.scorer = load_scorer(folder)
    for start in range(0, 300, 60):
        assert plant.send(json.dumps(rows_of(values[start : start + 60], start=start))).status == 202
        plant.drain()
    found = predictions(plant)
    np.testing.assert_allclose([line[0] for _, line in found.values()], expected, rtol=1e-3, atol=1e-3)  # as printed
    last = list(found.values())[-1][1]
    assert int(np.argmax(last[1:])) == SENSORS.index("press")


@pytest.mark.slow
@pytest.mark.parametrize("has_orders", [False, True])
def test_a_plants_own_model_of_remaining_life_scores_its_readings(plant, tmp_path, has_orders):
    """Such a model knows no operating settings; its file's last asset comes again, as readings.

    Where it learned with work orders, those of the plant say where a life begins, as the file's did.
    """
    rng, lines = np.random.default_rng(4), []
    for number in range(1, 11):
        for second in range(36):
            worn = (second % 30 / 30) ** 2
            values = (60 + 9 * worn + rng.normal(), 8 - 3 * worn + 0.1 * rng.normal(), 3000 + 9 * rng.normal())
            lines.append((f"P{number}", at(second), *values, int(second == 29)))
    path = tmp_path / "worn.csv"
    path.write_text("\n".join(["asset,time,temp,press,speed,failure", *(",".join(map(str, one)) for one in lines)]))
    failed = [
        WorkOrder(str(n), f"P{n}", FAILURE, to_us(datetime.fromisoformat(at(29))), None, "") for n in range(1, 11)
    ]
    orders = tuple(failed) if has_orders else ()
    request = pipeline.TrainRequest(path, "csv", orders=orders, orders_name="orders.csv" if orders else "")
    pipeline.train(request, tmp_path / "model", progress=lambda stage, share: None)
    told = pipeline.predict(path, tmp_path / "model", orders=orders)
    expected = [float(row[told.columns.index("rul")]) for row in told.rows[-36:]]
    plant.register(pump("P10"))
    write_orders(plant.database, PLANT, orders)
    plant.scorer = load_scorer(tmp_path / "model")
    assert plant.scorer.sensors == ("temp", "press", "speed")
    rows = [dict(zip(("asset", "time", "temp", "press", "speed"), line, strict=False)) for line in lines[-36:]]
    assert plant.send(json.dumps(rows)).status == 202
    plant.drain()
    found = list(predictions(plant, "P10").values())
    assert {reason for reason, _ in found} == {Reason.SCORED}
    np.testing.assert_allclose([line[plant.scorer.outputs.index("rul")] for _, line in found], expected, atol=0.01)


def test_rows_that_lack_a_value_are_not_scored(plant, folder):
    plant.register(pump("P1"))
    plant.scorer = load_scorer(folder)
    rows = rows_of(signal(40, seed=3))
    for row in rows[:5]:
        del row["temp"]
    plant.send(json.dumps(rows))
    plant.drain()
    reasons = [reason for reason, _ in predictions(plant).values()]
    assert reasons == [Reason.NO_VALUES] * 5 + [Reason.SCORED] * 35


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"holds no model that scores readings; it needs model.json, monitor.json or"):
        load_scorer(tmp_path)
    assert scorer_of(Registry(PLANT, model=str(tmp_path), version=7)) is None  # logged; readings are stored without


def wearing_engine(cycles: int) -> tuple[list[dict], tuple[str, ...]]:
    """Rows of an engine that the shipped model of FD001 sees wear out, and the tags of its registry."""
    (path,) = [path for path in shipped_models() if path.name == "cmapss-fd001"]
    life = load_model(path).life
    assert life is not None
    conditions, names = life.features.conditions, life.features.sensors
    rng = np.random.default_rng(1)
    toward = np.zeros(len(names))
    toward[conditions.varies] = -np.sign(life.features.health[:-1])  # what shortens life
    wear = 3 * np.linspace(0, 1, cycles)[:, None] ** 2
    values = conditions.means[0] + conditions.deviations[0] * (
        wear * toward + 0.3 * rng.normal(size=(cycles, len(names)))
    )
    tags = (*names, *SETTINGS)
    whole = np.hstack([values, np.tile(conditions.shift, (cycles, 1))])
    return [
        {"asset": "E1", "time": at(10 * cycle), **dict(zip(tags, line, strict=True))}
        for cycle, line in enumerate(whole.tolist())
    ], tags


def test_an_engine_that_wears_out_raises_an_alert_with_its_remaining_life_and_sensors(plant):
    rows, tags = wearing_engine(200)
    plant.register(Asset("E1", tuple(Tag(name, "E1", description="station", unit="psia") for name in tags)))
    (folder,) = [path for path in shipped_models() if path.name == "cmapss-fd001"]
    plant.scorer = load_scorer(folder)
    for start in range(0, 200, 50):
        assert plant.send(json.dumps(rows[start : start + 50]), batch_id=str(start)).status == 202
        plant.drain()
    (alert,) = book.find_alerts(plant.database, PLANT)
    assert (alert.cause, alert.is_active) == ("failure", True)
    first, *sensors = sentences(alert.finding, "en", asset="E1")
    percent, life, low, high = map(int, re.findall(r"\d+(?= %| cycles| to|\))", first))
    assert percent >= 50
    assert low <= life <= high <= 125
    assert first.startswith(
        f"Probability of failure {percent} %, remaining life {life} cycles ({low} to {high}), since "
    )
    assert sensors
    assert all(re.match(r"(T|P|N|Ps|s)\S* station \S+ psia, (above|below|within) the usual", one) for one in sensors), (
        sensors
    )


def test_contributions_of_sensors_add_up_to_those_of_the_features():
    rows, tags = wearing_engine(150)
    (folder,) = [path for path in shipped_models() if path.name == "cmapss-fd001"]
    model = load_model(folder)
    scorer = load_scorer(folder)
    values = np.array([[row[name] for name in tags] for row in rows])
    frame = Frame("E1", np.arange(150) * 10**7, values, 100)
    (scores,) = scorer.score([frame])
    is_asked = scores.outputs[:, scorer.outputs.index("p_fail")] >= 0.2
    assert is_asked.any()
    assert (scores.contributions[~is_asked] == 0).all()
    fleet, chosen = scorer._fleet([frame], [np.ones(150, bool)], [np.arange(100, 150)])
    shares = tree_contributions(model.life.risk_trees, model.life.features.transform(fleet)[chosen])
    num_varying = int(model.life.features.conditions.varies.sum())
    without_age = shares.sum(axis=1) - shares[:, 5 * num_varying]
    np.testing.assert_allclose(scores.contributions.sum(axis=1)[is_asked], without_age[is_asked], rtol=1e-9)
