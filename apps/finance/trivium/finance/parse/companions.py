"""Find and read the schema and linkbases beside an instance or an inline document.

They come through a callable, so that a folder, an upload and an archive are read alike; `find_companions` makes one
from a set of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lxml import etree

from trivium.finance.parse.linkbase import read_linkbases
from trivium.finance.parse.markup import gunzip, load
from trivium.finance.parse.taxonomy import LINK, XLINK, XS, file_name
from trivium.finance.records import Linkbase, Problem
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Companion", "find_companions", "read_companions"]

Companion = Callable[[str], bytes | None]

_TARGET_NAMESPACE = re.compile(rb"targetNamespace\s*=\s*[\"']([^\"']+)[\"']")
_DEFINITION_LINKS = "http://www.xbrl.org/2003/role/definitionLinkbaseRef"
_MAX_COMPANIONS = 40


def find_companions(instance: bytes, names: Iterable[str], read: Callable[[str], bytes]) -> Companion:
    """Return a look-up of the files beside an instance, by the names its links use.

    A schema that was renamed on its way is known by its target namespace, and its linkbases by its new stem. Names may
    have folders before them and `.gz` behind.

    Args:
        instance: the instance, decompressed.
        names: names of the files at hand.
        read: returns the bytes of one of them.
    """
    at_hand = {name.rpartition("/")[2].removesuffix(".gz").lower(): name for name in names}
    renamed: dict[str, str] = {}

    def content(name: str) -> bytes | None:
        given = at_hand.get(name.lower())
        return None if given is None else gunzip(read(given), given)

    def companion(name: str) -> bytes | None:
        name = name.lower()
        found = content(name)
        if found is not None:
            return found
        if name.endswith(".xsd"):
            for other in sorted(other for other in at_hand if other.endswith(".xsd")):
                namespace = _TARGET_NAMESPACE.search(content(other) or b"")
                if namespace and any(quote + namespace[1] + quote in instance for quote in (b'"', b"'")):
                    renamed[name[:-4]] = other[:-4]
                    return content(other)
        stem, _, kind = name.rpartition("_")
        return content(f"{renamed[stem]}_{kind}") if stem in renamed else None

    return companion


def read_companions(
    root: etree._Element, companion: Companion, *, is_optional: bool = False
) -> tuple[Linkbase, list[Problem]]:
    """Read the schema and linkbases that an instance, or an inline document, refers to.

    Args:
        root: its root element.
        companion: as in `read_instance`.
        is_optional: whether it is no loss when there are none: an inline document prints its own labels.
    """
    schemas = [ref.get(f"{XLINK}href", "") for ref in root.iter(f"{LINK}schemaRef")]
    documents: dict[str, bytes] = {}
    problems: list[Problem] = []
    waiting = [*schemas, *_linkbase_hrefs(root)]
    seen: set[str] = set()
    while waiting and len(seen) < _MAX_COMPANIONS:
        name = file_name(waiting.pop(0))
        if not name or name in seen:
            continue
        seen.add(name)
        found = companion(name)
        if found is not None:
            _keep(documents, name, found, problems)
            waiting += _references(documents[name], name) if name.endswith(".xsd") and name in documents else []
        elif name.endswith(".xsd"):
            for other in (f"{name[:-4]}_{kind}.xml" for kind in ("cal", "lab", "pre")):
                beside = companion(other)
                if beside is not None:
                    _keep(documents, other, beside, problems)
        else:
            problems.append(Problem(name, "this linkbase is named by the schema but was not given"))
    if not documents and is_optional:
        return Linkbase(), []
    if not documents:
        what = "neither its schema nor its linkbases were given; labels, statement order and sums are unknown"
        return Linkbase(), [*problems, Problem(", ".join(map(file_name, schemas)) or "schema", what)]
    prefixes = {prefix: namespace for prefix, namespace in root.nsmap.items() if prefix}
    linkbase, more = read_linkbases(documents, prefixes)
    return linkbase, problems + more


def _keep(documents: dict[str, bytes], name: str, data: bytes, problems: list[Problem]) -> None:
    try:
        documents[name] = gunzip(data, name)
    except InputError as error:
        problems.append(Problem(name, Phrase("it was left out: {what}", what=error.what)))


def _references(schema: bytes, name: str) -> list[str]:
    """Return the files a schema leads to: its linkbases, and the schemas of its own folder that it imports."""
    try:
        root = load(schema, name).root
    except InputError:
        return []  # read_linkbases reports it
    local = [
        element.get("schemaLocation", "")
        for element in root.iterchildren(f"{XS}import", f"{XS}include")
        if "://" not in element.get("schemaLocation", "://")
    ]
    return _linkbase_hrefs(root) + local


def _linkbase_hrefs(root: etree._Element) -> list[str]:
    return [
        ref.get(f"{XLINK}href", "")
        for ref in root.iter(f"{LINK}linkbaseRef")
        if ref.get(f"{XLINK}role") != _DEFINITION_LINKS and "://" not in ref.get(f"{XLINK}href", "")
    ]
