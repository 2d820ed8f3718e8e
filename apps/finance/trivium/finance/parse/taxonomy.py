"""Which concept a locator of a linkbase means, from the filing's own schemas, their imports, or the schema's address.

Taxonomies outside the filing are never fetched. Source: XBRL 2.1 (schemas 5.1, locators 3.5.3.7).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from urllib.parse import unquote, urldefrag

from trivium.finance.parse.markup import Document
from trivium.finance.records import Concept, Problem, intern_concept
from trivium.service.phrase import Phrase

__all__ = ["LINK", "XLINK", "XS", "Taxonomy", "file_name", "folded"]

LINK = "{http://www.xbrl.org/2003/linkbase}"
XLINK = "{http://www.w3.org/1999/xlink}"
XS = "{http://www.w3.org/2001/XMLSchema}"

_STANDARD_SCHEMAS = (
    (re.compile(r"https?://xbrl\.fasb\.org/.*/([a-z-]+)-(\d{4}[\dq-]*)\.xsd"), r"http://fasb.org/\1/\2"),
    (re.compile(r"https?://xbrl\.sec\.gov/.*/([a-z-]+)-(\d{4}[\dq-]*)\.xsd"), r"http://xbrl.sec.gov/\1/\2"),
    (re.compile(r"https?://taxonomies\.xbrl\.us/.*/([a-z-]+)-(\d{4}[\dq-]*)\.xsd"), r"http://xbrl.us/\1/\2"),
    (
        re.compile(r"https?://xbrl\.ifrs\.org/taxonomy/(\d{4}-\d\d-\d\d)/full_ifrs/full_ifrs-cor_\1\.xsd"),
        r"http://xbrl.ifrs.org/taxonomy/\1/ifrs-full",
    ),
)


class Taxonomy:
    """Which concept a locator means, from the filing's own schemas, their imports, or the schema's address."""

    def __init__(self, documents: Mapping[str, Document], prefixes: Mapping[str, str]) -> None:
        self.role_names: dict[str, str] = {}
        self._elements: dict[str, Concept] = {}
        self._namespaces: dict[str, str] = {}
        self._prefixes = dict(prefixes)
        self._concepts: dict[str, Concept | None] = {}
        self._unresolved: Counter[str] = Counter()
        for name, document in documents.items():
            if document.root.tag == f"{XS}schema":
                self._read_schema(name, document)

    def concept(self, href: str) -> Concept | None:
        """Return the concept of a locator; None, and a problem in the end, where nothing says its namespace."""
        if href not in self._concepts:
            self._concepts[href] = self._find(href)
        return self._concepts[href]

    def problems(self) -> list[Problem]:
        """Name the schemas whose locators could not be followed."""
        return [
            Problem(
                schema or "linkbase",
                Phrase("{count} concepts could not be told: their schema was not given", count=count),
            )
            for schema, count in self._unresolved.items()
        ]

    def _read_schema(self, name: str, document: Document) -> None:
        namespace = document.root.get("targetNamespace", "")
        self._namespaces[name] = namespace
        for element in document.root.iterchildren(f"{XS}element"):
            element_id, local = element.get("id"), element.get("name")
            if element_id and local:
                prefix = element_id[: -len(local) - 1] if element_id.endswith(f"_{local}") else ""
                self._elements.setdefault(element_id, intern_concept(namespace, local, prefix))
        for element in document.root.iterchildren(f"{XS}import"):
            location = element.get("schemaLocation")
            if location and element.get("namespace"):
                self._namespaces.setdefault(location, element.get("namespace"))
        for role in document.root.iter(f"{LINK}roleType"):
            definition = folded(role.findtext(f"{LINK}definition", ""))
            if role.get("roleURI") and definition:
                self.role_names[role.get("roleURI")] = definition

    def _find(self, href: str) -> Concept | None:
        url, fragment = urldefrag(href)
        element_id = unquote(fragment)
        is_local = "://" not in url
        # A local schema may have been renamed on its way here, so its elements are known by id alone.
        if is_local and element_id in self._elements:
            return self._elements[element_id]
        prefix, name = self._split(element_id)
        namespace = self._namespaces.get(file_name(url) if is_local else url) or _standard_namespace(url)
        if namespace is None and is_local:
            namespace = self._prefixes.get(prefix)
        if not namespace or not name:
            self._unresolved[file_name(url)] += 1
            return None
        return intern_concept(namespace, name, prefix)

    def _split(self, element_id: str) -> tuple[str, str]:
        known = [prefix for prefix in self._prefixes if prefix and element_id.startswith(f"{prefix}_")]
        prefix = max(known, key=len) if known else element_id.partition("_")[0]
        return prefix, element_id[len(prefix) + 1 :]


def file_name(href: str) -> str:
    """Return the file name at the end of a link: `aapl-20250329.xsd` of `http://x/aapl-20250329.xsd#aapl_Foo`."""
    return unquote(urldefrag(href).url.partition("?")[0].rpartition("/")[2])


def folded(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def _standard_namespace(url: str) -> str | None:
    for pattern, namespace in _STANDARD_SCHEMAS:
        match = pattern.fullmatch(url)
        if match:
            return match.expand(namespace)
    return None
