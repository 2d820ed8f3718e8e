"""From messages to what is stored, through the real door: assets, quality, lanes, repetitions, waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.maintenance.ingest.conftest import NOW, PLANT, at, pump

from trivium.maintenance.ingest.gateways import list_gateways
from trivium.maintenance.ingest.ledger import find_batches
from trivium.maintenance.ingest.quality import BAD, GOOD
from trivium.maintenance.ingest.stored import read_readings
from trivium.maintenance.mqtt.bridge import Bridge
from trivium.maintenance.mqtt.topics import Pattern
from trivium.service.errors import UpstreamError

T = round(NOW.timestamp() * 1000) - 60_000
TEMP = {"name": "temp", "alias": 1, "datatype": 10, "double_value": 60}
PRESS = {"name": "press", "alias": 2, "datatype": 10, "double_value": 8}


@pytest.fixture
def bridge(plant) -> Bridge:
    plant.register(pump("P1"), pump("P2"))
    asked: list[str] = []
    patterns = [Pattern("site/{asset}/{tag}"), Pattern("bulk/#")]
    made = Bridge(
        plant.door, plant.registries, PLANT, patterns=patterns, rebirth=lambda message: asked.append(message.key),
        sleep=lambda seconds: None,
    )  # fmt: skip
    made.asked = asked
    return made


def batches(plant) -> list[dict]:
    plant.drain()
    plant.notes.close()
    return find_batches(plant.database, PLANT, limit=100)


def readings(plant, asset: str = "P1") -> list[tuple]:
    plant.drain()
    found = read_readings(plant.database, PLANT, asset, 0, 2**62)
    lines = zip(found.times_us.tolist(), found.values.tolist(), found.quality.tolist(), strict=True)
    return [
        (time // 1000, dict(zip(found.tags, zip(values, marks, strict=True), strict=True)))
        for time, values, marks in lines
    ]


def test_a_device_is_an_asset_and_its_metrics_are_tags(bridge, plant, encode):
    birth = encode(timestamp=T, seq=0, metrics=[{"name": "bdSeq", "datatype": 8, "long_value": 0}])
    assert bridge.take("spBv1.0/works/NBIRTH/edge", birth, NOW)
    assert bridge.take("spBv1.0/works/DBIRTH/edge/P1", encode(timestamp=T, seq=1, metrics=[TEMP, PRESS]), NOW)
    data = [
        {"alias": 1, "double_value": 61.5, "timestamp": T + 1000},
        {"alias": 2, "is_null": True, "timestamp": T + 1000},
        {"name": "flow", "datatype": 10, "double_value": 1},
    ]
    assert bridge.take("spBv1.0/works/DDATA/edge/P1", encode(timestamp=T + 1000, seq=2, metrics=data), NOW)
    assert readings(plant)[0] == (T, {"temp": (60, GOOD), "press": (8, GOOD)})
    time, line = readings(plant)[1]
    assert (time, line["temp"], line["press"][1]) == (T + 1000, (61.5, GOOD), BAD)
    first, newest = sorted(batches(plant), key=lambda one: one["rows"])
    assert (
        newest["verdicts"]["accepted"],
        newest["verdicts"]["bad_quality"],
        newest["verdicts"]["unknown_sensor"],
    ) == (1, 1, 1)
    assert first["verdicts"]["accepted"] == 2
    (gateway,) = list_gateways(plant.database, PLANT)
    assert (gateway["gateway"], gateway["skew_s"]) == ("works/edge", -59.0)
    assert bridge.asked == []


def test_stale_and_bad_quality_is_no_value(bridge, plant, encode):
    def told(code: int) -> dict:
        return {"keys": ["Quality"], "values": [{"type": 3, "int_value": code}]}

    metrics = [
        TEMP | {"timestamp": T + number, "properties": told(code)} for number, code in enumerate((192, 500, 0))
    ]  # fmt: skip
    bridge.take("spBv1.0/works/NBIRTH/edge", encode(timestamp=T, seq=0, metrics=[]), NOW)
    bridge.take("spBv1.0/works/DBIRTH/edge/P1", encode(timestamp=T, seq=1, metrics=metrics), NOW)
    assert [line["temp"][1] for _, line in readings(plant)] == [GOOD, BAD, BAD]


def test_historical_metrics_go_behind_live_ones(bridge, plant, encode):
    old = TEMP | {"timestamp": T - 3_600_000, "is_historical": True}
    bridge.take("spBv1.0/works/NBIRTH/edge", encode(timestamp=T, seq=0, metrics=[]), NOW)
    bridge.take("spBv1.0/works/DBIRTH/edge/P1", encode(timestamp=T, seq=1, metrics=[TEMP, old]), NOW)
    assert {shard.split("/")[0] for shard in plant.woken} == {"live", "history"}
    assert [time for time, _ in readings(plant)] == [T - 3_600_000, T]


def test_a_message_that_comes_again_is_one_batch(bridge, plant, encode):
    payload = encode(timestamp=T, seq=1, metrics=[TEMP])
    bridge.take("spBv1.0/works/NBIRTH/edge", encode(timestamp=T, seq=0, metrics=[]), NOW)
    for late in range(3):
        assert bridge.take("spBv1.0/works/DBIRTH/edge/P1", payload, NOW + timedelta(seconds=late))
    assert len(batches(plant)) == 1


def test_a_gap_asks_for_a_rebirth_once_in_a_while(bridge, plant, encode):
    bridge.take("spBv1.0/works/NBIRTH/edge", encode(timestamp=T, seq=0, metrics=[TEMP]), NOW)
    for seq in (3, 9, 20):
        bridge.take("spBv1.0/works/NDATA/edge", encode(timestamp=T, seq=seq, metrics=[]), NOW)
    assert bridge.asked == ["works/edge"]


def test_plain_topics(bridge, plant):
    assert bridge.take("site/P1/temp", b"23.5", NOW)
    assert bridge.take("site/P2/temp", f'{{"value": "1,5", "time": "{at(0)}"}}'.encode(), NOW)
    assert bridge.take("bulk/a/b", f'[{{"asset": "P2", "time": "{at(1)}", "temp": 3, "speed": 4}}]'.encode(), NOW)
    assert readings(plant) == [(T + 60_000, {"temp": (23.5, GOOD)})]
    assert [line["temp"] for _, line in readings(plant, "P2")] == [(1.5, GOOD), (3, GOOD)]


def test_what_cannot_be_used_is_told_and_done(bridge, plant, encode):
    assert bridge.take("site/P1/temp", b"{", NOW)
    assert bridge.take("spBv1.0/works/NBIRTH/edge", b"\xff", NOW)
    assert bridge.take("spBv1.0/works/NCMD/edge", b"", NOW)  # a host's command, perhaps our own
    assert bridge.take("bulk/x", b'[{"asset": "P1", "time": "yesterday", "temp": 1}]', NOW)
    assert (bridge.counts["refused"], bridge.counts["messages"]) == (3, 4)
    assert batches(plant) == []


def test_what_cannot_be_stored_now_is_tried_again_until_the_end(bridge, plant, monkeypatch):
    real, tries = plant.door.take, []

    def take(*arguments, **options):
        tries.append(1)
        if len(tries) < 3:
            raise UpstreamError("is away", where="broker")
        return real(*arguments, **options)

    monkeypatch.setattr(plant.door, "take", take)
    assert bridge.take("site/P1/temp", b"1", NOW)
    assert (len(tries), len(batches(plant))) == (3, 1)
    tries.clear()
    bridge._is_ending = lambda: True
    assert not bridge.take("site/P1/temp", b"2", NOW)  # stays with the broker
