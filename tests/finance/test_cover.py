"""The cover page: header fields from dei facts, oddities of their texts, and what happens without them."""

from datetime import date
from decimal import Decimal

import pytest

from trivium.finance.parse.cover import cover, format_identifier
from trivium.finance.records import Concept, Dimension, Fact, Period, Place, Unit
from trivium.service.evidence import FactAnchor

DEI = "http://xbrl.sec.gov/dei/2024"
GAAP = "http://fasb.org/us-gaap/2024"
YEAR = Period(end=date(2024, 9, 28), start=date(2023, 10, 1))
USD = Unit((Concept("http://www.xbrl.org/2003/iso4217", "USD"),))
STATED = {
    "EntityRegistrantName": "HOME DEPOT,\xa0INC.",
    "EntityCentralIndexKey": "354950",
    "DocumentType": "10-K",
    "DocumentPeriodEndDate": "2024-09-28",
    "DocumentFiscalYearFocus": "2024",
    "DocumentFiscalPeriodFocus": "FY",
    "AmendmentFlag": "false",
    "TradingSymbol": "HD",
}


def dei(name: str, text: str, namespace: str = DEI, dimensions: tuple[Dimension, ...] = ()) -> Fact:
    place = Place(FactAnchor("", name))
    return Fact(name, Concept(namespace, name), YEAR, None, None, place, dimensions, text=text)


def amount(name: str, period: Period) -> Fact:
    return Fact(name, Concept(GAAP, name), period, USD, Decimal(1), Place(FactAnchor("", name)))


def stated(**changes: str | None) -> list[Fact]:
    return [dei(name, text) for name, text in (STATED | changes).items() if text is not None]


def test_every_field_comes_from_its_dei_fact():
    page = cover(stated())
    assert (page.entity.name, page.entity.identifier, page.entity.ticker) == ("HOME DEPOT, INC.", "0000354950", "HD")
    assert (page.form, page.period_end, page.fiscal_year) == ("10-K", date(2024, 9, 28), 2024)
    assert (page.fiscal_period, page.is_amendment, page.problems) == ("FY", False, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--09-28", date(2024, 9, 28)),
        ("--12-31", date(2024, 12, 31)),
        ("September\xa028, 2024", date(2024, 9, 28)),
        ("Sep 28, 2024", date(2024, 9, 28)),
    ],
)
def test_odd_dates_are_read_without_a_problem(text, expected):
    page = cover(stated(DocumentPeriodEndDate=text))
    assert (page.period_end, page.problems) == (expected, ())


def test_a_yearless_date_after_the_turn_of_the_year_is_the_nearest_one():
    turn = Fact(
        "e",
        Concept(DEI, "DocumentPeriodEndDate"),
        Period(date(2025, 1, 2), date(2024, 1, 4)),
        None,
        None,
        Place(FactAnchor("", "e")),
        text="--12-31",
    )
    assert cover([turn]).period_end == date(2024, 12, 31)


@pytest.mark.parametrize("text", ["soon", "--13-45"])
def test_a_text_that_is_no_date_gives_the_end_of_its_own_period_and_says_so(text):
    page = cover(stated(DocumentPeriodEndDate=text))
    assert page.period_end == date(2024, 9, 28)
    assert [(p.where, p.is_recovery) for p in page.problems] == [("dei:DocumentPeriodEndDate", True)]
    assert page.problems[0].what == f"{text!r} is not a date; the end of its own period is taken"


@pytest.mark.parametrize(("flag", "form", "expected"), [("TRUE", "10-K", True), ("false", "10-K/A", True)])
def test_amendments_are_known_by_flag_or_form(flag, form, expected):
    assert cover(stated(AmendmentFlag=flag, DocumentType=form)).is_amendment is expected


def test_the_first_real_symbol_is_the_ticker():
    symbols = [dei("TradingSymbol", text) for text in ("N/A", "None", "GOOGL", "GOOG")]
    assert cover([*stated(TradingSymbol=None), *symbols]).entity.ticker == "GOOGL"


def test_the_registrant_wins_over_a_co_registrant_that_is_printed_first():
    axis = Dimension(Concept(DEI, "LegalEntityAxis"), Concept("urn:x", "SubMember"))
    page = cover([dei("EntityRegistrantName", "Sub LLC", dimensions=(axis,)), *stated()])
    assert page.entity.name == "HOME DEPOT, INC."


def test_the_dei_namespaces_of_2009_and_of_companyfacts_are_known():
    for namespace in ("http://xbrl.us/dei/2009-01-31", "http://xbrl.sec.gov/dei"):
        assert cover([dei("DocumentType", "10-Q", namespace)]).form == "10-Q"
    assert cover([dei("DocumentType", "10-Q", "http://example.com/dei/2024")]).form == ""


def test_without_dei_the_header_follows_from_the_common_periods():
    quarter, stray = Period(date(2024, 9, 28), date(2024, 6, 30)), Period(date(2025, 9, 28), date(2024, 9, 29))
    facts = [amount(f"Y{n}", YEAR) for n in range(20)] + [amount(f"Q{n}", quarter) for n in range(20)]
    page = cover([*facts, amount("Later", stray)], identifier="320193")
    assert (page.period_end, page.fiscal_period, page.fiscal_year) == (date(2024, 9, 28), "FY", None)
    assert (page.entity.name, page.entity.identifier, page.form) == ("", "0000320193", "")
    assert {p.where.removeprefix("dei:") for p in page.problems} == {
        "EntityRegistrantName",
        "DocumentType",
        "DocumentPeriodEndDate",
        "DocumentFiscalYearFocus",
        "DocumentFiscalPeriodFocus",
    }


def test_without_any_fact_nothing_is_guessed():
    page = cover([])
    assert (page.period_end, page.fiscal_year, page.fiscal_period) == (None, None, "")
    assert len(page.problems) == 5


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("DocumentFiscalYearFocus", "24", "'24' is not a year; only dates are known"),
        ("DocumentFiscalYearFocus", "2004", "says 2004, while the period ends on 2024-09-28"),
        ("DocumentFiscalPeriodFocus", "H1", "'H1' is none of FY, Q1, Q2, Q3"),
    ],
)
def test_unlikely_texts_are_named(field, text, sentence):
    assert [(p.where, p.what) for p in cover(stated(**{field: text})).problems] == [(f"dei:{field}", sentence)]


def test_an_identifier_that_is_no_cik_is_kept():
    assert format_identifier(" HWUPKR0MPOU8FGXBT394 ") == "HWUPKR0MPOU8FGXBT394"
    assert format_identifier("320193") == "0000320193"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2024, 1, 1), date(2024, 6, 30), "Q2"),
        (date(2023, 10, 1), date(2024, 6, 29), "Q3"),
        (date(2024, 1, 1), date(2024, 12, 31), "FY"),
        (date(2024, 4, 1), date(2024, 6, 30), ""),  # which quarter it is, nothing says
    ],
)
def test_a_report_that_does_not_say_its_period_is_what_its_facts_span(start, end, expected):
    silent = stated(DocumentFiscalPeriodFocus=None, DocumentPeriodEndDate=end.isoformat())
    page = cover(
        [*silent, *(amount(name, Period(end, start)) for name in ("Revenues", "NetIncomeLoss", "GrossProfit"))]
    )
    assert page.fiscal_period == expected
    (problem,) = page.problems
    assert problem.is_recovery is bool(expected)


def test_a_report_to_a_european_register_is_named_by_its_ifrs_fact():
    named = dei(
        "NameOfReportingEntityOrOtherMeansOfIdentification", "Beispiel AG", "https://xbrl.ifrs.org/taxonomy/x/full"
    )
    page = cover([named, amount("Revenue", YEAR)], "529900EXAMPLE0000012")
    assert (page.entity.name, page.entity.identifier) == ("Beispiel AG", "529900EXAMPLE0000012")
    assert "dei:EntityRegistrantName" not in {problem.where for problem in page.problems}
