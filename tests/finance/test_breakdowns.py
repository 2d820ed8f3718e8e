import csv
import functools
import gzip
from datetime import date
from decimal import Decimal

import pytest
from tests.finance.made_series import made_series, made_value, year
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.breakdowns import breakdowns
from trivium.finance.analyze.member_names import member_label
from trivium.finance.analyze.model import Column, Company, Message, Series, Span, Status, Value
from trivium.finance.records import Concept, Dimension, Entity, Fact, Filing, Linkbase, Period, Place, Source, Unit
from trivium.service.evidence import FactAnchor

SEGMENTS, PRODUCTS, GEOGRAPHY = "StatementBusinessSegmentsAxis", "ProductOrServiceAxis", "StatementGeographicalAxis"
CONSOLIDATION = "ConsolidationItemsAxis"
USD = Unit((Concept("http://www.xbrl.org/2003/iso4217", "USD"),))
TOTALS = {
    "revenue": ("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax"),
    "operating_income": ("OperatingIncomeLoss",),
    "total_assets": ("Assets",),
}


def concept(qname):
    prefix, _, name = qname.partition(":")
    return Concept(f"urn:{prefix}", name, prefix)


@functools.cache
def truth_filing(name):
    """Return the facts of one real filing as its truth_facts file lists them: no labels, no tables."""
    facts = []
    with gzip.open(FINANCE / "truth_facts" / f"{name}.csv.gz", "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["value"] and row["unit"] == "USD":
                end = date.fromisoformat(row["end"] or row["instant"])
                start = date.fromisoformat(row["start"]) if row["start"] else None
                pairs = [part.split("=") for part in row["dims"].split("|") if "=" in part]
                facts.append(
                    Fact(
                        fact_id=row["fact_id"],
                        concept=concept(row["concept"]),
                        period=Period(end=end, start=start),
                        unit=USD,
                        value=Decimal(row["value"]),
                        place=Place(FactAnchor("", row["fact_id"])),
                        dimensions=tuple(Dimension(concept(axis), concept(member)) for axis, member in pairs),
                        decimals=int(row["decimals"]) if row["decimals"] not in ("", "INF") else None,
                    )
                )
    return Filing(Source(name, "0" * 64, 0, "inline-xbrl"), Entity(name), "10-K", None, None, "FY", tuple(facts))


def series_of(filing, span):
    """Return a company with one span whose totals are the undimensioned facts of the filing."""
    company = Company("ACME", "Acme Inc.", "", "industrial", "US-GAAP", "USD")
    values = {}
    for metric, names in TOTALS.items():
        period = Period(span.period.end) if metric == "total_assets" else span.period
        for name in reversed(names):
            for fact in filing.facts:
                if fact.concept.name == name and fact.period == period and not fact.dimensions:
                    value_id = f"ACME/{metric}/{period.key}"
                    values[metric, period] = Value(
                        value_id, metric, period, "USD", fact.value, Status.REPORTED, fact=fact, filing=filing
                    )
    return Series(company, (filing,), (span,), values)


def tables_of(filing, span):
    series = series_of(filing, span)
    return {(table.metric, table.axis): table for table in breakdowns(series, (Column(series.company, span),))}


def real_table(name, start, end, metric, axis):
    span = Span("year", "FY", Period(end=date.fromisoformat(end), start=date.fromisoformat(start)), 2024)
    return tables_of(truth_filing(name), span)[metric, axis]


def millions(table):
    return {row.label: int(row.values[0].amount / 10**6) for row in table.rows if row.values[0].is_available}


YEAR_2024 = ("2024-01-01", "2024-12-31")
AAPL = ("AAPL_10-K_FY2024", "2023-10-01", "2024-09-28")


@needs_finance_data
def test_apple_products_leave_the_subtotal_of_all_products_out():
    # 10-K FY2024, note 2: products are 294,866 in all, which is iPhone, Mac, iPad and wearables.
    table = real_table(*AAPL, "revenue", PRODUCTS)
    assert sorted(millions(table).values()) == [26_694, 29_984, 37_005, 96_169, 201_183]
    assert table.total.values[0].amount == 391_035 * 10**6
    assert table.difference.values[0].amount == 0


@needs_finance_data
@pytest.mark.parametrize(
    ("name", "start", "end", "metric", "axis", "members", "total"),
    [
        (*AAPL, "revenue", GEOGRAPHY, 3, 391_035),
        (*AAPL, "revenue", SEGMENTS, 5, 391_035),
        ("KO_10-K_FY2024", *YEAR_2024, "revenue", SEGMENTS, 8, 47_061),  # with corporate and eliminations
        ("KO_10-K_FY2024", *YEAR_2024, "operating_income", SEGMENTS, 8, 9_992),
        ("AMZN_10-K_FY2024", *YEAR_2024, "revenue", SEGMENTS, 3, 637_959),
        ("AMZN_10-K_FY2024", *YEAR_2024, "revenue", PRODUCTS, 7, 637_959),
        ("AMZN_10-K_FY2024", *YEAR_2024, "total_assets", SEGMENTS, 4, 624_894),  # with corporate
        ("GOOGL_10-K_FY2024", *YEAR_2024, "operating_income", SEGMENTS, 4, 112_390),  # with Alphabet-level activities
        ("NVDA_10-K_FY2025", "2024-01-29", "2025-01-26", "revenue", PRODUCTS, 6, 130_497),
        ("TSLA_10-K_FY2024", *YEAR_2024, "revenue", PRODUCTS, 6, 97_690),
        ("UNP_10-K_FY2024", *YEAR_2024, "revenue", PRODUCTS, 6, 24_250),  # freight split within the one segment
        ("HD_10-K_FY2024", "2024-01-29", "2025-02-02", "revenue", PRODUCTS, 17, 159_514),  # 16 departments and SRS
    ],
)
def test_real_tables_tie_to_their_total(name, start, end, metric, axis, members, total):
    table = real_table(name, start, end, metric, axis)
    assert table.total.values[0].amount == total * 10**6
    assert len(millions(table)) == members
    assert sum(millions(table).values()) == total
    assert table.difference.values[0].amount == 0


@needs_finance_data
def test_what_does_not_tie_is_shown_with_its_difference():
    # Alphabet's hedging gains of 211 are in no segment; Apple's segments carry no research or corporate costs.
    table = real_table("GOOGL_10-K_FY2024", *YEAR_2024, "revenue", SEGMENTS)
    assert millions(table) == {"Google Services": 304_930, "Google Cloud": 43_229, "All other": 1_648}
    assert table.difference.values[0].amount == 211 * 10**6
    table = real_table(*AAPL, "operating_income", SEGMENTS)
    assert table.difference.values[0].amount == (123_216 - 162_044) * 10**6


@needs_finance_data
def test_products_within_a_segment_stand_beside_the_other_segments():
    table = real_table("GOOGL_10-K_FY2024", *YEAR_2024, "revenue", PRODUCTS)
    assert sorted(millions(table).values()) == [1_648, 30_359, 36_147, 40_340, 43_229, 198_084]


def made_filing(members, *, concept_name="Revenues", labels=None, table=None, period=None, extra=()):
    facts = []
    for number, (dimensions, amount) in enumerate(members):
        row_label = (labels or {}).get(number, "")
        facts.append(
            Fact(
                fact_id=f"f-{number}",
                concept=Concept("urn:us-gaap", concept_name),
                period=period or year(2024).period,
                unit=USD,
                value=Decimal(amount),
                place=Place(FactAnchor("", f"f-{number}"), table=table, row_label=row_label),
                dimensions=tuple(
                    Dimension(Concept("urn:srt", axis), Concept("urn:acme", member))
                    for axis, member in dimensions.items()
                ),
                decimals=-6,
            )
        )
    source = Source("made.htm", "1" * 64, 0, "inline-xbrl")
    return Filing(source, Entity("Acme"), "10-K", None, 2024, "FY", (*facts, *extra))


def table_of(members, axis=SEGMENTS, **options):
    return tables_of(made_filing(members, **options), year(2024))["revenue", axis]


def test_printed_labels_name_the_rows():
    members = [({}, 100), ({SEGMENTS: "AlphaMember"}, 60), ({SEGMENTS: "BetaMember"}, 40)]
    table = table_of(members, labels={0: "Total revenues", 1: "Alpha segment (1)", 2: "Beta"})
    assert [row.label for row in table.rows] == ["Alpha segment", "Beta"]
    assert [row.values[0].fact.fact_id for row in table.rows] == ["f-1", "f-2"]


def test_labels_that_do_not_tell_members_apart_are_not_used():
    members = [({}, 100), ({SEGMENTS: "NorthAmericaSegmentMember"}, 60), ({SEGMENTS: "EMEAAndAsiaMember"}, 40)]
    table = table_of(members, labels={0: "Net sales", 1: "Net sales", 2: "Net sales"})
    assert [row.label for row in table.rows] == ["North America", "EMEA and Asia"]
    table = table_of(members, labels={0: "Net sales", 1: "North", 2: "Net sales"})
    assert [row.label for row in table.rows] == ["North", "EMEA and Asia"]


def test_a_fact_of_the_operating_segments_is_a_plain_one_and_the_plain_one_goes_first():
    members = [
        ({}, 100),
        ({SEGMENTS: "AMember", CONSOLIDATION: "OperatingSegmentsMember"}, 70),
        ({SEGMENTS: "AMember"}, 60),
        ({SEGMENTS: "BMember", CONSOLIDATION: "OperatingSegmentsMember"}, 40),
        ({SEGMENTS: "BMember", CONSOLIDATION: "IntersegmentEliminationMember"}, -5),
    ]
    assert [row.values[0].amount for row in table_of(members).rows] == [60, 40]


def test_facts_crossed_over_two_axes_are_never_summed():
    members = [({}, 100)]
    members += [({PRODUCTS: p, GEOGRAPHY: g}, 25) for p in ("AMember", "BMember") for g in ("XMember", "YMember")]
    assert tables_of(made_filing(members), year(2024)) == {}


def test_one_member_alone_makes_no_table():
    assert tables_of(made_filing([({}, 100), ({SEGMENTS: "OnlyMember"}, 100)]), year(2024)) == {}


def test_the_row_of_the_same_printed_table_that_is_the_difference_is_added():
    hedging = Fact(
        "f-9",
        Concept("urn:acme", "HedgingGains"),
        year(2024).period,
        USD,
        Decimal(3),
        Place(FactAnchor("", "f-9"), table=4, row_label="Hedging gains"),
    )
    members = [({}, 103), ({SEGMENTS: "AMember"}, 60), ({SEGMENTS: "BMember"}, 40)]
    labels = {0: "Revenues", 1: "A", 2: "B"}
    table = table_of(members, table=4, labels=labels, extra=(hedging,))
    assert [row.label for row in table.rows] == ["A", "B", "Hedging gains"]
    assert table.difference.values[0].amount == 0
    assert table_of(members, table=5, labels=labels, extra=(hedging,)).difference.values[0].amount == 3


def test_years_of_two_filings_stand_side_by_side_whatever_their_namespaces():
    old = made_filing([({}, 80), ({SEGMENTS: "AMember"}, 50), ({SEGMENTS: "GoneMember"}, 30)], period=year(2023).period)
    new = made_filing([({}, 100), ({SEGMENTS: "AMember"}, 60), ({SEGMENTS: "NewMember"}, 40)])
    for fact in new.facts:
        fact.dimensions = tuple(
            Dimension(one.axis, Concept("urn:acme-2024", one.member.name)) for one in fact.dimensions
        )
    before, after = series_of(old, year(2023)), series_of(new, year(2024))
    series = Series(after.company, (old, new), (year(2023), year(2024)), before.values | after.values)
    (table,) = breakdowns(series, tuple(Column(series.company, span) for span in series.spans))
    amounts = {row.label: [value.amount for value in row.values] for row in table.rows}
    assert amounts == {"A": [50, 60], "New": [None, 40], "Gone": [30, None]}
    assert [value.amount for value in table.difference.values] == [0, 0]
    assert table.rows[1].values[0].reason == Message("reason.not_reported")


def test_without_a_total_there_is_no_difference():
    table = table_of([({SEGMENTS: "AMember"}, 60), ({SEGMENTS: "BMember"}, 40)])
    assert table.difference.values[0].reason == Message("reason.missing_input", {"metric": "revenue"})


def test_other_currencies_are_not_mixed_in():
    filing = made_filing([({}, 100), ({SEGMENTS: "AMember"}, 60), ({SEGMENTS: "BMember"}, 40)])
    filing.facts[2].unit = Unit((Concept("http://www.xbrl.org/2003/iso4217", "EUR"),))
    assert tables_of(filing, year(2024)) == {}


def test_a_company_without_filings_has_no_tables():
    series = made_series({year(2024): {}})
    series.values["revenue", year(2024).period] = made_value("revenue", year(2024).period, "1")
    assert breakdowns(series, (Column(series.company, year(2024)),)) == ()


@pytest.mark.parametrize(
    ("rows", "columns", "labels"),
    [
        (["Asia", "Europe"], ["", ""], ["Asia", "Europe"]),
        (["Net sales", "Net sales"], ["Asia Pacific", "EMEA"], ["Asia Pacific", "EMEA"]),
        (["Operating income", "Operating loss"], ["", ""], ["A", "B"]),  # names what is split, not its part
        (["Revenue", "Revenue"], ["Segments", "Segments"], ["A", "B"]),
        (["Total Asia", "Total revenues, net"], ["", "EMEA"], ["Asia", "EMEA"]),
    ],
)
def test_members_are_named_as_printed(rows, columns, labels):
    filing = made_filing([({}, 100), ({SEGMENTS: "AMember"}, 60), ({SEGMENTS: "BMember"}, 40)])
    for fact, row, column in zip(filing.facts[1:], rows, columns, strict=True):
        fact.place = Place(fact.place.locator, 0, 0, 0, row, column)
    table = tables_of(filing, year(2024))["revenue", SEGMENTS]
    assert [row.label for row in table.rows] == labels


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("AmericasSegmentMember", "Americas"),
        ("BottlingInvestmentsMember", "Bottling Investments"),
        ("CorporateNonSegmentMember", "Corporate"),
        ("IPhoneMember", "iPhone"),
        ("USConsumerServicesSegmentMember", "US Consumer Services"),
        ("US", "US"),
    ],
)
def test_names_of_members(name, label):
    assert member_label(Concept("urn:x", name), made_filing([])) == label


def test_the_issuers_own_label_goes_first():
    member = Concept("urn:x", "IPhoneMember")
    filing = made_filing([])
    filing.linkbase = Linkbase(labels={member: "iPhone [Member]"})
    assert member_label(member, filing) == "iPhone"
