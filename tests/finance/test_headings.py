"""Headings of columns that stand for members: segments side by side, as they are printed."""

from __future__ import annotations

import pytest
from tests.finance.inline_doc import NAMESPACES, YEAR, context, member, number

from trivium.finance.parse.inline import read_inline
from trivium.finance.records import Filing
from trivium.finance.report.sources import Tables

AXIS = "us-gaap:StatementBusinessSegmentsAxis"
MEMBERS = {"a": "ex:A.PacificMember", "b": "ex:EuropeMiddleEastAfricaMember"}


def read(above: str, row: str) -> Filing:
    """Return a filing of one table: some rows, and below them one of facts."""
    spaces = " ".join(f'xmlns{":" if key else ""}{key}="{uri}"' for key, uri in NAMESPACES.items())
    contexts = "".join(context(key, YEAR, member(AXIS, name)) for key, name in MEMBERS.items()) + context("y", YEAR)
    unit = '<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>'
    head = f"<ix:header><ix:resources>{contexts}{unit}</ix:resources></ix:header>"
    page = f"<html {spaces}><body>{head}<table>{above}<tr><td>Revenue</td>{row}</tr></table></body></html>"
    return read_inline("f.htm", [("f.htm", page.encode())])


def headings(above: str, row: str) -> list[str]:
    return [fact.place.column_label for fact in read(above, row).facts]


def cells(*contexts: str) -> str:
    return "".join(f"<td>$</td><td>{number('Revenues', '5', context_ref=one)}</td>" for one in contexts)


def test_members_in_columns_carry_what_is_printed_above_them():
    above = (
        "<tr><td/><td colspan='2'>Asia<br/>Pacific<sup>(1)</sup></td>"
        "<td colspan='2'>Europe, Middle East &amp; Africa</td><td colspan='2'>Total</td></tr>"
    )
    assert headings(above, cells("a", "b", "y")) == ["Asia Pacific", "Europe, Middle East & Africa", ""]


@pytest.mark.parametrize(
    "below", ["2024", "Year ended December 31, 2024", "$", "In millions", "(Dollars in thousands)"]
)
def test_periods_and_units_are_no_headings(below):
    above = (
        "<tr><td/><td colspan='2'>Asia</td><td colspan='2'>Europe</td></tr>"
        f"<tr><td/><td colspan='2'>{below}</td><td colspan='2'>{below}</td></tr>"
    )
    assert headings(above, cells("a", "b")) == ["Asia", "Europe"]


def test_one_member_a_row_needs_no_heading():
    assert headings("<tr><td/><td colspan='2'>Sales</td></tr>", cells("a")) == [""]


def test_a_row_wider_than_its_headings_has_none_there():
    above = "<tr><td colspan='x'/><td colspan='2'>Asia</td></tr>"
    assert headings(above, cells("a", "b")) == ["Asia", ""]


def test_the_table_beside_a_number_is_headed_as_it_is_printed():
    two = "<tr><td/><td colspan='2'>Asia Pacific</td><td colspan='2'>Europe</td></tr>"
    filing = read(two, cells("a", "b"))
    table = Tables(filing).table_of(filing.facts[0])
    assert [heading.members for heading in table.columns] == ["Asia Pacific", "Europe"]
    filing = read("", cells("a", "b"))  # nothing is printed there: the tags' own names
    assert [heading.members for heading in Tables(filing).table_of(filing.facts[0]).columns] == [
        "A.Pacific",
        "EuropeMiddleEastAfrica",
    ]
