"""What a historian or a work-order system pulls: predictions, alerts and drift by pages, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from tests.maintenance.ingest.conftest import NOW, PLANT, Plant, at, pump
from tests.maintenance.ingest.test_api import server  # noqa: F401 - a fixture
from tests.service.conftest import Clock

from trivium.maintenance import tables
from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.ingest.moved import Moved
from trivium.maintenance.report.rows import read_cursor, to_csv, write_cursor
from trivium.service.errors import InputError

SENSORS = ("temp", "press", "speed")
SPAN = {"since": at(0), "until": at(3600)}


@pytest.fixture
def scored(server, streams) -> TestClient:  # noqa: F811
    """A plant of two pumps with 60 rows each that were scored; P2 becomes hot after 30."""
    clock = Clock()
    clock.time = NOW
    database = server.app.app.state.runtime.database
    rng = np.random.default_rng(1)
    normal = [60, 8, 3000] + rng.normal(size=(400, 3)) * [1, 0.2, 30]
    plant = Plant(database, streams, clock, fit_monitor(normal, SENSORS, step_s=1.0))
    plant.register(pump("P1"), pump("P2"))
    rows = [
        {
            "asset": asset,
            "time": at(k),
            **dict(zip(SENSORS, normal[k] + [15 * (asset == "P2" and k >= 30), 0, 0], strict=True)),
        }
        for asset in ("P1", "P2")
        for k in range(60)
    ]
    assert plant.send(json.dumps(rows)).status == 202
    plant.drain()
    plant.notes.close()
    return server


def pull(client: TestClient, path: str, **params: object) -> list[dict]:
    """Follow the pages to their end."""
    found, url = [], f"/v1/{path}"
    answer = client.get(url, params=params)
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()
        if "next" not in answer.links:
            return found
        answer = client.get(url + answer.links["next"]["url"])


def test_pages_of_predictions_are_the_whole_without_gap_or_repetition(scored):
    whole = pull(scored, "predictions", **SPAN)
    assert [(one["asset"], one["time"]) for one in whole] == [
        (asset, at(k)) for asset in ("P1", "P2") for k in range(60)
    ]
    assert pull(scored, "predictions", **SPAN, limit=7) == whole
    assert pull(scored, "predictions", **SPAN, limit=40) == whole  # the last page is full
    hot = [one for one in whole if one["asset"] == "P2"][45]
    assert hot["score"] > 1 > whole[45]["score"]
    assert next(iter(hot["why"])) == "temp"
    alone = scored.get(f"/v1/assets/{hot['asset']}/predictions", params=SPAN).json()
    assert alone["outputs"]["score"][45] == hot["score"]
    assert pull(scored, "predictions", **SPAN, asset=["P2"]) == whole[60:]
    assert pull(scored, "predictions", since=at(10), until=at(12), asset=["P1"]) == whole[10:13]
    assert pull(scored, "predictions", **SPAN, asset=["P3"]) == []


def test_the_same_rows_as_csv(scored):
    answer = scored.get("/v1/predictions", params=SPAN | {"asset": "P2", "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    (told,) = scored.get("/v1/predictions", params={"since": at(45), "until": at(45), "asset": "P2"}).json()
    assert (rows[45]["asset"], rows[45]["time"], rows[45]["reason"]) == ("P2", at(45), "scored")
    assert float(rows[45]["score"]) == told["score"]
    assert rows[45]["rul"] == ""
    assert rows[45]["why"].startswith("temp ")
    assert (
        scored.get("/v1/assets", headers={"accept": "text/csv"}).text.splitlines()[0].startswith("asset,newest_reading")
    )


def test_an_answer_that_is_the_same_is_not_sent_again(scored):
    for path, params in (("predictions", SPAN), ("assets", {}), ("alerts", {}), ("drift", {})):
        first = scored.get(f"/v1/{path}", params=params)
        again = scored.get(f"/v1/{path}", params=params, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert scored.get(f"/v1/{path}", params=params, headers={"if-none-match": '"other"'}).status_code == 200


def test_alerts_by_pages(scored):
    table = tables.alert
    finding = {"cause": "anomaly", "level": 2.5, "since_us": 0, "at_us": 0, "outputs": {}, "sensors": []}
    with scored.app.app.state.runtime.database.write() as connection:
        for number in range(7):
            raised = {"since_us": 0, "raised_us": 10**15 + number // 2, "raised_at": NOW, "changed_at": NOW}
            told = {"asset": f"=P{number}", "cause": "anomaly", "severity": "warning", "model": "m", "finding": finding}
            connection.execute(insert(table).values(plant=PLANT, state="closed", **raised, **told))
    assert [one["asset"] for one in pull(scored, "alerts", state="closed", limit=2)] == [
        f"=P{k}" for k in range(6, -1, -1)
    ]
    told = scored.get("/v1/alerts", params={"state": "closed", "format": "csv"}).text
    assert "'=P6" in told  # a spreadsheet would run it


def test_drift(scored):
    moved = Moved("P1", "sensor", "temp", "m-1", 0.6, 0.25, 0.4, 75.0, 58.0, 62.0, 1440, 10**15, 10**15 + 10**9)
    with scored.app.app.state.runtime.database.write() as connection:
        connection.execute(
            insert(tables.drift), [{"plant": PLANT} | {name: getattr(moved, name) for name in Moved.__slots__}]
        )
    (told,) = scored.get("/v1/drift").json()
    assert told == {
        "asset": "P1", "kind": "sensor", "name": "temp", "is_moved": True, "psi": 0.6, "psi_limit": 0.25, "ks": 0.4,
        "median": 75.0, "low": 58.0, "high": 62.0, "rows": 1440, "since": "2001-09-09T01:46:40+00:00",
        "until": "2001-09-09T02:03:20+00:00", "model": "m-1",
    }  # fmt: skip
    assert scored.get("/v1/drift", params={"plant": "south"}).status_code == 400
    assert scored.get("/v1/drift", headers={"authorization": ""}).status_code == 401


def test_what_cannot_be_asked(scored):
    def error(**params: object) -> str:
        answer = scored.get("/v1/predictions", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.text
        return answer.json()["error"]

    assert error(**SPAN, cursor="hello") == "cursor: is none of ours; take it from the answer before, as it is"
    assert error(**SPAN, cursor=write_cursor("P1", 2**64)).startswith("cursor: is none of ours")
    assert error(since=at(0), until="2026-05-01T00:00Z").startswith(
        "since, until: are not in order, or more than 31 days"
    )
    assert "has no offset" in error(since="2026-03-01T00:00", until=at(0))
    assert error(since="9999-12-31T00:00Z", until="2026-01-01T00:00Z").startswith("since, until: are not in order")


def test_cursors_and_cells_by_hand():
    assert read_cursor(write_cursor("P-101", 7), str, int) == ("P-101", 7)
    with pytest.raises(InputError, match="is none of ours"):
        read_cursor(write_cursor(7, "P-101"), str, int)
    rows = [{"a": None, "b": ["x", "y"], "c": {"temp": 0.25, "press": 1.0}, "d": "-1+cmd"}]
    assert to_csv(rows, "abcd") == b"a,b,c,d\r\n,x | y,temp 0.25 | press 1,'-1+cmd\r\n"
