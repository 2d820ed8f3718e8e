"""Read SEC's companyfacts JSON: all undimensioned facts of a company, filing by filing.

Source: data.sec.gov/api/xbrl/companyfacts. It names taxonomies without their year, so concepts get the year-less
namespace. `fy` and `fp` are labels of the filing, never of the fact; `frame` is ignored. Facts keep what they lack:
no decimals, no dimensions.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from trivium.finance.parse.cover import FISCAL_PERIODS, format_identifier, main_period
from trivium.finance.parse.markup import gunzip
from trivium.finance.parse.xbrl import exact_decimal
from trivium.finance.records import (
    Concept,
    Entity,
    Fact,
    Filing,
    Linkbase,
    Period,
    Place,
    Problem,
    Source,
    Unit,
    intern_concept,
)
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import JsonPointer
from trivium.service.phrase import Phrase, text_of

__all__ = ["MAX_BYTES", "looks_like_companyfacts", "read_companyfacts", "resolve_pointer"]

MAX_BYTES = 48 * 1024 * 1024
"""Largest document; those of the largest filers are about 10 MB."""

_MAX_PROBLEMS = 200
_NAMESPACES = {
    "us-gaap": "http://fasb.org/us-gaap",
    "srt": "http://fasb.org/srt",
    "ifrs-full": "http://xbrl.ifrs.org/taxonomy/ifrs-full",
}
_ACCESSION = re.compile(r"\d{10}-\d\d-\d{6}")
_ISO4217 = "http://www.xbrl.org/2003/iso4217"
_XBRLI = "http://www.xbrl.org/2003/instance"
_CURRENCIES = (  # ISO 4217, with codes withdrawn since 2009
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BYR BZD CAD CDF "
    "CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD "
    "HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
    "LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK "
    "PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VEF VES VND VUV WST XAF XCD XDR XOF XPF YER ZAR ZMK ZMW ZWL"
)


def looks_like_companyfacts(data: bytes) -> bool:
    """Whether the bytes begin as SEC's companyfacts do."""
    return data[:1] == b"{" and b'"facts"' in data[:400] and b'"entityName"' in data[:400]


def read_companyfacts(name: str, data: bytes) -> tuple[Filing, ...]:
    """Read a company's facts as one `Filing` per accession number, in the order they were filed.

    Args:
        name: the source's name, for messages and records.
        data: the JSON document, plain or gzip.

    Returns:
        Filings whose facts stand in document order. A malformed entry is a problem of its filing, with its pointer;
        one that names no filing is a problem of all.

    Raises:
        InputError: if it is too large, not JSON, or holds no fact that can be read.
    """
    data = gunzip(data, name, limit=MAX_BYTES)
    document = _parse(data, name)
    reading = _Reading()
    facts = document.get("facts") if isinstance(document, dict) else None
    if not isinstance(facts, dict):
        raise InputError(
            "it has no 'facts' object", where=name, hint="give SEC's companyfacts JSON (CIK##########.json)"
        )
    reading.read(facts)
    if not reading.filings:
        reason = reading.problems[0].what if reading.problems else "it has none"
        raise InputError(
            Phrase("no fact could be read: {reason}", reason=reason),
            where=name,
            hint="fetch the file again from data.sec.gov",
        )
    entity = _entity(document, reading.problems)
    source = Source(name, hashlib.sha256(data).hexdigest(), len(data), "companyfacts")
    linkbase = Linkbase(labels=reading.labels)
    filings = [part.filing(source, entity, linkbase, tuple(reading.problems)) for part in reading.filings.values()]
    return tuple(sorted(filings, key=lambda filing: (filing.filed or date.min, filing.accession)))


def resolve_pointer(data: bytes, pointer: JsonPointer) -> Decimal:
    """Read one value again from its document.

    Raises:
        NotFoundError: if the pointer leads to no number.
        InputError: if the document is not JSON.
    """
    node: Any = _parse(gunzip(data, "source", limit=MAX_BYTES), "source")
    for token in pointer.pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and re.fullmatch(r"0|[1-9][0-9]{0,9}", key) and int(key) < len(node):
            node = node[int(key)]
        else:
            raise NotFoundError(
                Phrase("the document has nothing at {pointer}", pointer=pointer.pointer), hint="read the file again"
            )
    if not _is_number(node):
        raise NotFoundError(
            Phrase("the document has no number at {pointer}", pointer=pointer.pointer), hint="read the file again"
        )
    return exact_decimal(str(node))


@dataclass(slots=True)
class _Part:
    """What one accession number has gathered."""

    accession: str
    facts: list[Fact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    headers: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def filing(self, source: Source, entity: Entity, linkbase: Linkbase, shared: tuple[Problem, ...]) -> Filing:
        """Make the filing, its header as most of its entries give it."""
        (year, period, form, filed), _ = self.headers.most_common(1)[0]
        main = main_period(self.facts)
        form = form if isinstance(form, str) else ""
        problems = [*shared, *self.problems]
        if len(self.headers) > 1:
            what = Phrase(
                "its entries disagree on year, period, form or date; {year} {period} {form} of {filed} is taken",
                year=year,
                period=period,
                form=form,
                filed=filed,
            )
            problems.append(Problem(self.accession, what, is_recovery=True))
        return Filing(
            source=source,
            entity=entity,
            form=form,
            period_end=main.end if main else None,
            fiscal_year=year if type(year) is int and 1900 < year < 2200 else None,
            fiscal_period=period if isinstance(period, str) and period in FISCAL_PERIODS else "",
            facts=tuple(self.facts),
            filed=_day(filed) if isinstance(filed, str) else None,
            accession=self.accession,
            is_amendment=form.endswith("/A"),
            linkbase=linkbase,
            problems=tuple(problems),
        )


@dataclass(slots=True)
class _Reading:
    """Filings by accession number as they accumulate; problems that belong to none of them."""

    filings: dict[str, _Part] = field(default_factory=dict)
    labels: dict[Concept, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    num_problems: int = 0

    def read(self, taxonomies: Mapping[str, Any]) -> None:
        """Read every entry of every unit of every concept."""
        for pointer, concept, label, unit_name, entries in self._series(taxonomies):
            unit = _unit(unit_name)
            if not isinstance(entries, list):
                self._complain(None, pointer, "it is not a list of facts")
                continue
            for number, entry in enumerate(entries):
                self._read_entry(f"{pointer}/{number}", entry, concept, label, unit)
        for part in [part for part in self.filings.values() if not part.facts]:
            self.problems += self.filings.pop(part.accession).problems
        if self.num_problems > _MAX_PROBLEMS:
            what = Phrase("{count} more entries could not be read", count=self.num_problems - _MAX_PROBLEMS)
            self.problems.append(Problem("/facts", what))

    def _series(self, taxonomies: Mapping[str, Any]) -> Iterator[tuple[str, Concept, str, str, Any]]:
        for taxonomy, concepts in taxonomies.items():
            for name, body in self._items(f"/facts/{_escaped(taxonomy)}", concepts):
                pointer = f"/facts/{_escaped(taxonomy)}/{_escaped(name)}"
                concept = intern_concept(_namespace(taxonomy), name, taxonomy)
                label = body.get("label") if isinstance(body, dict) else None
                label = " ".join(label.split()) if isinstance(label, str) else ""
                if label:
                    self.labels[concept] = label
                units = body.get("units") if isinstance(body, dict) else None
                for unit, entries in self._items(f"{pointer}/units", units):
                    yield f"{pointer}/units/{_escaped(unit)}", concept, label, unit, entries

    def _items(self, pointer: str, node: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(node, dict):
            yield from node.items()
        else:
            self._complain(None, pointer, "it is not an object")

    def _read_entry(self, pointer: str, entry: Any, concept: Concept, label: str, unit: Unit) -> None:
        accession = entry.get("accn") if isinstance(entry, dict) else None
        part = self._part(accession)
        if part is None:
            self._complain(None, pointer, "it names no accession number")
            return
        pointer = f"{pointer}/val"
        try:
            fact = Fact(
                fact_id=pointer,
                concept=concept,
                period=_period(entry),
                unit=unit,
                value=_value(entry.get("val")),
                place=Place(JsonPointer(pointer), row_label=label),
                printed=str(entry["val"]),
            )
            part.headers[entry.get("fy"), entry.get("fp"), entry.get("form"), entry.get("filed")] += 1
        except ValueError as error:
            self._complain(part, pointer, text_of(error))
        except TypeError:
            self._complain(part, pointer, "its fy, fp, form or filed is a list or an object")
        else:
            part.facts.append(fact)

    def _part(self, accession: Any) -> _Part | None:
        if not isinstance(accession, str):
            return None
        part = self.filings.get(accession)
        if part is None and _ACCESSION.fullmatch(accession):
            part = self.filings[accession] = _Part(accession)
        return part

    def _complain(self, part: _Part | None, pointer: str, what: str) -> None:
        self.num_problems += 1
        if self.num_problems <= _MAX_PROBLEMS:
            (self.problems if part is None else part.problems).append(Problem(pointer, what))


def _parse(data: bytes, name: str) -> Any:
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twins)
    except RecursionError:
        reason = "it is nested too deeply"
    except json.JSONDecodeError as error:
        reason = Phrase(
            "it breaks off or goes wrong at line {line}, column {column}", line=error.lineno, column=error.colno
        )
    except ValueError as error:
        reason = text_of(error)
    raise InputError(
        Phrase("not usable JSON: {reason}", reason=reason), where=name, hint="fetch the file again from data.sec.gov"
    )


def _refuse_constant(text: str) -> None:
    raise ValueError(Phrase("{text} is not a JSON number", text=text))


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, unless a key stands in it twice: a pointer would then lead to two values."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(Phrase("the key '{key}' stands twice in one object", key=twice[:60]))
    return made


def _entity(document: Mapping[str, Any], problems: list[Problem]) -> Entity:
    name, cik = document.get("entityName"), document.get("cik")
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("/entityName", "it is missing; the company's name is unknown"))
        name = ""
    if type(cik) is not int and not isinstance(cik, str):
        problems.append(Problem("/cik", "it is missing; the company's number is unknown"))
        cik = ""
    return Entity(" ".join(name.split()), format_identifier(str(cik)))


def _period(entry: Mapping[str, Any]) -> Period:
    end, start = entry.get("end"), entry.get("start")
    if not isinstance(end, str) or not isinstance(start, str | None):
        raise ValueError("its end or start is not a date")
    return _span(start, end)


@functools.lru_cache(maxsize=8192)
def _span(start: str | None, end: str) -> Period:
    first, last = None if start is None else _day(start), _day(end)
    if last is None or (first is None and start is not None):
        raise ValueError(Phrase("its period {start}..{end} is not made of dates", start=start or "", end=end))
    if first is not None and last < first:
        raise ValueError(Phrase("its period ends before it starts ({start}..{end})", start=start, end=end))
    return Period(last, first)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _value(value: Any) -> Decimal:
    if not _is_number(value):
        raise ValueError(Phrase("its val '{text}' is not a number", text=str(value)[:60]))
    return Decimal(value) if isinstance(value, int) else exact_decimal(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _namespace(taxonomy: str) -> str:
    """Return the namespace without its year; companyfacts holds standard taxonomies only, most of them the SEC's."""
    return _NAMESPACES.get(taxonomy, f"http://xbrl.sec.gov/{taxonomy}")


@functools.lru_cache(maxsize=1024)
def _unit(text: str) -> Unit:
    above, _, below = text.partition("/")
    return Unit((_measure(above),), (_measure(below),) if below else ())


def _measure(name: str) -> Concept:
    if len(name) == 3 and name.isalpha() and name in _CURRENCIES:
        return intern_concept(_ISO4217, name, "iso4217")
    return intern_concept(_XBRLI, name, "xbrli") if name in ("shares", "pure") else intern_concept("", name, "")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
