"""Read statements from CSV files and workbooks into facts: every number with its period, unit, scale and cell.

A row's concept is only its printed label. Where the label alone says nothing (`Basic` under `Earnings per share:`) its
heading goes before it; where a label comes twice in a sheet, the later rows carry their heading as a dimension, so that
a part is never taken for the total. What is assumed, skipped or unreadable is said in the filing's problems.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from trivium.finance.parse.statement import cells
from trivium.finance.parse.statement.columns import label_text, read_calendar
from trivium.finance.parse.statement.marks import read_mark
from trivium.finance.parse.statement.sheets import Cell, Grid, Sheets, open_sheets
from trivium.finance.parse.statement.table import Reading, listed
from trivium.finance.records import Entity, Filing, Linkbase, Problem, Source
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import SheetCell
from trivium.service.phrase import Phrase

__all__ = ["read_statement", "resolve_cell"]

_COMPANY = re.compile(r"\b(?:inc|corp|corporation|ltd|limited|plc|llc|n\.v\.|s\.a\.|ag|co)\b\.?|公司|集团|股份")
# Texts that are numbers in one way of writing only: two separators, or a last group that is not of three digits.
_ANGLO = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3},[0-9]{3},[0-9,]+|[0-9]+\.[0-9]{1,2}")
_CONTINENTAL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}\.[0-9]{3}\.[0-9.]+|[0-9]+,[0-9]{1,2}")
_TO_DATE = ((range(260, 286), "Q3"), (range(170, 196), "Q2"))
"""Days of nine months and of six."""
_COVER = {"entity registrant name": "name", "公司名称": "name", "company name": "name", "document type": "form"}


def read_statement(name: str, data: bytes) -> Filing:
    """Read the statements of a CSV file or workbook.

    Args:
        name: what the user calls the file; a date in it may serve as the document's date.
        data: its bytes, decompressed.

    Returns:
        One filing with a fact for every readable number under a period. Its problems name every sheet, column and cell
        that was left out (`Sheet!B12`), and everything that was assumed. Tables that name their statement give its rows
        as `linkbase.statements`, by roles such as `urn:trivium:statement:income:3` (the sheet's number, as in `Place`).

    Raises:
        InputError: if the file is encrypted, damaged or above the limits, or has no period header or no number.
    """
    sheets = open_sheets(name, data)
    calendar = read_calendar(name, sheets.grids)
    reading = Reading(calendar, _is_continental(sheets))
    reading.problems.extend(Problem(name, note, is_recovery=True) for note in sheets.notes)
    for number, grid in enumerate(sheets.grids):
        reading.read_grid(number, grid, name)
    if reading.text_sheets:
        what = Phrase("sheets without numbers were left out: {sheets}", sheets=listed(reading.text_sheets))
        reading.problems.append(Problem(name, what))
    if not reading.has_header:
        raise InputError(
            "no row names periods (such as 2024, Q3 2025 or Sep 28, 2024) above columns of numbers",
            where=name,
            hint="put the periods into a row above the values, one column each",
        )
    if not reading.facts and reading.dateless:
        header, where = next(iter(reading.dateless.items()))
        raise InputError(
            Phrase("the column '{header}' is counted from the document's date, and no title gives one", header=header),
            where=Phrase("{name} {where}", name=name, where=where),
            hint="write it above the table or into the file's name, such as 2024年12月31日",
        )
    if not reading.facts:
        raise InputError(
            "no column of numbers was found under the periods",
            where=name,
            hint="save the values as numbers, and formulas with their results",
        )
    source = Source(name, hashlib.sha256(data).hexdigest(), len(data), sheets.media)
    return _filing(source, sheets, reading)


def resolve_cell(data: bytes, cell: SheetCell) -> Decimal:
    """Return the value that a cell of a statement stands for: in full units, with its sign.

    Args:
        data: the file, decompressed.
        cell: sheet and address of a fact's place.

    Raises:
        InputError: if the file cannot be read.
        NotFoundError: if that cell holds no value of the statement.
    """
    value = _values_by_cell(data).get(cell)
    if value is None:
        where = f"{cell.sheet}!{cell.cell}" if cell.sheet else cell.cell
        raise NotFoundError("the cell holds no value of a statement", where=where, hint="read the file again")
    return value


@functools.lru_cache(maxsize=2)
def _values_by_cell(data: bytes) -> dict[SheetCell, Decimal]:
    values: dict[SheetCell, Decimal] = {}
    # The file may have had its date from its name; any date will do, as no value depends on it.
    for fact in read_statement("2000-12-31", data).facts:
        assert isinstance(fact.place.locator, SheetCell)
        assert fact.value is not None
        values[fact.place.locator] = fact.value
    return values


def _is_continental(sheets: Sheets) -> bool:
    """Whether numbers printed as text use a comma before decimals: some must be so, and none the other way."""
    rows = (row for grid in sheets.grids for row in grid.rows)
    texts = (cell for row in rows for cell in row[1:] if isinstance(cell, str) and cells.looks_numeric(cell))
    plain = [re.sub(r"^[^0-9]+|[^0-9]+$", "", text) for text in texts]
    return any(map(_CONTINENTAL.fullmatch, plain)) and not any(map(_ANGLO.fullmatch, plain))


def _filing(source: Source, sheets: Sheets, reading: Reading) -> Filing:
    plain = [fact for fact in reading.facts if not fact.dimensions] or reading.facts
    flows = [fact.period.end for fact in plain if not fact.period.is_instant]
    period_end = max(flows or [fact.period.end for fact in plain])
    lengths = {fact.period.days for fact in plain if fact.period.end == period_end}
    quarter = next((f"Q{number}" for end, number in sorted(reading.quarters) if end == period_end), "")
    if not quarter:  # the year to date tells which
        quarter = next((name for days, name in _TO_DATE if any(length in days for length in lengths)), "")
    is_year = any(days >= 350 for days in lengths)
    cover = dict(_cover_rows(sheets.grids))
    return Filing(
        source=source,
        entity=Entity(cover.get("name", "") or _company_name(sheets.grids)),
        form=cover.get("form", ""),
        period_end=period_end,
        fiscal_year=reading.fiscal_years.get(period_end),
        fiscal_period="FY" if is_year else quarter,
        facts=tuple(reading.facts),
        linkbase=Linkbase(statements={role: tuple(rows.values()) for role, rows in reading.statements.items()}),
        problems=tuple(reading.problems),
    )


def _cover_rows(grids: Sequence[Grid]) -> Iterator[tuple[str, str]]:
    for grid in grids:
        for row in grid.rows[:80]:
            key = _COVER.get(cells.fold(label_text(row[0]))) if len(row) > 1 else None
            if key and label_text(row[1]):
                yield key, label_text(row[1])


def _company_name(grids: Sequence[Grid]) -> str:
    """Return the first title that reads like a company's name, without a leading `编制单位：`."""
    for grid in grids:
        for row in grid.rows[:6]:
            if any(map(_is_value, row[1:])):
                continue  # such as a net income attributable to a 母公司
            text = label_text(row[0]) if row else ""
            name = re.sub(r"^(?:编制)?单位\s*[:：]\s*", "", text)
            name = re.split(r"\s+[-–—|]\s+", name)[0]  # `Acme Corp - Income Statement`
            if _COMPANY.search(cells.fold(name)) and not cells.statement_kind(name) and len(name) <= 80:
                return name
    return ""


def _is_value(cell: Cell) -> bool:
    """Whether a cell holds a number that is no year or day."""
    if isinstance(cell, Decimal):
        return not 1900 <= cell < 2100
    text = label_text(cell)
    return cells.looks_numeric(text) and read_mark(text) is None
