"""A shadow model says what it would say as the active one, apart from it, and changes nothing; models under load."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import func, select
from tests.maintenance.ingest.conftest import PLANT, pump
from tests.maintenance.ingest.test_scoring import SENSORS, assert_same, predictions, rows_of, send_all, signal

from trivium.maintenance import models, tables
from trivium.maintenance import registry as registry_module
from trivium.maintenance.ingest.codec import unpack_block
from trivium.maintenance.ingest.frames import Reason
from trivium.maintenance.ingest.monitor import fit_monitor, save_family
from trivium.maintenance.ingest.scorers import load_scorer, scorer_of, shadow_of
from trivium.maintenance.ingest.stored import read_predictions
from trivium.maintenance.pages.comparison import compare
from trivium.maintenance.registry import Registries
from trivium.maintenance.scoring import Drainer
from trivium.service.audit import Audit


def monitor_of(seed: int, **options):
    return fit_monitor(signal(600, seed=seed), SENSORS, **({"step_s": 1.0} | options))


def drainer_with(plant, scorer, shadow) -> Drainer:
    return Drainer(
        plant.database, plant.streams, Registries(plant.database),
        scorer_of=lambda registry: scorer, shadow_of=lambda registry: shadow, holder="shadow",
    )  # fmt: skip


def shadow_lines(plant, asset: str) -> dict[int, np.ndarray]:
    table = tables.shadow_prediction
    query = select(table.c.data).where(table.c.asset == asset).order_by(table.c.id)
    with plant.database.read() as connection:
        blocks = [unpack_block(data) for data in connection.execute(query).scalars()]
    return {time: line for one in blocks for time, line in zip(one.times_us.tolist(), one.values, strict=True)}


def count(plant, table) -> int:
    with plant.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("step_s", [1.0, 0.0], ids=["clock", "cycles"])
def test_a_shadow_says_what_it_would_say_as_the_active_model(plant, step_s):
    plant.register(pump("P1"), pump("P2"))
    active, shadow = monitor_of(1), monitor_of(2, window=90, step_s=step_s)
    values = signal(260, seed=3)
    plant.scorer = shadow
    send_all(plant, [rows_of(values)])
    expected = {time: line for time, (_, line) in predictions(plant).items()}
    plant.drainer = drainer_with(plant, active, None)
    send_all(plant, [rows_of(values[:200], "P2")])
    plant.drainer = drainer_with(plant, active, shadow)  # begins when the state is short already
    send_all(plant, [rows_of(values[200:230], "P2", 200), rows_of(values[230:], "P2", 230)])
    found = shadow_lines(plant, "P2")
    assert list(found) == list(expected)[200:]
    for time, line in found.items():
        np.testing.assert_allclose(line, expected[time], rtol=1e-6, atol=1e-9)


def test_the_active_model_says_the_same_with_a_shadow_beside_it(plant):
    plant.register(pump("P1"), pump("P2"))
    values = signal(150, seed=3)
    plant.scorer = monitor_of(1)
    send_all(plant, [rows_of(values)])

    class Broken:
        version, sensors, outputs, step_s, history_rows, life_unit = "broken", SENSORS, ("score",), 0.0, 7, ""

        def score(self, frames):
            raise RuntimeError("no")

    for place, shadow in enumerate((monitor_of(2, window=40), Broken())):
        plant.drainer = drainer_with(plant, plant.scorer, shadow)
        part = slice(75 * place, 75 * place + 75)
        send_all(plant, [rows_of(values[part], "P2", part.start)])
    assert_same(predictions(plant), predictions(plant, "P2"))


def test_imported_history_is_no_matter_of_the_shadow(plant):
    plant.register(pump("P1"))
    plant.drainer = drainer_with(plant, monitor_of(1), monitor_of(2, window=90))
    values = signal(300, seed=3)
    send_all(plant, [rows_of(values[100:], "P1", 100)])
    told = shadow_lines(plant, "P1")
    send_all(plant, [rows_of(values[:100], "P1")], lane="history")
    assert list(shadow_lines(plant, "P1")) == list(told)
    assert len(predictions(plant)) == 300


def test_what_a_shadow_would_raise_is_kept_apart(plant):
    plant.register(pump("P1"))
    values = signal(900, seed=8)
    values[300:, 1] += 3  # pressure leaves the others
    blind = replace(monitor_of(1), t2_limit=1e9, q_limit=1e9)
    plant.drainer = drainer_with(plant, blind, monitor_of(2))
    send_all(plant, [rows_of(values[:500]), rows_of(values[500:], "P1", 500)])
    with plant.database.read() as connection:
        (row,) = connection.execute(select(tables.shadow_alert)).all()
    assert (row.asset, row.cause, row.severity, row.returned_us) == ("P1", "anomaly", "critical", None)
    assert row.model == monitor_of(2).version
    plant.clock.time += timedelta(hours=1)
    send_all(plant, [rows_of(signal(4000, seed=9), "P1", 900)])
    with plant.database.read() as connection:
        (row,) = connection.execute(select(tables.shadow_alert)).all()
    assert row.returned_us > row.raised_us
    assert count(plant, tables.alert) == 0
    shadow = models.ModelChange("/m/s", row.model, models.SHADOWED, plant.clock.time, "ann")
    found = compare(plant.database, Registries(plant.database).of(PLANT), shadow)
    ((agreement,), (alert,)) = found.assets, found.alerts
    assert (alert.by, alert.raised_us, found.count("both")) == ("shadow", row.raised_us, 0)
    # 4,900 s begin on a minute: 82 of them; the fault is there for 600 s, the window and the minute make it 11
    assert (agreement.minutes, agreement.both, agreement.only_active, agreement.only_shadow) == (82, 0, 0, 11)
    assert agreement.share == pytest.approx(71 / 82)


def test_a_shadow_begins_ends_and_is_activated(plant):
    plant.register(pump("P1"))
    audit = Audit(plant.database)
    models.activate(audit, PLANT, "/m/a", "a-1", actor="ann")
    models.set_shadow(audit, PLANT, "/m/b", "b-1", actor="ann")
    plant.drainer = drainer_with(plant, monitor_of(1), monitor_of(2))
    send_all(plant, [rows_of(signal(30))])
    assert count(plant, tables.shadow_prediction) == 1
    registry = Registries(plant.database).of(PLANT)
    assert (registry.model, registry.shadow) == ("/m/a", "/m/b")
    models.activate(audit, PLANT, "/m/b", "b-1", actor="bob")  # it is the active one now
    registry = Registries(plant.database).of(PLANT)
    assert (registry.model, registry.shadow) == ("/m/b", "")
    assert models.roll_back(audit, PLANT, actor="bob").model == "a-1"  # a shadow is no step back
    assert [row.action for row in audit.rows(subject_kind="plant", subject_id=PLANT)] == [
        "model.activated", "model.shadowed", "model.activated", "model.rolled_back",
    ]  # fmt: skip
    models.set_shadow(audit, PLANT, "/m/c", "c-1", actor="ann")
    assert count(plant, tables.shadow_prediction) == 0  # of another shadow


def test_models_change_under_load_and_every_row_is_scored_once(plant, tmp_path, monkeypatch):
    monkeypatch.setattr(registry_module, "_FRESH_S", 0.0)  # follow at once, not within a second
    plant.register(pump("P1"))
    for name, seed in (("one", 1), ("two", 2)):
        save_family({"P1": monitor_of(seed, window=10 * seed)}, tmp_path / name, {})
    versions = {name: load_scorer(tmp_path / name).version for name in ("one", "two")}
    audit, registries = Audit(plant.database), Registries(plant.database)
    models.activate(audit, PLANT, str(tmp_path / "one"), versions["one"], actor="ann")
    plant.drainer = Drainer(
        plant.database, plant.streams, registries, scorer_of=scorer_of, shadow_of=shadow_of, holder="load"
    )
    values, problems = signal(600, seed=4), []

    def post() -> None:
        try:
            for start in range(0, 600, 10):
                send_all(plant, [rows_of(values[start : start + 10], "P1", start)])
        except Exception as error:
            problems.append(error)

    posting = threading.Thread(target=post)
    posting.start()
    for _ in range(6):
        models.activate(audit, PLANT, str(tmp_path / "two"), versions["two"], actor="ann")
        models.set_shadow(audit, PLANT, str(tmp_path / "one"), versions["one"], actor="ann")
        models.roll_back(audit, PLANT, actor="bob")
    posting.join()
    models.activate(audit, PLANT, str(tmp_path / "two"), versions["two"], actor="ann")
    send_all(plant, [rows_of(signal(10, seed=5), "P1", 600)])
    assert problems == []
    found = read_predictions(plant.database, PLANT, "P1", 0, 2**62)
    assert len(found.times_us) == 610
    assert set(found.reasons.tolist()) == {Reason.SCORED}
    assert set(found.models[:600]) <= {versions["one"], versions["two"]}
    assert set(found.models[600:]) == {versions["two"]}
