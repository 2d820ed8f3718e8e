"""Read an XBRL 2.1 instance: facts in XML without print, as filed before inline XBRL and as SEC extracts from it.

Source: XBRL 2.1 (items 4.6, contexts 4.7, units 4.8, tuples 4.9, footnotes 4.11). A fact whose content does not fit its
own declarations becomes a `Problem` and is left out. The schema and linkbases beside it are read by `companions`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from lxml import etree

from trivium.finance.parse.companions import Companion, read_companions
from trivium.finance.parse.cover import cover, format_identifier
from trivium.finance.parse.markup import Document, gunzip, load
from trivium.finance.parse.taxonomy import LINK, XLINK
from trivium.finance.parse.xbrl import XBRLI, XSI_NIL, Contexts, XbrlContext, decimals_of, exact_decimal, read_resources
from trivium.finance.records import Concept, Fact, Filing, Linkbase, Place, Problem, Source, Unit, intern_concept
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import FactAnchor
from trivium.service.phrase import Phrase, text_of

__all__ = ["looks_like_instance", "read_instance", "resolve_fact"]

_ROOT = re.compile(rb"<(?:[\w.-]+:)?xbrl[\s>]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_PRECISION = re.compile(r"INF|[+-]?[0-9]{1,4}")
_FACT_FOOTNOTE = "http://www.xbrl.org/2003/arcrole/fact-footnote"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def looks_like_instance(data: bytes) -> bool:
    """Whether the bytes begin with the root element of an XBRL instance."""
    return _ROOT.search(data[:20_000]) is not None and b"http://www.xbrl.org/2003/instance" in data[:40_000]


def read_instance(name: str, data: bytes, companion: Companion) -> Filing:
    """Read an instance with its schema and linkbases.

    Args:
        name: the source's name, for messages and records.
        data: the instance, plain or gzip.
        companion: returns the bytes of a file beside the instance by its name, or None when there is none.

    Raises:
        InputError: if it cannot be parsed, is no instance, or no fact of it can be read.
    """
    data = gunzip(data, name)
    reading = _read(name, data)
    if not reading.facts:
        reason = reading.problems[0].what if reading.problems else "it has no facts"
        raise InputError(
            Phrase("no fact could be read: {reason}", reason=reason),
            where=name,
            hint="give the instance as filed with the SEC",
        )
    linkbase, problems = read_companions(reading.root, companion)
    labels = _row_labels(linkbase)
    for fact in reading.facts:
        label = labels.get(fact.concept, "")
        if label:
            fact.place = Place(fact.place.locator, row_label=label)
    page = cover(reading.facts, reading.identifier)
    return Filing(
        source=Source(name, hashlib.sha256(data).hexdigest(), len(data), "xbrl-instance"),
        entity=page.entity,
        form=page.form,
        period_end=page.period_end,
        fiscal_year=page.fiscal_year,
        fiscal_period=page.fiscal_period,
        is_amendment=page.is_amendment,
        facts=tuple(reading.facts),
        linkbase=linkbase,
        problems=(*reading.problems, *problems, *page.problems),
    )


def resolve_fact(data: bytes, anchor: FactAnchor) -> Decimal | str | None:
    """Read one fact again from its instance: the number, the text of a fact without unit, or None for a nil fact.

    Raises:
        NotFoundError: if the instance holds no such fact.
        InputError: if it cannot be parsed.
    """
    for fact in _read("source", gunzip(data, "source")).facts:
        if fact.place.locator == anchor:
            return fact.value if fact.is_numeric else fact.text
    raise NotFoundError(Phrase("the instance has no fact '{fact}'", fact=anchor.fact_id), hint="read the filing again")


@dataclass(slots=True)
class _Reading:
    """Facts and problems of one instance as they accumulate."""

    root: etree._Element
    contexts: Contexts
    identifier: str
    facts: list[Fact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    _ids: set[str] = field(default_factory=set)

    def read_item(self, element: etree._Element, number: str) -> None:
        """Read one child of the root that is neither a context, a unit nor a link."""
        where = Phrase("fact {fact}", fact=element.get("id") or number)
        if element.get("contextRef") is None:
            self.problems.append(Problem(where, _why_no_item(element)))
            return
        try:
            fact = self._fact(element, number)
        except ValueError as error:
            self.problems.append(
                Problem(
                    where, Phrase("{name} was not read: {reason}", name=_concept(element).qname, reason=text_of(error))
                )
            )
        else:
            if fact is not None:
                self.facts.append(fact)

    def _fact(self, element: etree._Element, number: str) -> Fact | None:
        context = self._context(element.get("contextRef"))
        if format_identifier(context.identifier) != self.identifier:
            self.foreign[context.identifier] += 1
            return None
        fact_id = self._fact_id(element, number)
        fact = Fact(
            fact_id=fact_id,
            concept=_concept(element),
            period=context.period,
            unit=self._unit(element.get("unitRef")),
            value=None,
            place=Place(FactAnchor("", fact_id)),
            dimensions=context.dimensions,
        )
        if element.get(XSI_NIL, "").strip() in ("true", "1"):
            return fact
        if fact.unit is None:
            fact.text = fact.printed = "".join(element.itertext()).strip()
            return fact
        fact.printed, fact.value = _number(element)
        fact.decimals, fact.is_exact = decimals_of(fact.value, *_accuracy(element))
        return fact

    def _context(self, context_id: str) -> XbrlContext:
        context = self.contexts.contexts.get(context_id)
        if context is None:
            raise ValueError(
                Phrase(
                    "its context '{context}' {problem}",
                    context=context_id,
                    problem=self.contexts.broken.get(context_id, "is not there"),
                )
            )
        return context

    def _unit(self, unit_id: str | None) -> Unit | None:
        if unit_id is None:
            return None
        unit = self.contexts.units.get(unit_id)
        if unit is None:
            raise ValueError(
                Phrase(
                    "its unit '{unit}' {problem}",
                    unit=unit_id,
                    problem=self.contexts.broken.get(unit_id, "is not there"),
                )
            )
        return unit

    def _fact_id(self, element: etree._Element, number: str) -> str:
        given: str = element.get("id") or ""
        if given in self._ids:
            what = Phrase("its id stands on an earlier fact too; this one is called {number}", number=number)
            self.problems.append(Problem(Phrase("fact {fact}", fact=given), what, is_recovery=True))
            return number
        if given:
            self._ids.add(given)
        return given or number


def _read(name: str, data: bytes) -> _Reading:
    document = load(data, name)
    root = document.root
    if root.tag != f"{XBRLI}xbrl":
        raise InputError(
            Phrase("the root element is <{name}>, not <xbrl>", name=etree.QName(root).localname),
            where=name,
            hint="give the XBRL instance (a file such as aapl-20240928_htm.xml) or the filing's .htm",
        )
    resources = [e for e in root.iterchildren(f"{XBRLI}context", f"{XBRLI}unit") if document.is_trusted(e)]
    contexts = read_resources(resources)
    reading = _Reading(root, contexts, _main_identifier(root, contexts))
    reading.problems += [*document.problems, *contexts.problems]
    for number, element in enumerate(_items(document), start=1):
        reading.read_item(element, f"#{number}")
    for identifier, count in reading.foreign.items():
        what = Phrase("{count} facts belong to this other entity and were left out", count=count)
        reading.problems.append(Problem(Phrase("entity {name}", name=identifier), what))
    _attach_footnotes(root, reading)
    return reading


def _items(document: Document) -> Iterable[etree._Element]:
    for element in document.root.iterchildren(etree.Element):
        if not element.tag.startswith((XBRLI, LINK)) and document.is_trusted(element):
            yield element


def _main_identifier(root: etree._Element, contexts: Contexts) -> str:
    """Return the entity of the cover page, else the one that most contexts name."""
    for element in root.iterchildren("{*}EntityCentralIndexKey"):
        context = contexts.contexts.get(element.get("contextRef", ""))
        if context is not None and not context.dimensions:
            return format_identifier(context.identifier)
    counts = Counter(format_identifier(context.identifier) for context in contexts.contexts.values())
    return counts.most_common(1)[0][0] if counts else ""


def _concept(element: etree._Element) -> Concept:
    name = etree.QName(element)
    return intern_concept(name.namespace or "", name.localname, element.prefix or "")


def _why_no_item(element: etree._Element) -> str:
    inside = sum(1 for child in element.iter(etree.Element) if child.get("contextRef") is not None)
    if inside:
        return Phrase(
            "tuple {name} with {inside} facts was not read: tuples are not supported",
            name=_concept(element).qname,
            inside=inside,
        )
    return Phrase("{name} was not read: it has no contextRef", name=_concept(element).qname)


def _number(element: etree._Element) -> tuple[str, Decimal]:
    """Return the text of a numeric item and its value; a fraction is divided to 28 digits."""
    parts = {
        etree.QName(child).localname: child.text or ""
        for child in element.iterchildren(f"{XBRLI}numerator", f"{XBRLI}denominator")
    }
    if parts:
        above, below = parts.get("numerator", "").strip(), parts.get("denominator", "").strip()
        divisor = _decimal(below)
        if not divisor:
            raise ValueError("its denominator is 0")
        return f"{above}/{below}", _decimal(above) / divisor
    if len(element):
        raise ValueError("it has a unit, but elements inside")
    text = (element.text or "").strip()
    return text, _decimal(text)


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(Phrase("'{text}' is not a decimal number", text=text[:60]))
    return exact_decimal(text)


def _accuracy(element: etree._Element) -> tuple[str | None, str | None]:
    decimals, precision = element.get("decimals"), element.get("precision")
    for kind, text in (("decimals", decimals), ("precision", precision)):
        if text is not None and not _PRECISION.fullmatch(text):
            raise ValueError(Phrase("its {kind} '{text}' is neither a whole number nor INF", kind=kind, text=text))
    return decimals, precision


def _attach_footnotes(root: etree._Element, reading: _Reading) -> None:
    by_id = {fact.fact_id: fact for fact in reading.facts}
    for link in root.iterchildren(f"{LINK}footnoteLink"):
        facts: dict[str, dict[str, None]] = {}
        for locator in link.iterchildren(f"{LINK}loc"):
            fact_id = locator.get(f"{XLINK}href", "").rpartition("#")[2]
            facts.setdefault(locator.get(f"{XLINK}label", ""), {})[fact_id] = None
        notes = _footnotes(link)
        for arc in link.iterchildren(f"{LINK}footnoteArc"):
            if arc.get(f"{XLINK}arcrole") != _FACT_FOOTNOTE:
                continue
            text = notes.get(arc.get(f"{XLINK}to", ""))
            for fact_id in facts.get(arc.get(f"{XLINK}from", ""), ()):
                fact = by_id.get(fact_id)
                if text is None or fact is None:
                    what = "a footnote link leads nowhere and was left out"
                    reading.problems.append(Problem(Phrase("fact {fact}", fact=fact_id), what))
                elif text not in fact.footnotes:
                    fact.footnotes = (*fact.footnotes, text)


def _footnotes(link: etree._Element) -> dict[str, str]:
    """Return the text of each footnote label, the English one where there are several."""
    notes: dict[str, str] = {}
    for footnote in link.iterchildren(f"{LINK}footnote"):
        label = footnote.get(f"{XLINK}label", "")
        if label not in notes or footnote.get(_XML_LANG, "en").startswith("en"):
            notes[label] = " ".join("".join(footnote.itertext()).split())
    return notes


def _row_labels(linkbase: Linkbase) -> dict[Concept, str]:
    """Return the label under which each concept is printed first.

    A concept that one statement prints under several labels (beginning and ending balance) takes its standard label.
    """
    printed: dict[Concept, str] = {}
    for rows in linkbase.statements.values():
        here: dict[Concept, set[str]] = {}
        for row in rows:
            here.setdefault(row.concept, set()).add(row.label)
        for concept, labels in here.items():
            label = labels.pop() if len(labels) == 1 else linkbase.labels.get(concept, "")
            printed.setdefault(concept, label)
    return {**linkbase.labels, **{concept: label for concept, label in printed.items() if label}}
