"""Load XML and XHTML from strangers: bounded, without entities or network, strictly first and honest about repairs.

A document that is not well-formed is repaired only where the repair cannot change a value: HTML entity names and bare
ampersands are spelled out, UTF-16 is rewritten as UTF-8, and content after the first error is left unread. Nothing is
guessed.
"""

from __future__ import annotations

import codecs
import html.entities
import re
import zlib
from dataclasses import dataclass

from lxml import etree

from trivium.finance.parse.parser_words import parser_words
from trivium.finance.records import Problem
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase, joined

__all__ = ["MAX_BYTES", "Document", "gunzip", "gunzipped_start", "load", "to_utf8"]

MAX_BYTES = 128 * 1024 * 1024
"""Largest document, decompressed. The largest annual reports with inline XBRL are about 60 MB."""

_CHUNK = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)")
_ASCII_LIKE = (b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252")
_ENTITY = re.compile(rb"<!\[CDATA\[.*?\]\]>|&(#?\w+;)?", re.DOTALL)
_XML_ENTITIES = {b"amp;", b"lt;", b"gt;", b"quot;", b"apos;"}
_ENCODING = re.compile(r"^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*([\"'])[\w.-]+\2")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document.

    Args:
        root: its root element.
        is_whole: False when parsing stopped at an error; elements that were still open then cannot be trusted.
        closed: elements whose end was read, when not whole; empty otherwise.
        problems: what was repaired or left out.
    """

    root: etree._Element
    is_whole: bool = True
    closed: frozenset[etree._Element] = frozenset()
    problems: tuple[Problem, ...] = ()

    def is_trusted(self, element: etree._Element) -> bool:
        """Whether the element was read to its end."""
        return self.is_whole or element in self.closed


def gunzip(data: bytes, where: str, *, limit: int = MAX_BYTES) -> bytes:
    """Decompress gzip data, or return other data as it is.

    Raises:
        InputError: if the stream is damaged, or larger than `limit` bytes decompressed.
    """
    if data[:2] != b"\x1f\x8b":
        whole = data[: limit + 1]
    else:
        try:
            whole = _inflate(data, limit + 1)
        except (EOFError, zlib.error) as error:
            reason = "it ends before its end mark" if isinstance(error, EOFError) else "its data cannot be unpacked"
            what = Phrase("the gzip stream is damaged ({reason})", reason=reason)
            raise InputError(what, where=where, hint="fetch the file again") from error
    if len(whole) > limit:
        raise InputError(
            Phrase("larger than {limit} MiB decompressed", limit=limit // 2**20),
            where=where,
            hint="give one filing's own document",
        )
    return whole


def gunzipped_start(data: bytes, size: int) -> bytes:
    """Return the first bytes after decompression, as far as they can be read; no more than these are decompressed."""
    if data[:2] != b"\x1f\x8b":
        return data[:size]
    try:
        return zlib.decompressobj(_GZIP).decompress(data, size)
    except zlib.error:
        return b""


def _inflate(data: bytes, size: int) -> bytes:
    """Return at most `size` bytes of all members of a gzip file; a quarter of the time that `gzip.GzipFile` takes."""
    whole = b""
    while data and len(whole) < size:
        member = zlib.decompressobj(_GZIP)
        whole += member.decompress(data, size - len(whole))
        if len(whole) < size and not member.eof:
            raise EOFError
        data = member.unused_data.lstrip(b"\0")
    return whole


def to_utf8(data: bytes, where: str) -> bytes:
    """Return UTF-16 text with a byte order mark as UTF-8, other data as it is.

    Raises:
        InputError: if the text is damaged.
    """
    if data[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise InputError("the text is damaged: not UTF-16", where=where, hint="fetch the file again") from error
    return _ENCODING.sub(r"\1", text, count=1).encode()


def load(data: bytes, where: str) -> Document:
    """Parse XML bytes.

    Args:
        data: the document.
        where: its name, for messages.

    Raises:
        InputError: if it declares entities, or is not XML from its first element on.
    """
    data = to_utf8(data, where)
    data = data.lstrip(b"\xef\xbb\xbf \t\r\n") if data[:1] in b"\xef \t\r\n" else data
    try:
        root = _refuse_entities(etree.fromstring(data, _parser(data)), where)
        # An external DTD makes undeclared entities legal; they must not fall out of a number.
        if not root.getroottree().docinfo.doctype or next(root.iter(etree.Entity), None) is None:
            return Document(root)
        first: etree.XMLSyntaxError | None = None
    except etree.XMLSyntaxError as error:
        first = error
    repaired, count = _spell_out_entities(data)
    if count:
        note = Problem(
            "document",
            Phrase("{count} HTML entities or bare '&' were spelled out; no value changes", count=count),
            True,
        )
        try:
            return Document(_refuse_entities(etree.fromstring(repaired, _parser(repaired)), where), problems=(note,))
        except etree.XMLSyntaxError as error:
            first, data = error, repaired
    assert first is not None
    return _load_to_first_error(data, where, first)


def _parser(data: bytes) -> etree.XMLParser:
    # huge_tree stays off: it bounds depth and text length; entities are neither loaded nor expanded.
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_pis=True,
        collect_ids=_may_have_doctype(data),
    )


def _may_have_doctype(data: bytes) -> bool:
    """Whether a document type may be declared; without one the parser need not keep its table of ids.

    The table takes a third of the time, and nothing looks ids up in it. But a parser that is told to keep none loads
    external DTDs, so the declaration must surely be absent: no bytes of it, in an encoding that could not hide them.
    """
    declared = _DECLARED.match(data)
    is_readable = data[:1] == b"<" and data[1:2] != b"\0" and (not declared or declared[1].lower() in _ASCII_LIKE)
    return b"<!DOCTYPE" in data or not is_readable


def _refuse_entities(root: etree._Element, where: str) -> etree._Element:
    dtd = root.getroottree().docinfo.internalDTD
    declared = [entity.name for entity in dtd.iterentities()] if dtd is not None else []
    if declared:
        raise InputError(
            Phrase(
                "declares XML entities ({names}), which filings never need",
                names=joined((str(name) for name in declared[:3]), ", "),
            ),
            where=where,
            hint="fetch the original from sec.gov",
        )
    return root


def _spell_out_entities(data: bytes) -> tuple[bytes, int]:
    """Replace HTML's entity names and bare ampersands by character references; return the count of replacements."""
    count = 0

    def spell(match: re.Match[bytes]) -> bytes:
        nonlocal count
        name = match.group(1)
        if match.group().startswith(b"<") or (name is not None and (name[:1] == b"#" or name in _XML_ENTITIES)):
            return match.group()
        count += 1
        if name is None:
            return b"&amp;"
        text = html.entities.html5.get(name.decode("ascii", "replace"))
        return "".join(f"&#{ord(char)};" for char in text).encode() if text else b"&amp;" + name

    return _ENTITY.sub(spell, data), count


def _load_to_first_error(data: bytes, where: str, error: etree.XMLSyntaxError) -> Document:
    root, closed = _read_until_broken(data)
    reason, (line, column) = parser_words(str(error.msg)), error.position
    if root is None or not closed:
        raise InputError(
            Phrase(
                "not well-formed XML ({reason}, line {line}, column {column})", reason=reason, line=line, column=column
            ),
            where=where,
            hint="give the original file, not a print of it",
        )
    _refuse_entities(root, where)
    what = Phrase("not well-formed at line {line}, column {column} ({reason})", line=line, column=column, reason=reason)
    if root in closed:
        note = Problem("document", Phrase("{what}; every element was read to its end", what=what), is_recovery=True)
        return Document(root, problems=(note,))
    note = Problem("document", Phrase("{what}; what stands after that was not read", what=what), is_recovery=True)
    return Document(root, False, frozenset(closed), (note,))


def _read_until_broken(data: bytes) -> tuple[etree._Element | None, set[etree._Element]]:
    """Return the root, as far as it was built, and the elements whose end was read before the first error."""
    puller = etree.XMLPullParser(
        ("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    root: etree._Element | None = None
    closed: set[etree._Element] = set()
    is_broken = False
    for start in range(0, len(data), _CHUNK):
        try:
            puller.feed(data[start : start + _CHUNK])
        except etree.XMLSyntaxError:
            is_broken = True
        try:
            for event, element in puller.read_events():
                root = element if root is None else root
                if event == "end":
                    closed.add(element)
        except etree.XMLSyntaxError:
            is_broken = True
        if is_broken:
            break
    return root, closed
