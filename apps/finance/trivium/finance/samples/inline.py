"""A writer of inline XBRL documents that keeps, beside the page, the truth of every fact it wrote.

Elements carry their prefixed names as they will be printed; the root declares the prefixes. The truth of a number is
the value that went in, never read back from the page.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period

__all__ = ["Dimensions", "InlineDocument", "NumberStyle", "TruthRow", "element", "fold", "page_date"]

Dimensions = tuple[tuple[str, str], ...]
"""(axis, member) pairs; a member without a colon is the content of a typed dimension."""

NAMESPACES = {
    "country": "http://xbrl.sec.gov/country/2024",
    "dei": "http://xbrl.sec.gov/dei/2024",
    "iso4217": "http://www.xbrl.org/2003/iso4217",
    "ix": "http://www.xbrl.org/2013/inlineXBRL",
    "ixt": "http://www.xbrl.org/inlineXBRL/transformation/2020-02-12",
    "ixt-sec": "http://www.sec.gov/inlineXBRL/transformation/2015-08-31",
    "link": "http://www.xbrl.org/2003/linkbase",
    "srt": "http://fasb.org/srt/2024",
    "us-gaap": "http://fasb.org/us-gaap/2024",
    "utr": "http://www.xbrl.org/2009/utr",
    "xbrldi": "http://xbrl.org/2006/xbrldi",
    "xbrli": "http://www.xbrl.org/2003/instance",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}

_UNIT_IDS = {"iso4217:USD": "usd", "xbrli:shares": "shares", "iso4217:USD/xbrli:shares": "usdPerShare"}
_STYLE = """
body { font: 9.5pt Arial, Helvetica, sans-serif; margin: 0 auto; max-width: 62em; padding: 1.5em; }
h1 { font-size: 20pt; margin: .3em 0; }
h2 { font-size: 12pt; margin: 1.6em 0 .2em; }
h3 { font-size: 10pt; margin: 1.4em 0 .4em; }
p { line-height: 1.35; text-align: justify; margin: .6em 0; }
.center, .center p { text-align: center; }
.small { font-size: 8pt; }
.page { margin-top: 2.2em; padding-top: 1.2em; border-top: 1pt solid #999; }
.foot { text-align: center; font-size: 8pt; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; width: 100%; margin: .8em 0; font-size: 9pt; }
td { padding: 2px 1pt; vertical-align: bottom; }
td.label { text-align: left; width: 52%; }
td.number { text-align: right; white-space: nowrap; }
td.sign, td.mark { width: .7em; }
td.gap { width: .9em; }
td.heading { text-align: center; font-weight: bold; font-size: 8.5pt; border-bottom: 1pt solid #000; }
tr.shade td { background-color: #cceeff; }
tr.head td.label, tr.total td.label { font-weight: bold; }
tr.sub td.number, tr.sub td.sign, tr.sub td.mark { border-top: 1pt solid #000; }
tr.total td.number, tr.total td.sign, tr.total td.mark { border-top: 1pt solid #000; border-bottom: 3pt double #000; }
"""


@dataclass(frozen=True)
class NumberStyle:
    """How a kind of number is tagged and printed: unit, power of ten, printed decimals, and the digits vouched for."""

    unit: str
    scale: int
    places: int
    decimals: str
    format: str = "ixt:num-dot-decimal"


@dataclass(frozen=True)
class TruthRow:
    """What a reader must find for one fact.

    Args:
        start: ISO date, empty for an instant; `instant` likewise for a duration (then `end` is filled).
        unit: local names such as `USD/shares`; empty for a text fact.
        value: the number in full units; empty for a nil fact and for a text fact.
        decimals: as written (`INF` or digits); empty where the fact has none.
        text: a text fact's content after its transformation, tags removed and white space folded.
        footnote: the text of the footnote attached to it.
    """

    file: str
    fact_id: str
    concept: str
    start: str
    end: str
    instant: str
    dims: str
    unit: str
    value: str
    decimals: str
    text: str = ""
    footnote: str = ""


def element(tag: str, attributes: dict[str, str] | None = None, *children: Element | str) -> Element:
    """Build an element from its children, strings among them."""
    node = Element(tag, attributes or {})
    for child in children:
        if isinstance(child, Element):
            node.append(child)
        elif len(node):
            node[-1].tail = (node[-1].tail or "") + child
        else:
            node.text = (node.text or "") + child
    return node


def fold(text: str) -> str:
    """Fold white space, non-breaking spaces included, and strip."""
    return re.sub(r"\s+", " ", text).strip()


def page_date(day: date, *, with_year: bool = True) -> str:
    """Print a date as filings do, with a non-breaking space: `February\xa01, 2025`."""
    month = (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    )[day.month - 1]  # fmt: skip
    return f"{month}\xa0{day.day}, {day.year}" if with_year else f"{month}\xa0{day.day}"


class InlineDocument:
    """One inline XBRL page under construction: gives out fact elements, collects contexts, units and the truth.

    Args:
        file: name of the page, as it stands in the truth.
        title: name of the filing, such as `fwhs-20250201`; the reference to the issuer's schema carries it too.
        identifier: the entity's CIK, ten digits.
        namespaces: prefixes of this issuer, beside the standard ones.
    """

    def __init__(self, file: str, title: str, identifier: str, namespaces: dict[str, str]) -> None:
        self.file = file
        self.title = title
        self.truth: list[TruthRow] = []
        self._identifier = identifier
        self._namespaces = {**NAMESPACES, **namespaces}
        self._contexts: dict[tuple[Period, Dimensions], str] = {}
        self._units: dict[str, str] = {}
        self._hidden: list[Element] = []
        self._relationships: list[Element] = []
        self._footnotes = 0

    def number(
        self,
        concept: str,
        value: Decimal | None,
        period: Period,
        style: NumberStyle,
        dims: Dimensions = (),
        *,
        printed: str | None = None,
        children: Iterable[Element] = (),
    ) -> Element:
        """Return a numeric fact; None gives a nil fact, `printed` replaces the digits (`three`), `children` nest."""
        attributes = self._fact(concept, period, dims, style.unit)
        if value is None:
            self._record(attributes["id"], concept, period, dims, style.unit, "", "")
            return element("ix:nonFraction", {**attributes, "xsi:nil": "true"})
        shown = abs(value).scaleb(-style.scale).quantize(Decimal(1).scaleb(-style.places), ROUND_HALF_UP)
        exact = shown.scaleb(style.scale).copy_sign(value) if shown else Decimal(0)
        self._record(attributes["id"], concept, period, dims, style.unit, f"{exact.normalize():f}", style.decimals)
        attributes |= {"decimals": style.decimals, "scale": str(style.scale), "format": style.format}
        text = f"{shown:,}" if printed is None else printed
        if not shown and printed is None and style.unit == "iso4217:USD":
            attributes["format"], text = "ixt:fixed-zero", "—"
        if exact < 0:
            attributes["sign"] = "-"
        content: list[Element | str] = [*children] or [text]
        return element("ix:nonFraction", attributes, *content)

    def text(
        self,
        concept: str,
        content: Iterable[Element | str],
        period: Period,
        value: str,
        dims: Dimensions = (),
        *,
        format_: str = "",
        escape: bool = False,
        continued_at: str = "",
    ) -> Element:
        """Return a text fact around its content; `value` is what a reader must make of it."""
        attributes = self._fact(concept, period, dims)
        self._record(attributes["id"], concept, period, dims, "", "", "", fold(value))
        if format_:
            attributes["format"] = format_
        if escape:
            attributes["escape"] = "true"
        if continued_at:
            attributes["continuedAt"] = continued_at
        return element("ix:nonNumeric", attributes, *content)

    def fraction(self, concept: str, numerator: int, denominator: int, period: Period) -> Element:
        """Return an `ix:fraction` printed as `3/8`; its value must be a finite decimal."""
        attributes = self._fact(concept, period, (), "xbrli:pure")
        value = Decimal(numerator) / Decimal(denominator)
        self._record(attributes["id"], concept, period, (), "xbrli:pure", f"{value.normalize():f}", "")
        above = element("ix:numerator", {"format": "ixt:num-dot-decimal"}, str(numerator))
        below = element("ix:denominator", {"format": "ixt:num-dot-decimal"}, str(denominator))
        return element("ix:fraction", attributes, above, "/", below)

    def hide(self, fact: Element) -> None:
        """Put a fact into the hidden section instead of the page."""
        self._hidden.append(fact)

    def footnote(self, fact_ids: list[str], text: str) -> Element:
        """Return a footnote that is tied to these facts."""
        self._footnotes += 1
        name = f"fn-{self._footnotes}"
        relationship = {
            "arcrole": "http://www.xbrl.org/2003/arcrole/fact-footnote",
            "fromRefs": " ".join(fact_ids),
            "linkRole": "http://www.xbrl.org/2003/role/link",
            "toRefs": name,
            "order": str(self._footnotes),
        }
        self._relationships.append(element("ix:relationship", relationship))
        for index, row in enumerate(self.truth):
            if row.fact_id in fact_ids:
                self.truth[index] = replace(row, footnote=fold(text))
        role = "http://www.xbrl.org/2003/role/footnote"
        return element("ix:footnote", {"id": name, "footnoteRole": role, "xml:lang": "en-US"}, text)

    def render(self, body: list[Element], *, with_header: bool = True) -> bytes:
        """Return the page: XHTML in ASCII bytes, the XBRL header first."""
        attributes = {"xmlns": "http://www.w3.org/1999/xhtml", "xml:lang": "en-US"}
        attributes |= {f"xmlns:{prefix}": uri for prefix, uri in sorted(self._namespaces.items())}
        meta = element("meta", {"http-equiv": "Content-Type", "content": "text/html"})
        head = element(
            "head", None, meta, element("title", None, self.title), element("style", {"type": "text/css"}, _STYLE)
        )
        front = [element("div", {"style": "display:none"}, self._header())] if with_header else []
        root = element("html", attributes, head, element("body", None, *front, *body))
        xml = ElementTree.tostring(root, encoding="us-ascii", short_empty_elements=False)
        return b"<?xml version='1.0' encoding='ASCII'?>\n" + xml.split(b"?>\n", 1)[-1] + b"\n"

    def _fact(self, concept: str, period: Period, dims: Dimensions, unit: str = "") -> dict[str, str]:
        attributes = {"contextRef": self._context(period, dims), "name": concept, "id": f"f-{len(self.truth) + 1}"}
        if unit:
            fallback = re.sub(r"\W", "", unit.replace("/", "Per").replace("iso4217", "").replace("utr", ""))
            attributes["unitRef"] = self._units.setdefault(unit, _UNIT_IDS.get(unit, fallback))
        return attributes

    def _context(self, period: Period, dims: Dimensions) -> str:
        return self._contexts.setdefault((period, tuple(sorted(dims))), f"c-{len(self._contexts) + 1}")

    def _record(
        self,
        fact_id: str,
        concept: str,
        period: Period,
        dims: Dimensions,
        unit: str,
        value: str,
        decimals: str,
        text: str = "",
    ) -> None:
        start = period.start.isoformat() if period.start else ""
        end, instant = ("", period.end.isoformat()) if period.is_instant else (period.end.isoformat(), "")
        dimensions = "|".join(sorted(f"{axis}={member}" for axis, member in dims))
        measures = "/".join(part.split(":")[1] for part in unit.split("/")) if unit else ""
        row = TruthRow(self.file, fact_id, concept, start, end, instant, dimensions, measures, value, decimals, text)
        self.truth.append(row)

    def _header(self) -> Element:
        reference = {"xlink:type": "simple", "xlink:href": f"{self.title}.xsd"}
        resources: list[Element] = [*self._relationships]
        resources += [self._context_element(*key, name) for key, name in self._contexts.items()]
        resources += [_unit_element(measure, name) for measure, name in self._units.items()]
        return element(
            "ix:header",
            None,
            *([element("ix:hidden", None, *self._hidden)] if self._hidden else []),
            element("ix:references", {"xml:lang": "en-US"}, element("link:schemaRef", reference)),
            element("ix:resources", None, *resources),
        )

    def _context_element(self, period: Period, dims: Dimensions, name: str) -> Element:
        identifier = element("xbrli:identifier", {"scheme": "http://www.sec.gov/CIK"}, self._identifier)
        entity = element("xbrli:entity", None, identifier)
        if dims:
            entity.append(element("xbrli:segment", None, *(_dimension_element(axis, member) for axis, member in dims)))
        if period.start is None:
            days = [element("xbrli:instant", None, period.end.isoformat())]
        else:
            days = [
                element("xbrli:startDate", None, period.start.isoformat()),
                element("xbrli:endDate", None, period.end.isoformat()),
            ]
        return element("xbrli:context", {"id": name}, entity, element("xbrli:period", None, *days))


def _dimension_element(axis: str, member: str) -> Element:
    if ":" in member:
        return element("xbrldi:explicitMember", {"dimension": axis}, member)
    return element("xbrldi:typedMember", {"dimension": axis}, element(f"{axis}.domain", None, member))


def _unit_element(measure: str, name: str) -> Element:
    if "/" not in measure:
        return element("xbrli:unit", {"id": name}, element("xbrli:measure", None, measure))
    above, below = (element("xbrli:measure", None, part) for part in measure.split("/"))
    numerator, denominator = element("xbrli:unitNumerator", None, above), element("xbrli:unitDenominator", None, below)
    return element("xbrli:unit", {"id": name}, element("xbrli:divide", None, numerator, denominator))
