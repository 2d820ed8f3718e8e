"""Contexts, units, names and exact numbers, as inline documents and instances share them."""

from datetime import date
from decimal import Decimal

import pytest
from lxml import etree
from tests.finance.inline_doc import NAMESPACES, UNITS, context, member

from trivium.finance.parse.xbrl import FOREVER, Contexts, decimals_of, exact_decimal, qname_to_concept, read_resources
from trivium.finance.records import Concept, Dimension, Period

GAAP = NAMESPACES["us-gaap"]
EX = NAMESPACES["ex"]


def resources(*parts: str) -> Contexts:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items() if prefix)
    return read_resources(etree.fromstring(f"<all {declared}>{''.join(parts)}</all>"))


def period_of(inside: str) -> Period | str:
    given = context("c", "2024-12-31").replace("<xbrli:instant>2024-12-31</xbrli:instant>", inside)
    found = resources(given)
    return found.contexts["c"].period if "c" in found.contexts else found.broken["c"]


def span(start: str, end: str) -> str:
    return f"<xbrli:startDate>{start}</xbrli:startDate><xbrli:endDate>{end}</xbrli:endDate>"


@pytest.mark.parametrize(
    ("inside", "period"),
    [
        ("<xbrli:instant> 2024-09-28 </xbrli:instant>", Period(date(2024, 9, 28))),
        ("<xbrli:instant>2024-09-28Z</xbrli:instant>", Period(date(2024, 9, 28))),
        ("<xbrli:instant>2025-01-01T00:00:00</xbrli:instant>", Period(date(2024, 12, 31))),
        ("<xbrli:instant>2024-12-31T23:59:59</xbrli:instant>", Period(date(2024, 12, 31))),
        (span("2023-10-01", "2024-09-28"), Period(date(2024, 9, 28), date(2023, 10, 1))),
        (span("2024-01-01T00:00:00", "2025-01-01T00:00:00"), Period(date(2024, 12, 31), date(2024, 1, 1))),
        (span("2024-12-31", "2024-12-31"), Period(date(2024, 12, 31), date(2024, 12, 31))),
        ("<xbrli:forever/>", FOREVER),
    ],
)
def test_periods(inside, period):
    assert period_of(inside) == period


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("", "its period is neither one instant nor a start and an end"),
        ("<xbrli:startDate>2024-01-01</xbrli:startDate>", "its period is neither one instant nor a start and an end"),
        (
            "<xbrli:instant>2024-12-31</xbrli:instant><xbrli:instant>2023-12-31</xbrli:instant>",
            "its period is neither one instant nor a start and an end",
        ),
        (
            span("2024-01-01", "2024-12-31") + "<xbrli:endDate>2023-12-31</xbrli:endDate>",
            "its period is neither one instant nor a start and an end",
        ),
        (
            span("2024-01-01", "2024-12-31") + "<xbrli:instant>2024-12-31</xbrli:instant>",
            "its period is neither one instant nor a start and an end",
        ),
        (span("2024-12-31", "2024-01-01"), "its period ends before it starts (2024-12-31..2024-01-01)"),
        ("<xbrli:instant>2024-02-30</xbrli:instant>", "'2024-02-30' is not a date between 1800 and 2200"),
        ("<xbrli:instant>20241231</xbrli:instant>", "'20241231' is not a date between 1800 and 2200"),
        ("<xbrli:instant>2024-W52-1</xbrli:instant>", "'2024-W52-1' is not a date between 1800 and 2200"),
        ("<xbrli:instant>2024-12-311</xbrli:instant>", "'2024-12-311' is not a date between 1800 and 2200"),
        (
            "<xbrli:instant>0001-01-01T00:00:00</xbrli:instant>",
            "'0001-01-01T00:00:00' is not a date between 1800 and 2200",
        ),
        ("<xbrli:instant>9999-12-31</xbrli:instant>", "'9999-12-31' is not a date between 1800 and 2200"),
        (
            "<xbrli:instant>2024-12-31T25:00:00</xbrli:instant>",
            "'2024-12-31T25:00:00' is not a date between 1800 and 2200",
        ),
    ],
)
def test_periods_that_are_refused(inside, what):
    assert period_of(inside) == what


@pytest.mark.parametrize(
    ("written", "instead", "what"),
    [
        ("xbrli:period>", "xbrli:other>", "it does not have one period"),
        ("</xbrli:context>", "<xbrli:period/></xbrli:context>", "it does not have one period"),
        # Without its entity a context would lose the segment inside it: a part would read as the whole.
        ("xbrli:entity>", "xbrli:other>", "it does not name one entity"),
        ("0000001234", " ", "it does not name one entity"),
        ("</xbrli:context>", "<xbrli:entity/></xbrli:context>", "it does not name one entity"),
    ],
)
def test_contexts_that_are_refused(written, instead, what):
    given = context("c", "2024-12-31", member("ex:RegionAxis", "ex:NorthMember")).replace(written, instead)
    assert resources(given).broken == {"c": what}


def test_dimensions_are_sorted_by_axis_whatever_their_order():
    typed = '<xbrldi:typedMember dimension="ex:NumberAxis"><ex:number> 7 </ex:number></xbrldi:typedMember>'
    found = resources(context("c", "2024-12-31", typed + member("us-gaap:ClassAxis", "ex:AMember")))
    assert found.contexts["c"].dimensions == (
        Dimension(Concept(EX, "NumberAxis"), typed="7"),
        Dimension(Concept(GAAP, "ClassAxis"), member=Concept(EX, "AMember")),
    )
    assert [dimension.text for dimension in found.contexts["c"].dimensions] == [
        "ex:NumberAxis=7",
        "us-gaap:ClassAxis=ex:AMember",
    ]


def test_a_scenario_holds_dimensions_too():
    given = context("c", "2024-12-31").replace(
        "</xbrli:context>",
        f"<xbrli:scenario>{member('ex:PlanAxis', 'ex:BudgetMember')}</xbrli:scenario></xbrli:context>",
    )
    assert [dimension.text for dimension in resources(given).contexts["c"].dimensions] == [
        "ex:PlanAxis=ex:BudgetMember"
    ]


def test_a_segment_without_xbrl_dimensions_is_a_dimension_of_its_own():
    (dimension,) = resources(context("c", "2024-12-31", "<ex:region>North</ex:region>")).contexts["c"].dimensions
    assert dimension == Dimension(Concept(EX, "region"), typed="North")


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        (
            member("ex:RegionAxis", "ex:NorthMember") * 2,
            "it names an axis twice (ex:RegionAxis=ex:NorthMember, ex:RegionAxis=ex:NorthMember)",
        ),
        (member("nowhere:RegionAxis", "ex:NorthMember"), "the prefix of 'nowhere:RegionAxis' is not declared"),
        (member("ex:RegionAxis", ""), "'' is not a name"),
        (member("", "ex:NorthMember"), "'' is not a name"),
        (member("ex:RegionAxis", "ex:North:Member"), "'ex:North:Member' is not a name"),
    ],
)
def test_dimensions_that_are_refused(inside, what):
    found = resources(context("c", "2024-12-31", inside))
    assert found.broken == {"c": what}
    assert [(problem.where, problem.what) for problem in found.problems] == [("context c", what)]


def test_equal_contexts_with_one_id_are_one():
    found = resources(context("c", "2024-12-31"), context("c", "2024-12-31"))
    assert (list(found.contexts), found.problems) == (["c"], [])


def test_different_contexts_with_one_id_are_refused_all():
    found = resources(context("c", "2024-12-31"), context("c", "2023-12-31"), context("c", "2024-12-31"))
    assert found.contexts == {}
    assert found.broken == {"c": "context id 'c' is given twice with different contents"}


def test_a_context_without_id():
    found = resources(context("c", "2024-12-31").replace(' id="c"', ""))
    assert [(problem.where, problem.what) for problem in found.problems] == [("context ", "a context has no id")]


def unit_of(inside: str) -> str:
    found = resources(f'<xbrli:unit id="u">{inside}</xbrli:unit>')
    return str(found.units["u"]) if "u" in found.units else found.broken["u"]


@pytest.mark.parametrize(
    ("inside", "unit"),
    [
        (UNITS["usd"], "USD"),
        (UNITS["eps"], "USD/shares"),
        ("<xbrli:measure>iso4217:USD</xbrli:measure><xbrli:measure>ex:day</xbrli:measure>", "USD*day"),
        ("", "it has no measure"),
        (UNITS["eps"] + UNITS["usd"], "it has more than its divide"),
        ("<xbrli:divide/>", "its divide lacks a numerator or a denominator"),
        ("<xbrli:measure>iso4127:USD</xbrli:measure>", "the prefix of 'iso4127:USD' is not declared"),
    ],
)
def test_units(inside, unit):
    assert unit_of(inside) == unit


def test_only_one_currency_is_money():
    kinds = {key: resources(f'<xbrli:unit id="u">{UNITS[key]}</xbrli:unit>').units["u"].is_money for key in UNITS}
    assert kinds == {"usd": True, "eur": True, "shares": False, "pure": False, "eps": False, "eurps": False}


def test_names_are_known_by_their_namespace():
    one = qname_to_concept("us-gaap:Assets", {"us-gaap": GAAP})
    other = qname_to_concept(" gaap:Assets ", {"gaap": GAAP})
    assert one == other
    assert (one.qname, other.qname) == ("us-gaap:Assets", "gaap:Assets")
    assert qname_to_concept("Assets", {None: EX}) == Concept(EX, "Assets")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ex:Assets", "the prefix of 'ex:Assets' is not declared"),
        ("", "'' is not a name"),
        ("ex:", "'ex:' is not a name"),
        ("a:b:c", "'a:b:c' is not a name"),
    ],
)
def test_names_that_are_refused(text, what):
    with pytest.raises(ValueError, match=f"^{what}$"):
        qname_to_concept(text, {"us-gaap": GAAP})


@pytest.mark.parametrize(
    ("text", "scale", "is_negative", "value"),
    [
        ("391035", 6, False, "391035000000"),
        ("391035", 6, True, "-391035000000"),
        ("7.46", 0, False, "7.46"),
        ("24.1", -2, False, "0.241"),
        ("0", 6, True, "0"),
        ("0.00", 3, True, "0"),
        (".5", 1, False, "5"),
        ("5.", 0, False, "5"),
        ("123456789012345678901234567890123456789", 0, False, "123456789012345678901234567890123456789"),
        ("0.1234567890123456789012345678901", 2, False, "12.34567890123456789012345678901"),
    ],
)
def test_numbers_are_exact(text, scale, is_negative, value):
    number = exact_decimal(text, scale, is_negative=is_negative)
    assert number == Decimal(value)
    assert not number.is_signed() or number < 0


@pytest.mark.parametrize("text", ["", "-", "1,234", "1 234", "1_234", "NaN", "Infinity", "１２", "0x10", "1e", "1e1e1"])
def test_what_is_not_a_number(text):
    with pytest.raises(ValueError, match="is not a decimal number"):
        exact_decimal(text)


@pytest.mark.parametrize("scale", [-101, 101])
def test_a_scale_beyond_reason(scale):
    with pytest.raises(ValueError, match=f"scale {scale} is out of range"):
        exact_decimal("1", scale)


@pytest.mark.parametrize(
    ("value", "decimals", "precision", "found"),
    [
        ("391035000000", "-6", None, (-6, False)),
        ("7.46", "2", None, (2, False)),
        ("7.46", "INF", None, (None, True)),
        ("123456", None, "3", (-3, False)),  # 123,456 to 3 digits: exact to thousands
        ("0.00123", None, "2", (4, False)),
        ("123456", None, "INF", (None, True)),
        ("0", None, "3", (None, False)),  # XBRL 2.1, 4.6.6: nothing follows for zero
        ("5", None, None, (None, False)),
        ("5", "0", "1", (0, False)),
    ],
)
def test_decimals_and_precision(value, decimals, precision, found):
    assert decimals_of(Decimal(value), decimals, precision) == found


@pytest.mark.parametrize(
    ("decimals", "precision", "what"),
    [
        ("six", None, "its decimals 'six' is neither a whole number nor INF"),
        ("", None, "its decimals '' is neither a whole number nor INF"),
        ("-6.0", None, "its decimals '-6.0' is neither a whole number nor INF"),
        (None, "1_0", "its precision '1_0' is neither a whole number nor INF"),
    ],
)
def test_decimals_that_are_refused(decimals, precision, what):
    with pytest.raises(ValueError, match=f"^{what}$"):
        decimals_of(Decimal(5), decimals, precision)
