"""Plain topics, and what their payloads become."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from trivium.maintenance.mqtt.topics import Pattern, rows_of
from trivium.service.errors import InputError

ARRIVAL = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "subscription", "topic", "places"),
    [
        ("site/{asset}/{tag}", "site/+/+", "site/P-101/temp", {"asset": "P-101", "tag": "temp"}),
        ("site/{asset}/{tag}", "site/+/+", "site/P-101", None),
        ("+/{asset}/readings", "+/+/readings", "x/P-101/readings", {"asset": "P-101"}),
        ("site/#", "site/#", "site/a/b/c", {}),
        ("site/#", "site/#", "other/a", None),
        ("site/all", "site/all", "site/all", {}),
    ],
)
def test_patterns(text, subscription, topic, places):
    assert Pattern(text).subscription == subscription
    assert Pattern(text).places(topic) == places


@pytest.mark.parametrize("text", ["", "site/{pump}", "site/{tag}/{tag}", "site/#/x", "site/a#", "site/{tag"])
def test_what_is_no_pattern(text):
    with pytest.raises(InputError, match="is no topic"):
        Pattern(text)


@pytest.mark.parametrize(
    ("payload", "places", "rows"),
    [
        ("23.5", {"tag": "temp"}, [{"value": 23.5, "tag": "temp", "time": ARRIVAL.isoformat()}]),
        ('{"value": 1, "ts": 5}', {"tag": "temp"}, [{"value": 1, "ts": 5, "tag": "temp"}]),
        ('{"temp": 1, "time": "t"}', {}, [{"temp": 1, "time": "t"}]),
        ('[{"tag": "a", "value": 1, "time": 2}]', {}, [{"tag": "a", "value": 1, "time": 2}]),
        (
            '{"units": {"temp": "degF"}, "rows": [{"temp": 1, "time": 2}]}', {},
            {"units": {"temp": "degF"}, "rows": [{"temp": 1, "time": 2}]},
        ),
    ],
)  # fmt: skip
def test_payloads(payload, places, rows):
    assert json.loads(rows_of(payload.encode(), places, ARRIVAL)) == rows


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("{", "is no JSON"),
        ("23.5", "is a value without a tag"),
        ("[1]", "holds no rows"),
        ('{"rows": 3}', "holds no rows"),
    ],
)
def test_payloads_that_cannot_be_used(payload, message):
    with pytest.raises(InputError, match=message):
        rows_of(payload.encode(), {}, ARRIVAL)
