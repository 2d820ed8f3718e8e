"""Who a set of filings is about: grouping, names, templates, accounting, currency."""

import pytest
from tests.finance.inline_doc import annual_cover, filing
from tests.finance.test_generality import CASES
from tests.finance.test_periods import lines

from trivium.finance.analyze.company import company_key, describe_company, group_by_company
from trivium.finance.records import Entity, Filing

INCOME, BALANCE, CASH = lines(1)


def made(name: str = "Example Corp", cik: str = "0000001234", ticker: str = "EXC", end: str = "2024-12-31") -> Filing:
    source = filing(INCOME, BALANCE, CASH, cover=annual_cover(end=end))
    source.entity = Entity(name, cik, ticker)
    return source


def test_filings_are_grouped_by_registrant_in_order_of_appearance():
    first, second, third = made(), made("Other plc", "0000000099", "OTH"), made("Example Corporation", ticker="")
    assert group_by_company([first, second, third]) == [[first, third], [second]]


def test_without_an_identifier_the_name_groups():
    one, same, other = made("Acme, Inc.", ""), made("ACME  Inc.", "", ""), made("Acme Ltd", "")
    assert group_by_company([one, same, other]) == [[one, same], [other]]


@pytest.mark.parametrize(
    ("entity", "key"),
    [
        (Entity("Example Corp", "0000001234", "exc"), "EXC"),
        (Entity("Example Corp & Sons, Inc.", "0000001234"), "EXAMPLE-CORP-SONS-INC"),
        (Entity("", "0000001234"), "0000001234"),
        (Entity("四方科技集团股份有限公司"), "四方科技集团股份有限公司"),
        (Entity(""), "EX"),
    ],
)
def test_a_company_has_a_short_key(entity, key):
    source = made()
    source.entity = entity
    assert company_key(source) == key


def test_the_latest_filing_names_the_company_and_any_filing_its_ticker():
    old = made("Example Holdings", end="2022-12-31")
    new = made("Example Corp", ticker="", end="2024-12-31")
    company = describe_company([new, old])
    assert (company.name, company.key, company.identifier) == ("Example Corp", "EXC", "0000001234")
    assert (company.currency, company.accounting) == ("USD", "US-GAAP")


def test_a_source_without_a_name_is_called_by_its_file():
    source = made("", "", "")
    assert describe_company([source]).name == "ex.htm"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_template_follows_the_statements(case):
    source = filing(case.income, case.balance, case.cash_flow, unit=case.unit)
    company = describe_company([source])
    assert company.template == case.template
    assert company.currency == {"usd": "USD", "eur": "EUR"}[case.unit]
    assert company.accounting == ("IFRS" if case.unit == "eur" else "US-GAAP")
