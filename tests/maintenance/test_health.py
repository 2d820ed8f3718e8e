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

from trivium.maintenance.pages.health import count_issues


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
