"""Assets that never sent anything, and such that are retired: what the API lists, takes in, and still tells."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from tests.maintenance.ingest.conftest import NOW, PLANT, Plant, at, pump
from tests.maintenance.ingest.test_api import server  # noqa: F401 - a fixture
from tests.service.conftest import Clock

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.service.access import open_access

ROWS = [{"asset": "P1", "time": at(k), "temp": 60.0, "press": 8.0, "speed": 3000} for k in range(5)]


@pytest.fixture
def sent(server, streams) -> TestClient:  # noqa: F811
    """A plant of two pumps, of which P1 has sent five rows and has an alert."""
    clock = Clock()
    clock.time = NOW
    database = server.app.app.state.runtime.database
    plant = Plant(database, streams, clock)
    plant.register(pump("P1"), pump("P2"))
    assert plant.send(json.dumps(ROWS)).status == 202
    plant.drain()
    plant.notes.close()
    finding = {"cause": "anomaly", "level": 2.5, "since_us": 0, "at_us": 0, "outputs": {}, "sensors": []}
    values = {
        "plant": PLANT, "asset": "P1", "cause": "anomaly", "open_key": "k", "state": book.SHELVED,
        "severity": "warning", "since_us": 0, "raised_us": 1, "raised_at": NOW, "changed_at": NOW, "model": "m",
        "finding": finding,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(tables.alert).values(**values))
    return server


def _assets(client: TestClient, **params: object) -> list[tuple[str, str, str | None]]:
    found = client.get("/v1/assets", params=params).json()
    return [(one["asset"], one["reason"], one["newest_reading"]) for one in found]


def test_an_asset_that_never_sent_anything_is_listed(sent):
    assert _assets(sent) == [("P1", "no_model", at(4)), ("P2", "no_readings", None)]
    table = sent.get("/v1/assets", params={"format": "csv"}).text.splitlines()
    assert table[2].startswith("P2,,,no_readings,")


def test_a_retired_asset_takes_nothing_in_and_keeps_its_history(sent):
    database = sent.app.app.state.runtime.database
    answer = sent.delete("/v1/assets/P1", params={"why": "sold"})
    assert (answer.status_code, answer.json()) == (200, {"plant": PLANT, "asset": "P1", "alerts_closed": 1})
    assert _assets(sent) == [("P2", "no_readings", None)]
    assert _assets(sent, retired=True) == [("P1", "retired", at(4)), ("P2", "no_readings", None)]
    readings = sent.get("/v1/assets/P1/readings", params={"since": at(0), "until": at(60)}).json()
    assert readings["values"]["temp"] == [60.0] * 5
    later = [one | {"time": at(60)} for one in ROWS[:1]]
    assert sent.post("/v1/batches", json=later).json()["verdicts"]["unknown_sensor"] == 1
    (alert,) = book.find_alerts(database, PLANT, asset="P1")
    assert (alert.state, alert.is_active, alert.why) == (book.CLOSED, False, "sold")
    assert [one["what"] for one in book.events_of(database, alert.id)] == ["retired"]
    (entry,) = sent.app.app.state.runtime.audit.rows(action="asset.retired")
    assert (entry.actor, entry.subject_id) == ("plant:north", "north/P1")
    assert json.loads(entry.detail) == {"plant": PLANT, "asset": "P1", "why": "sold", "alerts": [alert.id]}


def test_it_is_retired_once_and_comes_back_with_its_history(sent):
    assert sent.delete("/v1/assets/P1").status_code == 200
    again = sent.delete("/v1/assets/P1")
    assert (again.status_code, again.json()["error"]) == (404, "P1: the plant north has no such asset")
    assert sent.delete("/v1/assets/P9").status_code == 404
    back = sent.post("/v1/registry", content="tag,asset,unit\ntemp,P1,degC\n")
    assert back.status_code == 200
    assert _assets(sent) == [("P1", "no_model", at(4)), ("P2", "no_readings", None)]


def test_a_key_that_only_sends_readings_retires_nothing(sent):
    runtime = sent.app.app.state.runtime
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    _, secret = access.keys.create(PLANT, ["maintenance.ingest"], actor="test")
    answer = sent.delete("/v1/assets/P1", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code in (403, 404)
    assert ("P1", "no_model", at(4)) in _assets(sent)
