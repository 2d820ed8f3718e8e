"""Rows that lack what a model reads have no prediction; a short gap in a time series is bridged."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.maintenance.fleets import machine_table, write

from trivium.maintenance.analyze import state
from trivium.maintenance.analyze.rows import RowFeatures
from trivium.maintenance.model_folder import load_model, shipped_models
from trivium.maintenance.parse.reader import read_file
from trivium.service.cli import run


def predicted(*arguments: Path | str) -> list[dict[str, str]]:
    out = Path(arguments[0]).with_suffix(".out")
    assert run(["maintenance", "predict", *map(str, arguments), "--out", str(out)]) == 0
    with out.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def turbofans(blank: slice) -> str:
    """Two engines of 60 usual cycles; the second one has no sensor in the cycles of the slice."""
    conditions = load_model(shipped_models()[0]).life.features.conditions
    settings = (conditions.centres[0] * conditions.scale + conditions.shift).tolist()
    rng, lines = np.random.default_rng(1), []
    for unit in (1, 2):
        cells = (conditions.means[0] + 0.3 * conditions.deviations[0] * rng.normal(size=(60, 21))).astype(str)
        if unit == 2:
            cells[blank] = "nan"
        lines += [f"{unit} {cycle + 1} {' '.join(map(str, [*settings, *cells[cycle]]))}" for cycle in range(60)]
    return "\n".join(lines) + "\n"


def test_an_engine_without_sensors_is_not_called_healthy(tmp_path, capsys):
    silent = predicted(write(tmp_path / "silent.txt", turbofans(slice(20, None))))
    assert [row["unit"] for row in silent] == ["1", "2"]
    assert float(silent[0]["rul"]) > 60
    assert [silent[1][name] for name in ("rul", "rul_low", "rul_high", "p_fail_30")] == ["", "", "", ""]
    assert "in 1 of 2 assets (2), which have no prediction" in capsys.readouterr().err


def test_a_short_gap_takes_the_last_values(tmp_path, capsys):
    short = predicted(write(tmp_path / "short.txt", turbofans(slice(50, 55))))
    assert all(float(row["rul"]) > 60 for row in short)
    assert "no value of" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    train = write(folder / "history.csv", machine_table(600, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(state._FOREST, "count", 10)
        assert run(["maintenance", "train", str(train), "--format", "csv", "--out", str(folder / "model")]) == 0
    return folder / "model"


def test_a_row_that_lacks_a_sensor_has_no_probability(machines, tmp_path, capsys):
    lines = machine_table(40, 7).splitlines()
    cells = lines[5].split(",")
    lines[5] = ",".join([*cells[:4], "Bad Input", *cells[5:]])
    lines[9] = ",".join(lines[9].split(",")[:4])  # cut short
    rows = predicted(write(tmp_path / "new.csv", "\n".join(lines) + "\n"), "--model", machines)
    assert [row["UDI"] for row in rows if not row["p_fail"]] == ["5", "9"]
    assert "no value of Torque in 2 of 40 rows, which have no prediction" in capsys.readouterr().err


def test_a_category_that_was_never_seen_is_said(machines, tmp_path, capsys):
    lines = machine_table(40, 7).splitlines()
    for place, text in ((3, "X"), (8, "")):
        cells = lines[place].split(",")
        lines[place] = ",".join([*cells[:2], text, *cells[3:]])
    rows = predicted(write(tmp_path / "new.csv", "\n".join(lines) + "\n"), "--model", machines)
    assert all(row["p_fail"] for row in rows)
    assert "Type (empty), X in 2 of 40 rows: no row that was learned from had it" in capsys.readouterr().err


def test_a_sensor_that_training_rows_lacked_may_be_missing(tmp_path):
    lines = machine_table(300, 3).splitlines()
    for place in range(1, 26):
        cells = lines[place].split(",")
        lines[place] = ",".join([*cells[:4], "", *cells[5:]])
    fleet = read_file(write(tmp_path / "history.csv", "\n".join(lines) + "\n"))
    assert RowFeatures.fit(fleet, np.arange(300), seed=1).may_lack == ("Torque",)
    assert RowFeatures.fit(fleet, np.arange(10, 300), seed=1).may_lack == ()


def test_a_monitor_says_nothing_of_rows_without_values(tmp_path, capsys):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(200, 4)).round(4).astype(str)
    head = "time,a,b,c,d"
    normal = write(tmp_path / "normal.csv", "\n".join([head, *(f"{t}," + ",".join(v) for t, v in enumerate(values))]))
    assert run(["maintenance", "train", str(normal), "--format", "csv", "--out", str(tmp_path / "model")]) == 0
    values[100:150] = ""
    values[170:, 0] = ""
    gaps = write(tmp_path / "gaps.csv", "\n".join([head, *(f"{t}," + ",".join(v) for t, v in enumerate(values))]))
    rows = predicted(gaps, "--model", tmp_path / "model")
    silent = [number for number, row in enumerate(rows) if row["anomaly_score"] == ""]
    assert silent == list(range(130, 150))  # values count for 30 rows
    assert rows[140]["is_anomaly"] == ""
    assert "in 20 of 200 rows, which have no prediction" in capsys.readouterr().err
