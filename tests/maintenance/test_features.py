"""Features: conditions found by themselves, nothing seen of the future, leaks refused, interactions found."""

import dataclasses

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, machine_table, write

from trivium.maintenance.analyze.conditions import Conditions
from trivium.maintenance.analyze.degradation import DegradationFeatures, usual_rolling
from trivium.maintenance.analyze.forest import Forest
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.analyze.leaks import without_leaks
from trivium.maintenance.analyze.monitor import Monitor
from trivium.maintenance.analyze.rows import RowFeatures
from trivium.maintenance.parse.reader import read_file


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return read_file(write(tmp_path_factory.mktemp("fleet") / "f.txt", cmapss_text(12, seed=5, conditions=2)[0]))


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    return read_file(write(tmp_path_factory.mktemp("machines") / "f.csv", machine_table(1500, 2)), "csv")


def test_two_conditions_are_found_and_sensors_standardised_within_them(fleet):
    conditions = Conditions.fit(fleet.settings, fleet.values, seed=1)
    assert len(conditions.centres) == 2
    group = conditions.assign(fleet.settings)
    assert (group == group[fleet.settings[:, 2] == 60][0]).tolist() == (fleet.settings[:, 2] == 60).tolist()
    assert [fleet.sensors[place].name for place in np.flatnonzero(conditions.varies)] == ["T24", "T30", "T50", "Ps30"]
    standard = conditions.standardise(fleet.settings, fleet.values)
    for one in (0, 1):
        assert standard[group == one].mean(axis=0) == pytest.approx(0, abs=1e-9)
        assert standard[group == one].std(axis=0) == pytest.approx(1)
    assert conditions.covers(fleet.settings).all()
    assert not conditions.covers(np.array([[42.0, 0.84, 100.0]])).any()


def test_rows_after_a_failure_are_no_news_of_a_training_asset(fleet):
    lives = histories(fleet)
    before = np.flatnonzero(lives.remaining > 45)
    features = DegradationFeatures.fit(fleet, lives.capped, before, seed=1)
    early = dataclasses.replace(
        fleet, **{name: getattr(fleet, name)[before] for name in ("asset", "values", "settings")}
    )
    blind = DegradationFeatures.fit(early, lives.capped[before], np.arange(len(before)), seed=1)
    assert features.beyond(fleet) == []
    assert blind.beyond(fleet) != []  # who has not seen their ends


def test_noise_around_one_setting_is_one_condition(tmp_path):
    one = read_file(write(tmp_path / "f.txt", cmapss_text(5, seed=5)[0]))
    assert len(Conditions.fit(one.settings, one.values, seed=1).centres) == 1


def test_later_rows_and_other_assets_change_no_feature(fleet):
    lives = histories(fleet)
    features = DegradationFeatures.fit(fleet, lives.capped, lives.known, seed=1)
    before = features.transform(fleet)
    assert before.shape == (len(fleet), len(features.names))
    row = fleet.last_rows[2] - 20
    values = fleet.values.copy()
    values[row + 1 :] = 1e6
    values[: fleet.starts[row]] = -1e6
    after = features.transform(dataclasses.replace(fleet, values=values))
    same = slice(fleet.starts[row], row + 1)
    assert (after[same] == before[same]).all()
    usual = usual_rolling(dataclasses.replace(fleet, values=values), features.conditions)
    assert (usual[same] == usual_rolling(fleet, features.conditions)[same]).all()
    again = DegradationFeatures.from_json(features.to_json())
    assert (again.transform(fleet) == before).all()
    assert features.beyond(fleet) == []
    assert features.beyond(dataclasses.replace(fleet, values=values)) != []


def test_flags_that_tell_the_failure_are_named_and_refused(machines):
    clean = without_leaks(machines)
    assert [sensor.name for sensor in clean.sensors] == ["Rotational speed", "Torque"]
    reasons = {one.column: one.reason for one in clean.refused}
    assert reasons["LPF"] == "differs from 0 in 75 rows, and 100% of them are failures"  # 5 % of 1,500
    kept = without_leaks(machines, keep=["LPF"])
    assert [sensor.name for sensor in kept.sensors] == ["Rotational speed", "Torque", "LPF"]


def test_a_rare_flag_among_leaking_flags_goes_with_them(machines):
    noise = np.zeros((len(machines), 1))
    noise[::200] = 1  # eight rows, failures or not
    values = np.hstack([machines.values, noise])
    sensors = (*machines.sensors, dataclasses.replace(machines.sensors[0], name="RNF"))
    clean = without_leaks(dataclasses.replace(machines, values=values, sensors=sensors))
    assert {"RNF": "a flag among flags that tell the failure"}.items() <= {
        o.column: o.reason for o in clean.refused
    }.items()


def test_power_is_found_as_a_product(machines):
    clean = without_leaks(machines)
    features = RowFeatures.fit(clean, np.arange(len(clean)), seed=1)
    assert features.interactions[0] == ("product", "Rotational speed", "Torque")
    columns = features.transform(clean)
    place = features.names.index("Rotational speed x Torque")
    assert columns[:, place] == pytest.approx(clean.values[:, 0] * clean.values[:, 1])
    assert columns[:, features.names.index("Type = M")].tolist() == (clean.categories["Type"] == "M").tolist()
    assert (RowFeatures.from_json(features.to_json()).transform(clean) == columns).all()


def test_the_forest_of_arrays_is_the_forest_of_scikit_learn():
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    label = (x[:, 0] * x[:, 1] > 0.3).astype(float)
    forest = Forest.fit(x, label, seed=3, count=20, min_leaf=2, share=0.6)
    peer = RandomForestClassifier(20, min_samples_leaf=2, max_features=0.6, random_state=3).fit(x, label > 0)
    assert forest.predict(x) == pytest.approx(peer.predict_proba(x)[:, 1], abs=1e-6)
    assert (Forest(**forest.to_arrays()).predict(x) == forest.predict(x)).all()


def test_the_monitor_sees_a_broken_correlation_and_names_the_sensor(tmp_path):
    rng = np.random.default_rng(6)
    load = rng.normal(size=600)
    values = np.column_stack([load, 2 * load, -load]) + rng.normal(0, 0.05, (600, 3))
    values[500:, 1] -= 2  # within its own range, against the others
    rows = "".join(f"{i},{a:.4f},{b:.4f},{c:.4f}\n" for i, (a, b, c) in enumerate(values))
    fleet = read_file(write(tmp_path / "f.csv", "time,flow,pressure,level\n" + rows), "csv")
    monitor = Monitor.fit(fleet, np.arange(400), seed=1)
    score = monitor.score(fleet)
    assert (score[400:500] > 1).mean() < 0.05
    assert (score[505:] > 1).all()
    assert monitor.contributions(fleet, np.arange(510, 600)).argmax(axis=1).tolist() == [1] * 90
    again = Monitor.from_json(monitor.to_json())
    assert (again.score(fleet) == score).all()
