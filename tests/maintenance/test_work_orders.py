"""Work orders from the CSV files of maintenance systems."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from tests.maintenance.ingest.conftest import PLANT

from trivium.maintenance.work_orders import find_orders, read_orders, write_orders
from trivium.service.errors import InputError

BERLIN = ZoneInfo("Europe/Berlin")
SAP = """Order;Equipment;Reported;Completed;Order_type;Text
4711;P-101;01.03.2026 04:12;02.03.2026 10:00;PM01;Bearing seized
4712;P-102;2026-03-05T08:00:00Z;;PM02;Seal change
4713;P-103;2026-03-06T08:00:00+01:00;;ZZ99;Paint
"""


def test_kinds_times_and_columns():
    found = read_orders(SAP.encode(), BERLIN, columns={"kind": "Order_type", "start": "Reported"})
    assert [(one.number, one.asset, one.kind) for one in found] == [
        ("4711", "P-101", "failure"), ("4712", "P-102", "preventive"), ("4713", "P-103", "other"),
    ]  # fmt: skip
    assert found[0].from_us == 1_772_334_720_000_000  # 2026-03-01T03:12Z: winter time is an hour ahead
    assert (found[0].to_us, found[1].to_us) == (1_772_442_000_000_000, None)
    only = read_orders(SAP.encode(), BERLIN, columns={"kind": "Order_type", "start": "Reported"}, failures=["zz99"])
    assert [one.kind for one in only] == ["preventive", "preventive", "failure"]


def test_without_a_column_of_kinds_every_order_is_a_failure_and_gets_a_number():
    (found,) = read_orders(b"asset,date\nP1,2026-03-01T00:00Z\n", None)
    assert (found.kind, found.number) == ("failure", "P1 2026-03-01T00:00Z 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("asset,when\nP1,x\n", "has no column start; map one of asset, when with --column start=NAME"),
        ("asset,date\nP1,soon\n,2026-03-01T00:00Z\n", "line 2: start: 'soon' is no time that can be read"),
        ("asset,date,end\nP1,2026-03-02T00:00Z,2026-03-01T00:00Z\n", "line 2: ends before it begins"),
        ("asset,date\nP1,2026-03-02 00:00\n", "has no offset, and the plant has no time zone"),
        ("asset,date\n", "has no line of an order"),
    ],
)
def test_what_cannot_be_used_is_told(content, message):
    with pytest.raises(InputError) as caught:
        read_orders(content.encode(), None)
    assert message in caught.value.line


def test_american_days_are_read_by_a_format_only():
    content = b"asset,date\nP1,10/12/2026 6:30 PM\n"  # the tenth of December elsewhere
    with pytest.raises(InputError, match=r"line 2: start: '10/12/2026 6:30 PM' is no time .* or give time_format"):
        read_orders(content, BERLIN)
    (found,) = read_orders(content, BERLIN, time_format="%m/%d/%Y %I:%M %p")
    assert found.from_us == 1_791_822_600_000_000  # 2026-10-12T16:30Z


def test_an_order_that_comes_again_replaces_the_one_before(database):
    first = read_orders(b"number,asset,date\n1,P1,2026-03-01T00:00Z\n2,P2,2026-03-02T00:00Z\n", None)
    write_orders(database, PLANT, first)
    write_orders(database, PLANT, read_orders(b"number,asset,date\n1,P3,2026-03-01T00:00Z\n", None))
    assert [(one.number, one.asset) for one in find_orders(database, PLANT)] == [("2", "P2"), ("1", "P3")]
    assert [one.number for one in find_orders(database, PLANT, asset="P3")] == ["1"]
