"""Replays: what they find in simulated machines with known faults, and that live readings raise the same alerts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sqlalchemy import insert
from tests.maintenance.ingest.conftest import PLANT, Plant
from typer.testing import CliRunner

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.rules import DEFAULTS, Levels
from trivium.maintenance.backtest import backtest
from trivium.maintenance.backtest_job import run_backtest
from trivium.maintenance.cli import app
from trivium.maintenance.costs import cheapest, cost_curve, levels_at
from trivium.maintenance.ingest.codec import AssetRows, pack_block
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.monitor import load_monitor, save_family
from trivium.maintenance.ingest.stored import read_readings
from trivium.maintenance.report.backtest import lines_of
from trivium.maintenance.scorer import Family
from trivium.maintenance.simulator.machines import Fault, Machine
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, WorkOrder, write_orders
from trivium.service.errors import InputError, NotFoundError
from trivium.service.store import BlobStore

DAY_S = 86_400
BEGIN_S = 1_770_000_000 // 60 * 60
MACHINE = Machine("P-1", 1.0, 11)
PRICES = ("--cost-failure", "1000", "--cost-alarm", "10")


def rows_of(machine: Machine, from_s: int, to_s: int, *faults: Fault, step_s: int = 60) -> AssetRows:
    times = np.arange(from_s, to_s, step_s)
    values = machine.readings(times, faults)
    nothing = np.zeros((len(times), 0), np.int32)
    return AssetRows(machine.name, times * 10**6, machine.tag_names, values, np.zeros(values.shape, np.uint8), nothing)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    learned = learn_asset(MACHINE.asset(), rows_of(MACHINE, BEGIN_S - 14 * DAY_S, BEGIN_S), step_s=60)
    assert learned.monitor is not None
    folder = tmp_path_factory.mktemp("model")
    save_family({"P-1": learned.monitor}, folder, {})
    loaded = load_monitor(folder)
    assert isinstance(loaded, Family)
    assert loaded.by_asset["P-1"].sensors == MACHINE.tag_names
    return loaded


def order(number: str, kind: str, day: float) -> WorkOrder:
    return WorkOrder(number, "P-1", kind, round((BEGIN_S + day * DAY_S) * 1e6), None, "")


def test_outcome_lead_and_false_alarms(family):
    rows = rows_of(
        MACHINE, BEGIN_S, BEGIN_S + 6 * DAY_S, Fault("impeller", BEGIN_S + DAY_S, DAY_S, BEGIN_S + 3 * DAY_S)
    )

    def judged(*orders: WorkOrder):
        readings = {"P-1": (MACHINE.asset(), rows), "P-2": (MACHINE.asset(), rows)}
        return backtest(readings, family, orders, from_us=BEGIN_S * 10**6, to_us=(BEGIN_S + 6 * DAY_S) * 10**6)

    found = judged(order("a", FAILURE, 3), order("b", FAILURE, 0.5))
    (alert,) = found.alerts
    raised_day = (alert.raised_us / 1e6 - BEGIN_S) / DAY_S
    assert 1 < raised_day < 2  # while the fault grows
    assert (alert.outcome, alert.order) == ("right", "a")
    assert found.lead_days == [pytest.approx(3 - raised_day)]
    assert alert.returned_us is not None
    assert alert.finding.sensors[0].tag == "PI-14"  # discharge pressure
    assert ([one.number for one in found.missed], found.num_failures, found.not_scored) == (["b"], 2, ["P-2"])
    assert found.scored_days == pytest.approx(6 - 900 / DAY_S, abs=0.01)  # it is starting up for 900 s
    assert found.false_a_month == 0.0
    assert [one.outcome for one in judged(order("c", PREVENTIVE, 2.5)).alerts] == ["unjudged"]
    false = judged()
    assert [one.outcome for one in false.alerts] == ["false"]
    assert false.false_a_month == pytest.approx(30.44 / false.scored_days)


def test_levels_are_priced_by_what_they_miss_and_what_they_raise(family):
    fault = Fault("impeller", BEGIN_S + DAY_S, DAY_S, BEGIN_S + 3 * DAY_S)
    rows = rows_of(MACHINE, BEGIN_S, BEGIN_S + 6 * DAY_S, fault)
    span = {"from_us": BEGIN_S * 10**6, "to_us": (BEGIN_S + 6 * DAY_S) * 10**6}
    orders = [order("a", FAILURE, 3), order("b", FAILURE, 0.5)]  # nothing tells of the second
    found = backtest({"P-1": (MACHINE.asset(), rows)}, family, orders, **span)
    curve = cost_curve(found, failure=1000, alarm=10)
    assert [one.levels.raise_at for one in curve] == [1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0]
    assert all(one.cost == 1000 * one.missed + 10 * (one.right + one.false) for one in curve)
    assert [one.missed for one in curve] == [1] * 9
    (default,) = [one for one in curve if one.levels == DEFAULTS["anomaly"]]
    assert (default.right, default.false) == (len(found.alerts), 0)  # as with no levels of its own
    best = cheapest(curve)
    assert best.cost == min(one.cost for one in curve) == 1010
    assert levels_at("failure", 0.9) == Levels(0.9, 0.95, 0.54)
    with pytest.raises(InputError, match="costs have to be above 0"):
        cost_curve(found, failure=0, alarm=1)
    with pytest.raises(InputError, match="has no failure to price"):
        cost_curve(backtest({"P-1": (MACHINE.asset(), rows)}, family, [], **span), failure=1, alarm=1)


def test_live_readings_raise_the_alert_that_a_replay_tells(family, plant: Plant):
    rows = rows_of(
        MACHINE, BEGIN_S, BEGIN_S + 2 * DAY_S, Fault("bearing", BEGIN_S + DAY_S // 2, DAY_S, BEGIN_S + 9 * DAY_S)
    )
    plant.register(MACHINE.asset())
    plant.scorer = family
    lines = [
        {"asset": "P-1", "time": time_us // 10**6, **dict(zip(rows.tags, line, strict=True))}
        for time_us, line in zip(rows.times_us.tolist(), rows.values.tolist(), strict=True)
    ]
    for start in range(0, len(lines), 700):
        assert plant.send(json.dumps(lines[start : start + 700]), batch_id=str(start)).status == 202
        plant.drain()
    (live,) = book.find_alerts(plant.database, PLANT)
    stored = read_readings(plant.database, PLANT, "P-1", 0, 2**62)
    span = {"from_us": int(rows.times_us[0]), "to_us": int(rows.times_us[-1])}
    (replayed,) = backtest({"P-1": (MACHINE.asset(), stored)}, family, [], **span).alerts
    assert (replayed.raised_us, replayed.cause, replayed.severity) == (live.raised_us, live.cause, live.severity)
    assert replayed.finding.sensors[0].tag == live.finding.sensors[0].tag == "VI-18"


def test_nothing_is_learned_before_a_failure_or_while_it_stands(tmp_path):
    stop = Fault("stopped", BEGIN_S, 1, BEGIN_S + DAY_S)
    rows = rows_of(MACHINE, BEGIN_S, BEGIN_S + 4 * DAY_S, stop, step_s=600)
    week = [((BEGIN_S + 3 * DAY_S) * 10**6, (BEGIN_S + 4 * DAY_S) * 10**6)]
    found = learn_asset(MACHINE.asset(), rows, week, step_s=600)
    assert found.num_rows == 2 * 144 - 2  # two days, less 900 s of starting up
    few = learn_asset(MACHINE.asset(), rows_of(MACHINE, BEGIN_S, BEGIN_S + 3600), step_s=600)
    assert (few.monitor, few.problem) == (None, "monitor: only 4 rows have all values; give 100")
    none = learn_asset(MACHINE.asset(), rows_of(MACHINE, BEGIN_S, BEGIN_S), step_s=600)
    assert (none.monitor, none.num_rows, none.problem) == (None, 0, "it has no readings in that time")


def test_the_command_reads_files_and_writes_alerts(tmp_path: Path):
    fault = Fault("impeller", BEGIN_S + 7 * DAY_S, DAY_S, BEGIN_S + 10 * DAY_S)
    rows = rows_of(MACHINE, BEGIN_S, BEGIN_S + 10 * DAY_S, fault, step_s=300)
    header = ",".join(["asset", "time", *rows.tags])
    lines = [
        f"P-1,{datetime.fromtimestamp(time_us // 10**6, UTC):%m/%d/%Y %I:%M:%S %p}," + ",".join(map(str, line))
        for time_us, line in zip(rows.times_us.tolist(), rows.values.tolist(), strict=True)
    ]
    (tmp_path / "history.csv").write_text("\n".join([header, *lines]))
    tags = [f"{tag.name},P-1,{tag.description},{tag.unit},300,`SI-11` > 500" for tag in MACHINE.asset().tags]
    (tmp_path / "tags.csv").write_text("\n".join(["tag,asset,description,unit,rate,running", *tags]))
    failed = datetime.fromtimestamp(BEGIN_S + 9 * DAY_S, UTC)
    (tmp_path / "orders.csv").write_text(f"WO;Equipment;Start;Type\n7;P-1;{failed:%m/%d/%Y %H:%M};Breakdown\n")
    names = ("history.csv", "--tags", "tags.csv", "--orders", "orders.csv", "--out", "out")
    arguments = [str(tmp_path / name) if not name.startswith("--") else name for name in names]
    arguments += ["--zone", "UTC", "--time-format", "%m/%d/%Y %I:%M:%S %p", "--orders-time-format", "%m/%d/%Y %H:%M"]
    ended = CliRunner().invoke(app, ["replay", *arguments, "--step-s", "300", "--learn", "0.6", *PRICES])
    assert ended.exit_code == 0, ended.output
    assert "raised at 2: 0 missed, 1 right, 0 false; cost 10\n" in ended.output
    assert "Alerts: 1; 1 before a failure, 0 false" in ended.output
    told = json.loads((tmp_path / "out" / "backtest.json").read_text())
    assert (told["failures"], told["failures_foreseen"], told["failures_missed"]) == (1, 1, [])
    assert 1 < told["median_lead_days"] < 2
    table = (tmp_path / "out" / "alerts.csv").read_text(encoding="utf-8-sig").splitlines()
    assert table[0].startswith("asset,cause,severity,raised,returned,outcome,order,lead_days")
    assert "discharge pressure" in table[1]
    wanted = [*arguments, "--step-s", "300", "--learn", "0.6", "--raise-at", "8"]
    ended = CliRunner().invoke(app, ["replay", *wanted, "--critical-at", "16", "--return-below", "4"])
    assert ended.exit_code == 0, ended.output
    later = json.loads((tmp_path / "out" / "backtest.json").read_text())
    assert later["median_lead_days"] < told["median_lead_days"]
    ended = CliRunner().invoke(app, ["replay", *wanted])
    assert isinstance(ended.exception, InputError)
    assert "raise 8 and critical 4 are not in order" in ended.exception.line


def test_the_job_replays_what_is_stored(family, plant: Plant, tmp_path):
    """Learned anew, with the active model, and what is asked for in vain."""
    fault = Fault("impeller", BEGIN_S + 5 * DAY_S, DAY_S, BEGIN_S + 9 * DAY_S)
    rows = rows_of(MACHINE, BEGIN_S - 8 * DAY_S, BEGIN_S + 7 * DAY_S, fault, step_s=300)
    plant.register(MACHINE.asset())
    with plant.database.write() as connection:
        span = {"from_us": int(rows.times_us[0]), "to_us": int(rows.times_us[-1]), "num_rows": len(rows.times_us)}
        connection.execute(insert(tables.block).values(plant=PLANT, asset="P-1", data=pack_block(rows), **span))
    write_orders(plant.database, PLANT, [order("a", FAILURE, 6.5)])
    store = BlobStore(tmp_path / "blobs")

    def run(**request: object) -> dict:
        given = {"plant": PLANT, "step_s": 300, "language": "zh"} | request
        context = SimpleNamespace(request=given, store=store, progress=lambda stage, share: None)
        report = run_backtest(context, plant.database)
        files = {file.name: file.sha256 for file in report.files}
        assert "discharge pressure" in store.path(files["alerts.csv"]).read_text(encoding="utf-8-sig")
        return json.loads(store.path(files["backtest.json"]).read_text())

    told = run(learn=0.6, cost_failure=1000, cost_alarm=10)
    (best,) = [one for one in told["costs"] if one["is_cheapest"]]
    assert (best["missed"], best["cost"]) == (0, 10 * (best["right"] + best["false"]))
    assert lines_of(told, "zh")[-1].startswith("在此历史上成本最低：触发")
    flat = told | {"costs": [one | {"cost": 10} for one in told["costs"]]}
    assert lines_of(flat, "en")[-1].startswith("Every level costs 10 on this history")
    told = run(learn=0.6)
    assert told["costs"] == []
    assert (told["alerts"], told["failures_foreseen"]) == ({"right": 1, "false": 0, "unjudged": 0}, 1)
    assert lines_of(told, "zh")[1] == "共 1 条报警：1 条先于故障，0 条误报，0 条先于预防性工单（不作判定）。"
    with pytest.raises(InputError, match="has no active model"):
        run(learn=0)
    with pytest.raises(InputError, match=r"learn 2 is not from 0 to 0\.95"):
        run(learn=2)
    with pytest.raises(NotFoundError, match="nothing is stored"):
        run(plant="south")
