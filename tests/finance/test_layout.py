"""Places on the printed page: table, row, column and row label."""

from lxml import etree

from trivium.finance.parse.layout import TABLE, Spot, TableLayout, folded

XHTML = "http://www.w3.org/1999/xhtml"


def spots(body: str) -> list[Spot | None]:
    root = etree.fromstring(f'<html xmlns="{XHTML}"><body>{body}</body></html>')
    layout = TableLayout(root.iter(TABLE))
    return [layout.spot(element) for element in root.iter(f"{{{XHTML}}}b")]


def test_rows_columns_and_labels_count_from_zero():
    table = (
        "<table><tr><th/><th>2024</th></tr><tr><td>Net\xa0 sales<sup>(1)</sup></td><td>$</td><td><b/></td></tr></table>"
    )
    assert spots("<table/>" + table) == [Spot(1, 1, 2, "Net sales(1)")]


def test_the_label_is_the_first_cell_that_is_not_empty():
    assert spots("<table><tr><td> \xa0</td><td>Assets</td><td><b/></td></tr></table>") == [Spot(0, 0, 2, "Assets")]


def test_body_sections_do_not_restart_the_count():
    rows = "<thead><tr><td>h</td></tr></thead><tbody><tr><td>x</td><td><b/></td></tr></tbody>"
    assert spots(f"<table>{rows}</table>") == [Spot(0, 1, 1, "x")]


def test_an_inner_table_has_its_own_rows():
    inner = "<table><tr><td>in</td><td><b/></td></tr></table>"
    assert spots(f"<table><tr><td>out</td><td>{inner}</td></tr><tr><td>next</td><td><b/></td></tr></table>") == [
        Spot(1, 0, 1, "in"),
        Spot(0, 1, 1, "next"),
    ]


def test_outside_cells_there_is_no_spot():
    assert spots("<p><b/></p><table><caption><b/></caption></table>") == [None, None]


def test_a_row_of_many_facts_is_measured_once():
    # 4,000 cells: looking back over all cells for each fact would be 8 million steps.
    cells = "<td><b/></td>" * 4000
    found = spots(f"<table><tr>{cells}</tr></table>")
    assert [spot.column for spot in found if spot] == list(range(4000))


def test_folded_takes_every_kind_of_white_space():
    assert folded(" a\u2003 b\n\tc\xa0") == "a b c"


def test_a_cell_inside_something_else_than_its_row_counts_from_there():
    assert spots("<table><tr><form><td>x</td><td><b/></td></form></tr></table>") == [Spot(0, 0, 1, "")]
