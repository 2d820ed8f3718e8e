"""XBRL instances: every kind of fact, the files beside them, damage of every kind, and SEC's own instances."""

import csv
import gzip
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from lxml import etree
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse.companions import find_companions, read_companions
from trivium.finance.parse.instance import looks_like_instance, read_instance, resolve_fact
from trivium.finance.records import Filing, Period
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import FactAnchor

YEAR = Period(date(2024, 12, 31), date(2024, 1, 1))
NAMES = """xmlns="http://www.xbrl.org/2003/instance" xmlns:link="http://www.xbrl.org/2003/linkbase"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xbrldi="http://xbrl.org/2006/xbrldi" xmlns:iso4217="http://www.xbrl.org/2003/iso4217"
 xmlns:us-gaap="http://fasb.org/us-gaap/2024" xmlns:dei="http://xbrl.sec.gov/dei/2024"
 xmlns:ex="http://example.com/20241231" """
ENTITY = '<entity><identifier scheme="http://www.sec.gov/CIK">0000001234</identifier>{}</entity>'
SPAN = "<period><startDate>2024-01-01</startDate><endDate>2024-12-31</endDate></period>"
MEMBER = '<segment><xbrldi:explicitMember dimension="ex:RegionAxis">ex:NorthMember</xbrldi:explicitMember></segment>'
RESOURCES = f"""<link:schemaRef xlink:type="simple" xlink:href="ex-2024.xsd"/>
<context id="y">{ENTITY.format("")}{SPAN}</context>
<context id="n">{ENTITY.format(MEMBER)}{SPAN}</context>
<context id="i">{ENTITY.format("")}<period><instant>2024-12-31</instant></period></context>
<unit id="usd"><measure>iso4217:USD</measure></unit>
<unit id="eps"><divide><unitNumerator><measure>iso4217:USD</measure></unitNumerator>
<unitDenominator><measure>shares</measure></unitDenominator></divide></unit>"""
COVER = """<dei:EntityRegistrantName contextRef="y">Example Corp</dei:EntityRegistrantName>
<dei:EntityCentralIndexKey contextRef="y">1234</dei:EntityCentralIndexKey>
<dei:DocumentType contextRef="y">10-K</dei:DocumentType>
<dei:DocumentPeriodEndDate contextRef="y">2024-12-31</dei:DocumentPeriodEndDate>
<dei:DocumentFiscalYearFocus contextRef="y">2024</dei:DocumentFiscalYearFocus>
<dei:DocumentFiscalPeriodFocus contextRef="y">FY</dei:DocumentFiscalPeriodFocus>
<dei:TradingSymbol contextRef="y">EXC</dei:TradingSymbol>"""
REVENUE = '<us-gaap:Revenues id="f1" contextRef="y" unitRef="usd" decimals="-6">1500000</us-gaap:Revenues>'


def instance(*facts: str, resources: str = RESOURCES, cover: str = COVER) -> bytes:
    return f"<xbrl {NAMES}>{resources}{cover}{''.join(facts)}</xbrl>".encode()


def read(*facts: str, **files: bytes) -> Filing:
    return read_instance("ex.xml", instance(*facts), {name.replace("_DOT_", "."): d for name, d in files.items()}.get)


def only(filing: Filing, name: str = "Revenues"):
    (fact,) = (fact for fact in filing.facts if fact.concept.name == name)
    return fact


def complaints(filing: Filing) -> list[tuple[str, str]]:
    """Problems apart from the one that no schema was given."""
    return [(p.where, p.what) for p in filing.problems if "neither its schema nor" not in p.what]


def test_a_number_with_its_period_unit_accuracy_and_place():
    filing = read(REVENUE)
    fact = only(filing)
    assert (fact.fact_id, fact.value, fact.decimals, fact.is_exact) == ("f1", Decimal(1500000), -6, False)
    assert (fact.period, str(fact.unit), fact.dimensions, fact.printed) == (YEAR, "USD", (), "1500000")
    assert (fact.concept.namespace, fact.concept.qname) == ("http://fasb.org/us-gaap/2024", "us-gaap:Revenues")
    assert fact.place.locator == FactAnchor("", "f1")


def test_the_header_comes_from_the_cover_page():
    filing = read(REVENUE)
    assert (filing.entity.name, filing.entity.identifier, filing.entity.ticker) == ("Example Corp", "0000001234", "EXC")
    assert (filing.form, filing.period_end, filing.fiscal_year) == ("10-K", date(2024, 12, 31), 2024)
    assert (filing.fiscal_period, filing.is_amendment, filing.source.media) == ("FY", False, "xbrl-instance")


@pytest.mark.parametrize(
    ("attributes", "text", "value", "decimals", "is_exact"),
    [
        ('decimals="INF"', " -0.10 ", Decimal("-0.10"), None, True),
        ('precision="4"', "123456", Decimal(123456), -2, False),
        ('precision="INF"', "7", Decimal(7), None, True),
        ('decimals="0"', "1.5E3", Decimal(1500), 0, False),
        ("", "+12", Decimal(12), None, False),
        ('decimals="-6"', "123456789012345678901234567890.5", Decimal("123456789012345678901234567890.5"), -6, False),
    ],
)
def test_numbers_are_exact(attributes, text, value, decimals, is_exact):
    fact = only(read(f'<us-gaap:Revenues contextRef="y" unitRef="usd" {attributes}>{text}</us-gaap:Revenues>'))
    assert (fact.value, fact.decimals, fact.is_exact) == (value, decimals, is_exact)


@pytest.mark.parametrize("text", ["", "1,500", "1_500", "NaN", "INF", "(5)", "１２", "1e9999", "12 34"])
def test_what_is_no_number_is_named_and_left_out(text):
    fact = f'<us-gaap:Revenues id="r" contextRef="y" unitRef="usd" decimals="0">{text}</us-gaap:Revenues>'
    expected = ("fact r", f"us-gaap:Revenues was not read: {text!r} is not a decimal number")
    assert complaints(read(fact)) == [expected]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ('<us-gaap:A id="a" contextRef="z" unitRef="usd">1</us-gaap:A>', "its context 'z' is not there"),
        ('<us-gaap:A id="a" contextRef="y" unitRef="gbp">1</us-gaap:A>', "its unit 'gbp' is not there"),
        (
            '<us-gaap:A id="a" contextRef="y" unitRef="usd" decimals="six">1</us-gaap:A>',
            "its decimals 'six' is neither a whole number nor INF",
        ),
        ('<us-gaap:A id="a" contextRef="y" unitRef="usd">1<b/>2</us-gaap:A>', "it has a unit, but elements inside"),
    ],
)
def test_a_fact_that_does_not_fit_its_declarations_is_named(fact, reason):
    filing = read(fact, REVENUE)
    assert complaints(filing) == [("fact a", f"us-gaap:A was not read: {reason}")]
    assert only(filing).value == 1500000


def test_a_context_that_cannot_be_read_is_named_with_its_facts():
    backwards = SPAN.replace("2024-01-01", "2025-01-01")
    resources = RESOURCES + f'<context id="bad">{ENTITY.format("")}{backwards}</context>'
    data = instance('<us-gaap:A id="a" contextRef="bad" unitRef="usd">1</us-gaap:A>', resources=resources)
    reason = "its period ends before it starts (2025-01-01..2024-12-31)"
    assert complaints(read_instance("x", data, {}.get)) == [
        ("context bad", reason),
        ("fact a", f"us-gaap:A was not read: its context 'bad' {reason}"),
    ]


def test_nil_facts_have_no_value_and_no_text():
    filing = read(
        '<us-gaap:Revenues contextRef="y" unitRef="usd" xsi:nil="true"/>',
        '<ex:Note contextRef="y" xsi:nil="true"/>',
    )
    assert (only(filing).value, only(filing).is_numeric, only(filing).text) == (None, True, None)
    assert (only(filing, "Note").value, only(filing, "Note").text) == (None, None)


def test_dimensions_divided_units_and_balance_dates():
    filing = read(
        '<us-gaap:Revenues contextRef="n" unitRef="usd" decimals="0">1</us-gaap:Revenues>',
        '<us-gaap:EarningsPerShareBasic contextRef="y" unitRef="eps" decimals="2">1.25</us-gaap:EarningsPerShareBasic>',
        '<us-gaap:Assets contextRef="i" unitRef="usd" decimals="0">9</us-gaap:Assets>',
    )
    assert only(filing).dimensions_text == "ex:RegionAxis=ex:NorthMember"
    earnings = only(filing, "EarningsPerShareBasic")
    assert (str(earnings.unit), earnings.value) == ("USD/shares", Decimal("1.25"))
    assert only(filing, "Assets").period == Period(date(2024, 12, 31))


def test_a_fraction_is_divided_and_one_over_zero_is_named():
    fraction = (
        '<ex:Ratio id="q" contextRef="y" unitRef="usd"><numerator>1</numerator><denominator>{}</denominator></ex:Ratio>'
    )
    fact = only(read(fraction.format(8)), "Ratio")
    assert (fact.value, fact.printed) == (Decimal("0.125"), "1/8")
    assert complaints(read(fraction.format(0))) == [("fact q", "ex:Ratio was not read: its denominator is 0")]


def test_a_tuple_is_refused_by_name_with_the_number_of_its_facts():
    inside = '<us-gaap:A contextRef="y" unitRef="usd">1</us-gaap:A>'
    filing = read(REVENUE, f"<ex:Officer>{inside}{inside}</ex:Officer>")
    assert complaints(filing) == [
        ("fact #9", "tuple ex:Officer with 2 facts was not read: tuples are not supported"),
    ]


def test_an_item_without_context_is_named():
    filing = read('<us-gaap:A unitRef="usd">1</us-gaap:A>')
    assert complaints(filing) == [("fact #8", "us-gaap:A was not read: it has no contextRef")]


def test_facts_without_id_are_numbered_in_document_order():
    plain = '<us-gaap:Revenues contextRef="y" unitRef="usd" decimals="0">{}</us-gaap:Revenues>'
    filing = read(plain.format(1), plain.format(2))
    assert [(f.fact_id, f.value) for f in filing.facts[-2:]] == [("#8", 1), ("#9", 2)]


def test_an_id_given_twice_stays_with_the_first_and_evidence_tells_them_apart():
    data = instance(REVENUE, REVENUE.replace("1500000", "2500000"))
    filing = read_instance("x", data, {}.get)
    assert [(f.fact_id, f.value) for f in filing.facts[-2:]] == [("f1", 1500000), ("#9", 2500000)]
    assert complaints(filing) == [("fact f1", "its id stands on an earlier fact too; this one is called #9")]
    assert resolve_fact(data, FactAnchor("", "f1")) == 1500000
    assert resolve_fact(data, FactAnchor("", "#9")) == 2500000


def test_every_anchor_leads_back_to_its_value():
    data = instance(REVENUE, '<ex:Note contextRef="y">Text &amp; more</ex:Note>')
    for fact in read_instance("x", data, {}.get).facts:
        assert resolve_fact(data, fact.place.locator) == (fact.value if fact.is_numeric else fact.text)
    assert resolve_fact(data, FactAnchor("", "#9")) == "Text & more"
    with pytest.raises(NotFoundError, match="the instance has no fact 'f2'"):
        resolve_fact(data, FactAnchor("", "f2"))


def test_facts_of_another_entity_are_counted_and_left_out():
    other = f'<context id="o">{ENTITY.format("").replace("1234", "9999")}{SPAN}</context>'
    data = instance(REVENUE, REVENUE.replace('"f1"', '"f2"').replace('"y"', '"o"'), resources=RESOURCES + other)
    filing = read_instance("x", data, {}.get)
    assert only(filing).fact_id == "f1"
    assert complaints(filing) == [("entity 0000009999", "1 facts belong to this other entity and were left out")]


def footnotes(*targets: str) -> str:
    arcrole = "http://www.xbrl.org/2003/arcrole/fact-footnote"
    links = "".join(
        f'<link:loc xlink:href="#{target}" xlink:label="f"/>'
        f'<link:footnoteArc xlink:arcrole="{arcrole}" xlink:from="f" xlink:to="n"/>'
        for target in targets
    )
    french = '<link:footnote xlink:label="n" xml:lang="fr">Sans change.</link:footnote>'
    english = '<link:footnote xlink:label="n" xml:lang="en">Excludes  <i>currency</i>.</link:footnote>'
    return f"<link:footnoteLink>{links}{french}{english}</link:footnoteLink>"


def test_footnotes_reach_their_facts_in_english():
    filing = read(REVENUE, footnotes("f1"))
    assert only(filing).footnotes == ("Excludes currency.",)
    assert complaints(filing) == []


def test_a_footnote_that_leads_nowhere_is_named():
    assert complaints(read(REVENUE, footnotes("gone"))) == [
        ("fact gone", "a footnote link leads nowhere and was left out")
    ]


SCHEMA = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:link="http://www.xbrl.org/2003/linkbase"
 xmlns:xlink="http://www.w3.org/1999/xlink" targetNamespace="http://example.com/20241231"><xs:annotation><xs:appinfo>
 <link:linkbaseRef xlink:href="words.xml"/></xs:appinfo></xs:annotation>
 <xs:element name="Gizmos" id="ex_Gizmos"/></xs:schema>"""
LABELS = b"""<linkbase xmlns="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink">
 <labelLink><loc xlink:href="ex-2024.xsd#ex_Gizmos" xlink:label="g"/><label xlink:label="l">Gizmos sold</label>
 <labelArc xlink:arcrole="http://www.xbrl.org/2003/arcrole/concept-label" xlink:from="g" xlink:to="l"/></labelLink>
 </linkbase>"""
GIZMOS = '<ex:Gizmos contextRef="y" unitRef="usd" decimals="0">3</ex:Gizmos>'


def test_the_schema_leads_to_the_linkbases():
    filing = read_instance("x", instance(GIZMOS), {"ex-2024.xsd": SCHEMA, "words.xml": gzip.compress(LABELS)}.get)
    assert only(filing, "Gizmos").place.row_label == "Gizmos sold"
    assert filing.problems == ()


def test_without_the_schema_linkbases_are_found_by_its_stem_and_prefixes_by_the_instance():
    filing = read_instance("x", instance(GIZMOS), {"ex-2024_lab.xml": LABELS}.get)
    assert only(filing, "Gizmos").place.row_label == "Gizmos sold"
    assert filing.problems == ()


def test_a_linkbase_that_is_missing_or_damaged_is_named():
    filing = read_instance("x", instance(GIZMOS), {"ex-2024.xsd": SCHEMA}.get)
    assert complaints(filing) == [("words.xml", "this linkbase is named by the schema but was not given")]
    damaged = {"ex-2024.xsd": SCHEMA, "words.xml": gzip.compress(LABELS)[:40]}
    ((where, what),) = complaints(read_instance("x", instance(GIZMOS), damaged.get))
    assert where == "words.xml"
    assert what.startswith("it was left out: the gzip stream is damaged")


def test_an_instance_that_came_alone_says_so():
    what = "neither its schema nor its linkbases were given; labels, statement order and sums are unknown"
    assert [(p.where, p.what) for p in read(REVENUE).problems] == [("ex-2024.xsd", what)]


def test_companions_are_found_by_name_or_by_the_namespace_of_a_renamed_schema():
    files = {
        "other.xsd": b'<schema targetNamespace="urn:o"/>',
        "new.xsd.gz": gzip.compress(SCHEMA),
        "sub/new_lab.xml": LABELS,
    }
    companion = find_companions(instance(GIZMOS), files, files.__getitem__)
    assert companion("OTHER.xsd") == files["other.xsd"]
    assert companion("ex-2024.xsd") == SCHEMA
    assert companion("ex-2024_lab.xml") == LABELS
    assert companion("ex-2024_pre.xml") is None


def test_an_inline_document_leads_to_its_linkbases_too():
    head = f"<ix:header><ix:references>{RESOURCES.partition('/>')[0]}/></ix:references></ix:header>"
    names = NAMES.replace('xmlns="', 'xmlns:xbrli="', 1) + 'xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"'
    root = etree.fromstring(f"<html {names}><body>{head}</body></html>")
    linkbase, problems = read_companions(root, {"ex-2024_lab.xml": LABELS}.get)
    assert list(linkbase.labels.values()) == ["Gizmos sold"]
    assert problems == []


def test_a_concept_printed_under_two_labels_takes_its_standard_label():
    roles = "http://www.xbrl.org/2003/role"
    label = '<label xlink:label="l" xlink:role="{}">{}</label>'
    arc = '<{}Arc xlink:arcrole="http://www.xbrl.org/2003/arcrole/{}" xlink:from="{}" xlink:to="{}" {}/>'
    texts = label.format(f"{roles}/label", "Cash") + label.format(f"{roles}/periodStartLabel", "Cash, beginning")
    gizmo, parent = (f'<loc xlink:href="ex-2024.xsd#ex_{n}" xlink:label="{n}"/>' for n in ("Gizmos", "Top"))
    rows = "".join(
        arc.format("presentation", "parent-child", "Top", "Gizmos", f'order="{n}" preferredLabel="{roles}/{kind}"')
        for n, kind in ((1, "periodStartLabel"), (2, "label"))
    )
    content = f"""<linkbase xmlns="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink">
      <labelLink>{gizmo}{texts}{arc.format("label", "concept-label", "Gizmos", "l", "")}</labelLink>
      <presentationLink xlink:role="r">{gizmo}{parent}{rows}</presentationLink></linkbase>"""
    filing = read_instance("x", instance(GIZMOS), {"ex-2024_lab.xml": content.encode()}.get)
    assert [row.label for row in filing.linkbase.statements["r"]] == ["Top", "Cash, beginning", "Cash"]
    assert only(filing, "Gizmos").place.row_label == "Cash"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + instance(REVENUE), "declares XML entities (a, b)"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + instance(REVENUE), "declares XML entities (a)"),
        (b"<html><body/></html>", "the root element is <html>, not <xbrl>"),
        (b"%PDF-1.7", "not well-formed XML"),
        (b"", "not well-formed XML"),
        (gzip.compress(instance(REVENUE), mtime=0)[:60], "the gzip stream is damaged"),
        (instance(cover=""), "no fact could be read: it has no facts"),
        (
            instance(cover="", resources="").replace(b"</xbrl>", b'<ex:a contextRef="q">1</ex:a></xbrl>'),
            "its context 'q'",
        ),
        (b"<a>" * 300 + b"</a>" * 300, "not well-formed XML"),
    ],
)
def test_hostile_or_wrong_input_ends_in_a_named_error(data, message):
    with pytest.raises(InputError) as caught:
        read_instance("bad.xml", data, {}.get)
    assert caught.value.where == "bad.xml"
    assert message in caught.value.line


def test_an_external_doctype_is_never_followed():
    filing = read_instance("x", b'<!DOCTYPE xbrl SYSTEM "http://127.0.0.1:9/x.dtd">' + instance(REVENUE), {}.get)
    assert only(filing).value == 1500000


def test_a_truncated_instance_gives_the_facts_before_the_damage_and_says_so():
    data = instance(REVENUE, REVENUE.replace('"f1"', '"f2"').replace("1500000", "987654321"))
    cut = data[: data.index(b"54321")]
    filing = read_instance("x", cut, {}.get)
    assert [(f.fact_id, f.value) for f in filing.facts if f.is_numeric] == [("f1", 1500000)]
    assert filing.problems[0].is_recovery
    assert "what stands after that was not read" in filing.problems[0].what


def test_an_instance_is_told_from_inline_documents_and_linkbases():
    assert looks_like_instance(instance(REVENUE))
    assert looks_like_instance(b'<x:xbrl xmlns:x="http://www.xbrl.org/2003/instance"/>')
    assert not looks_like_instance(LABELS)
    assert not looks_like_instance(b'<html xmlns:xbrli="http://www.xbrl.org/2003/instance"/>')


def read_folder(folder: str) -> Filing:
    path = FINANCE / "sec_xbrl" / folder
    names = [file.name for file in path.iterdir()]
    (name,) = (n for n in names if n.endswith(".gz") and looks_like_instance(gzip.decompress((path / n).read_bytes())))
    data = gzip.decompress((path / name).read_bytes())
    return read_instance(name, data, find_companions(data, names, lambda n: (path / n).read_bytes()))


@needs_finance_data
@pytest.mark.parametrize(
    ("folder", "count", "name", "form", "end", "year", "period", "labels"),
    [
        ("AAPL_10-K_FY2010", 1377, "APPLE INC", "10-K", date(2010, 9, 25), 2010, "FY", 587),
        ("AAPL_10-Q_FY2025Q2", 760, "Apple Inc.", "10-Q", date(2025, 3, 29), 2025, "Q2", 450),
        ("TSLA_10-Q_FY2024Q2", 1149, "Tesla, Inc.", "10-Q", date(2024, 6, 30), 2024, "Q2", 545),
        ("UNP_10-K_FY2012", 1526, "UNION PACIFIC CORPORATION", "10-K", date(2012, 12, 31), 2012, "FY", 787),
    ],
)
def test_real_instances_of_every_age_are_read_without_a_problem(folder, count, name, form, end, year, period, labels):
    # Header: the documents' own cover facts. Counts: items with a contextRef; concepts with a label.
    filing = read_folder(folder)
    assert (filing.entity.name, filing.form, filing.period_end) == (name, form, end)
    assert (filing.fiscal_year, filing.fiscal_period) == (year, period)
    assert (len(filing.facts), len(filing.linkbase.labels), filing.problems) == (count, labels, ())
    assert [fact.concept.qname for fact in filing.facts if not fact.place.row_label] == []


@needs_finance_data
@pytest.mark.parametrize("folder", ["AAPL_10-Q_FY2023Q3", "AAPL_10-Q_FY2025Q2"])
def test_secs_instances_hold_exactly_the_true_facts(folder):
    with gzip.open(FINANCE / "truth_facts" / f"{folder}.csv.gz", "rt") as rows:
        true = Counter(
            (
                row["concept"],
                f"{row['start']}..{row['end']}" if row["start"] else row["instant"],
                row["dims"],
                row["unit"],
                Decimal(row["value"]) if row["value"] else None,
                row["decimals"],
                row["fact_id"],
            )
            for row in csv.DictReader(rows)
        )
    ours = Counter(
        (
            fact.concept.qname,
            fact.period.key,
            fact.dimensions_text,
            str(fact.unit),
            fact.value,
            "INF" if fact.is_exact else "" if fact.decimals is None else str(fact.decimals),
            fact.fact_id,
        )
        for fact in read_folder(folder).facts
        if fact.is_numeric
    )
    assert {"missing": sorted(map(str, true - ours)), "extra": sorted(map(str, ours - true))} == {
        "missing": [],
        "extra": [],
    }
