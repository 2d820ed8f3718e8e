"""SEC's companyfacts: one filing an accession number, exact values, pointers that lead back, and bad documents."""

import csv
import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse import companyfacts as module
from trivium.finance.parse.companyfacts import looks_like_companyfacts, read_companyfacts, resolve_pointer
from trivium.finance.records import Concept, Filing, Period
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import JsonPointer

FIRST, SECOND = "0000001234-24-000001", "0000001234-25-000002"


def entry(**changes: Any) -> dict[str, Any]:
    fields = {
        "start": "2023-01-01",
        "end": "2023-12-31",
        "val": 100,
        "accn": FIRST,
        "fy": 2023,
        "fp": "FY",
        "form": "10-K",
        "filed": "2024-02-01",
    }
    return {key: value for key, value in (fields | changes).items() if value is not ...}


def document(*entries: Any, taxonomy: str = "us-gaap", name: str = "Revenues", unit: str = "USD", **top: Any) -> bytes:
    concept = {"label": "Revenues,  total", "description": "d", "units": {unit: list(entries)}}
    return json.dumps({"cik": 1234, "entityName": "Example  Corp", "facts": {taxonomy: {name: concept}}} | top).encode()


def read(*entries: Any, **more: Any) -> tuple[Filing, ...]:
    return read_companyfacts("c.json", document(*entries, **more))


def test_each_accession_number_is_a_filing_in_the_order_filed():
    later = {"accn": SECOND, "fy": 2024, "filed": "2025-02-01", "form": "10-K/A"}
    filings = read(entry(**later), entry(), entry(**later, start="2024-01-01", end="2024-12-31", val=130))
    assert [(f.accession, f.filed, f.form, f.fiscal_year, f.is_amendment) for f in filings] == [
        (FIRST, date(2024, 2, 1), "10-K", 2023, False),
        (SECOND, date(2025, 2, 1), "10-K/A", 2024, True),
    ]
    assert [f.value for f in filings[1].facts] == [100, 130]
    assert filings[1].period_end == date(2024, 12, 31)
    assert (filings[0].entity.name, filings[0].entity.identifier) == ("Example Corp", "0000001234")
    assert filings[0].problems == filings[1].problems == ()


def test_a_fact_carries_concept_period_unit_label_and_pointer():
    (filing,) = read(entry(frame="CY2023"), entry(start=..., val=7))
    span, instant = filing.facts
    assert (span.concept, span.concept.prefix) == (Concept("http://fasb.org/us-gaap", "Revenues"), "us-gaap")
    assert span.concept.is_standard
    assert (span.period, str(span.unit), span.unit.is_money) == (
        Period(date(2023, 12, 31), date(2023, 1, 1)),
        "USD",
        True,
    )
    assert (span.decimals, span.is_exact, span.dimensions) == (None, False, ())
    assert (span.place.row_label, span.place.locator) == (
        "Revenues, total",
        JsonPointer("/facts/us-gaap/Revenues/units/USD/0/val"),
    )
    assert instant.period == Period(date(2023, 12, 31))
    assert filing.linkbase.labels == {span.concept: "Revenues, total"}


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("0.1", "0.1"),
        ("-2.970", "-2.970"),
        ("1e3", "1000"),
        ("123456789012345678901234567890", None),
        ("0.3000000000000004", None),
    ],
)
def test_values_are_exact(literal, value):
    data = document(entry(val="@")).replace(b'"@"', literal.encode())
    ((fact,),) = (filing.facts for filing in read_companyfacts("c.json", data))
    assert fact.value == Decimal(value or literal)
    assert resolve_pointer(data, fact.place.locator) == fact.value


@pytest.mark.parametrize(
    ("taxonomy", "namespace"),
    [
        ("us-gaap", "http://fasb.org/us-gaap"),
        ("dei", "http://xbrl.sec.gov/dei"),
        ("srt", "http://fasb.org/srt"),
        ("ifrs-full", "http://xbrl.ifrs.org/taxonomy/ifrs-full"),
        ("ecd", "http://xbrl.sec.gov/ecd"),
    ],
)
def test_taxonomies_have_yearless_standard_namespaces(taxonomy, namespace):
    ((fact,),) = (filing.facts for filing in read(entry(), taxonomy=taxonomy))
    assert fact.concept.namespace == namespace
    assert fact.concept.is_standard


@pytest.mark.parametrize(
    ("unit", "is_money"),
    [
        ("EUR", True),
        ("USD/shares", False),
        ("shares", False),
        ("pure", False),
        ("bbl", False),
        ("BOE", False),
        ("D A", False),
    ],
)
def test_units_are_money_only_where_they_are_a_currency(unit, is_money):
    ((fact,),) = (filing.facts for filing in read(entry(), unit=unit))
    assert (str(fact.unit), fact.unit.is_money) == (unit, is_money)


def test_names_with_slashes_and_tildes_are_escaped_in_pointers():
    data = document(entry(val=5), name="A~B", unit="USD/shares")
    ((fact,),) = (filing.facts for filing in read_companyfacts("c.json", data))
    assert fact.place.locator == JsonPointer("/facts/us-gaap/A~0B/units/USD~1shares/0/val")
    assert resolve_pointer(data, fact.place.locator) == 5


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ({"val": None}, "its val 'None' is not a number"),
        ({"val": "100"}, "its val '100' is not a number"),
        ({"val": True}, "its val 'True' is not a number"),
        ({"end": "2023-13-31"}, "its period 2023-01-01..2023-13-31 is not made of dates"),
        ({"end": 20231231}, "its end or start is not a date"),
        ({"end": ...}, "its end or start is not a date"),
        ({"start": "2024-06-01"}, "its period ends before it starts (2024-06-01..2023-12-31)"),
        ({"form": []}, "its fy, fp, form or filed is a list or an object"),
    ],
)
def test_a_malformed_entry_is_a_problem_of_its_filing(bad, what):
    other = entry(accn=SECOND)
    first, second = sorted(read(entry(**bad), entry(), other), key=lambda filing: filing.accession)
    assert [fact.value for fact in first.facts] == [100]
    assert [(p.where, p.what) for p in first.problems] == [("/facts/us-gaap/Revenues/units/USD/0/val", what)]
    assert second.problems == ()


def test_a_number_beyond_reason_is_a_problem():
    data = document(entry(val="@"), entry()).replace(b'"@"', b"1e99999")
    (filing,) = read_companyfacts("c.json", data)
    assert [p.what for p in filing.problems] == ["'1E+99999' is not a finite number"]


@pytest.mark.parametrize("bad", [entry(accn=None), entry(accn="24-1"), "text", None])
def test_an_entry_that_names_no_filing_is_a_problem_of_all(bad):
    for filing in read(bad, entry(), entry(accn=SECOND)):
        assert [(p.where, p.what) for p in filing.problems] == [
            ("/facts/us-gaap/Revenues/units/USD/0", "it names no accession number")
        ]


def test_the_problems_of_a_filing_without_facts_are_not_lost():
    (filing,) = read(entry(accn=SECOND, val=None), entry())
    assert [p.what for p in filing.problems] == ["its val 'None' is not a number"]


def test_problems_are_counted_beyond_a_limit(monkeypatch):
    monkeypatch.setattr(module, "_MAX_PROBLEMS", 3)
    (filing,) = read(*[None] * 10, entry())
    assert [p.what for p in filing.problems][-2:] == [
        "it names no accession number",
        "7 more entries could not be read",
    ]
    assert len(filing.problems) == 4


def test_parts_of_the_wrong_kind_are_named():
    body = json.loads(document(entry()))
    body["facts"]["us-gaap"] |= {"NoUnits": {"label": None}, "Text": "x", "OddUnit": {"units": {"USD": {}}}}
    body["facts"]["dei"] = []
    (filing,) = read_companyfacts("c.json", json.dumps(body).encode())
    assert [(p.where, p.what) for p in filing.problems] == [
        ("/facts/us-gaap/NoUnits/units", "it is not an object"),
        ("/facts/us-gaap/Text/units", "it is not an object"),
        ("/facts/us-gaap/OddUnit/units/USD", "it is not a list of facts"),
        ("/facts/dei", "it is not an object"),
    ]


def test_a_filing_whose_entries_disagree_takes_the_majority_and_says_so():
    (filing,) = read(entry(), entry(), entry(fp="Q3"))
    assert filing.fiscal_period == "FY"
    assert [(p.where, p.is_recovery) for p in filing.problems] == [(FIRST, True)]


def test_missing_header_fields_stay_unknown():
    (filing,) = read(entry(fy=None, fp=None, form="424B5", filed="soon"), entityName=None, cik=None)
    assert (filing.fiscal_year, filing.fiscal_period, filing.filed) == (None, "", None)
    assert (filing.entity.name, filing.entity.identifier) == ("", "")
    assert [p.where for p in filing.problems] == ["/entityName", "/cik"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not usable JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a":' * 50_000, "it is nested too deeply"),
        (b'{"facts": {"a": NaN}}', "NaN is not a JSON number"),
        (b'{"facts": {"a": 1, "a": 2}}', "the key 'a' stands twice in one object"),
        (b'{"facts": ' + b"9" * 5000 + b"}", "not usable JSON"),
        (b"\xff\xfe\xfa", "not usable JSON"),
        (b"[]", "it has no 'facts' object"),
        (b'{"facts": {}}', "no fact could be read: it has none"),
        (document(entry(val=None)), "no fact could be read: its val 'None' is not a number"),
        (gzip.compress(document(entry()), mtime=0)[:50], "the gzip stream is damaged"),
    ],
)
def test_bad_documents_end_in_a_named_error(data, message):
    with pytest.raises(InputError) as caught:
        read_companyfacts("c.json", data)
    assert caught.value.where == "c.json"
    assert message in caught.value.line


def test_a_document_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    with pytest.raises(InputError, match="larger than 1 MiB decompressed"):
        read_companyfacts("c.json", gzip.compress(b" " * (2**20 + 1)))


@pytest.mark.parametrize(
    "pointer",
    [
        "/facts/x",
        "/facts/us-gaap/Revenues/units/USD/1/val",
        "/facts",
        "/entityName",
        "/facts/us-gaap/Revenues/units/USD/00/val",
    ],
)
def test_a_pointer_that_leads_to_no_number_is_not_found(pointer):
    with pytest.raises(NotFoundError, match=pointer):
        resolve_pointer(document(entry()), JsonPointer(pointer))


def test_companyfacts_are_told_from_other_json():
    assert looks_like_companyfacts(document(entry()))
    assert not looks_like_companyfacts(b'{"cik": 1, "filings": {}}')


def true_facts(file: str) -> set[tuple[str, str, str, Decimal]]:
    """Undimensioned facts of standard taxonomies; of several precisions the finest, as SEC keeps it."""
    finest: dict[tuple[str, str, str], tuple[float, Decimal]] = {}
    with gzip.open(FINANCE / "truth_facts" / f"{file}.csv.gz", "rt") as rows:
        for row in csv.DictReader(rows):
            if row["dims"] or not row["value"] or row["concept"].split(":")[0] not in ("us-gaap", "dei", "srt", "ecd"):
                continue
            key = (row["concept"], f"{row['start']}..{row['end']}" if row["start"] else row["instant"], row["unit"])
            digits = float("inf") if row["decimals"] == "INF" else float(row["decimals"])
            finest[key] = max(finest.get(key, (-1e9, Decimal(0))), (digits, Decimal(row["value"])))
    return {(*key, value) for key, (_, value) in finest.items()}


@needs_finance_data
@pytest.mark.parametrize(
    ("file", "ticker", "num_filings", "num_facts"),
    [
        ("AAPL_CIK0000320193", "AAPL", 70, 24579),
        ("GOOGL_CIK0001652044", "GOOGL", 52, 20324),
        ("NVDA_CIK0001045810", "NVDA", 70, 26903),
    ],
)
def test_companyfacts_hold_the_true_facts_of_every_filing_at_hand(file, ticker, num_filings, num_facts):
    data = gzip.decompress((FINANCE / "sec_companyfacts" / f"{file}.json.gz").read_bytes())
    filings = read_companyfacts(file, data)
    assert (len(filings), sum(len(filing.facts) for filing in filings)) == (num_filings, num_facts)
    assert [filing.problems for filing in filings if filing.problems] == []
    with open(FINANCE / "sec_ixbrl" / "INDEX.csv") as lines:
        index = [row for row in csv.DictReader(lines) if row["ticker"] == ticker]
    for row in index:
        end = datetime.strptime(row["period_end"], "%B %d, %Y").date()  # noqa: DTZ007
        (filing,) = (f for f in filings if (f.form, f.period_end) == (row["form"], end))
        assert (str(filing.fiscal_year), filing.fiscal_period) == (row["fy"], row["fp"])
        ours = {(f.concept.qname, f.period.key, str(f.unit), f.value) for f in filing.facts}
        true = true_facts(f"{ticker}_{row['file']}")
        assert {"missing": sorted(true - ours), "extra": sorted(ours - true)} == {"missing": [], "extra": []}


@needs_finance_data
def test_an_ifrs_filer_is_read_and_its_pointers_lead_back():
    data = gzip.decompress((FINANCE / "sec_companyfacts" / "LPA_ifrs.json.gz").read_bytes())
    filings = read_companyfacts("LPA", data)
    # Counts: how often each accession number stands in the document.
    assert [(f.form, f.period_end, f.fiscal_year, len(f.facts)) for f in filings] == [
        ("20-F", date(2023, 12, 31), 2023, 369),
        ("20-F", date(2024, 12, 31), 2024, 398),
        ("20-F/A", None, 2024, 1),
    ]
    (revenue,) = (
        fact
        for fact in filings[1].facts
        if fact.concept == Concept("http://xbrl.ifrs.org/taxonomy/ifrs-full", "Revenue")
        and fact.period == Period(date(2024, 12, 31), date(2024, 1, 1))
    )
    assert resolve_pointer(data, revenue.place.locator) == revenue.value
