"""What inline XBRL and XBRL instances share: contexts, units, names and the rules for numbers.

Source: XBRL 2.1 (contexts 4.7, units 4.8, decimals and precision 4.6), XBRL Dimensions 1.0.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lxml import etree

from trivium.finance.records import Concept, Dimension, Period, Problem, Unit, intern_concept
from trivium.service.phrase import Phrase, joined, text_of

__all__ = ["FOREVER", "Contexts", "XbrlContext", "decimals_of", "exact_decimal", "qname_to_concept", "read_resources"]

XBRLI = "{http://www.xbrl.org/2003/instance}"
XBRLDI = "{http://xbrl.org/2006/xbrldi}"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ENTITY, _IDENTIFIER, _PERIOD = f"{XBRLI}entity", f"{XBRLI}identifier", f"{XBRLI}period"
_SEGMENT, _SCENARIO, _EXPLICIT = f"{XBRLI}segment", f"{XBRLI}scenario", f"{XBRLDI}explicitMember"
_INSTANT, _START, _END = f"{XBRLI}instant", f"{XBRLI}startDate", f"{XBRLI}endDate"
FOREVER = Period(end=date.max, start=date.min)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9:.]+)?(Z|[+-][0-9]{2}:[0-9]{2})?")
_YEARS = range(1800, 2201)
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class XbrlContext:
    """Entity, period and dimensions of the facts that name this context."""

    identifier: str
    period: Period
    dimensions: tuple[Dimension, ...]


@dataclass(slots=True)
class Contexts:
    """Contexts and units of one document set, by id; `broken` names those that could not be read and why."""

    contexts: dict[str, XbrlContext] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, elements: Iterable[etree._Element], nsmap: Mapping[str | None, str] | None = None) -> None:
        """Read context and unit elements; a broken one becomes a problem, and so do the facts that use it.

        Args:
            nsmap: the prefixes in scope at all of them; looked up element by element when not given.
        """
        for element in elements:
            element_id = element.get("id", "")
            is_context = element.tag == f"{XBRLI}context"
            try:
                if is_context:
                    self._keep(self.contexts, element_id, _read_context(element, nsmap), "context")
                else:
                    self._keep(self.units, element_id, _read_unit(element), "unit")
            except ValueError as error:
                what = self.broken[element_id] = text_of(error)
                where = Phrase("{kind} {where}", kind="context" if is_context else "unit", where=element_id)
                self.problems.append(Problem(where, what))

    def _keep(self, kept: dict[str, Any], element_id: str, new: object, kind: str) -> None:
        if not element_id:
            raise ValueError(Phrase("a {kind} has no id", kind=kind))
        if kept.get(element_id, new) != new:
            kept.pop(element_id)
            raise ValueError(
                Phrase("{kind} id '{id}' is given twice with different contents", kind=kind, id=element_id)
            )
        if element_id not in self.broken:
            kept[element_id] = new


def read_resources(elements: Iterable[etree._Element]) -> Contexts:
    """Read all context and unit elements of a document set."""
    contexts = Contexts()
    contexts.add(elements)
    return contexts


def qname_to_concept(text: str, nsmap: Mapping[str | None, str]) -> Concept:
    """Resolve `prefix:name` against the namespaces in scope.

    Raises:
        ValueError: if it is no name, or its prefix is not declared.
    """
    prefix, colon, name = text.strip().partition(":")
    if not colon:
        prefix, name = "", prefix
    if not name or ":" in name:
        raise ValueError(Phrase("'{text}' is not a name", text=text))
    namespace = nsmap.get(prefix or None)
    if namespace is None and prefix:
        raise ValueError(Phrase("the prefix of '{text}' is not declared", text=text))
    return intern_concept(namespace or "", name, prefix)


def exact_decimal(text: str, scale: int = 0, *, is_negative: bool = False) -> Decimal:
    """Return `text` x 10^scale with its sign, exactly: no rounding whatever the number of digits.

    Raises:
        ValueError: if the text is not a finite decimal number, or scale is beyond +-100.
    """
    if not -100 <= scale <= 100:
        raise ValueError(Phrase("scale {scale} is out of range", scale=scale))
    if scale >= 0 and text.isascii() and text.isdigit():
        whole = int(text) * 10**scale
        return Decimal(-whole if is_negative else whole)
    # Decimal() alone would take underscores, full-width digits and NaN.
    if not _DECIMAL.fullmatch(text):
        raise ValueError(Phrase("'{text}' is not a decimal number", text=text))
    sign, digits, exponent = Decimal(text).as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > 1000:
        raise ValueError(Phrase("'{text}' is not a finite number", text=text))
    exponent += scale
    if exponent > 0:
        digits, exponent = digits + (0,) * exponent, 0
    negative = bool(sign) != is_negative
    return Decimal((int(negative and any(digits)), digits, exponent))


def decimals_of(value: Decimal | None, decimals: str | None, precision: str | None) -> tuple[int | None, bool]:
    """Return (decimals, is_exact) from either attribute; `precision` is turned into decimals (XBRL 2.1, 4.6.6).

    Raises:
        ValueError: if an attribute is neither an integer nor INF.
    """
    stated = decimals if decimals is not None else precision
    if stated is None:
        return None, False
    if stated == "INF":
        return None, True
    if not _INTEGER.fullmatch(stated):
        name = "precision" if decimals is None else "decimals"
        raise ValueError(Phrase("its {name} '{text}' is neither a whole number nor INF", name=name, text=stated))
    if decimals is not None:
        return int(decimals), False
    return (int(stated) - value.adjusted() - 1 if value else None), False


def _read_context(element: etree._Element, nsmap: Mapping[str | None, str] | None) -> XbrlContext:
    parts: dict[object, list[etree._Element]] = {_ENTITY: [], _PERIOD: []}
    for child in element:
        parts.get(child.tag, []).append(child)
    # Both are mandatory: where the entity is lost, so are the dimensions inside it.
    entity = {child.tag: child for one in parts[_ENTITY] for child in one}
    identifier = (entity[_IDENTIFIER].text or "").strip() if _IDENTIFIER in entity else ""
    if len(parts[_ENTITY]) != 1 or not identifier:
        raise ValueError("it does not name one entity")
    if len(parts[_PERIOD]) != 1:
        raise ValueError("it does not have one period")
    period = parts[_PERIOD][0]
    dimensions = [
        _read_dimension(member, member.nsmap if nsmap is None else nsmap)
        for container in element.iter(_SEGMENT, _SCENARIO)
        for member in container.iterchildren(etree.Element)
    ]
    if len(dimensions) > 1:
        dimensions.sort(key=lambda dimension: dimension.text)
    axes = [dimension.axis for dimension in dimensions]
    if len(set(axes)) < len(axes):
        raise ValueError(
            Phrase(
                "it names an axis twice ({dimensions})",
                dimensions=joined((dimension.text for dimension in dimensions), ", "),
            )
        )
    return XbrlContext(identifier, _read_period(period), tuple(dimensions))


def _read_period(period: etree._Element) -> Period:
    stated = [(child.tag, (child.text or "").strip()) for child in period.iterchildren(etree.Element)]
    texts = dict(stated)
    if texts.keys() == {_INSTANT} and len(stated) == 1:
        return Period(end=_read_date(texts[_INSTANT], is_end=True))
    if texts.keys() == {f"{XBRLI}forever"}:
        return FOREVER
    if texts.keys() != {_START, _END} or len(stated) != 2:
        raise ValueError("its period is neither one instant nor a start and an end")
    start, end = texts[_START], texts[_END]
    span = Period(start=_read_date(start, is_end=False), end=_read_date(end, is_end=True))
    if span.days < 1:
        raise ValueError(Phrase("its period ends before it starts ({period})", period=span.key))
    return span


@functools.lru_cache(maxsize=4096)
def _read_date(text: str, *, is_end: bool) -> date:
    """Read an XBRL date; a time of midnight at an end means the day before (XBRL 2.1, 4.7.2)."""
    match = _DATE.fullmatch(text)
    try:
        day = date.fromisoformat(match[1]) if match else None
        moment = datetime.fromisoformat(text) if match and match[2] else None
    except ValueError:
        day = moment = None
    if day is None or day.year not in _YEARS:
        raise ValueError(
            Phrase("'{text}' is not a date between {first} and {last}", text=text, first=_YEARS[0], last=_YEARS[-1])
        )
    if is_end and moment is not None and (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return day - timedelta(days=1)
    return day


def _read_dimension(element: etree._Element, nsmap: Mapping[str | None, str]) -> Dimension:
    if element.tag == _EXPLICIT:
        axis = qname_to_concept(element.get("dimension", ""), nsmap)
        return Dimension(axis, member=qname_to_concept(element.text or "", nsmap))
    if element.tag == f"{XBRLDI}typedMember":
        return Dimension(qname_to_concept(element.get("dimension", ""), nsmap), typed=_text_of(element))
    # A segment without XBRL Dimensions, as before 2009: the element itself says what it is.
    name = etree.QName(element)
    return Dimension(
        intern_concept(name.namespace or "", name.localname, element.prefix or ""), typed=_text_of(element)
    )


def _text_of(element: etree._Element) -> str:
    return "".join(element.itertext()).strip()


def _read_unit(element: etree._Element) -> Unit:
    divide = element.find(f"{XBRLI}divide")
    if divide is None:
        unit = Unit(_measures(element))
    elif len(element) > 1:
        raise ValueError("it has more than its divide")
    else:
        above, below = divide.find(f"{XBRLI}unitNumerator"), divide.find(f"{XBRLI}unitDenominator")
        if above is None or below is None:
            raise ValueError("its divide lacks a numerator or a denominator")
        unit = Unit(_measures(above), _measures(below))
    if not unit.numerators:
        raise ValueError("it has no measure")
    return unit


def _measures(element: etree._Element) -> tuple[Concept, ...]:
    return tuple(
        sorted(
            (
                qname_to_concept(measure.text or "", measure.nsmap)
                for measure in element.iterchildren(f"{XBRLI}measure")
            ),
            key=lambda measure: measure.name,
        )
    )
