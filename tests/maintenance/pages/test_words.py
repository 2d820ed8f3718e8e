"""What a model's folder says of itself is told in the reader's language."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from trivium.maintenance.pages.words import Words

SHIPPED = ("cmapss-fd001", "cmapss-fd002")


def test_a_model_learned_live_is_told_in_chinese():
    told = {"plant": "north", "from": "2026-01-01", "step_s": 10, "assets": 3, "sha256": "0123456789abcdef"}
    assert Words("zh", UTC).about(told) == "工厂 north; 起 2026-01-01; 步长（秒） 10; 设备数 3; sha256 0123456789ab"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_measure_of_a_shipped_model_has_its_word(name):
    path = files("trivium.maintenance") / "weights" / name / "model.json"
    measures = json.loads(path.read_text(encoding="utf-8"))["measures"]
    chinese, english = (Words(language, UTC).about(measures) for language in ("zh", "en"))
    assert f"RMSE, 堆叠线性叶树 {measures['rmse, stacked linear-leaf trees']:.4g}" in chinese
    assert f"RMSE, stacked linear-leaf trees {measures['rmse, stacked linear-leaf trees']:.4g}" in english
    assert not re.search("[a-z]{5}", chinese.replace("Brier", ""))


def test_what_the_catalogue_does_not_know_stays_as_it_is():
    assert Words("zh", UTC).about({"made by": "Ann, Bob", "rows": 12}) == "made by Ann, Bob; 行数 12"


def test_a_time_is_in_the_plants_zone_whichever_way_it_is_kept():
    words, moment = Words("en", ZoneInfo("Europe/Berlin")), datetime(2026, 7, 1, 12, tzinfo=UTC)
    kept = (moment, moment.isoformat(), int(moment.timestamp()) * 10**6)
    assert [words.moment(at) for at in kept] == ["2026-07-01 14:00:00"] * 3
    assert Words("en", UTC).moment(moment) == "2026-07-01 12:00:00 UTC"
