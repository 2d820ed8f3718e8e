"""Sparkplug B payloads, held against what protobuf's own encoder writes."""

from __future__ import annotations

import pytest

from trivium.maintenance.mqtt.payload import read_payload, write_command
from trivium.service.errors import InputError


def test_every_kind_of_number(encode):
    metrics = [
        {"name": "a", "datatype": 10, "double_value": 71.25, "timestamp": 1_772_366_400_123},
        {"name": "b", "datatype": 9, "float_value": -0.5},
        {"name": "c", "datatype": 3, "int_value": 2**32 - 7},  # Int32 -7
        {"name": "d", "datatype": 1, "int_value": 0xFE},  # Int8 -2
        {"name": "e", "datatype": 7, "int_value": 2**32 - 7},  # UInt32
        {"name": "f", "datatype": 4, "long_value": 2**64 - 9},  # Int64 -9
        {"name": "g", "datatype": 11, "boolean_value": True},
        {"name": "h", "datatype": 12, "string_value": "12"},
        {"name": "i", "datatype": 10, "is_null": True},
        {"alias": 300, "int_value": 5},
        {"name": "k", "datatype": 10, "double_value": "NaN"},
    ]
    found = read_payload(encode(timestamp=1_772_366_400_000, seq=255, metrics=metrics, body="AAE="))
    assert (found.time_ms, found.seq) == (1_772_366_400_000, 255)
    values = [metric.as_type(metric.datatype or 8) for metric in found.metrics]
    assert values == [71.25, -0.5, -7, -2, 4_294_967_289, -9, 1, None, None, 5, None]
    assert [metric.name for metric in found.metrics] == [*"abcdefghi", "", "k"]
    assert (found.metrics[0].time_ms, found.metrics[9].alias, found.metrics[8].is_null) == (
        1_772_366_400_123,
        300,
        True,
    )
    assert found.metrics[7].has_other


def test_flags_and_quality(encode):
    properties = {
        "keys": ["engUnit", "Quality"],
        "values": [{"type": 12, "string_value": "degC"}, {"type": 3, "int_value": 500}],
    }
    given = {"name": "t", "is_historical": True, "is_transient": True, "properties": properties, "double_value": 1}
    (metric,) = read_payload(encode(metrics=[given])).metrics
    assert (metric.is_historical, metric.is_transient, metric.quality) == (True, True, 500)


@pytest.mark.parametrize(
    "data",
    [b"\x12", b"\x12\x7f\x00", b"\xff" * 12, b"\x0b\x01", b"hello", b"\x12\x03\x0a\x05\x61", b"\x12\x03\x0a\x01\xff"],
)
def test_what_is_cut_off_or_something_else_is_one_error(data):
    with pytest.raises(InputError, match="is no Sparkplug B payload"):
        read_payload(data)


def test_every_beginning_of_a_payload_is_read_or_refused(encode):
    whole = encode(seq=3, metrics=[{"name": "t", "datatype": 10, "double_value": 2.5}])
    refused = 0
    for length in range(1, len(whole)):
        try:
            assert all(one.value in (None, 2.5) for one in read_payload(whole[:length]).metrics)
        except InputError:
            refused += 1
    assert 0 < refused < len(whole) - 1


def test_the_command_is_what_protobuf_writes(encode):
    metric = {"name": "Node Control/Rebirth", "timestamp": 1_772_366_400_000, "datatype": 11, "boolean_value": True}
    expected = encode(timestamp=1_772_366_400_000, metrics=[metric])
    assert write_command("Node Control/Rebirth", 1_772_366_400_000) == expected
