"""What the page of a plant's data says was wrong with them, in the reader's language."""

from __future__ import annotations

import json

import pytest
from tests.maintenance.ingest.conftest import (  # noqa: F401 - fixtures
    PLANT,
    at,
    broker_url,
    database,
    empty_file,
    plant,
    pump,
    streams,
)

from trivium.maintenance.pages.health import count_issues, read_tags


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["900 degC is outside -40 to 200", "its asset has no such tag", "says 'Bad Input'"]),
        ("zh", ["900 degC 超出 -40 至 200 的范围", "该设备没有这个测点", "内容为“Bad Input”"]),
    ],
)
def test_what_was_wrong_with_rows_is_counted_in_the_readers_language(plant, language, told):  # noqa: F811
    plant.register(pump("P1"))
    for number in range(2):
        rows = [
            {"asset": "P1", "time": at(10 * number), "temp": 900},
            {"asset": "P1", "time": at(10 * number + 1), "temp": "Bad Input"},
            {"asset": "P1", "time": at(10 * number + 2), "flow": 3},
        ]
        assert plant.send(json.dumps(rows)).status == 202
    plant.notes.close()
    found = count_issues(plant.database, PLANT, language)
    assert sorted(one["what"] for one in found) == sorted(told)
    assert {one["rows"] for one in found} == {2}


def test_what_never_came_is_told_by_tag_and_of_a_silent_asset_in_one_line(plant):  # noqa: F811
    plant.register(pump("P1"), pump("P2"))
    assert plant.send(json.dumps([{"asset": "P1", "time": at(0), "temp": 60}])).status == 202
    plant.drain()
    found = read_tags(plant.database, plant.registries.of(PLANT))
    told = [(one.asset, one.tag, one.what, one.newest) for one in found]
    assert told == [("P1", "press", "never", None), ("P1", "speed", "never", None), ("P2", "", "never", None)]
