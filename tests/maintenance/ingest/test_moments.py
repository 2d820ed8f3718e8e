"""Moments: formats, sizes of numbers, and both hours of a change of the clock; expected values by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from trivium.maintenance.ingest.moments import find_zone, read_moments
from trivium.service.errors import InputError

BERLIN = ZoneInfo("Europe/Berlin")  # 2025-10-26 03:00 summer time becomes 02:00; 2026-03-29 02:00 becomes 03:00


def iso(column, **options) -> list[str]:
    found = read_moments(column, **({"zone": None} | options))
    return [datetime.fromtimestamp(us / 1e6, UTC).isoformat() for us in found.us.tolist()]


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 13:00:00 +0100", "2026-03-01 12:00:00 UTC",
     "2026-03-01T12:00:00,000Z", "2026-03-01T12:00:00.000000000Z", "01.03.2026 12:00:00+00:00", "1772366400",
     "1772366400000", "1772366400000000", "1772366400000000000", "1772366400,0"],
)  # fmt: skip
def test_one_moment_in_many_forms(text):
    assert iso([text]) == ["2026-03-01T12:00:00+00:00"]


def test_numbers_keep_their_fractions():
    assert read_moments([1772366400.25, 1772366400], zone=None).us.tolist() == [1772366400250000, 1772366400000000]
    assert read_moments(np.array([1772366400123456789]), zone=None).us.tolist() == [1772366400123456]


def test_local_times_are_in_the_plants_zone():
    assert iso(["2026-07-01 12:00", "2026-01-01 12:00"], zone=BERLIN) == [
        "2026-07-01T10:00:00+00:00", "2026-01-01T11:00:00+00:00",
    ]  # fmt: skip


def test_a_day_alone_is_its_beginning():
    assert iso(["2026-07-01", "01.07.2026"], zone=BERLIN) == ["2026-06-30T22:00:00+00:00"] * 2


def test_without_a_zone_they_are_refused_and_the_line_says_what_to_do():
    with pytest.raises(InputError, match="row 2, time: 2026-07-01T12:00:00 has no offset, and the plant has no time z"):
        iso(["2026-07-01T12:00:00Z", "2026-07-01T12:00:00"])


def test_the_repeated_hour_is_told_by_order():
    column = ["2025-10-26 01:30", "2025-10-26 02:30", "2025-10-26 02:45", "2025-10-26 02:15", "2025-10-26 03:00"]
    assert iso(column, zone=BERLIN) == [
        "2025-10-25T23:30:00+00:00", "2025-10-26T00:30:00+00:00", "2025-10-26T00:45:00+00:00",
        "2025-10-26T01:15:00+00:00", "2025-10-26T02:00:00+00:00",
    ]  # fmt: skip
    assert read_moments(column, zone=BERLIN).num_ambiguous == 3


def test_the_order_is_each_sources_own():
    column = ["2025-10-26 02:45", "2025-10-26 02:15"]
    sources = np.array([0, 1])
    assert iso(column, zone=BERLIN, sources=sources) == ["2025-10-26T00:45:00+00:00", "2025-10-26T00:15:00+00:00"]


def test_a_batch_within_the_hour_is_told_by_its_arrival():
    column = ["2025-10-26 02:30"]
    first = datetime(2025, 10, 26, 0, 31, tzinfo=UTC)
    second = datetime(2025, 10, 26, 1, 31, tzinfo=UTC)
    assert iso(column, zone=BERLIN, arrival=first) == ["2025-10-26T00:30:00+00:00"]
    assert iso(column, zone=BERLIN, arrival=second) == ["2025-10-26T01:30:00+00:00"]


def test_the_hour_that_the_clock_skipped():
    found = read_moments(["2026-03-29 02:30"], zone=BERLIN)
    assert found.num_skipped == 1
    assert datetime.fromtimestamp(found.us[0] / 1e6, UTC).isoformat() == "2026-03-29T01:30:00+00:00"


def test_a_format_of_the_senders():
    assert iso(["12/31/2025 23:59"], zone=BERLIN, time_format="%m/%d/%Y %H:%M") == ["2025-12-31T22:59:00+00:00"]


@pytest.mark.parametrize("cell", ["yesterday", "12/31/2025 23:59", "", None, "17", 5, True])
def test_what_is_no_time_names_its_row(cell):
    with pytest.raises(InputError, match="row 1, time"):
        iso([cell])


def test_an_unknown_zone():
    with pytest.raises(InputError, match="'Europe/Atlantis' is no time zone; use an IANA name"):
        find_zone("Europe/Atlantis")
    assert find_zone("") is None
