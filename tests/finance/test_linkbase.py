"""Linkbases: labels by role and language, trees in order, sums with weights, prohibition, and concepts of locators."""

import gzip
import re
from decimal import Decimal

import pytest
from lxml import etree, html
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse import linkbase as module
from trivium.finance.parse.linkbase import read_linkbases
from trivium.finance.parse.taxonomy import file_name
from trivium.finance.records import Concept, PresentationRow

GAAP_XSD = "https://xbrl.fasb.org/us-gaap/2024/elts/us-gaap-2024.xsd"
GAAP = "http://fasb.org/us-gaap/2024"
FASB, XBRL_US = "http://xbrl.fasb.org", "http://taxonomies.xbrl.us"
ROLE = "http://example.com/role/IncomeStatement"
LABEL = "http://www.xbrl.org/2003/role/label"
TOTAL = "http://www.xbrl.org/2003/role/totalLabel"
NEGATED = "http://www.xbrl.org/2009/role/negatedLabel"
ARCROLES = {
    "label": "http://www.xbrl.org/2003/arcrole/concept-label",
    "presentation": "http://www.xbrl.org/2003/arcrole/parent-child",
    "calculation": "http://www.xbrl.org/2003/arcrole/summation-item",
}
SCHEMA = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:link="http://www.xbrl.org/2003/linkbase"
  targetNamespace="http://example.com/20241231">
  <xs:import namespace="http://odd.example/ns" schemaLocation="https://odd.example/a/odd.xsd"/>
  <xs:annotation><xs:appinfo><link:roleType roleURI="http://example.com/role/IncomeStatement" id="r">
    <link:definition>0000002 - Statement -  INCOME</link:definition></link:roleType></xs:appinfo></xs:annotation>
  <xs:element name="Gizmo_Sales" id="ex_Gizmo_Sales"/></xs:schema>"""


def loc(name: str, href: str = "") -> str:
    return f'<loc xlink:type="locator" xlink:label="{name}" xlink:href="{href or f"{GAAP_XSD}#us-gaap_{name}"}"/>'


def arc(kind: str, parent: str, child: str, **more: str) -> str:
    attributes = " ".join(f'{key}="{value}"' for key, value in more.items())
    ends = f'xlink:from="{parent}" xlink:to="{child}"'
    return f'<{kind}Arc xlink:type="arc" xlink:arcrole="{ARCROLES[kind]}" {ends} {attributes}/>'


def label(name: str, text: str, role: str = LABEL, language: str = "en-US") -> str:
    resource = f'<label xlink:label="{name}_l" xlink:role="{role}" xml:lang="{language}">{text}</label>'
    return resource + arc("label", name, f"{name}_l")


def linkbase(kind: str, *content: str, role: str = ROLE) -> bytes:
    names = 'xmlns="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink"'
    link = f'<{kind}Link xlink:type="extended" xlink:role="{role}">{"".join(content)}</{kind}Link>'
    return f"<linkbase {names}>{link}</linkbase>".encode()


def gaap(name: str) -> Concept:
    return Concept(GAAP, name)


def test_a_small_filing_gives_labels_rows_and_sums():
    sales, costs = loc("Revenues"), loc("CostOfRevenue")
    documents = {
        "ex.xsd": SCHEMA,
        "ex_lab.xml": linkbase(
            "label",
            sales + label("Revenues", "Revenues, as the taxonomy says") + label("Revenues", "Net  sales", TOTAL),
            costs + label("CostOfRevenue", "Cost of sales"),
            loc("GrossProfit") + label("GrossProfit", "Gross profit"),
            loc("IncomeStatementAbstract") + label("IncomeStatementAbstract", "Income statement [Abstract]"),
        ),
        "ex_pre.xml": linkbase(
            "presentation",
            sales + costs + loc("GrossProfit") + loc("IncomeStatementAbstract"),
            arc("presentation", "IncomeStatementAbstract", "GrossProfit", order="3"),
            arc("presentation", "IncomeStatementAbstract", "CostOfRevenue", order="2", preferredLabel=NEGATED),
            arc("presentation", "IncomeStatementAbstract", "Revenues", order="1.5", preferredLabel=TOTAL),
        ),
        "ex_cal.xml": linkbase(
            "calculation",
            sales + costs + loc("GrossProfit"),
            arc("calculation", "GrossProfit", "Revenues", weight="1.0"),
            arc("calculation", "GrossProfit", "CostOfRevenue", weight="-1.0"),
        ),
    }
    read, problems = read_linkbases(documents)
    assert problems == []
    assert read.labels[gaap("Revenues")] == "Revenues, as the taxonomy says"
    assert read.role_names == {ROLE: "0000002 - Statement - INCOME"}
    assert read.statements[ROLE] == (
        PresentationRow(gaap("IncomeStatementAbstract"), 0, "Income statement [Abstract]"),
        PresentationRow(gaap("Revenues"), 1, "Net sales"),
        PresentationRow(gaap("CostOfRevenue"), 1, "Cost of sales", is_negated=True),
        PresentationRow(gaap("GrossProfit"), 1, "Gross profit"),
    )
    assert [(a.parent.name, a.child.name, a.weight) for a in read.arcs] == [
        ("GrossProfit", "Revenues", Decimal(1)),
        ("GrossProfit", "CostOfRevenue", Decimal(-1)),
    ]


@pytest.mark.parametrize(
    ("role", "plain"),
    [
        ("http://www.xbrl.org/2009/role/negatedTotalLabel", "http://www.xbrl.org/2003/role/totalLabel"),
        ("http://www.xbrl.org/2009/role/negatedTerseLabel", "http://www.xbrl.org/2003/role/terseLabel"),
        ("http://www.xbrl.org/2009/role/negatedNetLabel", "http://www.xbrl.org/2009/role/netLabel"),
        ("http://www.xbrl.org/2009/role/negatedPeriodEndLabel", "http://www.xbrl.org/2003/role/periodEndLabel"),
        ("http://xbrl.us/us-gaap/role/label/negated", LABEL),
        ("http://xbrl.us/us-gaap/role/label/negatedTotal", "http://www.xbrl.org/2003/role/totalLabel"),
    ],
)
def test_a_negated_label_falls_back_to_the_role_it_stands_for(role, plain):
    documents = {
        "l": linkbase("label", loc("B") + label("B", "standard") + (label("B", "plain", plain))),
        "p": linkbase("presentation", loc("A") + loc("B") + arc("presentation", "A", "B", preferredLabel=role)),
    }
    row = read_linkbases(documents)[0].statements[ROLE][1]
    assert (row.label, row.is_negated) == ("standard" if plain == LABEL else "plain", True)


def test_english_labels_win_and_other_languages_are_better_than_none():
    content = loc("A") + label("A", "资产", language="zh-CN") + label("A", "Assets", language="en-GB")
    documents = {"l": linkbase("label", content + loc("B") + label("B", "负债", language="zh-CN"))}
    assert read_linkbases(documents)[0].labels == {gaap("A"): "Assets", gaap("B"): "负债"}


def test_without_a_standard_label_the_first_one_serves_and_without_any_the_name():
    documents = {
        "l": linkbase("label", loc("A") + label("A", "Total assets", TOTAL)),
        "p": linkbase("presentation", loc("A") + loc("B") + arc("presentation", "A", "B")),
    }
    read, _ = read_linkbases(documents)
    assert read.labels == {gaap("A"): "Total assets"}
    assert [row.label for row in read.statements[ROLE]] == ["Total assets", "B"]


@pytest.mark.parametrize(
    ("first", "second", "is_kept"),
    [
        ({"priority": "1"}, {"use": "prohibited", "priority": "2"}, False),
        ({"priority": "2"}, {"use": "prohibited", "priority": "1"}, True),
        ({"priority": "1"}, {"use": "prohibited", "priority": "1"}, False),
        ({"use": "prohibited", "priority": "1"}, {"priority": "2"}, True),
    ],
)
def test_prohibition_follows_priority_and_wins_a_tie(first, second, is_kept):
    ends = loc("A") + loc("B") + loc("C")
    content = arc("calculation", "A", "B", weight="1", **first) + arc("calculation", "A", "C", weight="1")
    extension = ends + arc("calculation", "A", "B", weight="1.0", **second)
    documents = {"a": linkbase("calculation", ends + content), "b": linkbase("calculation", extension)}
    kept = [a.child.name for a in read_linkbases(documents)[0].arcs]
    assert kept == (["B", "C"] if is_kept else ["C"])


def test_prohibiting_one_order_leaves_the_arc_of_another():
    ends = loc("A") + loc("B")
    documents = {
        "a": linkbase("presentation", ends + arc("presentation", "A", "B", order="1")),
        "b": linkbase("presentation", ends + arc("presentation", "A", "B", order="2", use="prohibited", priority="9")),
    }
    assert [row.concept.name for row in read_linkbases(documents)[0].statements[ROLE]] == ["A", "B"]


@pytest.mark.parametrize(
    ("href", "namespace", "name"),
    [
        (f"{FASB}/us-gaap/2012/elts/us-gaap-2012-01-31.xsd#us-gaap_X", "http://fasb.org/us-gaap/2012-01-31", "X"),
        ("https://xbrl.fasb.org/srt/2024/elts/srt-2024.xsd#srt_X", "http://fasb.org/srt/2024", "X"),
        ("https://xbrl.sec.gov/dei/2024/dei-2024.xsd#dei_X", "http://xbrl.sec.gov/dei/2024", "X"),
        ("https://xbrl.sec.gov/dei/2021q4/dei-2021q4.xsd#dei_X", "http://xbrl.sec.gov/dei/2021q4", "X"),
        (f"{XBRL_US}/us-gaap/2009/non-gaap/dei-2009-01-31.xsd#dei_X", "http://xbrl.us/dei/2009-01-31", "X"),
        (
            "http://xbrl.ifrs.org/taxonomy/2022-03-24/full_ifrs/full_ifrs-cor_2022-03-24.xsd#ifrs-full_X",
            "http://xbrl.ifrs.org/taxonomy/2022-03-24/ifrs-full",
            "X",
        ),
        ("https://odd.example/a/odd.xsd#odd_X_Y", "http://odd.example/ns", "X_Y"),
        ("ex.xsd#ex_Gizmo_Sales", "http://example.com/20241231", "Gizmo_Sales"),
        ("renamed.xsd#ex_Gizmo_Sales", "http://example.com/20241231", "Gizmo_Sales"),
        ("missing.xsd#own_pre_fix_Thing", "urn:own", "Thing"),
    ],
)  # fmt: skip
def test_a_locator_gives_the_concept(href, namespace, name):
    documents = {"ex.xsd": SCHEMA, "l": linkbase("label", loc("c", href) + label("c", "text"))}
    read, problems = read_linkbases(documents, {"own": "urn:no", "own_pre_fix": "urn:own"})
    assert (read.labels, problems) == ({Concept(namespace, name): "text"}, [])


def test_a_locator_into_an_unknown_schema_is_counted_as_a_problem():
    content = loc("c", "missing.xsd#m_A") + label("c", "a") + loc("d", "missing.xsd#m_B") + label("d", "b")
    read, problems = read_linkbases({"l": linkbase("label", content)})
    assert read.labels == {}
    assert [(p.where, p.what) for p in problems] == [
        ("missing.xsd", "2 concepts could not be told: their schema was not given")
    ]


def test_a_concept_below_itself_is_named_and_not_repeated():
    ends = loc("A") + loc("B") + loc("C")
    content = ends + "".join(arc("presentation", *pair) for pair in ("AB", "BC", "CB"))
    read, problems = read_linkbases({"p": linkbase("presentation", content)})
    assert [(row.concept.name, row.depth) for row in read.statements[ROLE]] == [("A", 0), ("B", 1), ("C", 2), ("B", 3)]
    assert [(p.where, p.what) for p in problems] == [
        (ROLE, "us-gaap:B stands below itself; its rows were not repeated")
    ]


def test_a_circle_without_a_root_is_named():
    content = loc("A") + loc("B") + arc("presentation", "A", "B") + arc("presentation", "B", "A")
    read, problems = read_linkbases({"p": linkbase("presentation", content)})
    assert read.statements[ROLE] == ()
    assert [p.what for p in problems] == ["its rows go in a circle and were left out"]


def test_a_tree_that_multiplies_is_cut_off(monkeypatch):
    # 40 levels of two parents each sharing both children: 2^40 rows when written out.
    monkeypatch.setattr(module, "_MAX_ROWS", 1000)
    ends = "".join(loc(f"{side}{n}") for n in range(40) for side in "LR")
    arcs = "".join(arc("presentation", f"{a}{n}", f"{b}{n + 1}") for n in range(39) for a in "LR" for b in "LR")
    read, problems = read_linkbases({"p": linkbase("presentation", ends + arcs)})
    assert read.statements == {}
    assert [p.what for p in problems] == ["it and later roles have over 1000 rows and were left out"]


def test_locators_that_multiply_are_cut_off(monkeypatch):
    monkeypatch.setattr(module, "_MAX_ARCS", 50)
    ends = "".join(loc(side, f"{GAAP_XSD}#us-gaap_{side}{n}") for side in ("from", "to") for n in range(100))
    read, problems = read_linkbases(
        {"c.xml": linkbase("calculation", ends + arc("calculation", "from", "to", weight="1"))}
    )
    assert len(read.arcs) == 50
    assert [(p.where, p.what) for p in problems] == [("c.xml", "over 50 calculation arcs; the rest was left out")]


def test_a_deep_chain_is_cut_off():
    ends = "".join(loc(f"N{n}") for n in range(300))
    content = ends + "".join(arc("presentation", f"N{n}", f"N{n + 1}") for n in range(299))
    read, problems = read_linkbases({"p": linkbase("presentation", content)})
    assert len(read.statements[ROLE]) == 101
    assert [p.what for p in problems] == ["its rows below level 100 were left out"]


@pytest.mark.parametrize("weight", ["", "0", "NaN", "1e9", "one"])
def test_a_weight_that_is_no_number_is_named(weight):
    content = loc("A") + loc("B") + arc("calculation", "A", "B", weight=weight)
    read, problems = read_linkbases({"c": linkbase("calculation", content)})
    assert read.arcs == ()
    assert len(problems) == 1
    assert "is not a number other than 0" in problems[0].what


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (b'<!DOCTYPE l [<!ENTITY a "x">]><l>&a;</l>', "declares XML entities"),
        (b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]><l>&a;</l>', "declares XML entities"),
        (b"not xml", "not well-formed XML"),
        (b"<html/>", "neither a schema nor a linkbase but <html>"),
    ],
)
def test_a_document_that_cannot_be_used_is_named_and_the_others_are_read(document, what):
    good = linkbase("label", loc("A") + label("A", "Assets"))
    read, problems = read_linkbases({"bad.xml": document, "good.xml": good})
    assert read.labels == {gaap("A"): "Assets"}
    assert [p.where for p in problems] == ["bad.xml"]
    assert what in problems[0].what


def test_only_whole_links_of_a_truncated_document_count():
    whole = linkbase("label", loc("A") + label("A", "Assets")).removesuffix(b"</linkbase>")
    cut = whole + b'<labelLink xlink:role="r">' + (loc("B") + label("B", "Liabilities")).encode()
    read, problems = read_linkbases({"l.xml": cut})
    assert read.labels == {gaap("A"): "Assets"}
    assert [(p.where, p.is_recovery) for p in problems] == [("l.xml", True)]
    assert "what stands after that was not read" in problems[0].what


def test_linkbases_inside_a_schema_are_read():
    inner = linkbase("label", loc("A") + label("A", "Assets"))
    schema = b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:annotation><xs:appinfo>%s' % inner
    read, problems = read_linkbases({"e.xsd": schema + b"</xs:appinfo></xs:annotation></xs:schema>"})
    assert (read.labels, problems) == ({gaap("A"): "Assets"}, [])


def test_file_name_is_the_last_part_of_a_link():
    assert file_name("http://x.example/a/b%20c.xsd?v=1#id") == "b c.xsd"
    assert file_name("aapl-20250329.xsd") == "aapl-20250329.xsd"


@needs_finance_data
@pytest.mark.parametrize("number", [2, 3, 4, 5, 7])
def test_statements_have_the_rows_and_labels_of_secs_own_rendering(number):
    folder = FINANCE / "sec_xbrl" / "AAPL_10-Q_FY2025Q2"
    kinds = (".xsd.gz", "_lab.xml.gz", "_pre.xml.gz")
    files = {p.name[:-3]: gzip.decompress(p.read_bytes()) for p in folder.iterdir() if p.name.endswith(kinds)}
    read, problems = read_linkbases(files)
    assert problems == []
    summary = etree.fromstring(gzip.decompress((folder / "FilingSummary.xml.gz").read_bytes()))
    roles = {report.findtext("HtmlFileName"): report.findtext("Role") for report in summary.iter("Report")}
    ours = [(row.concept.qname, row.label) for row in read.statements[roles[f"R{number}.htm"]]]
    structure = ("Abstract", "Axis", "Table", "Domain", "Member", "LineItems")
    rendered = rows_of_rendering(gzip.decompress((folder / f"R{number}.htm.gz").read_bytes()))
    assert [row for row in ours if not row[0].endswith(structure)] == rendered


def rows_of_rendering(page: bytes) -> list[tuple[str, str]]:
    """Return concept and label of each line item of a rendered statement, up to its first dimension block."""
    rows = []
    for row in html.fromstring(page).iter("tr"):
        if row.get("class") == "rh":
            break
        link = row.find('.//a[@class="a"]')
        match = re.search(r"defref_([\w.-]+?)_([\w.-]+)'", link.get("onclick", "")) if link is not None else None
        if match and not match[2].endswith("Abstract"):
            rows.append((f"{match[1]}:{match[2]}", " ".join(link.text_content().split())))
    return rows
