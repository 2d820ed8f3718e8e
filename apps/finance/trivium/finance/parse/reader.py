"""One door for every kind of source: look at the bytes, never at the file name, and read what they are.

A source gives one filing, or many (companyfacts holds a company's whole history). `resolve` follows evidence back.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from trivium.finance.garbage import rare_collections
from trivium.finance.parse.markup import MAX_BYTES, gunzip, gunzipped_start, to_utf8
from trivium.finance.records import Filing
from trivium.service.errors import InputError
from trivium.service.evidence import Evidence, FactAnchor, JsonPointer, SheetCell
from trivium.service.phrase import Phrase, joined

__all__ = ["is_companion", "read_path", "read_source", "resolve"]

Companion = Callable[[str], bytes | None]

# Each comment and instruction ends at its first end mark, in one way only: no backtracking on hostile bytes.
_COMPANION_ROOT = re.compile(
    rb"^\s*(?:<\?(?:(?!\?>).)*\?>\s*|<!--(?:(?!-->).)*-->\s*)*<(?:[\w.-]+:)?(?:schema|linkbase)[\s>]", re.DOTALL
)
_SCHEMA_REFERENCE = re.compile(rb"schemaRef\b[^>]*?href\s*=\s*[\"']([^\"']+)[\"']")
_CHINESE_REPORT = "年度报告".encode()
_REPORT_START = 200_000
_MAX_ENTRIES = 400
_MAX_RATIO = 200
_BRING = (
    "bring the filing's inline XBRL (.htm), its XBRL instance (.xml, or the .zip with its linkbases), "
    "SEC's companyfacts (.json), or the statements as CSV or XLSX"
)


def read_path(path: Path) -> tuple[Filing, ...]:
    """Read one file; an instance finds its linkbases beside it.

    Raises:
        InputError: if there is no such file, or it is nothing we can read.
    """
    name = str(path)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise InputError(what, where=name, hint="give the path of a filing")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        names_beside = [entry.name for entry in path.parent.iterdir()]
    except OSError as error:
        raise InputError(
            Phrase("cannot be read ({reason})", reason=error.strerror), where=name, hint="check its permissions"
        ) from error

    def beside(companion: str) -> bytes | None:
        here = path.parent / Path(companion).name
        for candidate in (here, here.with_name(here.name + ".gz")):
            if candidate.is_file():
                return gunzip(candidate.read_bytes(), str(candidate))
        return None

    return read_source(name, data, beside, names_beside)


@rare_collections()
def read_source(
    name: str, data: bytes, beside: Companion = lambda name: None, names_beside: list[str] | None = None
) -> tuple[Filing, ...]:
    """Read a source from its bytes.

    Args:
        name: what the user calls it; goes into messages and records.
        data: the file, gzip or not.
        beside: returns the bytes of a file next to it by name, None where there is none.
        names_beside: names of the files next to it.

    Raises:
        InputError: names what it is instead and what to bring.
    """
    data = gunzip(data, name)
    if not data.strip():
        raise InputError("the file is empty", where=name, hint=_BRING)
    if data[:5] == b"%PDF-":
        raise InputError("a PDF cannot be read yet", where=name, hint=_BRING)
    if data[:4] == b"PK\x03\x04":
        return _read_zip(name, data)
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return (_read_statement(name, data),)
    return _read_text(name, data, beside, names_beside or [])


def is_companion(data: bytes) -> bool:
    """Whether the bytes are a schema or linkbase: part of an instance that lies beside it, not a source of its own."""
    return _COMPANION_ROOT.search(gunzipped_start(data, 4000)) is not None


def resolve(data: bytes, evidence: Evidence) -> Decimal | str | None:
    """Follow evidence into the bytes of its source and return the value that stands there.

    Raises:
        InputError: if these bytes are not the source that the evidence names.
        LookupError: if there is nothing at that place.
    """
    whole = gunzip(data, "source")
    if hashlib.sha256(whole).hexdigest() != evidence.source_sha256:
        raise InputError("this is not the source that the evidence names", hint="give the file that was analysed")
    locator = evidence.locator
    if isinstance(locator, JsonPointer):
        from trivium.finance.parse.companyfacts import resolve_pointer

        return resolve_pointer(whole, locator)
    if isinstance(locator, SheetCell):
        from trivium.finance.parse.statement_table import resolve_cell

        return resolve_cell(whole, locator)
    assert isinstance(locator, FactAnchor)
    for filing in read_source("source", whole):
        for fact in filing.facts:
            if fact.place.locator == locator:
                return fact.value if fact.is_numeric else fact.text
    raise LookupError(f"no fact {locator.fact_id!r} in {locator.document or 'the source'}")


def _read_text(name: str, data: bytes, beside: Companion, names_beside: list[str]) -> tuple[Filing, ...]:
    from trivium.finance.parse.companyfacts import looks_like_companyfacts, read_companyfacts

    if looks_like_companyfacts(data):
        return read_companyfacts(name, data)
    if data[:2000].lstrip().startswith((b"<SEC-DOCUMENT>", b"<SEC-HEADER>", b"-----BEGIN PRIVACY-ENHANCED MESSAGE")):
        raise InputError("a complete submission text file, with every document of the filing", where=name, hint=_BRING)
    from trivium.finance.parse.companions import find_companions
    from trivium.finance.parse.inline import looks_like_inline, read_inline
    from trivium.finance.parse.instance import looks_like_instance, read_instance

    companion = find_companions(data, names_beside, lambda near: beside(near) or b"") if names_beside else beside
    text = to_utf8(data, name)
    if looks_like_inline(text):
        return (read_inline(name, [(name, data)], companion if names_beside else None),)
    if looks_like_instance(text):
        return (read_instance(name, data, companion),)
    start = text[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<", b"{", b"[")) and _CHINESE_REPORT in text[:_REPORT_START]:
        what = "a Chinese annual report as text or HTML cannot be read yet"
        raise InputError(what, where=name, hint="bring its statements as CSV or XLSX")
    if start.startswith((b"<!doctype html", b"<html")):
        raise InputError("an HTML page without inline XBRL", where=name, hint=_BRING)
    if start.startswith((b"<?xml", b"<")):
        raise InputError("an XML file that is neither inline XBRL nor an XBRL instance", where=name, hint=_BRING)
    if start.startswith((b"{", b"[")):
        raise InputError("a JSON file that is not SEC's companyfacts", where=name, hint=_BRING)
    if b"\0" in text[:4096]:
        raise InputError("a binary file of a kind we do not know", where=name, hint=_BRING)
    return (_read_statement(name, data),)


def _read_statement(name: str, data: bytes) -> Filing:
    from trivium.finance.parse.statement_table import read_statement

    return read_statement(name, data)


def _read_zip(name: str, data: bytes) -> tuple[Filing, ...]:
    members = _open_zip(name, data)
    if "xl/workbook.xml" in members or "[Content_Types].xml" in members:
        return (_read_statement(name, data),)
    from trivium.finance.parse.companions import find_companions
    from trivium.finance.parse.inline import looks_like_inline, read_inline
    from trivium.finance.parse.instance import looks_like_instance, read_instance

    inline = [(member, content) for member, content in members.items() if looks_like_inline(to_utf8(content, member))]
    if inline:
        _refuse_several_filings(name, inline)
        companion = find_companions(inline[0][1], members, members.__getitem__)
        filing = read_inline(name, inline, companion)
    else:
        instances = [content for content in members.values() if looks_like_instance(content)]
        if not instances:
            raise InputError("the archive holds neither inline XBRL nor an XBRL instance", where=name, hint=_BRING)
        companion = find_companions(instances[0], members, members.__getitem__)
        filing = read_instance(name, instances[0], companion)
    filing.source = replace(filing.source, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    return (filing,)


def _refuse_several_filings(name: str, documents: list[tuple[str, bytes]]) -> None:
    """Documents of one set name one schema; with two, contexts of one company would meet facts of another."""
    schemas: dict[bytes, str] = {}
    for member, content in documents:
        if match := _SCHEMA_REFERENCE.search(to_utf8(content, member)):
            schemas.setdefault(match[1], member)
    if len(schemas) > 1:
        raise InputError(
            Phrase(
                "the archive holds {count} filings ({schemas})",
                count=len(schemas),
                schemas=joined(schemas.values(), ", "),
            ),
            where=name,
            hint="give each filing's file by itself",
        )


def _open_zip(name: str, data: bytes) -> dict[str, bytes]:
    """Return an archive's members by name, refusing bombs and damage before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            total = sum(entry.file_size for entry in entries)
            is_bomb = len(entries) > _MAX_ENTRIES or total > MAX_BYTES or total > _MAX_RATIO * max(len(data), 1)
            members = {} if is_bomb else {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError("the archive is damaged", where=name, hint="fetch it again") from error
    if is_bomb:
        raise InputError(
            Phrase(
                "the archive unpacks to {count} files and {total} bytes, more than a filing needs",
                count=len(entries),
                total=f"{total:,}",
            ),
            where=name,
            hint="give the filing's own document",
        )
    return members
