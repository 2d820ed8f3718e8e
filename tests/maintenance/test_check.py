"""Sentences of alerts: what they say in both languages, and what the checker takes out."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from trivium.maintenance.alerts.finding import Finding, SensorFinding
from trivium.maintenance.check import check
from trivium.maintenance.claims import claims_of
from trivium.maintenance.narrate import narrate, number_text
from trivium.service.evidence import Sentence
from trivium.service.text import catalogue

SINCE_US = 1_772_334_720_000_000  # 2026-03-01T03:12:00Z
PRESSURE = SensorFinding(
    "PI-1023", "discharge pressure", "barg", 7.81, 9.13, 10.37, 0.8, SINCE_US, SINCE_US + 10**7, "0" * 64
)
TEMPERATURE = SensorFinding("TI-4", "", "degC", 91.26, 60.2, 84.4, 0.2, SINCE_US, SINCE_US + 10**7, "1" * 64)
ANOMALY = Finding(
    "anomaly", 3.249, SINCE_US, SINCE_US + 10**8, {"score": 3.4, "t2": 9.0, "q": 2.0}, (PRESSURE, TEMPERATURE)
)
LIFE = {"p_fail": 0.735, "rul": 22.6, "rul_low": 11.9, "rul_high": 40.2}
FAILURE = Finding("failure", 0.7, SINCE_US, SINCE_US + 10**8, LIFE, (), "cycle")


def texts(finding: Finding, language: str, **options) -> list[str]:
    kept, removed = check(narrate(finding, language, **options), claims_of(finding, "P-101"), **options)
    assert removed == ()
    return [sentence.text for sentence in kept]


def test_what_alerts_say():
    assert texts(ANOMALY, "en") == [
        "The readings are 3.2 times as far from normal operation as the limit allows, since 2026-03-01 03:12 UTC.",
        "PI-1023 discharge pressure 7.8 barg, below the usual 9.1 to 10.4 at this load, since 2026-03-01 03:12 UTC.",
        "TI-4 91 degC, above the usual 60 to 84 at this load, since 2026-03-01 03:12 UTC.",
    ]
    assert texts(ANOMALY, "zh") == [
        "读数偏离正常工况的程度为限值的 3.2 倍，自 2026-03-01 03:12 UTC 起。",
        "PI-1023 discharge pressure 7.8 barg，低于当前负荷下通常的 9.1 至 10.4，自 2026-03-01 03:12 UTC 起。",
        "TI-4 91 degC，高于当前负荷下通常的 60 至 84，自 2026-03-01 03:12 UTC 起。",
    ]
    assert texts(FAILURE, "en") == [
        "Probability of failure 74 %, remaining life 23 cycles (12 to 40), since 2026-03-01 03:12 UTC."
    ]
    assert texts(FAILURE, "zh") == ["故障概率 74 %，剩余寿命 23 个循环（12 至 40），自 2026-03-01 03:12 UTC 起。"]


def test_times_are_the_plants():
    assert texts(ANOMALY, "en", zone=ZoneInfo("Europe/Berlin"))[0].endswith("since 2026-03-01 04:12.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("7.8 barg", "7.9 barg"), "7.9 is not s0.value, which is 7.8"),
        (("9.1 to", "9.2 to"), "9.2 is not s0.low, which is 9.1"),
        (("barg", "bar"), "7.8 is not followed by its unit, barg"),
        (("below", "above"), "says above, and it is below"),
        (("below the", "the"), "says nothing, and it is below"),
        (("03:12", "03:13"), "states 2026-03-01 03:13 UTC, and it was 2026-03-01 03:12"),
        (("PI-1023", "PI-1024"), "does not begin with 'PI-1023 discharge pressure'"),
        (("since", "as TI-4, since"), "speaks of TI-4, to which it is not bound"),
        ((" at this load", " at load 80"), "80 is bound to nothing"),
        ((" at this load", ", 40 % risk"), "40 is bound to nothing"),
    ],
)
def test_what_does_not_follow_goes(change, reason):
    sentence = narrate(ANOMALY, "en")[1]
    changed = replace(sentence, text=sentence.text.replace(*change))
    kept, removed = check([changed], claims_of(ANOMALY, "P-101"))
    assert (kept, [one.reason for one in removed]) == ((), [reason])


def test_a_sentence_bound_to_nothing_goes():
    kept, removed = check([Sentence("All is well.", ("s7.value",))], claims_of(ANOMALY, "P-101"))
    assert (kept, removed[0].reason) == ((), "bound to 's7.value', which is no claim of this alert")


def test_numbers_are_as_exact_as_their_range_is_wide():
    assert [number_text(7.813, width) for width in (0.02, 1.2, 30.0, 4000.0)] == ["7.813", "7.8", "8", "8"]
    assert [number_text(value) for value in (1234.5, 0.01234, 0.0)] == ["1234", "0.01234", "0"]


def test_the_catalogues_have_the_same_keys_and_fields():
    english, chinese = (catalogue("trivium.maintenance", language) for language in ("en", "zh"))
    assert set(english) == set(chinese)
    for key, text in english.items():
        fields = {part.partition("}")[0] for part in text.split("{")[1:]}
        assert {part.partition("}")[0] for part in chinese[key].split("{")[1:]} == fields, key
