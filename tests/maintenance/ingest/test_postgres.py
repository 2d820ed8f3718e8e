"""The same on PostgreSQL: taken in, stored, scored, told, replayed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.maintenance.ingest.conftest import NOW, PLANT, Plant, at, pump
from tests.maintenance.ingest.test_scoring import SENSORS, assert_same, predictions, rows_of, signal
from tests.service.conftest import Clock, migrated_postgres, postgres  # noqa: F401 - fixtures

from trivium.maintenance import scoring, tables
from trivium.maintenance.alerts import book, outbox
from trivium.maintenance.ingest import packing
from trivium.maintenance.ingest.dead_letters import list_dead, replay
from trivium.maintenance.ingest.gateways import list_gateways
from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.ingest.sweep import find_lost
from trivium.service.audit import Audit
from trivium.service.database import Database, utc_now


@pytest.fixture
def plant(migrated_postgres, streams):  # noqa: F811
    database = Database(migrated_postgres)
    names = [table.name for table in tables.plant.metadata.sorted_tables if table.name.startswith("maintenance_")]
    with database.write() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(names)}"))
    clock = Clock()
    clock.time = NOW
    made = Plant(database, streams, clock)
    yield made
    made.notes.close()
    database.close()


def test_the_whole_way(plant, monkeypatch):
    plant.register(pump("P1", running="speed > 500"))
    plant.scorer = fit_monitor(signal(600, seed=1), SENSORS, step_s=1.0)
    rows = rows_of(signal(60, seed=2))
    assert plant.send(json.dumps(rows[20:]), batch_id="a", gateway="edge").status == 202
    plant.drain()
    assert plant.send(json.dumps(rows[:25]), batch_id="b", gateway="edge").status == 202
    plant.drain()
    told = plant.told("b", with_rows=True)
    assert (told["state"], told["verdicts"]["late"], told["verdicts"]["duplicate"]) == ("done", 20, 5)
    assert len(predictions(plant)) == 60
    assert list_gateways(plant.database, PLANT)[0]["rows"] == 65
    assert plant.send(json.dumps(rows[:25]), batch_id="a").status == 409

    def fail(*_):
        raise ArithmeticError("cannot")

    real = scoring.advance
    monkeypatch.setattr(scoring, "advance", fail)
    plant.send(json.dumps([{"asset": "P1", "time": at(70), "temp": 20}]), batch_id="c")
    plant.drain()
    (letter,) = list_dead(plant.database, PLANT)
    monkeypatch.setattr(scoring, "advance", real)
    assert replay(plant.database, plant.streams, PLANT, ids=[letter["id"]]) == 1
    plant.drain()
    assert plant.told("c")["state"] == "done"

    plant.send(json.dumps([{"asset": "P1", "time": at(80), "temp": 20}]), batch_id="d")
    plant.notes.close()
    plant.streams._client.flushdb()
    with plant.database.write() as connection:
        connection.execute(text("UPDATE maintenance_batch SET received_at = '2026-01-01' WHERE batch_id = 'd'"))
    assert find_lost(plant.database, plant.streams) == ["d"]
    assert plant.send(json.dumps([{"asset": "P1", "time": at(80), "temp": 20}]), batch_id="d").status == 202
    plant.drain()
    assert plant.told("d")["state"] == "done"


def test_alerts_webhooks_and_packing(plant, monkeypatch):
    monkeypatch.setattr(packing, "_LEAST_BLOCKS", 3)
    url = "http://127.0.0.1:9/hook"  # nobody listens there
    plant.drainer._webhooks = (url,)
    plant.register(pump("P1"))
    plant.scorer = fit_monitor(signal(600, seed=1), SENSORS, step_s=1.0)
    values = signal(900, seed=2)
    values[100:, 1] += 3
    for start in range(0, 900, 150):
        assert plant.send(json.dumps(rows_of(values[start : start + 150], start=start))).status == 202
        plant.drain()
    (alert,) = book.find_alerts(plant.database, PLANT)
    until = utc_now() + timedelta(hours=1)
    assert book.shelve(Audit(plant.database), PLANT, alert.id, actor="ann", why="x", until=until).state == "shelved"
    assert outbox.is_due(plant.database)
    assert outbox.deliver(plant.database, "a secret of the tests", (url,)) == 0
    assert outbox.waiting(plant.database) == {"waiting": 1, "given_up": 0}
    before = predictions(plant)
    assert packing.pack_due(plant.database, "test") == 12
    assert_same(predictions(plant), before)
    assert plant.send(json.dumps(rows_of(values[:5], start=1000))).status == 202
    plant.drain()
    assert len(predictions(plant)) == 1005  # the speed holds over the gap
