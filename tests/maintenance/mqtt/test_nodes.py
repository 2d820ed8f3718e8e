"""Births, deaths, aliases and the sequence of Sparkplug B nodes."""

from __future__ import annotations

import json

import pytest

from trivium.maintenance.mqtt.nodes import Message, Nodes, Reading, read_topic
from trivium.maintenance.mqtt.payload import read_payload

T = 1_772_366_400_000
BIRTH = [
    {"name": "bdSeq", "datatype": 8, "long_value": 4},
    {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": False},
    {"name": "load", "alias": 1, "datatype": 10, "double_value": 0.5},
]
DEVICE = [
    {"name": "temp", "alias": 2, "datatype": 10, "double_value": 60},
    {"name": "count", "alias": 3, "datatype": 3, "int_value": 2**32 - 1},
    {"name": "recipe", "alias": 4, "datatype": 12, "string_value": "A"},
]


@pytest.fixture
def say(encode):
    nodes = Nodes()

    def take(kind: str, seq: int | None, *metrics: dict, device: str = "P-101", **values):
        payload = encode(**({"timestamp": T} | ({} if seq is None else {"seq": seq}) | values), metrics=list(metrics))
        message = Message("plant", kind, "edge", device if kind.startswith("D") else "")
        return nodes.take(message, read_payload(payload), T + 5)

    take.nodes = nodes
    return take


def test_a_birth_tells_values_and_aliases(say):
    assert say("NBIRTH", 0, *BIRTH).readings == [Reading("load", T, 0.5, None, False)]
    assert [(one.name, one.value) for one in say("DBIRTH", 1, *DEVICE).readings] == [("temp", 60.0), ("count", -1.0)]
    told = say(
        "DDATA", 2, {"alias": 2, "double_value": 61}, {"alias": 3, "int_value": 7, "timestamp": T + 9}, {"alias": 4}
    )
    assert told.readings == [Reading("temp", T, 61.0, None, False), Reading("count", T + 9, 7.0, None, False)]
    assert (told.problem, told.num_unknown) == ("", 0)


def test_the_sequence_goes_round(say):
    say("NBIRTH", 0, *BIRTH)
    for number in range(1, 256):
        assert say("NDATA", number, {"alias": 1, "double_value": 1}).problem == ""
    assert say("NDATA", 0, {"alias": 1, "double_value": 1}).problem == ""
    assert say("NDATA", 2, {"alias": 1, "double_value": 1}).problem == "message 2 came in place of 1"
    assert say("NDATA", 3, {"alias": 1, "double_value": 1}).problem == ""


def test_what_no_birth_has_told(say):
    told = say("NDATA", 8, {"alias": 1, "double_value": 1}, {"name": "load", "datatype": 10, "double_value": 2})
    assert (told.problem, told.num_unknown) == ("sends without a birth", 1)
    assert [one.name for one in told.readings] == ["load"]  # it has its name
    say("NBIRTH", 0, *BIRTH)
    assert say("DDATA", 1, {"alias": 2, "double_value": 1}).problem == "device P-101 sends without a birth"
    assert say("NDATA", 2, {"alias": 9, "double_value": 1}).problem == "uses an alias that no birth has told"
    say("DBIRTH", 3, *DEVICE)
    say("DDEATH", 4)
    assert say("DDATA", 5, {"alias": 2, "double_value": 1}).num_unknown == 1


def test_a_death_counts_for_its_own_session(say):
    say("NBIRTH", 0, *BIRTH)
    say("NDEATH", None, {"name": "bdSeq", "datatype": 8, "long_value": 3})  # of the session before, late
    assert say.nodes.is_alive("plant/edge")
    say("NDEATH", None, {"name": "bdSeq", "datatype": 8, "long_value": 4})
    assert not say.nodes.is_alive("plant/edge")
    assert say("NDATA", 7, {"alias": 1, "double_value": 1}).problem == "sends without a birth"


def test_historical_null_and_transient_metrics(say):
    say("NBIRTH", 0, *BIRTH)
    told = say(
        "NDATA", 1, {"alias": 1, "double_value": 3, "is_historical": True}, {"alias": 1, "is_null": True},
        {"alias": 1, "double_value": 9, "is_transient": True},
    )  # fmt: skip
    assert [(one.value, one.is_historical) for one in told.readings] == [(3.0, True), (None, False)]


def test_what_is_known_outlives_the_bridge(say, encode):
    say("NBIRTH", 0, *BIRTH)
    say("DBIRTH", 1, *DEVICE)
    again = Nodes(json.loads(json.dumps(say.nodes.to_json())))
    payload = read_payload(encode(timestamp=T, seq=2, metrics=[{"alias": 3, "int_value": 2**32 - 2}]))
    told = again.take(Message("plant", "DDATA", "edge", "P-101"), payload, T)
    assert ([one.value for one in told.readings], told.problem) == ([-2.0], "")
    late = read_payload(encode(timestamp=T, seq=9, metrics=[]))
    assert again.take(Message("plant", "NDATA", "edge"), late, T).problem == "message 9 came in place of 3"


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("spBv1.0/plant/NDATA/edge", Message("plant", "NDATA", "edge")),
        ("spBv1.0/plant/DBIRTH/edge/P-101", Message("plant", "DBIRTH", "edge", "P-101")),
        ("spBv1.0/plant/NDATA/edge/P-101", None),
        ("spBv1.0/plant/DDATA/edge", None),
        ("spBv1.0/plant/NCMD/edge", None),
        ("spBv1.0/STATE/host", None),
        ("site/P-101/temp/x", None),
    ],
)
def test_topics(topic, found):
    assert read_topic(topic) == found
