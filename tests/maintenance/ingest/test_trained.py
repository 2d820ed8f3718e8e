"""Models of the file commands score live readings as they score the file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump
from tests.maintenance.ingest.test_scoring import SENSORS, predictions, rows_of, signal

from trivium.maintenance import pipeline
from trivium.maintenance.ingest.frames import Reason
from trivium.maintenance.ingest.scorers import load_scorer, scorer_of
from trivium.maintenance.registry import Registry
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
    with pytest.raises(ModelError, match=r"holds no model that scores readings; it needs model.json or monitor.json"):
        load_scorer(tmp_path)
    assert scorer_of(Registry(PLANT, model=str(tmp_path), version=7)) is None  # logged; readings are stored without
