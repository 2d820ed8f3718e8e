"""Formats: the same rows in all four give the same sheet; what is wrong with the whole is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from trivium.maintenance.ingest.formats import Options, read_sheet
from trivium.maintenance.ingest.quality import ABSENT, BAD, GOOD
from trivium.service.errors import InputError

ROWS = [
    {"asset": "P1", "time": "2026-03-01T12:00:00Z", "temp": 20.5, "speed": None},
    {"asset": "P2", "time": "2026-03-01T12:00:01Z", "temp": 21.0, "speed": 2950.0},
]
FIRST_US = 1_772_366_400_000_000


def read(body: bytes | str, format_: str, **options: object):
    content = body.encode() if isinstance(body, str) else body
    return read_sheet(content, format_, Options(**options), lambda name: None)  # type: ignore[arg-type]


def arrow(table: pa.Table, *, as_file: bool = False) -> bytes:
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if as_file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def wide_bodies() -> dict[str, tuple[bytes | str, str]]:
    times = pa.array([datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC) for second in (0, 1)], pa.timestamp("ms", "UTC"))
    table = pa.table(
        {
            "asset": pa.array(["P1", "P2"]).dictionary_encode(),
            "time": times,
            "temp": pa.array([20.5, 21.0], pa.float32()),
            "speed": pa.array([None, 2950], pa.int64()),
        }
    )
    return {
        "json": (json.dumps(ROWS), "json"),
        "object": (json.dumps({"rows": ROWS}), "json"),
        "ndjson": ("\n".join(json.dumps(row) for row in ROWS) + "\n", "ndjson"),
        "csv": ("asset,time,temp,speed\nP1,2026-03-01T12:00:00Z,20.5,\nP2,2026-03-01T12:00:01Z,21.0,2950\n", "csv"),
        "csv, german": ("asset;time;temp;speed\nP1;01.03.2026 12:00:00Z;20,5;\nP2;1772366401;21,0;2.950,0\n", "csv"),
        "csv, bom": ("\ufeffasset,time,temp,speed\r\nP1,1772366400,20.5,\r\nP2,1772366401,21,2950\r\n", "csv"),
        "csv, german, day and time apart": (
            "Anlage;Datum;Zeit;temp;speed\nP1;01.03.2026;12:00:00Z;20,5;\nP2;01.03.2026;12:00:01Z;21,0;2950\n",
            "csv",
        ),
        "csv, german, day and clock": (
            "Anlage;Datum;Uhrzeit;temp;speed\nP1;01.03.2026;12:00:00Z;20,5;\nP2;01.03.2026;12:00:01Z;21,0;2950\n",
            "csv",
        ),
        "csv, chinese": (
            "设备,时间,temp,speed\nP1,2026-03-01 12:00:00Z,20.5,\nP2,2026-03-01 12:00:01Z,21,2950\n".encode("gb18030"),
            "csv",
        ),
        "csv, a day that is a time": ("asset,Datum,temp,speed\nP1,1772366400,20.5,\nP2,1772366401,21,2950\n", "csv"),
        "arrow": (arrow(table), "arrow"),
        "arrow file": (arrow(table, as_file=True), "arrow"),
    }


@pytest.mark.parametrize("name", wide_bodies())
def test_wide(name):
    sheet, _ = read(*wide_bodies()[name])
    assert not sheet.is_narrow
    assert sheet.moments.us.tolist() == [FIRST_US, FIRST_US + 1_000_000]
    assert [sheet.assets.names[code] for code in sheet.assets.codes] == ["P1", "P2"]
    assert sheet.columns["temp"].values.tolist() == [20.5, 21.0]
    assert sheet.columns["speed"].quality.tolist() == [ABSENT, GOOD]
    assert sheet.columns["speed"].values[1] == 2950


def test_narrow_with_quality_and_unit():
    sheet, _ = read("tag,timestamp,value,quality,unit\nTI-1,1772366400,70,192,degF\nTI-1,1772366401,Bad,0,\n", "csv")
    assert sheet.is_narrow
    assert sheet.tags.names == ("TI-1",)
    assert sheet.columns["value"].quality.tolist() == [GOOD, BAD]
    assert [sheet.units.names[code] if code >= 0 else "" for code in sheet.units.codes] == ["degF", ""]


def test_an_empty_value_is_a_bad_reading_in_narrow_rows_and_nothing_in_wide_ones():
    narrow, _ = read("tag,time,value\nTI-1,1772366400,\n", "csv")
    wide, _ = read("asset,time,temp\nP1,1772366400,\n", "csv")
    assert narrow.columns["value"].quality.tolist() == [BAD]
    assert wide.columns["temp"].quality.tolist() == [ABSENT]


def test_a_quality_column_holds_for_the_whole_wide_row():
    sheet, _ = read("asset,time,temp,speed,quality\nP1,1772366400,1,2,Bad\nP1,1772366401,1,,Good\n", "csv")
    assert sheet.columns["temp"].quality.tolist() == [BAD, GOOD]
    assert sheet.columns["speed"].quality.tolist() == [BAD, ABSENT]
    assert np.isnan(sheet.columns["temp"].values[0])


def test_what_the_body_says_counts_where_headers_say_nothing():
    body = json.dumps({"batch_id": "b", "gateway": "g", "units": {"temp": "K"}, "rows": ROWS})
    _, options = read(body, "json")
    assert (options.batch_id, options.gateway, options.units) == ("b", "g", {"temp": "K"})
    _, options = read(body, "json", batch_id="mine")
    assert options.batch_id == "mine"


def test_numbers_as_names_of_assets():
    sheet, _ = read(
        json.dumps([{"asset": 7, "time": 1772366400, "x": 1}, {"asset": 7.0, "time": 1772366401, "x": 1}]), "json"
    )
    assert sheet.assets.names == ("7",)


@pytest.mark.parametrize(
    ("body", "format_", "line"),
    [
        ("[]", "json", "body: holds 0 rows; send 1 to 10,000"),
        ("{", "json", "body: is not JSON"),
        ('{"a": 1}\n{', "ndjson", "line 2: is not JSON"),
        ("[1]", "json", "row 1: is not an object"),
        ('{"row": []}', "json", "body: is neither a list of rows nor an object with rows"),
        ('[{"asset": "a", "time": 1772366400, "x": [1]}]', "json", "x: holds a list or an object"),
        ('[{"asset": "a", "x": 1}]', "json", "body: no time column among asset, x; call it time or timestamp"),
        ("time,temp\n1772366400,1\n", "csv", r"body: wide rows need an asset column; add one, or \?asset=NAME"),
        ("asset,time,x\na,1772366400\n", "csv", "line 2: has 2 cells, the header has 3"),
        ("asset,time,x,x\na,1772366400,1,2\n", "csv", "header: names x twice"),
        ("", "csv", "body: is empty"),
        (b"ARROW1\0\0 nothing", "arrow", "body: is no Arrow IPC data that can be read"),
        (json.dumps([{"asset": "a", "time": 1772366400}] * 10_001), "json", "body: holds 10,001 rows"),
        ("[" * 100_000, "json", "body: is not JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_whole_is_refused(body, format_, line):
    with pytest.raises(InputError, match=line):
        read(body, format_)


def test_one_asset_for_all_rows():
    sheet, _ = read("time,temp\n1772366400,1\n", "csv", asset="P9")
    assert sheet.assets.names == ("P9",)
