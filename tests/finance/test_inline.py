"""Inline XBRL: every kind of fact, every declaration, and every complaint by its words; then real filings."""

import csv
import gzip
import random
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from tests.finance.inline_doc import (
    NAMESPACES,
    annual_cover,
    complaints,
    context,
    document,
    fact,
    member,
    number,
    read,
    statement,
    words,
)
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse.inline import looks_like_inline, read_inline, resolve_anchor
from trivium.finance.parse.reader import read_path
from trivium.finance.records import Concept, Filing, Period
from trivium.finance.report.delimited import fact_rows
from trivium.service.errors import InputError
from trivium.service.evidence import FactAnchor

YEAR = Period(date(2024, 12, 31), date(2024, 1, 1))


def read_two(first: str, second: str) -> Filing:
    """Read a set of two documents; the second has no header of its own."""
    other = document(second, cover="").replace(b'<xbrli:unit id="usd">', b'<xbrli:unit id="usd2">')
    return read_inline("set.zip", [("a.htm", document(first)), ("b.htm", other)])


def trouble(body: str, **options: object) -> str:
    """Read a document that has one problem, beside a good fact, and return it."""
    found = read(number("Assets", "5", "i") + body, **options)
    assert fact(found, "Assets").value == 5_000_000
    (complaint,) = complaints(found)
    return complaint


def test_a_number_with_its_place_and_period():
    page = statement([("Net sales", "Revenues", 391_035), ("Cost", "CostOfRevenue", -210)], ["y"])
    filing = read(page.replace('contextRef="py"', 'contextRef="y"'))
    revenue = fact(filing, "Revenues")
    assert revenue.value == Decimal(391_035_000_000)
    assert (revenue.concept, revenue.concept.qname) == (Concept(NAMESPACES["us-gaap"], "Revenues"), "us-gaap:Revenues")
    assert (revenue.period, str(revenue.unit), revenue.decimals, revenue.is_exact) == (YEAR, "USD", -6, False)
    assert revenue.printed == "391,035"
    assert (revenue.place.table, revenue.place.row, revenue.place.column) == (0, 0, 1)
    assert revenue.place.row_label == "Net sales"
    assert fact(filing, "CostOfRevenue").value == Decimal(-210_000_000)
    assert fact(filing, "CostOfRevenue").place.row == 1


def test_the_header_of_a_filing():
    filing = read(number("Assets", "5", "i"))
    assert (filing.entity.name, filing.entity.identifier, filing.entity.ticker) == ("Example Corp", "0000001234", "EXC")
    assert (filing.form, filing.fiscal_year, filing.fiscal_period) == ("10-K", 2024, "FY")
    assert (filing.period_end, filing.is_amendment) == (date(2024, 12, 31), False)
    assert (filing.source.media, filing.problems) == ("inline-xbrl", ())


@pytest.mark.parametrize(
    ("attributes", "printed", "value"),
    [
        ({"scale": "6"}, "1.5", "1500000"),
        ({"scale": "-2"}, "24.1", "0.241"),
        ({"scale": ""}, "1,234", "1234"),
        ({"scale": "+3"}, "2", "2000"),
        ({"scale": "6", "sign": "-"}, "1,234", "-1234000000"),
        ({"scale": "6", "sign": "-"}, "0", "0"),
        ({"scale": "0", "format": ""}, "1234.5", "1234.5"),
        ({"scale": "0", "format": ""}, " \n12 ", "12"),
        ({"scale": "3", "format": "ixt:num-comma-decimal"}, "1.234,5", "1234500"),
        ({"scale": "6", "format": "ixt:fixed-zero"}, "—", "0"),
        ({"scale": "0", "format": "ixt-sec:numwordsen"}, "twenty-one", "21"),
        ({"scale": "6"}, "1\xa0234", "1234000000"),
        ({"scale": "6"}, "<b>1</b>,<i>2</i>34", "1234000000"),
        ({"scale": "6"}, "1,2<!-- broken by a page -->34", "1234000000"),
    ],
)
def test_scale_sign_and_format(attributes, printed, value):
    assert fact(read(number("Revenues", printed, **attributes)), "Revenues").value == Decimal(value)


@pytest.mark.parametrize(
    ("attributes", "decimals", "is_exact"),
    [
        ({"decimals": "-6"}, -6, False),
        ({"decimals": "INF"}, None, True),
        ({"decimals": ""}, None, False),
        ({"decimals": "", "precision": "3"}, -7, False),  # 1,234 million to 3 digits: to 10 million
        ({"decimals": "", "precision": "INF"}, None, True),
    ],
)
def test_decimals_and_precision(attributes, decimals, is_exact):
    found = fact(read(number("Revenues", "1,234", **attributes)), "Revenues")
    assert (found.value, found.decimals, found.is_exact) == (Decimal(1_234_000_000), decimals, is_exact)


def test_a_nil_fact_has_neither_value_nor_decimals():
    found = fact(read(number("Revenues", "", xsi_nil="true", decimals="-6") + number("Assets", "1", "i")), "Revenues")
    assert (found.value, found.decimals, found.is_numeric) == (None, None, True)
    note = fact(read(words("ex:Note", "", xsi_nil="true") + number("Assets", "1", "i")), "Note")
    assert (note.text, note.is_numeric) == (None, False)


def test_nested_numbers_are_both_read():
    outer = number("Revenues", number("SalesRevenueNet", "1,234", id="inner"), id="outer")
    filing = read(outer)
    assert [(f.fact_id, f.value) for f in filing.facts if f.is_numeric] == [
        ("outer", Decimal(1_234_000_000)),
        ("inner", Decimal(1_234_000_000)),
    ]


def test_excluded_content_is_no_part_of_a_value():
    body = number("Revenues", "1,<ix:exclude>page 7 <b>of</b> 9</ix:exclude>234")
    body += words("ex:Note", "before <ix:exclude>header<ix:exclude>deep</ix:exclude></ix:exclude>after")
    filing = read(body)
    assert fact(filing, "Revenues").value == Decimal(1_234_000_000)
    assert fact(filing, "Note").text == "before after"


def test_a_fraction():
    parts = '<ix:numerator format="ixt:num-dot-decimal" scale="3">3</ix:numerator> for '
    parts += '<ix:denominator sign="-">8</ix:denominator>'
    fraction = f'<ix:fraction name="us-gaap:Ratio" contextRef="y" unitRef="pure">{parts}</ix:fraction>'
    found = fact(read(fraction), "Ratio")
    assert (found.value, found.printed, str(found.unit)) == (Decimal(-375), "3/8", "pure")


def test_a_nil_fraction():
    fraction = '<ix:fraction name="us-gaap:Ratio" contextRef="y" unitRef="pure" xsi:nil="true"/>'
    assert fact(read(fraction), "Ratio").value is None


def test_text_goes_on_in_continuations_over_two_documents():
    first = words("ex:Note", "one ", continuedAt="c1") + number("Assets", "1", "i")
    second = '<ix:continuation id="c2">three</ix:continuation>'
    second += '<ix:continuation id="c1" continuedAt="c2">two </ix:continuation>'
    assert fact(read_two(first, second), "Note").text == "one two three"


def test_contexts_and_units_may_stand_in_another_document_of_the_set():
    second = number("Liabilities", "7", "z", "usd2")
    filing = read_two(number("Assets", "1", "i"), second + context("z", "2022-12-31"))
    liabilities = fact(filing, "Liabilities")
    assert (liabilities.value, liabilities.period) == (Decimal(7_000_000), Period(date(2022, 12, 31)))
    assert liabilities.place.locator == FactAnchor("b.htm", liabilities.fact_id)


def test_footnotes_by_relationship():
    body = number("Revenues", "1", id="f1") + number("Assets", "2", "i", id="f2") + number("Liabilities", "3", "i")
    body += '<ix:footnote id="n1" xml:lang="en-US">Net of <b>returns</b>.</ix:footnote>'
    body += '<ix:footnote id="n2" xml:lang="en-US">Unaudited<ix:exclude>!</ix:exclude>.</ix:footnote>'
    body += '<ix:relationship fromRefs="f1 f2" toRefs="n1"/><ix:relationship fromRefs="f1" toRefs="n2 n1"/>'
    filing = read(body)
    assert fact(filing, "Revenues").footnotes == ("Net of returns.", "Unaudited.")
    assert fact(filing, "Assets").footnotes == ("Net of returns.",)
    assert fact(filing, "Liabilities").footnotes == ()


def test_footnotes_of_inline_xbrl_1_0():
    body = number("Revenues", "1", id="f1", footnoteRefs="n1")
    body += '<ix:footnote footnoteID="n1" id="n1" xml:lang="en">As restated.</ix:footnote>'
    filing = read_inline("old.htm", [("old.htm", document(body).replace(b"/2013/inlineXBRL", b"/2008/inlineXBRL"))])
    assert fact(filing, "Revenues").footnotes == ("As restated.",)


def test_a_footnote_that_breaks_off_is_reported_and_the_rest_is_read():
    body = '<ix:footnote id="n1" continuedAt="gone">Net of</ix:footnote>'
    assert trouble(body) == "footnote n1: its continuation 'gone' is not there"


def test_explicit_and_typed_dimensions():
    typed = '<xbrldi:typedMember dimension="ex:PlanAxis"><ex:plan>2</ex:plan></xbrldi:typedMember>'
    inside = member("us-gaap:StatementBusinessSegmentsAxis", "ex:NorthMember") + typed
    filing = read(number("Revenues", "1", "d"), contexts=context("d", "2024-01-01/2024-12-31", inside))
    revenue = fact(filing, "Revenues")
    assert revenue.dimensions_text == "ex:PlanAxis=2|us-gaap:StatementBusinessSegmentsAxis=ex:NorthMember"


def test_a_unit_with_a_denominator():
    earnings = fact(
        read(number("EarningsPerShareDiluted", "6.08", unit="eps", scale="0", decimals="2")), "EarningsPerShareDiluted"
    )
    assert (earnings.value, str(earnings.unit), earnings.decimals) == (Decimal("6.08"), "USD/shares", 2)


def test_hidden_facts_are_facts():
    filing = read("<p>no table</p>", hidden=number("Assets", "5", "i"))
    assert (fact(filing, "Assets").value, fact(filing, "Assets").place.table) == (Decimal(5_000_000), None)


def test_the_namespace_of_2008_is_read_alike():
    data = document(number("Assets", "5", "i")).replace(b"/2013/inlineXBRL", b"/2008/inlineXBRL")
    assert looks_like_inline(data)
    assert fact(read_inline("old.htm", [("old.htm", data)]), "Assets").value == 5_000_000


def test_a_prefix_may_be_declared_on_an_inner_element():
    inner = '<div xmlns:own="http://www.example.com/own">' + number("own:Things", "3") + "</div>"
    filing = read(inner)
    assert fact(filing, "Things").concept == Concept("http://www.example.com/own", "Things")


def test_a_prefix_may_mean_something_else_further_in():
    inner = number("ex:Things", "3", id="a")
    inner += f'<div xmlns:ex="http://www.example.com/own">{number("ex:Things", "4", id="b")}</div>'
    assert [(f.concept.namespace, f.value) for f in read(inner).facts if f.is_numeric] == [
        ("http://www.example.com/20241231", Decimal(3_000_000)),
        ("http://www.example.com/own", Decimal(4_000_000)),
    ]


def test_text_is_transformed_by_its_format():
    body = words("dei:SecurityFlag", "☒", format="ixt-sec:boolballotbox") + number("Assets", "1", "i")
    body += words("dei:PlainFlag", " a \n b ")
    filing = read(body)
    assert (fact(filing, "SecurityFlag").text, fact(filing, "SecurityFlag").printed) == ("true", "☒")
    assert fact(filing, "PlainFlag").text == "a b"


def test_a_period_end_with_a_non_breaking_space():
    cover = annual_cover().replace(">2024-12-31<", ' format="ixt:date-monthname-day-year-en">December\xa031, 2024<')
    assert read(number("Assets", "1", "i"), cover=cover).period_end == date(2024, 12, 31)


def test_facts_without_an_id_are_numbered_and_doubled_ids_too():
    body = number("Assets", "1", "i") + number("Assets", "2", "i", id="f") + number("Assets", "3", "i", id="f")
    data = document(body, cover="")
    filing = read_inline("x.htm", [("x.htm", data)])
    assert [(f.fact_id, f.value) for f in filing.facts] == [
        ("#1", Decimal(1_000_000)),
        ("f", Decimal(2_000_000)),
        ("#3", Decimal(3_000_000)),
    ]
    for one in filing.facts:
        anchor = one.place.locator
        assert isinstance(anchor, FactAnchor)
        assert resolve_anchor([("x.htm", data)], anchor) == one.value


def test_an_anchor_that_is_not_there():
    with pytest.raises(LookupError, match="no fact 'zz' in the document"):
        resolve_anchor([("x.htm", document(number("Assets", "1", "i")))], FactAnchor("", "zz"))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (number("Revenues", "1", "gone", id="f"), "fact f: its context 'gone' is not there"),
        (number("Revenues", "1", unit="gone", id="f"), "fact f: its unit 'gone' is not there"),
        (number("Revenues", "1", unit="", id="f"), "fact f: its unit '' is not there"),
        (number("", "1", id="f"), "fact f: it lacks a name or a contextRef"),
        (number("Revenues", "1", "", id="f"), "fact f: it lacks a name or a contextRef"),
        (number("zz:Revenues", "1"), "fact zz:Revenues: the prefix of 'zz:Revenues' is not declared"),
        (number("Revenues", "1", id="f", sign="+"), "fact f: its sign is '+'; only '-' is allowed"),
        (number("Revenues", "1", id="f", scale="six"), "fact f: its scale 'six' is not a whole number"),
        (number("Revenues", "1", id="f", scale="200"), "fact f: scale 200 is out of range"),
        (number("Revenues", "1", id="f", decimals="x"), "fact f: its decimals 'x' is neither a whole number nor INF"),
        (
            number("Revenues", "(1,234)", id="f", format=""),
            "fact f: '(1,234)' is not a plain number without sign, and no format says how to read it",
        ),
        (
            number("Revenues", "-5", id="f", format=""),
            "fact f: '-5' is not a plain number without sign, and no format says how to read it",
        ),
        (
            number("Revenues", "1_0", id="f", format=""),
            "fact f: '1_0' is not a plain number without sign, and no format says how to read it",
        ),
        (
            number("Revenues", "", id="f", format=""),
            "fact f: '' is not a plain number without sign, and no format says how to read it",
        ),
        (
            number("Revenues", "(5)", id="f"),
            "fact f: '(5)' is not a text that num-dot-decimal can read; correct the text or its format attribute",
        ),
        (number("Revenues", "5", id="f", format="zz:num"), "fact f: the prefix of 'zz:num' is not declared"),
        (
            number("Revenues", "5", id="f", target="other"),
            "fact f: it belongs to the other target document 'other' and was left out",
        ),
        (
            '<ix:fraction id="f" name="ex:R" contextRef="y" unitRef="pure"><ix:numerator>1</ix:numerator>'
            "</ix:fraction>",
            "fact f: a fraction needs a numerator and a denominator other than 0",
        ),
        (
            '<ix:fraction id="f" name="ex:R" contextRef="y" unitRef="pure"><ix:numerator>1</ix:numerator>'
            "<ix:denominator>0</ix:denominator></ix:fraction>",
            "fact f: a fraction needs a numerator and a denominator other than 0",
        ),
        (
            '<ix:tuple tupleID="t" name="ex:Group"/>',
            "fact ex:Group: tuple ex:Group was not read: tuples are not supported",
        ),
        (words("ex:Note", "a", id="f", continuedAt="gone"), "fact f: its continuation 'gone' is not there"),
        (
            words("ex:Note", "a", id="f", continuedAt="c")
            + '<ix:continuation id="c" continuedAt="d">b</ix:continuation>'
            + '<ix:continuation id="d" continuedAt="c">c</ix:continuation>',
            "fact f: its continuation 'c' goes in a circle or is used twice",
        ),
        (
            words("ex:Note", "a", id="f", continuedAt="c")
            + words("ex:Other", "a", id="g", continuedAt="c")
            + '<ix:continuation id="c">b</ix:continuation>',
            "fact g: its continuation 'c' goes in a circle or is used twice",
        ),
    ],
)
def test_a_fact_that_does_not_fit_its_declarations_is_left_out_and_named(body, complaint):
    assert trouble(body) == complaint


def test_an_unknown_transformation_is_named():
    assert trouble(number("Revenues", "5", id="f", format="ixt:num-dot-decimals")).startswith(
        "fact f: the transformation registry http://www.xbrl.org/inlineXBRL/transformation/2020-02-12 has no "
        "'num-dot-decimals'; nearest: num-dot-decimal"
    )


def test_a_broken_context_names_itself_and_each_of_its_facts():
    filing = read(
        number("Assets", "1", "i") + number("Revenues", "2", "b", id="f"),
        contexts=context("b", "2024-12-31/2024-01-01"),
    )
    assert complaints(filing) == [
        "context b: its period ends before it starts (2024-12-31..2024-01-01)",
        "fact f: its context 'b' its period ends before it starts (2024-12-31..2024-01-01)",
    ]


def test_two_contexts_with_one_id_take_their_facts_with_them():
    filing = read(
        number("Assets", "1", "i") + number("Revenues", "2", "d", id="f"),
        contexts=context("d", "2024-01-01/2024-12-31") + context("d", "2023-01-01/2023-12-31"),
    )
    assert complaints(filing) == [
        "context d: context id 'd' is given twice with different contents",
        "fact f: its context 'd' context id 'd' is given twice with different contents",
    ]


def test_a_document_cut_in_the_middle_gives_what_was_read_and_counts_the_rest():
    whole = document(
        number("Assets", "1", "i", id="a") + number("Assets", "22", "i", id="b") + number("Assets", "3", "i")
    )
    cut = whole[: whole.index(b">22<") + 2]  # in the middle of the number 22
    filing = read_inline("x.htm", [("x.htm", cut)])
    assert [(f.fact_id, f.value) for f in filing.facts if f.is_numeric] == [("a", Decimal(1_000_000))]
    assert complaints(filing)[1] == "document: 1 numeric facts stand after the damage and were not read"
    assert filing.problems[0].is_recovery


def test_an_undeclared_entity_never_falls_out_of_a_number():
    public = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
    )
    body = number("Assets", "1", "i") + number("Revenues", "12&zzz;5", id="f") + "<p><![CDATA[x]]></p>"
    filing = read(body, head=public)
    assert complaints(filing) == [
        "document: 1 HTML entities or bare '&' were spelled out; no value changes",
        "fact f: '12&zzz;5' is not a text that num-dot-decimal can read; correct the text or its format attribute",
    ]


def test_a_document_without_any_fact_says_why():
    with pytest.raises(InputError) as caught:
        read("<p>nothing</p>", cover="")
    assert caught.value.line == (
        "ex.htm: no fact could be read: it has no inline XBRL facts; give a 10-K or 10-Q as filed since 2019"
    )
    with pytest.raises(InputError, match="no fact could be read: its context 'gone' is not there"):
        read(number("Assets", "1", "gone"), cover="")


def _truth(name: str) -> Counter[tuple[str, ...]]:
    with gzip.open(FINANCE / "truth_facts" / f"{name}.csv.gz", "rt", newline="") as stream:
        return Counter(tuple(row) for row in list(csv.reader(stream))[1:])


@needs_finance_data
@pytest.mark.slow
def test_real_filings_give_every_fact_and_no_other():
    # A seeded sample; all 28 in benchmarks/facts.py.
    paths = sorted((FINANCE / "sec_ixbrl").glob("*/*.htm.gz"))
    for path in random.Random(20241231).sample(paths, 4):
        (filing,) = read_path(path)
        assert Counter(fact_rows(filing)) == _truth(f"{path.parent.name}_{path.name.removesuffix('.htm.gz')}"), path
