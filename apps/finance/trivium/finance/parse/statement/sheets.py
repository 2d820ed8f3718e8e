"""Open CSV files and workbooks as plain grids of cells, bounded and without losing what a cell could not say.

Text stays text here; what it means is for `statement_table`. A cell that holds an error or a formula without a stored
result becomes `Unreadable`, never an empty cell and never 0. In old binary workbooks (.xls) errors cannot be seen.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MAX_CELLS", "Cell", "Grid", "Sheets", "Unreadable", "cell_name", "open_sheets"]

MAX_CELLS = 200_000
"""Most cells of all sheets together, empty ones between full ones included."""

_MAX_UNPACKED = 128 * 1024 * 1024
_MAX_RATIO = 200
_MAX_ENTRIES = 2_000
_MAX_XLS = 16 * 1024 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_PERCENT_FORMATS = {9, 10}
_DELIMITERS = (",", ";", "\t", "|")
_TOO_MANY = "keep only the statements' sheets and try again"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell without a usable value.

    Args:
        reason: one clause, such as `holds the error #DIV/0!`.
    """

    reason: str


Cell = str | Decimal | date | Unreadable
"""Text (empty for an empty cell), a number with all its digits, a day, or why there is neither."""


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet.

    Args:
        name: of the sheet; empty for CSV.
        rows: its cells from A1 on.
        percents: row and column, from 0, of numbers that the sheet prints as percentages (0.25 as 25 %).
    """

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    percents: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets of one file.

    Args:
        media: `statement-csv` or `statement-xlsx`.
        notes: what was assumed while opening it, one sentence each.
    """

    media: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...] = ()


def cell_name(row: int, column: int) -> str:
    """Return the address of a cell by its numbers from 0: (11, 1) is `B12`."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def open_sheets(name: str, data: bytes) -> Sheets:
    """Open a CSV file or a workbook by its first bytes.

    Args:
        name: of the file, for messages.
        data: its bytes, decompressed.

    Raises:
        InputError: if it is encrypted, damaged, larger than the limits, or neither CSV nor a workbook.
    """
    if data[:4] == b"PK\x03\x04":
        return _open_xlsx(name, data)
    if data[:8] == _OLE:
        if _ENCRYPTED in data:
            raise InputError(
                "the workbook is encrypted",
                where=name,
                hint="open it in a spreadsheet program and save it without a password",
            )
        if len(data) > _MAX_XLS:
            raise InputError(
                Phrase("an .xls file above {limit} MiB", limit=_MAX_XLS // 2**20), where=name, hint="save it as .xlsx"
            )
        return Sheets("statement-xlsx", tuple(_grids(name, data, {})))
    return _open_csv(name, data)


def _open_csv(name: str, data: bytes) -> Sheets:
    text, note = _decode(name, data)
    delimiter = max(_DELIMITERS, key=lambda candidate: _regularity(text, candidate))
    rows: list[tuple[Cell, ...]] = []
    count = 0
    try:
        for fields in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append(tuple(fields))
            count += len(fields)
            _limit(name, count)
    except csv.Error as error:
        raise InputError(
            "not a CSV table",
            where=Phrase("{name} line {line}", name=name, line=len(rows) + 1),
            hint="save the sheet as CSV again, or give XLSX",
        ) from error
    return Sheets("statement-csv", (Grid("", tuple(rows)),), (note,) if note else ())


def _decode(name: str, data: bytes) -> tuple[str, str]:
    """Return the text and, where the encoding had to be guessed, a sentence that says so."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif b"\0" in data:
        raise InputError("a binary file, not CSV", where=name, hint="give CSV or XLSX")
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "gb18030":
            return text, ""
        foreign = [char for char in text if char > "\x7f"]
        # Western text also decodes as GB18030, but into rare signs rather than into Chinese words.
        common = [char for char in foreign if "\u4e00" <= char <= "\u9fff" or char in "，。：；（）％、－—￥　"]
        if len(common) >= 2 and len(common) >= 0.8 * len(foreign):
            return text, ""
    if encodings == ["utf-16"]:
        raise InputError("the text is damaged: not UTF-16", where=name, hint="save it as UTF-8")
    return data.decode(
        "cp1252", "replace"
    ), "the file is neither UTF-8 nor GB18030; it was read as Western text (cp1252)"


def _regularity(text: str, delimiter: str) -> tuple[int, int]:
    """Return how many of the first rows share the most common number of fields above 1, and that number."""
    counts: dict[int, int] = {}
    try:
        for fields, _ in zip(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), range(60), strict=False):
            counts[len(fields)] = counts.get(len(fields), 0) + 1
    except csv.Error:
        return (0, 0)
    return max(((rows, width) for width, rows in counts.items() if width > 1), default=(0, 0))


def _limit(name: str, cells: int) -> None:
    if cells > MAX_CELLS:
        raise InputError(Phrase("more than {limit} cells", limit=f"{MAX_CELLS:,}"), where=name, hint=_TOO_MANY)


@dataclass(slots=True)
class _Scan:
    """What a sheet's XML says that the values alone do not."""

    percents: set[tuple[int, int]] = field(default_factory=set)
    unreadable: dict[tuple[int, int], str] = field(default_factory=dict)
    last_row: int = 0
    last_column: int = 0


def _open_xlsx(name: str, data: bytes) -> Sheets:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_bombs(name, archive)
            if "xl/workbook.xml" not in archive.namelist():
                raise InputError("an archive that is not an .xlsx workbook", where=name, hint="save it as .xlsx")
            scans = _scan_sheets(name, archive)
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise InputError("the workbook is damaged", where=name, hint="save it again as .xlsx") from error
    return Sheets("statement-xlsx", tuple(_grids(name, data, scans)))


def _refuse_bombs(name: str, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    steep = [entry for entry in entries if entry.file_size > max(2**20, _MAX_RATIO * entry.compress_size)]
    if len(entries) > _MAX_ENTRIES or total > _MAX_UNPACKED or steep:
        raise InputError(
            Phrase(
                "the workbook unpacks to {count} parts and {total} bytes, more than a statement needs",
                count=len(entries),
                total=f"{total:,}",
            ),
            where=name,
            hint=_TOO_MANY,
        )
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise zipfile.BadZipFile("a part is compressed in a way that workbooks do not use")
    for entry in entries:
        with archive.open(entry) as stream:  # a part larger than it declares fails its checksum here
            while stream.read(2**20):
                pass


def _scan_sheets(name: str, archive: zipfile.ZipFile) -> dict[str, _Scan]:
    """Look through each sheet's XML before values are loaded: extent, percent formats, errors, empty formulas."""
    percent_styles = _percent_styles(_read(archive, "xl/styles.xml"))
    relations = {
        relation.get("Id", ""): relation.get("Target", "")
        for relation in _elements(_read(archive, "xl/_rels/workbook.xml.rels"), "Relationship")
    }
    scans: dict[str, _Scan] = {}
    cells = 0
    for sheet in _elements(_read(archive, "xl/workbook.xml"), "sheet"):
        relation_id = next((value for key, value in sheet.items() if key.endswith("}id")), "")
        target = relations.get(relation_id, "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        scan = _scan(_read(archive, path), percent_styles)
        cells += scan.last_row * scan.last_column
        _limit(name, cells)
        scans[sheet.get("name", "")] = scan
    return scans


def _read(archive: zipfile.ZipFile, path: str) -> bytes:
    return archive.read(path) if path in archive.namelist() else b""


def _elements(data: bytes, *names: str) -> Iterator[Any]:
    """Yield the elements of an XML part by local name, each read to its end and then dropped."""
    from lxml import etree

    if not data:
        return
    try:
        for _, element in etree.iterparse(
            io.BytesIO(data), events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        ):
            if etree.QName(element).localname in names:
                yield element
                element.clear()
    except etree.XMLSyntaxError as error:
        raise zipfile.BadZipFile(str(error)) from error


def _percent_styles(styles: bytes) -> set[int]:
    formats = {
        int(element.get("numFmtId", 0)): element.get("formatCode", "") for element in _elements(styles, "numFmt")
    }
    percent = _PERCENT_FORMATS | {number for number, code in formats.items() if "%" in re.sub(r'"[^"]*"|\\.', "", code)}
    found: set[int] = set()
    for cell_formats in _elements(styles, "cellXfs"):
        for index, style in enumerate(cell_formats):
            if int(style.get("numFmtId", 0)) in percent:
                found.add(index)
    return found


def _scan(data: bytes, percent_styles: set[int]) -> _Scan:
    scan = _Scan()
    row, column = -1, -1
    for element in _elements(data, "c", "row"):
        if not element.tag.endswith("}c"):
            row, column = int(element.get("r", row + 2)) - 1, -1
            continue
        match = _REFERENCE.fullmatch(element.get("r", ""))
        if match:
            at = (int(match[2]) - 1, _column_number(match[1]))
        else:  # addresses may be left out: the next cell of the row that is still open
            at = (int(element.getparent().get("r", row + 2)) - 1, column + 1)
        column = at[1]
        scan.last_row, scan.last_column = max(scan.last_row, at[0] + 1), max(scan.last_column, at[1] + 1)
        parts = {part.tag.rpartition("}")[2]: part.text for part in element}
        if element.get("t") == "e":
            scan.unreadable[at] = Phrase("holds the error {name}", name=parts.get("v") or "of a formula")
        elif "f" in parts and not parts.get("v") and element.get("t") != "str":
            scan.unreadable[at] = "holds a formula without its result"
        elif int(element.get("s", 0)) in percent_styles:
            scan.percents.add(at)
    return scan


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _grids(name: str, data: bytes, scans: dict[str, _Scan]) -> Iterator[Grid]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    cells = 0
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for meta in book.sheets_metadata:
            if meta.visible != SheetVisibleEnum.Visible or meta.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_name(meta.name)
            cells += sheet.total_height * sheet.total_width
            _limit(name, cells)
            scan = scans.get(meta.name, _Scan())
            rows = [[_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
            for (row, column), reason in scan.unreadable.items():
                rows.extend([] for _ in range(row + 1 - len(rows)))
                rows[row].extend("" for _ in range(column + 1 - len(rows[row])))
                rows[row][column] = Unreadable(reason)
            yield Grid(meta.name, tuple(map(tuple, rows)), frozenset(scan.percents))
    except CalamineError as error:
        raise InputError(
            "the workbook cannot be opened",
            where=name,
            hint="save it again as .xlsx without a password",
        ) from error


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float | int):
        return Decimal(int(value)) if float(value).is_integer() and abs(value) < 10**15 else Decimal(repr(value))
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else str(value)
