"""The API behind the platform's door: keys, answers, errors, and every route described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import SecretStr
from tests.maintenance.ingest.conftest import at

from trivium.maintenance.app import SPEC
from trivium.maintenance.client import BufferFullError, PlantClient
from trivium.service.access import open_access
from trivium.service.disk import Usage
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

TAGS = "tag,asset,description,unit,low,high,rate,deadband\ntemp,P1,bearing,degC,-40,200,1,0\nspeed,P1,,rpm,0,6000,1,5\n"


@pytest.fixture
def server(empty_file: Path, tmp_path: Path, broker_url: str, streams, monkeypatch) -> Iterator[TestClient]:
    """The web server of a deployment, to a client with a key of the plant north."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "trivium.db").write_bytes(empty_file.read_bytes())
    monkeypatch.setenv("TRIVIUM_HOME", str(home))
    settings = Settings().model_copy(update={"redis_url": SecretStr(broker_url)})
    runtime = open_runtime(settings, apps=(SPEC,), publish=lambda *message: None)
    access = open_access(settings, (SPEC,), runtime.database)
    scopes = ["maintenance.ingest", "maintenance.registry"]
    _, secret = access.keys.create("north", scopes, actor="test")
    client = TestClient(create_web(runtime), base_url="http://127.0.0.1:7860", raise_server_exceptions=False)
    client.headers["authorization"] = f"Bearer {secret}"
    yield client
    client.app.app.state.maintenance_parts.notes.close()
    runtime.close()


@pytest.fixture
def plant(server: TestClient) -> TestClient:
    assert server.post("/v1/registry", content=TAGS, params={"zone": "Europe/Berlin"}).json()["tags"] == 2
    return server


def test_a_batch_of_each_format_is_taken(plant):
    rows = [{"asset": "P1", "time": at(i), "temp": 20.5 + i} for i in range(3)]
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    bodies = {
        "application/json": json.dumps(rows),
        "application/x-ndjson": "\n".join(map(json.dumps, rows)),
        "text/csv": "asset,time,temp\n" + "".join(f"P1,{row['time']},{row['temp']}\n" for row in rows),
        "application/vnd.apache.arrow.stream": sink.getvalue().to_pybytes(),
    }
    for kind, body in bodies.items():
        answer = plant.post("/v1/batches", content=body, headers={"content-type": kind})
        assert answer.status_code == 202, answer.text
        assert answer.json()["verdicts"]["accepted"] == 3


def test_the_answer_to_one_batch_and_what_became_of_it(plant):
    body = "tag;timestamp;value;quality\ntemp;01.03.2026 12:30:00;71,2;192\ntemp;01.03.2026 12:30:01;I/O Timeout;0\n"
    headers = {"content-type": "text/csv", "idempotency-key": "b-1", "x-gateway": "edge"}
    answer = plant.post("/v1/batches", content=body, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["batch_id"] == "b-1"
    assert answer.json()["verdicts"] == {
        "accepted": 1, "late": 0, "duplicate": 0, "out_of_range": 0, "bad_quality": 1, "bad_unit": 0,
        "unknown_sensor": 0, "future": 0,
    }  # fmt: skip
    assert plant.post("/v1/batches", content=body, headers=headers).json() == answer.json()
    other = plant.post("/v1/batches", content=body + "\n" + body.splitlines()[1], headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    plant.app.app.state.maintenance_parts.notes.close()
    told = plant.get("/v1/batches/b-1", params={"rows": True}).json()
    assert (told["state"], told["row_verdicts"], told["gateway"]) == ("accepted", ["accepted", "bad_quality"], "edge")
    assert [one["batch_id"] for one in plant.get("/v1/batches").json()] == ["b-1"]
    assert plant.get("/v1/lag").json()["entries"] == {"live/1/north": 1}
    assert plant.get("/v1/gateways").json()[0]["gateway"] == "edge"
    assert plant.get("/v1/dead-letters").json() == []


def test_what_is_wrong_is_one_line(plant):
    def error(body: str, **headers: str) -> tuple[int, str]:
        answer = plant.post("/v1/batches", content=body, headers=headers)
        return answer.status_code, answer.json()["error"]

    assert error("asset,time\nP1,soon\n")[0] == 400
    assert error("x", **{"content-type": "image/png"})[1].startswith("Content-Type: 'image/png' is not supported; use")
    assert error("x", **{"content-encoding": "gzip"})[1].startswith("body: is no complete gzip data")
    assert plant.get("/v1/batches/none").status_code == 404
    answer = plant.post("/v1/registry", content="tag,asset,low,high\nt,P1,5,1\n,P1,,\n")
    assert answer.json()["error"] == (
        "registry: line 2: low 5 is not below high 1; line 3: names no tag or no asset; 2 problems in all"
    )


def test_numbers_that_no_database_holds_are_refused(plant):
    for number in (0, -1, 2**63):
        answer = plant.post("/v1/dead-letters/replay", json={"ids": [number]})
        assert answer.status_code == 422, answer.text


def test_batches_are_refused_while_the_disk_is_full(plant, monkeypatch):
    monkeypatch.setattr("trivium.service.disk.usage_of", lambda folder: Usage(used=96, free=4))
    answer = plant.post("/v1/batches", content="asset,time,temp\n", headers={"content-type": "text/csv"})
    assert answer.status_code == 507
    assert answer.json()["error"].startswith("the server's disk is 96 % full")


def test_nobody_comes_in_without_a_key_or_for_another_plant(plant):
    assert plant.post("/v1/batches", content="x", headers={"authorization": "Bearer tvk_none_x"}).status_code == 401
    answer = plant.post("/v1/batches", content="x", params={"plant": "south"})
    assert (answer.status_code, answer.json()["error"]) == (400, "plant: this key is for north")


def test_preview_of_a_registry_and_of_a_batch_keep_nothing(server):
    found = server.post("/v1/registry", content=TAGS, params={"preview": True}).json()
    assert (found["assets"], found["first"][1]["deadband"], found["is_preview"]) == (1, 5.0, True)
    rows = json.dumps([{"asset": "P1", "time": at(0), "temp": 1}])
    assert server.post("/v1/batches/preview", content=rows).json()["verdicts"]["unknown_sensor"] == 1


def test_the_description_names_every_route(plant):
    from trivium.maintenance import api, results_api

    routes = [route for route in (*api.router.routes, *results_api.router.routes) if isinstance(route, APIRoute)]
    assert {route.path for route in routes} == {
        "/alerts", "/assets", "/assets/{asset}", "/assets/{asset}/predictions", "/assets/{asset}/readings", "/batches",
        "/batches/preview", "/batches/{batch_id}", "/dead-letters", "/dead-letters/replay", "/drift", "/gateways",
        "/lag", "/predictions", "/registry",
    }  # fmt: skip
    for route in routes:
        assert route.description, route.path
    paths = plant.get("/api/openapi.json").json()["paths"]
    assert {f"/v1{route.path}" for route in routes} <= set(paths)
    post = paths["/v1/batches"]["post"]
    assert {"application/json", "text/csv"} <= set(post["requestBody"]["content"])
    assert {"202", "400", "409", "429", "503"} <= set(post["responses"])
    assert post["security"]


class Bridge:
    """The client's connection, led into the server under test."""

    def __init__(self, server: TestClient) -> None:
        self.server = server
        self.is_away = False

    def post(self, path: Path):
        if self.is_away:
            raise ConnectionRefusedError
        headers = {"content-encoding": "gzip", "idempotency-key": path.name.removesuffix(".json.gz")}
        answer = self.server.post("/v1/batches", content=path.read_bytes(), headers=headers)
        return answer.status_code, answer.text, 0.0


def test_the_client_keeps_batches_while_nobody_answers(plant, tmp_path, monkeypatch):
    client = PlantClient("http://127.0.0.1:1", "key", buffer=tmp_path / "buffer", most_bytes=1000)
    bridge = Bridge(plant)
    monkeypatch.setattr(client, "_post", bridge.post)
    bridge.is_away = True
    ids = [client.send([{"asset": "P1", "time": at(i), "temp": 20}]) for i in range(3)]
    assert [path.name for path in client.waiting()] == [f"{name}.json.gz" for name in ids]
    again = PlantClient("http://127.0.0.1:1", "key", buffer=tmp_path / "buffer", most_bytes=1000)  # after a restart
    monkeypatch.setattr(again, "_post", bridge.post)
    bridge.is_away = False
    again.send([{"asset": "P1", "time": "soon", "temp": 20}])  # refused for good, and out of the way
    assert again.waiting() == []
    (reason,) = (tmp_path / "buffer" / "refused").glob("*.txt")
    assert "row 1, time" in reason.read_text()
    plant.app.app.state.maintenance_parts.notes.close()
    assert sorted(one["batch_id"] for one in plant.get("/v1/batches").json()) == ids
    bridge.is_away = True
    again._not_before = 0.0
    again._most_bytes = 50
    with pytest.raises(BufferFullError, match="holds 50 bytes; nobody takes them"):
        again.send([{"asset": "P1", "time": at(0), "temp": 20}])
