"""Faces: which printed tables are statements, and which only look like one."""

import pytest
from tests.finance.inline_doc import Row, fact, filing
from tests.finance.test_periods import PRETAX, lines

from trivium.finance.analyze.statements import Faces, find_faces
from trivium.finance.records import Concept, Linkbase, PresentationRow

INCOME, BALANCE, CASH = lines(1)
PER_SHARE_NOTE: list[Row] = [
    ("Net income", "NetIncomeLoss", 1),
    ("Weighted shares, basic", "WeightedAverageNumberOfSharesOutstandingBasic", 1),
    ("Weighted shares, diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 1),
    ("Basic", "EarningsPerShareBasic", 1),
    ("Diluted", "EarningsPerShareDiluted", 1),
]


def tables(**options: object) -> dict[str, frozenset[int]]:
    return dict(find_faces(filing(INCOME, BALANCE, CASH, **options)).tables)


def test_the_three_statements_are_found_by_their_lines():
    # Six empty tables stand between two statements.
    assert tables() == {"income": {0}, "balance": {7}, "cash_flow": {14}}


def test_a_note_that_repeats_lines_is_no_statement():
    parent_only = [("Revenue", "Revenues", 9), *INCOME[1:]]
    assert tables(notes=[PER_SHARE_NOTE, parent_only]) == {"income": {0}, "balance": {7}, "cash_flow": {14}}


def test_a_note_on_earnings_per_share_before_the_statement_is_no_income_statement():
    found = find_faces(filing(PER_SHARE_NOTE, BALANCE, CASH))
    assert not found.finds("income")
    assert found.finds("balance")


def test_the_income_statement_of_a_company_without_taxes():
    untaxed: list[Row] = [
        ("Research", "ResearchAndDevelopmentExpense", 9),
        ("Total operating expenses", "OperatingExpenses", 9),
        ("Loss from operations", "OperatingIncomeLoss", -9),
        ("Net loss", "NetIncomeLoss", -8),
        ("Net loss per share", "EarningsPerShareBasicAndDiluted", -1),
    ]
    assert find_faces(filing(untaxed, BALANCE, CASH)).tables["income"] == {0}


def test_quarter_and_year_to_date_may_be_two_tables():
    source = filing(INCOME, BALANCE, CASH, extra="")
    faces = find_faces(source)
    assert faces.holds(fact(source, PRETAX), "income")
    assert not faces.holds(fact(source, PRETAX), "balance")
    assert faces.holds(fact(source, PRETAX), "note")


def test_without_any_layout_every_fact_counts():
    assert Faces(is_known=False).holds(fact(filing(INCOME, BALANCE, CASH), "Assets"), "income")


@pytest.mark.parametrize("statement", ["income", "balance", "cash_flow"])
def test_an_instance_shows_its_faces_by_presentation(statement):
    source = filing(INCOME, BALANCE, CASH)
    gaap = "http://fasb.org/us-gaap/2024"
    rows = {"income": INCOME, "balance": BALANCE, "cash_flow": CASH}
    roles = {
        f"http://example.com/role/{name}": tuple(PresentationRow(Concept(gaap, row[1]), 1, row[0]) for row in of_name)
        for name, of_name in rows.items()
    }
    source.linkbase = Linkbase(statements=roles)
    for one in source.facts:
        one.place = type(one.place)(one.place.locator)
    faces = find_faces(source)
    assert faces.concepts[statement] == {row[1] for row in rows[statement]}
    assert faces.tables == {}
