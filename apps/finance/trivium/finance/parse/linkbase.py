"""Read what an issuer files beside its facts: labels, the order of its statements, and which items add up to which.

Source: XBRL 2.1 (linkbases 3.5 and 5.2, prohibition 3.5.3.9.7.5), Calculations 1.1. Definition links are not read.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urldefrag

from lxml import etree

from trivium.finance.parse.markup import Document, load
from trivium.finance.parse.taxonomy import LINK, XLINK, XS, Taxonomy, file_name, folded
from trivium.finance.records import Arc, Concept, Linkbase, PresentationRow, Problem
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["read_linkbases"]

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_LABEL_ROLE = "http://www.xbrl.org/2003/role/label"
_PARENT_CHILD = "http://www.xbrl.org/2003/arcrole/parent-child"
_CONCEPT_LABEL = "http://www.xbrl.org/2003/arcrole/concept-label"
_SUMMATION_ITEMS = (
    "http://www.xbrl.org/2003/arcrole/summation-item",
    "https://xbrl.org/2023/arcrole/summation-item",
)
_MAX_ROWS = 100_000
"""Most presentation rows of one filing; a large annual report has about 3,000."""
_MAX_DEPTH = 100
_MAX_ARCS = 300_000
"""Most arcs of one kind in one filing; a large annual report has about 3,000."""


def read_linkbases(
    documents: Mapping[str, bytes], prefixes: Mapping[str, str] | None = None
) -> tuple[Linkbase, list[Problem]]:
    """Read the schemas and linkbases of one filing.

    Args:
        documents: bytes of each `.xsd` and linkbase file by name, decompressed, in any order.
        prefixes: namespace by prefix as the instance declares them; used where the filing's own schema is missing.

    Returns:
        What could be read, and a problem for each document or locator that could not.
    """
    problems: list[Problem] = []
    loaded = _load_all(documents, problems)
    taxonomy = Taxonomy(loaded, prefixes or {})
    network = _Network(taxonomy, loaded)
    labels = network.labels()
    statements = network.statements(problems)
    arcs = network.calculations(problems)
    problems += taxonomy.problems() + network.problems
    return Linkbase(labels.standard(), statements, arcs, taxonomy.role_names), problems


def _load_all(documents: Mapping[str, bytes], problems: list[Problem]) -> dict[str, Document]:
    loaded: dict[str, Document] = {}
    for name, data in documents.items():
        try:
            document = load(data, name)
        except InputError as error:
            problems.append(Problem(name, Phrase("it was left out: {what}", what=error.what)))
            continue
        if document.root.tag not in (f"{XS}schema", f"{LINK}linkbase"):
            problems.append(
                Problem(name, Phrase("it is neither a schema nor a linkbase but <{name}>", name=_local(document.root)))
            )
            continue
        problems += [Problem(name, problem.what, problem.is_recovery) for problem in document.problems]
        loaded[file_name(name)] = document
    return loaded


@dataclass(frozen=True, slots=True)
class _Relation:
    """An arc between two ends; equal ones compete, by priority and prohibition, for being in force."""

    role: str
    parent: Concept
    child: Any
    order: Decimal
    detail: str


@dataclass(slots=True)
class _Standing:
    priority: int
    is_prohibited: bool
    number: int


@dataclass(slots=True)
class _Labels:
    texts: dict[tuple[Concept, str], str] = field(default_factory=dict)
    concepts: dict[Concept, str] = field(default_factory=dict)

    def text(self, concept: Concept, role: str) -> str:
        """Return the label of a role, or of the role it stands for, or the standard one, or the concept's name."""
        plain = _without_negation(role)
        return (
            self.texts.get((concept, role))
            or self.texts.get((concept, plain))
            or self.concepts.get(concept)
            or concept.name
        )

    def standard(self) -> dict[Concept, str]:
        """Return one label a concept: the standard one, else the first given."""
        return dict(self.concepts)


class _Network:
    """All arcs of all documents, merged by role; links that were not read to their end are left out."""

    def __init__(self, taxonomy: Taxonomy, documents: Mapping[str, Document]) -> None:
        self.problems: list[Problem] = []
        self._taxonomy = taxonomy
        self._relations: dict[str, dict[_Relation, _Standing]] = {"label": {}, "presentation": {}, "calculation": {}}
        self._label_ids: dict[tuple[str, str], etree._Element] = {}
        self._labels: _Labels | None = None
        for name, document in documents.items():
            for label in document.root.iter(f"{LINK}label"):
                if label.get("id"):
                    self._label_ids[name, label.get("id")] = label
        for name, document in documents.items():
            for kind in self._relations:
                for link in document.root.iter(f"{LINK}{kind}Link"):
                    if document.is_trusted(link) and not self._read_link(kind, name, link):
                        self.problems.append(
                            Problem(
                                name,
                                Phrase("over {limit} {kind} arcs; the rest was left out", limit=_MAX_ARCS, kind=kind),
                            )
                        )
                        break

    def labels(self) -> _Labels:
        """Return the labels in force, English ones where there are any."""
        if self._labels is None:
            self._labels = _Labels()
            ranks: dict[tuple[Concept, str], int] = {}
            for relation in self._in_force("label"):
                self._add_label(self._labels, ranks, relation.parent, relation.child)
            roles = self._labels.texts
            for (concept, role), text in roles.items():
                if role == _LABEL_ROLE or (concept, _LABEL_ROLE) not in roles:
                    self._labels.concepts.setdefault(concept, text)
        return self._labels

    def statements(self, problems: list[Problem]) -> dict[str, tuple[PresentationRow, ...]]:
        """Return the rows of each presentation role, roles in the order of their definitions."""
        by_role: dict[str, list[_Relation]] = {}
        for relation in self._in_force("presentation"):
            by_role.setdefault(relation.role, []).append(relation)
        names = self._taxonomy.role_names
        roles = sorted(by_role, key=lambda role: (role not in names, names.get(role, "")))
        statements: dict[str, tuple[PresentationRow, ...]] = {}
        left = _MAX_ROWS
        for role in roles:
            rows = tuple(itertools.islice(self._rows(role, by_role[role], problems), left + 1))
            if len(rows) > left:
                problems.append(
                    Problem(
                        role, Phrase("it and later roles have over {limit} rows and were left out", limit=_MAX_ROWS)
                    )
                )
                break
            left -= len(rows)
            statements[role] = rows
        return statements

    def calculations(self, problems: list[Problem]) -> tuple[Arc, ...]:
        """Return every calculation arc in force, in document order."""
        arcs = []
        for relation in self._in_force("calculation"):
            weight = _decimal(relation.detail)
            if not weight:
                what = Phrase(
                    "the weight '{weight}' of {name} is not a number other than 0",
                    weight=relation.detail,
                    name=relation.child.qname,
                )
                problems.append(Problem(relation.role, what))
            else:
                arcs.append(Arc(relation.role, relation.parent, relation.child, weight))
        return tuple(arcs)

    def _in_force(self, kind: str) -> list[_Relation]:
        standings = self._relations[kind]
        kept = [(standing.number, relation) for relation, standing in standings.items() if not standing.is_prohibited]
        return [relation for _, relation in sorted(kept, key=lambda item: item[0])]

    def _read_link(self, kind: str, name: str, link: etree._Element) -> bool:
        """Add the arcs of a link; return False when there are too many."""
        role = link.get(f"{XLINK}role", "")
        ends: dict[str, dict[Any, None]] = {}
        for element in link.iterchildren(f"{LINK}loc", f"{LINK}label"):
            end = element if element.tag == f"{LINK}label" else self._locate(kind, name, element)
            if end is not None:
                ends.setdefault(element.get(f"{XLINK}label", ""), {})[end] = None
        for arc in link.iterchildren(f"{LINK}{kind}Arc"):
            if not _is_wanted(kind, arc.get(f"{XLINK}arcrole", "")):
                continue
            for parent in ends.get(arc.get(f"{XLINK}from", ""), ()):
                for child in ends.get(arc.get(f"{XLINK}to", ""), ()):
                    if len(self._relations[kind]) >= _MAX_ARCS:
                        return False
                    if isinstance(parent, Concept) and isinstance(child, Concept) != (kind == "label"):
                        self._add(kind, role, parent, child, arc)
        return True

    def _locate(self, kind: str, name: str, locator: etree._Element) -> Any:
        href = locator.get(f"{XLINK}href", "")
        if kind == "label":
            url, fragment = urldefrag(href)
            label = self._label_ids.get((file_name(url) or name, fragment))
            if label is not None:
                return label
        return self._taxonomy.concept(href)

    def _add(self, kind: str, role: str, parent: Concept, child: Any, arc: etree._Element) -> None:
        detail = arc.get("preferredLabel", "") if kind == "presentation" else _plain_number(arc.get("weight", ""))
        order = _decimal(arc.get("order", "1"))
        relation = _Relation(role, parent, child, Decimal(1) if order is None else order, detail)
        standings = self._relations[kind]
        priority = int(_decimal(arc.get("priority", "0")) or 0)
        new = _Standing(priority, arc.get("use") == "prohibited", len(standings))
        old = standings.get(relation)
        if old is None:
            standings[relation] = new
        elif (new.priority, new.is_prohibited) > (old.priority, old.is_prohibited):
            old.priority, old.is_prohibited = new.priority, new.is_prohibited

    def _add_label(
        self, labels: _Labels, ranks: dict[tuple[Concept, str], int], concept: Concept, label: etree._Element
    ) -> None:
        key = concept, label.get(f"{XLINK}role", _LABEL_ROLE)
        language = label.get(_XML_LANG, "en").lower()
        rank = 0 if language.partition("-")[0] == "en" else 1
        text = folded("".join(label.itertext()))
        if text and rank < ranks.get(key, 2):
            ranks[key] = rank
            labels.texts[key] = text

    def _rows(self, role: str, relations: list[_Relation], problems: list[Problem]) -> Iterator[PresentationRow]:
        """Walk a role's tree depth first, children by their order; a concept inside itself is not entered again."""
        children: dict[Concept, list[_Relation]] = {}
        for relation in relations:
            children.setdefault(relation.parent, []).append(relation)
        for siblings in children.values():
            siblings.sort(key=lambda relation: relation.order)
        below = {relation.child for relation in relations}
        roots = [concept for concept in children if concept not in below]
        if not roots:
            problems.append(Problem(role, "its rows go in a circle and were left out"))
        labels = self.labels()
        path: list[Concept] = []
        stack: list[tuple[int, Concept, str]] = [(0, concept, "") for concept in reversed(roots)]
        while stack:
            depth, concept, preferred = stack.pop()
            del path[depth:]
            label = labels.text(concept, preferred or _LABEL_ROLE)
            yield PresentationRow(concept, depth, label, _without_negation(preferred) != preferred)
            if concept in path:
                problems.append(
                    Problem(role, Phrase("{name} stands below itself; its rows were not repeated", name=concept.qname))
                )
                continue
            if depth >= _MAX_DEPTH:
                problems.append(Problem(role, Phrase("its rows below level {limit} were left out", limit=_MAX_DEPTH)))
                return
            path.append(concept)
            stack += [(depth + 1, r.child, r.detail) for r in reversed(children.get(concept, ()))]


def _is_wanted(kind: str, arcrole: str) -> bool:
    if kind == "calculation":
        return arcrole in _SUMMATION_ITEMS
    return arcrole == (_PARENT_CHILD if kind == "presentation" else _CONCEPT_LABEL)


def _without_negation(role: str) -> str:
    """Return the role a negated one stands for: `.../2003/role/totalLabel` for `.../2009/role/negatedTotalLabel`."""
    head, _, last = role.rpartition("/")
    if not last.lower().startswith("negated"):
        return role
    kind = last[len("negated") :].removesuffix("Label")
    base = head if kind == "Net" else "http://www.xbrl.org/2003/role"
    return f"{base}/{kind[:1].lower()}{kind[1:]}Label" if kind else _LABEL_ROLE


def _decimal(text: str) -> Decimal | None:
    return Decimal(text.strip()) if re.fullmatch(r"\s*[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})\s*", text) else None


def _plain_number(text: str) -> str:
    """Return a number in its shortest form, so that `1` and `1.0` are one; other text as it is."""
    value = _decimal(text)
    return text if value is None else f"{value.normalize():f}"


def _local(element: etree._Element) -> str:
    tag: str = element.tag
    return tag.rpartition("}")[2]
