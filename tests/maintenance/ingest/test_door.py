"""The door: acknowledged once it is durable, the same answer again, and what it refuses."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.ingest.sweep import find_lost
from trivium.maintenance.stream import Limits
from trivium.service.errors import InputError, NotFoundError, UpstreamError

ROWS = [{"asset": "P1", "time": at(i), "temp": 20 + i} for i in range(5)]


def test_the_same_batch_gets_the_same_answer_before_and_after_it_is_stored(plant):
    plant.register(pump("P1"))
    first = plant.send(json.dumps(ROWS), batch_id="a")
    plant.clock.forward(60)
    assert plant.send(json.dumps(ROWS), batch_id="a") == first
    plant.drain()
    plant.notes.close()
    assert plant.send(json.dumps(ROWS), batch_id="a") == first
    assert plant.told("a")["stored_readings"] == 5
    plant.streams._client.flushdb()  # even when the broker has forgotten it
    assert plant.send(json.dumps(ROWS), batch_id="a") == first


def test_another_body_under_the_same_id_is_refused(plant):
    plant.register(pump("P1"))
    plant.send(json.dumps(ROWS), batch_id="a")
    again = plant.send(json.dumps(ROWS[:2]), batch_id="a")
    assert again.status == 409
    assert again.body["error"] == "a: another batch came under this id; give each batch an id of its own"
    plant.drain()
    plant.notes.close()
    plant.streams._client.flushdb()
    assert plant.send(json.dumps(ROWS[:2]), batch_id="a").status == 409
    assert plant.send(json.dumps(ROWS), batch_id="a", units={"temp": "degF"}).status == 409  # means something else


def test_without_an_id_the_content_is_the_id(plant):
    plant.register(pump("P1"))
    body = json.dumps(ROWS).encode()
    plain = plant.door.take(PLANT, body, content_type="application/json")
    packed = plant.door.take(PLANT, gzip.compress(body), content_type="application/json", encoding="gzip")
    assert plain == packed
    assert plain.body["batch_id"].startswith("sha256-")
    assert sum(plant.streams.lengths().values()) == 1


def test_ids_are_each_plants_own(plant):
    plant.register(pump("P1"))
    plant.send(json.dumps(ROWS), batch_id="a")
    other = plant.door.take("south", json.dumps(ROWS[:1]).encode(), options=Options(batch_id="a"))
    assert other.status == 202
    assert other.body["verdicts"]["unknown_sensor"] == 1  # south has registered nothing


def test_what_is_refused_leaves_nothing(plant):
    plant.register(pump("P1"))
    with pytest.raises(InputError, match="row 3, time: 'soon' is no time"):
        plant.send(json.dumps([*ROWS[:2], {"asset": "P1", "time": "soon", "temp": 1}]), batch_id="a")
    assert plant.streams.lengths() == {}
    assert plant.send(json.dumps(ROWS), batch_id="a").status == 202  # the id is free


def test_the_clock_of_the_plant_in_the_future(plant):
    plant.register(pump("P1"))
    ahead = (plant.clock.time + timedelta(minutes=4, seconds=59)).isoformat()
    beyond = (plant.clock.time + timedelta(minutes=5, seconds=1)).isoformat()
    rows = [{"asset": "P1", "time": time, "temp": 1} for time in (ahead, beyond)]
    assert plant.send(json.dumps(rows), batch_id="a", gateway="edge").body["verdicts"]["future"] == 1
    plant.notes.close()
    from trivium.maintenance.ingest.gateways import list_gateways

    (gateway,) = list_gateways(plant.database, PLANT)
    assert (gateway["gateway"], gateway["skew_s"], gateway["rows"]) == ("edge", 301.0, 2)


def test_a_batch_of_which_nothing_is_stored_is_known_all_the_same(plant):
    plant.register(pump("P1"))
    plant.send(json.dumps([{"asset": "P9", "time": at(0), "temp": 1}]), batch_id="a")
    plant.drain()
    told = plant.told("a")
    assert (told["state"], told["stored_readings"], told["verdicts"]["unknown_sensor"]) == ("done", 0, 1)


def test_a_quota_says_when_to_come_again(plant):
    plant.register(pump("P1"))
    plant.door._limits = Limits(rows_per_s=10)  # a hundred may be saved up
    batches = [json.dumps([{"asset": "P1", "time": at(60 * n + i), "temp": 1} for i in range(60)]) for n in range(2)]
    assert plant.send(batches[0]).status == 202
    refused = plant.send(batches[1], batch_id="b")
    assert refused.status == 429
    assert 1.0 < refused.retry_s <= 2.1  # twenty rows are lacking
    assert "sends more rows than its quota" in refused.body["error"]
    with pytest.raises(NotFoundError):
        plant.told("b")


def test_one_plants_flood_leaves_room_for_another(plant):
    plant.register(pump("P1"))
    plant.door._limits = Limits(backlog_bytes=20_000)
    statuses = [
        plant.send(json.dumps([{"asset": "P1", "time": at(100 * n + i), "temp": 1} for i in range(100)])).status
        for n in range(12)
    ]
    assert statuses[0] == 202
    assert statuses[-1] == 429
    body = json.dumps([{"asset": "P1", "time": at(i), "temp": 1} for i in range(10)]).encode()
    assert plant.door.take("south", body).status == 202
    plant.drain()
    assert plant.send(json.dumps(ROWS)).status == 202  # room again
    assert plant.streams._client.hgetall("trivium:maintenance:backlog:live").get(b"north") is not None


def test_history_does_not_count_against_live_readings(plant):
    plant.register(pump("P1"))
    plant.door._limits = Limits(backlog_bytes=3_000, rows_per_s=10)
    old = [
        json.dumps([{"asset": "P1", "time": at(-9000 + 100 * n + i), "temp": 1} for i in range(20)]) for n in range(9)
    ]
    statuses = [plant.send(body, lane="history").status for body in old]
    assert statuses[-1] == 429  # its own lane is full
    assert plant.send(json.dumps(ROWS)).status == 202
    plant.drain()


def test_live_readings_are_drained_before_history(plant):
    plant.register(pump("P1"))
    plant.send(json.dumps([{"asset": "P1", "time": at(-100), "temp": 1}]), batch_id="old", lane="history")
    plant.send(json.dumps(ROWS), batch_id="new")
    (shard,) = {shard.split("/", 1)[1] for shard in plant.streams.lengths()}
    plant.drainer.drain(shard)
    plant.notes.close()
    finished = [plant.told(name)["finished_at"] for name in ("new", "old")]
    assert finished == sorted(finished)
    assert plant.told("old")["verdicts"]["late"] == 1


def test_a_lost_stream_is_told_by_id_and_the_batch_can_be_sent_again(plant):
    plant.register(pump("P1"))
    plant.send(json.dumps(ROWS), batch_id="a")
    plant.send(json.dumps(ROWS[:1]), batch_id="kept")
    plant.notes.close()
    stream = "trivium:maintenance:stream:live/1/north"
    plant.streams._client.xdel(stream, plant.streams._client.xrange(stream)[0][0])
    with plant.database.write() as connection:
        connection.exec_driver_sql("UPDATE maintenance_batch SET received_at = '2026-01-01'")
    assert find_lost(plant.database, plant.streams) == ["a"]
    assert plant.told("a")["state"] == "lost"
    assert plant.told("kept")["state"] == "accepted"
    assert plant.send(json.dumps(ROWS), batch_id="a").status == 202
    plant.drain()
    assert plant.told("a")["state"] == "done"


def test_a_broker_that_is_away_acknowledges_nothing(plant, monkeypatch):
    import redis

    from trivium.maintenance.stream import Streams

    plant.register(pump("P1"))
    plant.door._streams = Streams(redis.Redis(port=1, socket_connect_timeout=0.2))
    with pytest.raises(UpstreamError, match=r"broker: the broker did not answer .*; try again"):
        plant.send(json.dumps(ROWS), batch_id="a")
    with pytest.raises(NotFoundError, match="this plant has sent no such batch"):
        plant.told("a")


def test_a_preview_keeps_nothing(plant):
    plant.register(pump("P1"))
    body = json.dumps({"units": {"temp": "degF"}, "rows": [{"asset": "P1", "time": at(0), "temp": 212}]}).encode()
    found = plant.door.preview(PLANT, body)
    assert found["readings"] == [
        {"asset": "P1", "time": at(0), "values": {"temp": {"value": 100.0, "unit": "degC", "quality": 0}}}
    ]
    assert plant.streams.lengths() == {}
