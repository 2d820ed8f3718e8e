"""The simulated plant: any stretch can be made anew, faults move what they should, and a demo is set up once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from trivium.maintenance import seed as demo
from trivium.maintenance.app import SPEC
from trivium.maintenance.ingest.scorers import load_scorer
from trivium.maintenance.models import changes_of
from trivium.maintenance.registry import Registries
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.maintenance.scorer import Family
from trivium.maintenance.simulator.machines import FAULTS, Fault, Machine
from trivium.maintenance.simulator.plant import MACHINES, PLANT, batches, readings
from trivium.maintenance.work_orders import find_orders
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings

TIMES = np.arange(1_770_000_000, 1_770_000_000 + 86_400, 60)
PUMP = Machine("P-101", 1.0, 1)


def test_any_stretch_can_be_made_anew():
    whole = PUMP.readings(TIMES)
    np.testing.assert_array_equal(PUMP.readings(TIMES[500:700]), whole[500:700])
    assert not np.array_equal(Machine("P-101", 1.0, 2).readings(TIMES), whole)
    assert np.abs(np.diff(whole[:, 0])).max() < 60  # no jumps in the speed


@pytest.mark.parametrize("kind", [kind for kind, change in FAULTS.items() if change])
def test_a_fault_moves_its_sensors_by_what_it_says_when_fully_grown(kind):
    fault = Fault(kind, int(TIMES[0]), 3600, int(TIMES[-1]) + 1)
    change = (PUMP.readings(TIMES, [fault]) - PUMP.readings(TIMES))[100:]
    names = ("speed", "flow", "suction", "discharge", "current", "winding", "bearing", "vibration")
    expected = [FAULTS[kind].get(name, 0.0) for name in names]
    np.testing.assert_allclose(change, np.tile(expected, (len(change), 1)), atol=2e-3)


def test_stops_and_stuck_sensors():
    stop = Fault("stopped", int(TIMES[100]), 1, int(TIMES[200]))
    values = PUMP.readings(TIMES, [stop])
    assert (values[100:200, [0, 1, 4]] == 0).all()
    assert (values[200:, 0] > 2000).all()
    stuck = PUMP.readings(TIMES, [Fault("stuck", int(TIMES[100]), 1, int(TIMES[200]))])
    assert set(stuck[100:200, 6]) == {58.4}


def test_the_demos_plant_goes_round_and_its_batches_are_all_of_it():
    begun = int(TIMES[0])
    later = np.arange(begun + 3600, begun + 3660, 2)
    fault = Fault("impeller", 0, 1, 10**10)
    pump = MACHINES[1]
    assert (readings(pump, later, begun)[:, 3] < pump.readings(later)[:, 3] - 1).all()  # its impeller is worn by then
    again = readings(pump, later + 12 * 3600, begun)[:, 3] - pump.readings(later + 12 * 3600, [fault])[:, 3]
    np.testing.assert_allclose(again, 0, atol=2e-3)
    parts = list(batches(begun, begun + 60, begun, step_s=2, most_rows=100))
    assert [len(part) for part in parts] == [100, 100, 100]
    assert sorted({row["asset"] for row in parts[0]}) == sorted(machine.name for machine in MACHINES)


def test_a_demo_is_set_up_once(tmp_path: Path, empty_file: Path, monkeypatch):
    monkeypatch.setattr(demo, "_LEARN_S", 86_400)
    (tmp_path / "trivium.db").write_bytes(empty_file.read_bytes())
    settings = Settings(home=tmp_path, redis_url=SecretStr("redis://127.0.0.1:1"))
    runtime = open_runtime(settings, apps=(SPEC,), publish=lambda *message: None)
    folder = tmp_path / "samples"
    folder.mkdir()
    files = demo.write_samples(folder)
    imported = read_registry_csv(files[0].read_bytes())
    assert (len(imported.assets), imported.unknown_units) == (10, ())
    for _ in range(2):
        demo.seed(runtime, files)
    registry = Registries(runtime.database).of(PLANT)
    assert len(registry.assets) == 10
    assert registry.assets["P-101"].running == "`SI-1011` > 500"
    model = load_scorer(Path(registry.model))
    assert isinstance(model, Family)
    assert set(model.by_asset) == set(registry.assets)
    assert [one.what for one in changes_of(runtime.database, PLANT)] == ["activated"]
    assert {one.asset for one in find_orders(runtime.database, PLANT)} == {"P-103", "P-104"}
    if os.name == "posix":
        assert stat.S_IMODE((folder / demo.KEY).stat().st_mode) == 0o600
    runtime.close()
