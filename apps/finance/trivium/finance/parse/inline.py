"""Read inline XBRL: the facts printed in one or several XHTML documents, each with its anchor and its table row.

Source: Inline XBRL 1.1 (XBRL International, 2013), with 1.0's namespace accepted. Values are exact; a fact whose
content does not fit its own declarations becomes a `Problem` and is left out, never guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from lxml import etree

from trivium.finance.parse.companions import Companion, read_companions
from trivium.finance.parse.cover import cover
from trivium.finance.parse.headings import name_columns
from trivium.finance.parse.layout import TABLE, TableLayout, folded
from trivium.finance.parse.markup import Document, load, to_utf8
from trivium.finance.parse.transformations import transform
from trivium.finance.parse.xbrl import (
    XBRLI,
    XSI_NIL,
    Contexts,
    decimals_of,
    exact_decimal,
    qname_to_concept,
)
from trivium.finance.records import Concept, Fact, Filing, Linkbase, Place, Problem, Source, Unit
from trivium.service.errors import InputError
from trivium.service.evidence import FactAnchor
from trivium.service.phrase import Phrase, text_of

__all__ = ["looks_like_inline", "read_inline", "resolve_anchor"]

IX_NAMESPACES = ("http://www.xbrl.org/2013/inlineXBRL", "http://www.xbrl.org/2008/inlineXBRL")
_FACT_TAGS = ("nonFraction", "nonNumeric", "fraction")
_TEXT_TAGS = ("continuation", "footnote", "relationship", "tuple")
_INLINE_TAGS = {f"{{{namespace}}}{tag}": tag for namespace in IX_NAMESPACES for tag in (*_FACT_TAGS, *_TEXT_TAGS)}
_RESOURCE_TAGS = (f"{XBRLI}context", f"{XBRLI}unit")
_PLAIN_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_EXCLUDES = tuple(f"{{{namespace}}}exclude" for namespace in IX_NAMESPACES)
_STRING_VALUE = etree.XPath("string()")
_START_OF_FACT = re.compile(rb"<(?:\w+:)?(?:nonFraction|fraction)[\s>]")


def looks_like_inline(data: bytes) -> bool:
    """Whether the bytes, in UTF-8, name an inline XBRL namespace."""
    return any(namespace.encode() in data for namespace in IX_NAMESPACES)


def read_inline(name: str, documents: Sequence[tuple[str, bytes]], companion: Companion | None = None) -> Filing:
    """Read a document set that shares one target instance.

    Args:
        name: the source's name, for messages and records.
        documents: (file name, bytes after decompression) of each XHTML document, in order.
        companion: returns a schema or linkbase that lies beside them by name, None where there is none.

    Raises:
        InputError: if a document cannot be parsed, or no fact can be read at all.
    """
    parts = [_Part("" if len(documents) == 1 else part, data) for part, data in documents]
    reading = _Reading(Contexts())
    for part in parts:
        reading.contexts.add(part.resources, part.common_scope)
        reading.collect_texts(part)
    for part in parts:
        reading.read_facts(part)
    reading.attach_footnotes(parts)
    problems = [problem for part in parts for problem in part.document.problems]
    problems += reading.contexts.problems + reading.problems + [note for part in parts for note in part.unread()]
    if not reading.facts:
        reason = problems[0].what if problems else "it has no inline XBRL facts"
        raise InputError(
            Phrase("no fact could be read: {reason}", reason=reason),
            where=name,
            hint="give a 10-K or 10-Q as filed since 2019",
        )
    page = cover(reading.facts)
    linkbase, notes = Linkbase(), list[Problem]()
    if companion:
        linkbase, notes = read_companions(parts[0].document.root, companion, is_optional=True)
    return Filing(
        source=Source(
            name,
            hashlib.sha256(b"".join(data for _, data in documents)).hexdigest(),
            sum(len(data) for _, data in documents),
            "inline-xbrl",
        ),
        entity=page.entity,
        form=page.form,
        period_end=page.period_end,
        fiscal_year=page.fiscal_year,
        fiscal_period=page.fiscal_period,
        is_amendment=page.is_amendment,
        facts=tuple(reading.facts),
        linkbase=linkbase,
        problems=(*problems, *page.problems, *notes),
    )


def resolve_anchor(documents: Sequence[tuple[str, bytes]], anchor: FactAnchor) -> Decimal | str | None:
    """Read one fact again from its source: the number, or the text of a non-numeric fact.

    Raises:
        LookupError: if the source holds no such fact.
    """
    for fact in read_inline("source", documents).facts:
        if fact.place.locator == anchor:
            return fact.value if fact.is_numeric else fact.text
    raise LookupError(f"no fact {anchor.fact_id!r} in {anchor.document or 'the document'}")


class _Part:
    """One document of the set with its inline elements, each with its local name, in document order."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data = to_utf8(data, name)
        self.document: Document = load(data, name)
        root = self.document.root
        self.elements: list[tuple[str, etree._Element]] = []
        self.resources: list[etree._Element] = []
        tables: list[etree._Element] = []
        # One walk for everything: a filing has a hundred thousand elements.
        for element in root.iter(*_INLINE_TAGS, *_RESOURCE_TAGS, TABLE):
            tag = element.tag
            if tag == TABLE:
                tables.append(element)
            elif not self.document.is_trusted(element):
                continue
            elif tag in _INLINE_TAGS:
                self.elements.append((_INLINE_TAGS[tag], element))
            else:
                self.resources.append(element)
        self.layout = TableLayout(tables)
        self.nsmap: dict[str | None, str] = dict(root.nsmap)
        # Prefixes are nearly always declared on the root only; then no element needs a look-up of its own.
        self.common_scope = self.nsmap if data.count(b"xmlns") == len(self.nsmap) else None
        self._concepts: dict[str, Concept] = {}

    def concept(self, element: etree._Element, name: str) -> Concept:
        """Return the concept that a prefixed name means at an element.

        Raises:
            ValueError: if it is no name, or its prefix is not declared.
        """
        if self.common_scope is None:
            return qname_to_concept(name, element.nsmap)
        known = self._concepts.get(name)
        if known is None:
            known = self._concepts[name] = qname_to_concept(name, self.common_scope)
        return known

    def unread(self) -> Iterator[Problem]:
        """Say how many numeric facts stand in the part of a broken document that was not read."""
        if not self.document.is_whole:
            read = sum(1 for kind, _ in self.elements if kind in ("nonFraction", "fraction"))
            missed = len(_START_OF_FACT.findall(self.data)) - read
            yield Problem(
                self.name or "document",
                Phrase("{count} numeric facts stand after the damage and were not read", count=missed),
            )


@dataclass(slots=True)
class _Reading:
    """Facts and problems as they accumulate over the documents of a set."""

    contexts: Contexts
    facts: list[Fact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    continuations: dict[str, etree._Element] = field(default_factory=dict)
    footnotes: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _ids: set[tuple[str, str]] = field(default_factory=set)
    _continued: set[etree._Element] = field(default_factory=set)

    def collect_texts(self, part: _Part) -> None:
        """Index continuations first: a fact's text may go on in another document of the set."""
        for kind, element in part.elements:
            if kind == "continuation" and element.get("id"):
                self.continuations.setdefault(element.get("id"), element)

    def read_facts(self, part: _Part) -> None:
        """Read every fact of a document, in order."""
        rows: dict[tuple[int | None, int | None], list[tuple[Fact, etree._Element]]] = defaultdict(list)
        for kind, element in part.elements:
            try:
                if kind == "tuple":
                    raise ValueError(
                        Phrase("tuple {name} was not read: tuples are not supported", name=element.get("name"))
                    )
                if kind == "footnote":
                    self.footnotes[element.get("id", "")] = folded(self._text(element))
                elif kind in _FACT_TAGS:
                    self._counts[part.name] += 1
                    fact = self._read_fact(part, element, kind, f"#{self._counts[part.name]}")
                    self.facts.append(fact)
                    if fact.dimensions and fact.place.row is not None and kind == "nonFraction":
                        rows[fact.place.table, fact.place.row].append((fact, element))
            except ValueError as error:
                self._complain(element, text_of(error))
        name_columns(rows.values())

    def attach_footnotes(self, parts: Sequence[_Part]) -> None:
        """Give each fact the texts of its footnotes, by relationship (1.1) or by the fact's own reference (1.0)."""
        links: dict[str, list[str]] = {}
        for part in parts:
            has_own = b"footnoteRefs" in part.data
            for kind, element in part.elements:
                if kind == "relationship":
                    for source in element.get("fromRefs", "").split():
                        links.setdefault(source, []).extend(element.get("toRefs", "").split())
                elif has_own and element.get("footnoteRefs") and element.get("id"):
                    links.setdefault(element.get("id"), []).extend(element.get("footnoteRefs").split())
        for fact in self.facts if links else ():
            targets = dict.fromkeys(links.get(fact.fact_id, ()))
            fact.footnotes = tuple(self.footnotes[target] for target in targets if target in self.footnotes)

    def _complain(self, element: etree._Element, what: str) -> None:
        where = element.get("id") or element.get("name") or _local(element)
        kind = "footnote" if _local(element) == "footnote" else "fact"
        self.problems.append(Problem(Phrase("{kind} {where}", kind=kind, where=where), what))

    def _read_fact(self, part: _Part, element: etree._Element, kind: str, number: str) -> Fact:
        if element.get("target"):
            raise ValueError(
                Phrase(
                    "it belongs to the other target document '{target}' and was left out", target=element.get("target")
                )
            )
        name, context_id = element.get("name"), element.get("contextRef")
        if not name or not context_id:
            raise ValueError("it lacks a name or a contextRef")
        context = self.contexts.contexts.get(context_id)
        if context is None:
            raise ValueError(
                Phrase(
                    "its context '{context}' {problem}",
                    context=context_id,
                    problem=self.contexts.broken.get(context_id, "is not there"),
                )
            )
        fact_id = self._unique_id(part, element, number)
        spot = part.layout.spot(element)
        locator = FactAnchor(part.name, fact_id)
        fact = Fact(
            fact_id=fact_id,
            concept=part.concept(element, name),
            period=context.period,
            unit=None,
            value=None,
            place=Place(locator, *spot) if spot else Place(locator),
            dimensions=context.dimensions,
        )
        if kind == "nonNumeric":
            return self._with_text(fact, element, part)
        fact.unit = self._unit(element)
        if element.get(XSI_NIL) in ("true", "1"):
            return fact
        if kind == "fraction":
            return self._with_quotient(fact, element, part)
        return self._with_number(fact, element, part)

    def _unique_id(self, part: _Part, element: etree._Element, number: str) -> str:
        """Return the element's id, or the fact's number where it has none or another fact took it already."""
        fact_id = element.get("id") or number
        if (part.name, fact_id) in self._ids:
            fact_id = number
        self._ids.add((part.name, fact_id))
        return fact_id

    def _unit(self, element: etree._Element) -> Unit:
        unit_id = element.get("unitRef")
        unit = self.contexts.units.get(unit_id or "")
        if unit is None:
            raise ValueError(
                Phrase(
                    "its unit '{unit}' {problem}",
                    unit=unit_id,
                    problem=self.contexts.broken.get(unit_id or "", "is not there"),
                )
            )
        return unit

    def _with_number(self, fact: Fact, element: etree._Element, part: _Part) -> Fact:
        fact.printed = folded(self._own_text(element))
        fact.value = _number(element, fact.printed, part)
        fact.decimals, fact.is_exact = decimals_of(fact.value, element.get("decimals"), element.get("precision"))
        return fact

    def _with_quotient(self, fact: Fact, element: etree._Element, part: _Part) -> Fact:
        parts: dict[str, tuple[str, Decimal]] = {}
        for child in element.iter(etree.Element):
            if child is not element and _local(child) in ("numerator", "denominator"):
                printed = folded(self._own_text(child))
                parts[_local(child)] = printed, _number(child, printed, part)
        if parts.keys() != {"numerator", "denominator"} or not parts["denominator"][1]:
            raise ValueError("a fraction needs a numerator and a denominator other than 0")
        (above, numerator), (below, denominator) = parts["numerator"], parts["denominator"]
        fact.printed, fact.value = f"{above}/{below}", numerator / denominator
        return fact

    def _with_text(self, fact: Fact, element: etree._Element, part: _Part) -> Fact:
        if element.get(XSI_NIL) in ("true", "1"):
            return fact
        text = self._text(element)
        form = element.get("format")
        fact.printed = fact.text = folded(text)
        if form:
            concept = part.concept(element, form)
            fact.text = transform(concept.namespace, concept.name, text)
        return fact

    def _text(self, element: etree._Element) -> str:
        """Return an element's text with all its continuations, without excluded content."""
        pieces = [self._own_text(element)]
        while (target := element.get("continuedAt")) is not None:
            following = self.continuations.get(target)
            if following is None:
                raise ValueError(Phrase("its continuation '{target}' is not there", target=target))
            if following in self._continued:
                raise ValueError(Phrase("its continuation '{target}' goes in a circle or is used twice", target=target))
            self._continued.add(following)
            element = following
            pieces.append(self._own_text(element))
        return "".join(pieces)

    def _own_text(self, element: etree._Element) -> str:
        if len(element) == 0:
            return element.text or ""
        if next(element.iter(*_EXCLUDES), None) is None:
            return str(_STRING_VALUE(element))
        return "".join(_included(element))


def _number(element: etree._Element, printed: str, part: _Part) -> Decimal:
    form, sign, scale = element.get("format"), element.get("sign"), element.get("scale", "0")
    if sign not in (None, "-"):
        raise ValueError(Phrase("its sign is '{sign}'; only '-' is allowed", sign=sign))
    text = printed
    if form:
        concept = part.concept(element, form)
        text = transform(concept.namespace, concept.name, printed)
    elif not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(
            Phrase("'{text}' is not a plain number without sign, and no format says how to read it", text=printed)
        )
    try:
        power = int(scale)
    except ValueError:
        raise ValueError(Phrase("its scale '{scale}' is not a whole number", scale=scale)) from None
    return exact_decimal(text, power, is_negative=sign == "-")


def _included(element: etree._Element) -> Iterator[str]:
    """Yield the text under an element in order, leaving out what `exclude` encloses and comments."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _EXCLUDES:
            yield from _included(child)
        if child.tail:
            yield child.tail


def _local(element: etree._Element) -> str:
    tag: str = element.tag
    return tag.rpartition("}")[2]
