"""Verdicts: each fault gives its own, exactly one a row, and the counts add up whatever is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivium.maintenance.ingest.assess import assess
from trivium.maintenance.ingest.codec import pack, unpack
from trivium.maintenance.ingest.formats import Options, read_sheet
from trivium.maintenance.ingest.quality import ABSENT, BAD, GOOD, RANGE
from trivium.maintenance.ingest.verdicts import counts_of
from trivium.maintenance.registry import Asset, Registry, Tag

START = 1_772_366_400  # 2026-03-01T12:00:00Z
LATEST_US = (START + 3600) * 1_000_000


def asset(name: str) -> Asset:
    tags = (
        Tag("temp", name, unit="degC", low=-40, high=200),
        Tag("speed", name, unit="rpm", low=0, high=6000),
        Tag(f"{name}-PI", name, unit="barg", low=0, high=16),
    )
    return Asset(name, tags)


REGISTRY = Registry("north", assets={name: asset(name) for name in ("P1", "P2")})


def judged(rows: list[dict] | str, **options: object):
    body = rows if isinstance(rows, str) else json.dumps(rows)
    format_ = "csv" if isinstance(rows, str) else "json"
    sheet, said = read_sheet(body.encode(), format_, Options(**options), lambda name: None)  # type: ignore[arg-type]
    return assess(sheet, REGISTRY, said, latest_us=LATEST_US)


def verdicts(found) -> list[str]:
    from trivium.maintenance.ingest.verdicts import NAMES

    return [NAMES[code] for code in found.verdicts]


def test_each_fault_of_a_wide_row():
    found = judged(
        [
            {"asset": "P1", "time": START, "temp": 20, "speed": 3000},
            {"asset": "P1", "time": START + 1, "temp": 201, "speed": 3000},
            {"asset": "P1", "time": START + 2, "temp": "Bad Input", "speed": 3000},
            {"asset": "P9", "time": START + 3, "temp": 20},
            {"asset": "P1", "time": START + 3601, "temp": 20},
            {"asset": "P1", "time": START + 4, "temp": 20, "colour": 3},
            {"asset": None, "time": START + 5, "temp": 20},
        ]
    )
    assert verdicts(found) == [
        "accepted", "out_of_range", "bad_quality", "unknown_sensor", "future", "unknown_sensor", "unknown_sensor",
    ]  # fmt: skip
    (block,) = found.blocks
    assert block.asset == "P1"
    assert (block.times_us // 1_000_000 - START).tolist() == [0, 1, 2, 4]  # the good cells of faulty rows are stored
    assert block.tags == ("temp", "speed")
    assert block.quality.tolist() == [[GOOD, GOOD], [RANGE, GOOD], [BAD, GOOD], [GOOD, ABSENT]]
    assert block.rows.tolist() == [[0], [-1], [-1], [-1]]  # only the first may still be late or duplicate
    texts = {(issue["row"], issue["what"]) for issue in found.issues}
    assert (2, "201 degC is outside -40 to 200") in texts
    assert (3, "says 'Bad Input'") in texts
    assert (4, "the registry has no asset 'P9'") in texts
    assert (6, "its asset has no such tag") in texts


def test_each_fault_of_a_narrow_row():
    found = judged(
        "tag,time,value,quality,unit\n"
        f"P1-PI,{START},7.8,192,barg\n"
        f"P1-PI,{START + 1},99,192,barg\n"
        f"P1-PI,{START + 2},I/O Timeout,192,\n"
        f"P1-PI,{START + 3},7.8,0,\n"
        f"P1-PI,{START + 4},7.8,192,degC\n"
        f"P7-PI,{START + 5},7.8,192,\n"
        f"P1-PI,{START + 9999},7.8,192,\n"
        f"P1-PI,{START},7.9,192,\n"
        f"temp,{START},20,192,\n"
        f"P1-PI,{START + 6},100,192,psig\n"
    )
    assert verdicts(found) == [
        "accepted", "out_of_range", "bad_quality", "bad_quality", "bad_unit", "unknown_sensor", "future", "duplicate",
        "unknown_sensor", "accepted",
    ]  # fmt: skip
    (block,) = found.blocks
    stored = dict(zip((block.times_us // 1_000_000 - START).tolist(), block.values[:, 0].tolist(), strict=True))
    assert stored[0] == 7.8  # the one that was sent first
    assert round(stored[6], 4) == 6.8948  # psig in barg
    assert any("an asset column is missing, for 2 assets have this tag" in str(issue["what"]) for issue in found.issues)


def test_units_in_headers_and_beside_the_rows():
    by_header = judged(f"asset,time,temp [degF]\nP1,{START},212\n")
    beside = judged([{"asset": "P1", "time": START, "temp": 212}], units={"temp": "°F"})
    wrong = judged([{"asset": "P1", "time": START, "temp": 212}], units={"temp": "bar"})
    assert by_header.blocks[0].values.tolist() == [[100.0]] == beside.blocks[0].values.tolist()
    assert verdicts(wrong) == ["bad_unit"]
    assert wrong.blocks == []
    assert wrong.issues[0]["what"] == "'bar' does not convert to degC of the registry"


def test_limits_are_those_of_the_registrys_unit():
    assert verdicts(judged([{"asset": "P1", "time": START, "temp": 390}], units={"temp": "degF"})) == ["accepted"]
    assert verdicts(judged([{"asset": "P1", "time": START, "temp": 400}], units={"temp": "degF"})) == ["out_of_range"]


def test_narrow_rows_of_one_time_become_one_row_of_the_asset():
    found = judged(
        f"asset,tag,time,value\nP1,speed,{START},3000\nP1,temp,{START},20\nP2,temp,{START},21\nP1,temp,{START + 1},22\n"
    )
    first = next(block for block in found.blocks if block.asset == "P1")
    assert first.times_us.tolist() == [START * 1_000_000, (START + 1) * 1_000_000]
    np.testing.assert_equal(first.values, [[3000, 20], [np.nan, 22]])
    assert first.rows.tolist() == [[0, 1], [-1, 3]]


def test_packing_changes_nothing():
    blocks = judged(
        [{"asset": "P1", "time": START + i, "temp": i, "speed": "x" if i % 3 else 7} for i in range(9)]
    ).blocks
    meta, again = unpack(pack({"key": "k"}, blocks))
    assert meta == {"key": "k"}
    for one, other in zip(blocks, again, strict=True):
        assert (one.asset, one.tags) == (other.asset, other.tags)
        for name in ("times_us", "values", "quality", "rows"):
            np.testing.assert_equal(getattr(one, name), getattr(other, name))


CELL = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(10**6), 10**6),
    st.sampled_from([10**400, -(10**400)]),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(["7,8", "Bad", "1e3", "0x80050000"]),
)
TIME = st.one_of(
    st.integers(START - 10, START + 5000), st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T12:00:00,5+01:00"])
)
WIDE = st.fixed_dictionaries(
    {"asset": st.sampled_from(["P1", "P2", "P9", "", None]), "time": TIME},
    optional={"temp": CELL, "speed": CELL, "P1-PI": CELL, "x": CELL, "temp [K]": CELL, "quality": CELL},
)
NARROW = st.fixed_dictionaries(
    {"tag": st.sampled_from(["temp", "speed", "P1-PI", "P2-PI", "x", None]), "time": TIME, "value": CELL},
    optional={
        "asset": st.sampled_from(["P1", "P2", "P9", None]),
        "unit": st.sampled_from(["psig", "K", "zzz", None]),
        "quality": CELL,
    },
)


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), "9" * 400, "1e999"])
def test_numbers_beyond_all_measure_are_bad_readings_and_no_codes(number):
    rows = [{"asset": "P1", "time": START, "temp": number}, {"asset": "P1", "time": START + 1, "temp": 20.5}]
    assert verdicts(judged(rows)) == ["bad_quality", "accepted"]
    assert verdicts(judged([{"asset": "P1", "time": START, "temp": 20.5, "quality": number}])) == ["bad_quality"]


# Whatever makes examples slow on a busy machine is no fault of the code.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.lists(WIDE, min_size=1, max_size=12), st.lists(NARROW, min_size=1, max_size=12)))
def test_the_counts_add_up_whatever_is_sent(rows):
    found = judged(rows)
    counts = counts_of(found.verdicts)
    assert sum(counts.values()) == len(rows)
    assert counts["late"] == 0  # the door cannot know
    for block in found.blocks:
        assert (np.diff(block.times_us) >= 0).all()
        is_number = np.isfinite(block.values)
        assert (is_number | (block.quality != GOOD)).all()  # nothing is good without a number
        open_rows = block.rows[block.rows >= 0]
        assert (found.verdicts[open_rows] == 0).all()
        assert datetime.fromtimestamp(int(block.times_us[-1]) / 1e6, UTC).year == 2026
