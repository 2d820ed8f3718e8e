"""Train and predict as a user does: models on disk, predictions in CSV, refusals in one line."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, machine_table, write

from trivium.maintenance import pipeline
from trivium.maintenance.analyze import life, state
from trivium.maintenance.analyze.measures import average_precision, rmse
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.model_folder import load_model, shipped_models
from trivium.service.cli import run
from trivium.service.errors import InputError


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """A model of invented engines, and a test file with its truth."""
    folder = tmp_path_factory.mktemp("engines")
    train = write(folder / "train.txt", cmapss_text(24, seed=1)[0])
    text, truth = cmapss_text(20, seed=2, cut=True)
    assert run(["maintenance", "train", str(train), "--format", "cmapss", "--out", str(folder / "model")]) == 0
    return folder / "model", write(folder / "test.txt", text), truth


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    train = write(folder / "history.csv", machine_table(1200, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(state._FOREST, "count", 30)
        assert run(["maintenance", "train", str(train), "--format", "csv", "--out", str(folder / "model")]) == 0
    return folder / "model", folder


def rows_of(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_engines_get_life_interval_and_risk(engines, tmp_path):
    model, test, truth = engines
    out = tmp_path / "rul.csv"
    assert run(["maintenance", "predict", str(test), "--model", str(model), "--out", str(out)]) == 0
    rows = rows_of(out)
    assert list(rows[0]) == ["unit", "rul", "rul_low", "rul_high", "p_fail_30", "model"]
    assert [row["unit"] for row in rows] == [str(unit) for unit in range(1, 21)]
    predicted, low, high, risk = (
        np.array([float(row[name]) for row in rows]) for name in ("rul", "rul_low", "rul_high", "p_fail_30")
    )
    assert rmse(predicted, truth) < 0.6 * truth.std()
    assert ((low <= predicted) & (predicted <= high)).all()
    assert average_precision(risk, (truth <= 30).astype(float)) > 0.9
    assert (model / "MODEL_CARD.md").read_text(encoding="utf-8").startswith("# train\n")
    assert sorted(path.suffix for path in model.iterdir()) == [".json", ".json", ".md", ".txt", ".txt", ".txt"]
    stored = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert stored["data"]["assets"] == stored["data"]["failures"] == 24


@pytest.mark.slow
def test_an_engine_is_predicted_alike_alone_and_among_others(engines, tmp_path):
    model, test, _ = engines
    whole = pipeline.predict(test, model).rows
    lines = [line for line in test.read_text(encoding="utf-8").splitlines() if line.startswith("7 ")]
    alone = pipeline.predict(write(tmp_path / "one.txt", "\n".join(reversed(lines))), model).rows
    assert alone == [row for row in whole if row[0] == "7"]


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_and_seeds_repeat(engines, tmp_path):
    from trivium.maintenance.analyze.histories import histories
    from trivium.maintenance.parse.reader import read_file

    fleet = read_file(write(tmp_path / "f.txt", cmapss_text(10, seed=9)[0]))
    lives, seen = histories(fleet), []
    first, again = (
        life.cross_validate(fleet, lives, 30, seed=4, partial=Partial(tmp_path / "partial", "k"), progress=seen.append)
        for _ in range(2)
    )
    assert len(list((tmp_path / "partial").glob("*.npz"))) == life.FOLDS
    anew = life.cross_validate(fleet, lives, 30, seed=4, partial=Partial(None), progress=seen.append, threads=1)
    for name in life.CANDIDATES:
        assert (first.life[name] == again.life[name]).all()
        assert (first.life[name] == anew.life[name]).all()
    assert set(fleet.asset[first.rows]) == set(range(10))


def scores_of(model, path):
    found = pipeline.predict(path, model)
    place = found.columns.index("anomaly_score")
    return np.array([float(row[place]) for row in found.rows])


def test_rows_in_another_order_or_other_units_get_the_same_score(tmp_path):
    header, *lines = pump_table(1).splitlines()
    normal = write(tmp_path / "normal.csv", "\n".join([header, *lines]) + "\n")
    model = tmp_path / "model"
    assert run(["maintenance", "train", str(normal), "--format", "csv", "--out", str(model)]) == 0
    expected = scores_of(model, normal)
    order = np.random.default_rng(3).permutation(600)
    shuffled = write(tmp_path / "shuffled.csv", "\n".join([header, *(lines[row] for row in order)]) + "\n")
    np.testing.assert_allclose(scores_of(model, shuffled), expected[order], rtol=1e-6)
    other = [line.split(";") for line in lines]  # l/s to m3/h, bar to kPa
    cells = [f"{time};{float(flow) * 3.6!r};{float(pressure) * 100!r};{level}" for time, flow, pressure, level in other]
    converted = write(
        tmp_path / "units.csv", "\n".join(["datetime;flow [m3/h];pressure [kPa];level [m]", *cells]) + "\n"
    )
    np.testing.assert_allclose(scores_of(model, converted), expected, rtol=1e-5)  # the file has six digits
    wrong = write(tmp_path / "wrong.csv", "\n".join(["datetime;flow [l/s];pressure [degC];level [m]", *lines]) + "\n")
    with pytest.raises(InputError, match=r"pressure is in degC, the model learned it in bar, and these do not convert"):
        pipeline.predict(wrong, model)


def test_later_rows_change_no_earlier_score(tmp_path):
    header, *lines = pump_table(1).splitlines()
    normal = write(tmp_path / "normal.csv", "\n".join([header, *lines[:500]]) + "\n")
    model = tmp_path / "model"
    assert run(["maintenance", "train", str(normal), "--format", "csv", "--out", str(model)]) == 0
    whole = write(tmp_path / "whole.csv", "\n".join([header, *lines]) + "\n")
    np.testing.assert_array_equal(scores_of(model, whole)[:500], scores_of(model, normal))


@pytest.mark.slow
def test_a_flat_table_gets_a_probability_per_row_in_its_order(machines, tmp_path, capsys):
    model, folder = machines
    text = machine_table(400, 7)
    lines = text.splitlines()
    file = write(folder / "new.csv", "\n".join(lines[:1] + lines[:0:-1]) + "\n")
    out = tmp_path / "p.csv"
    assert run(["maintenance", "predict", str(file), "--model", str(model), "--out", str(out)]) == 0
    rows = rows_of(out)
    assert [row["UDI"] for row in rows] == [str(number) for number in range(400, 0, -1)]
    label = np.array([float(line.split(",")[5]) for line in lines[:0:-1]])
    probability = np.array([float(row["p_fail"]) for row in rows])
    assert average_precision(probability, label) > 0.9
    assert abs(probability.mean() - label.mean()) < 0.03
    one = write(folder / "one.csv", "\n".join([lines[0].replace(",Machine failure", ""), "1,L1,L,1500,40,0,0"]) + "\n")
    assert len(pipeline.predict(one, model).rows) == 1  # nothing is guessed from a single row
    described = load_model(model).description
    assert sorted(column for column, _ in described.refused) == ["HPF", "LPF", "Product ID", "UDI"]
    assert described.notes[1] == "no RUL: the rows are in no order of time"
    missing = write(folder / "less.csv", "Type,Torque [Nm]\nL,40\nM,41\n")
    assert run(["maintenance", "predict", str(missing), "--model", str(model)]) == 1
    assert "the model needs Rotational speed, which the file lacks" in capsys.readouterr().err


def pump_table(seed, label=""):
    """Two sensors that move together; from row 500 on they do not."""
    rng = np.random.default_rng(seed)
    flow = 10 + np.cumsum(rng.normal(0, 0.1, 600)) * 0.05 + rng.normal(0, 1, 600)
    pressure = 3 * flow + rng.normal(0, 0.2, 600)
    level = 5 - flow + rng.normal(0, 0.2, 600)
    pressure[500:] += 6
    body = [
        f"2024-01-01 00:{i // 60:02d}:{i % 60:02d};{flow[i]:.3f};{pressure[i]:.3f};{level[i]:.3f}" for i in range(600)
    ]
    return "datetime;flow [l/s];pressure [bar];level [m]\n" + "\n".join(body) + "\n"


def test_an_unlabelled_series_gets_a_score_per_row(tmp_path):
    text = pump_table(1)
    normal = write(tmp_path / "normal.csv", "\n".join(text.splitlines()[:501]) + "\n")
    new = write(tmp_path / "new.csv", pump_table(2))
    model, out = tmp_path / "model", tmp_path / "scores.csv"
    assert run(["maintenance", "train", str(normal), "--format", "csv", "--out", str(model)]) == 0
    assert run(["maintenance", "predict", str(new), str(normal), "--model", str(model), "--out", str(out)]) == 0
    rows = rows_of(out)
    assert list(rows[0]) == ["file", "row", "time", "anomaly_score", "is_anomaly", "model"]
    alarm = np.array([int(row["is_anomaly"]) for row in rows])
    assert alarm[:500].mean() < 0.05
    assert alarm[505:600].mean() > 0.9
    assert alarm[600:].mean() < 0.01
    other = pipeline.predict(new, model, baseline=300)
    assert [row[3] for row in other.rows[:300]].count("1") <= 1


def test_without_a_model_foreign_data_are_refused(tmp_path, capsys):
    assert run(["maintenance", "predict", str(write(tmp_path / "pump.csv", pump_table(1)))]) == 1
    assert "the shipped model is for C-MAPSS turbofans; train one on your own data" in capsys.readouterr().err
    foreign = write(tmp_path / "foreign.txt", cmapss_text(2, seed=1)[0])  # C-MAPSS layout, sensors of another machine
    assert run(["maintenance", "predict", str(foreign)]) == 1
    assert "these operating settings or sensors are others" in capsys.readouterr().err


def test_too_little_is_said_in_numbers(tmp_path, capsys):
    few = write(tmp_path / "few.txt", cmapss_text(3, seed=1)[0])
    assert run(["maintenance", "train", str(few), "--format", "cmapss", "--out", str(tmp_path / "m")]) == 1
    assert "no RUL: 3 failures in history, 10 needed" in capsys.readouterr().err
    rare = write(
        tmp_path / "rare.csv", "p,q,failure\n" + "".join(f"{i}.5,{i % 7}.5,{int(i == 3)}\n" for i in range(80))
    )
    assert run(["maintenance", "train", str(rare), "--format", "csv", "--out", str(tmp_path / "m")]) == 1
    assert "1 of 80 rows are failures by failure, 10 of each kind are needed" in capsys.readouterr().err
    assert run(["maintenance", "train", str(rare), "--format", "xls", "--out", str(tmp_path / "m")]) == 2
    assert run(["maintenance", "train", str(rare), "--format", "csv", "--out", str(rare / "m")]) == 1
    assert "rare.csv/m: cannot be made (Not a directory); give another --out" in capsys.readouterr().err


def test_a_damaged_model_is_named(tmp_path, capsys):
    file = write(tmp_path / "pump.csv", pump_table(1))
    assert run(["maintenance", "predict", str(file), "--model", str(tmp_path / "none")]) == 1
    assert "there is no model here; give a folder that train wrote" in capsys.readouterr().err
    (tmp_path / "m").mkdir()
    write(tmp_path / "m" / "model.json", json.dumps({"format": 1, "parts": {}}))
    assert run(["maintenance", "predict", str(file), "--model", str(tmp_path / "m")]) == 1
    assert "is damaged" in capsys.readouterr().err


def test_predicting_with_trees_imports_neither_torch_nor_gradio(tmp_path):
    folder = shipped_models()[0]
    code = (
        "import sys; from pathlib import Path; from trivium.maintenance import cli, pipeline;"
        f"model = pipeline.load_model(Path({str(folder)!r}));"
        "print([name for name in ('torch', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_shipped_models_are_small_and_carry_their_cards():
    folders = shipped_models()
    assert [folder.name for folder in folders] == ["cmapss-fd001", "cmapss-fd002"]
    for folder, conditions in zip(folders, (1, 6), strict=True):
        model = load_model(folder)
        assert len(model.life.features.conditions.centres) == conditions
        assert (folder / "MODEL_CARD.md").is_file()
        assert {path.suffix for path in folder.iterdir()} == {".txt", ".json", ".md"}
        assert sum(path.stat().st_size for path in folder.iterdir()) < 8 << 20
        assert dataclasses.asdict(model.description)["layout"] == "cmapss"
