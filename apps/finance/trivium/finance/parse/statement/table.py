"""Turn one table of a sheet into facts: rows with their labels and headings, columns with their periods."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trivium.finance.parse.statement import cells
from trivium.finance.parse.statement.columns import (
    Block,
    Calendar,
    Column,
    find_blocks,
    is_blank,
    label_before,
    label_text,
)
from trivium.finance.parse.statement.measures import Measures, find_measures, is_measure_row
from trivium.finance.parse.statement.sheets import Cell, Grid, Unreadable, cell_name
from trivium.finance.records import (
    ROW_LABEL_NAMESPACE,
    STATEMENT_ROLE,
    Concept,
    Dimension,
    Fact,
    Period,
    Place,
    PresentationRow,
    Problem,
    intern_concept,
)
from trivium.service.evidence import SheetCell
from trivium.service.phrase import Phrase, joined

__all__ = ["Reading", "listed"]

_ABSTRACT = re.compile(r"\[(?:abstract|line items|roll forward|table|domain|member)\]$")
_AT_AN_EDGE = re.compile(
    r"(?=.*\b(?:cash|balances?)\b).*(?:\bbeginning\b|\bending\b|\bend of (?:the )?(?:period|year)|\bbalances? at\b)|"
    r"(?=.*(?:现金|余额)).*(?:期初|期末|年初|年末)"
)
_TITLE = re.compile(r"\bstatements?\b|\bsheets?\b|^cash flows? from\b|表$")
_OPENING = re.compile(r"beginning|期初|年初")
_PARENT_ONLY = re.compile(r"母公司(?!股东|所有者|的)|\bparent company only\b|\bparent only\b")
_MAX_LISTED = 8


@dataclass(slots=True)
class Reading:
    """Facts and problems of one file as they accumulate."""

    calendar: Calendar
    is_continental: bool
    facts: list[Fact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    has_header: bool = False
    quarters: set[tuple[date, int]] = field(default_factory=set)
    fiscal_years: dict[date, int] = field(default_factory=dict)
    dateless: dict[str, str] = field(default_factory=dict)
    statements: dict[str, dict[Concept, PresentationRow]] = field(default_factory=dict)
    text_sheets: list[str] = field(default_factory=list)
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def note(self, where: str, what: str) -> None:
        """Record an assumption once."""
        if (where, what) not in self._noted:
            self._noted.add((where, what))
            self.problems.append(Problem(where, what, is_recovery=True))

    def read_grid(self, number: int, grid: Grid, file_name: str) -> None:
        """Read every table of one sheet."""
        where = grid.name or file_name
        blocks = find_blocks(grid.rows)
        usable = [block for block in blocks if block.columns]
        if not usable:
            if any(isinstance(cell, Decimal) for row in grid.rows for cell in row):
                self.problems.append(Problem(where, "no row names periods above its columns; the sheet was left out"))
            return
        self.has_header = True
        if not any(_is_number(cell) for row in grid.rows for cell in row[1:]):
            self.text_sheets.append(where)
            return
        top = _title_texts(grid.rows, blocks[0])
        titles = [grid.name, *(label_text(row[0]) for row in grid.rows[: blocks[0].first] if row)]
        is_parent = any(_PARENT_ONLY.search(cells.fold(title)) and "合并" not in title for title in titles)
        kind = _kind([grid.name, *top, file_name])
        is_cover = any(cells.fold(label_text(row[0])) == "document type" for row in grid.rows if row)
        for block_number, block in enumerate(usable):
            above = _title_texts(grid.rows, block)
            kind = _kind(above) or kind
            measures = find_measures(grid, block, [*above, *([] if block_number == 0 else top)])
            reader = _Table(self, number, grid, block, where, measures, kind, is_parent, is_cover)
            reader.read()
            kind = reader.kind


def _kind(texts: Sequence[str]) -> str:
    return next(filter(None, map(cells.statement_kind, texts)), "")


def _title_texts(rows: Sequence[Sequence[Cell]], block: Block) -> list[str]:
    """Return the texts of a table's header rows and of the rows without numbers just above them."""
    first = block.header_rows[0]
    while first > 0 and block.header_rows[0] - first < 12:
        above = rows[first - 1]
        if any(isinstance(cell, Decimal) or cells.looks_numeric(label_text(cell)) for cell in above[1:]):
            break
        first -= 1
    return [text for row in rows[first : block.header_rows[-1] + 1] for cell in row if (text := label_text(cell))]


@dataclass(slots=True)
class _Table:
    """Reads one table of a sheet."""

    reading: Reading
    number: int
    grid: Grid
    block: Block
    where: str
    measures: Measures
    kind: str
    is_parent: bool
    is_cover: bool
    heading: str = ""
    labels_seen: dict[str, str] = field(default_factory=dict)
    texts_left: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Read the table's rows."""
        for index, reason in self.block.skipped.items():
            if reason != "not a period":
                self.reading.note(
                    Phrase("{where} column {column}", where=self.where, column=cell_name(0, index)[:-1]),
                    Phrase("left out: {reason}", reason=reason),
                )
        self.kind = self.kind or self._kind_by_labels()
        self._tell_columns_without_period()
        columns = self._distinct_columns()
        for row in range(self.block.first, self.block.last):
            self._read_row(row, columns)
        self._tell_what_was_missing()

    def _tell_what_was_missing(self) -> None:
        if self.measures.is_currency_missed:
            what = "no currency is named, so amounts carry the unit XXX; name it in a title, such as USD in millions"
            self.reading.problems.append(Problem(self.where, what))
        if self.measures.is_scale_missed:
            self.reading.note(self.where, "no scale is named, so amounts were taken as printed, in full units")
        if self.texts_left:
            what = Phrase("text instead of numbers was left out in {cells}", cells=listed(self.texts_left))
            self.reading.problems.append(Problem(self.where, what))

    def _kind_by_labels(self) -> str:
        """Tell an untitled table of nothing but flows by its rows; a bare date then ends a period."""
        if self.reading.calendar.has_lengths:
            return ""
        labels = [label_text(row[0]) for row in self.grid.rows[self.block.first : self.block.last] if row]
        has_balance = any(map(cells.is_balance_label, labels))
        if has_balance or not any(map(cells.is_flow_label, labels)):
            return ""
        return "cash_flow" if any(map(cells.is_cash_flow_label, labels)) else "income"

    def _tell_columns_without_period(self) -> None:
        """Name the columns that have a header and numbers, but no period, such as `ttm`."""
        known = {column.index for column in self.block.columns} | set(self.block.skipped)
        header = self.grid.rows[self.block.header_rows[-1]]
        rows = self.grid.rows[self.block.first : self.block.last]
        for index, cell in enumerate(header):
            text = label_text(cell)
            if (
                index
                and text
                and index not in known
                and any(_is_number(row[index]) for row in rows if index < len(row))
            ):
                what = Phrase("left out: its header '{text}' names no period", text=text)
                self.reading.problems.append(
                    Problem(Phrase("{where} column {column}", where=self.where, column=cell_name(0, index)[:-1]), what)
                )

    def _distinct_columns(self) -> list[tuple[Column, tuple[Dimension, ...]]]:
        """Pair columns with dimensions: of the parent company's own values, and of a period that comes twice."""
        seen: set[object] = set()
        result = []
        for column in self.block.columns:
            dimensions: tuple[Dimension, ...] = ()
            if self.is_parent or _PARENT_ONLY.search(cells.fold(column.header)):
                dimensions = (_dimension("scope", "parent company"),)
            elif column.mark in seen and column.header:
                dimensions = (_dimension("column", column.header),)
            seen.add(column.mark)
            result.append((column, dimensions))
        return result

    def _read_row(self, row: int, columns: list[tuple[Column, tuple[Dimension, ...]]]) -> None:
        content = self.grid.rows[row]
        values = [(column, extra, content[column.index]) for column, extra in columns if column.index < len(content)]
        full = [(column, extra, cell) for column, extra, cell in values if not is_blank(cell)]
        if is_measure_row(content):
            return
        if not full:
            label = label_before(content, len(content))
            if label and not any(not is_blank(cell) for _, _, cell in values):
                self._take_heading(label, has_dashes=any(label_text(cell).strip() for _, _, cell in values))
            return
        printed_labels: set[str] = set()
        for column, extra, cell in full:
            label = label_before(content, column.index)
            address = self._address(row, column.index)
            if isinstance(cell, Unreadable):
                self.reading.problems.append(
                    Problem(address, Phrase("{reason}; no value was read", reason=cell.reason))
                )
            elif self.is_cover and cells.row_kind(label) != "shares":
                continue
            elif not label and isinstance(cell, str) and not any(map(str.isdigit, cell)):
                continue  # a remark at the end of a row, such as the unit of the table below
            elif not label:
                self.reading.problems.append(Problem(address, "the row has a value but no label; it was left out"))
            elif cells.row_kind(label, self.heading) == "unknown":
                what = Phrase(
                    "'{label}' says neither per share nor number of shares, and no heading does; it was left out",
                    label=label,
                )
                self.reading.problems.append(Problem(address, what))
            else:
                self._read_cell(row, column, cell, label, extra)
                printed_labels.add(label)
        for label in printed_labels:
            self.labels_seen.setdefault(label, self.heading)

    def _take_heading(self, label: str, *, has_dashes: bool) -> None:
        if has_dashes or _ABSTRACT.search(cells.fold(label)):
            return
        self.heading = label
        if not self.kind or _TITLE.search(cells.fold(label)):
            self.kind = cells.statement_kind(label) or self.kind

    def _address(self, row: int, column: int) -> str:
        name = cell_name(row, column)
        return f"{self.grid.name}!{name}" if self.grid.name else name

    def _read_cell(self, row: int, column: Column, cell: Cell, label: str, extra: tuple[Dimension, ...]) -> None:
        address = self._address(row, column.index)
        printed = self._printed(row, column.index, cell)
        if printed is None:
            if isinstance(cell, str) and cells.looks_numeric(cell):
                self.reading.problems.append(
                    Problem(address, Phrase("'{text}' is not a number; no value was read", text=cell.strip()))
                )
            else:
                self.texts_left.append(cell_name(row, column.index))
            return
        period, note = self._period(column, label)
        if note:
            self.reading.note(self.where, note)
        if period is None:
            self.reading.dateless.setdefault(column.header, address)
            self.reading.note(
                Phrase("{where} column {column}", where=self.where, column=cell_name(0, column.index)[:-1]),
                Phrase(
                    "left out: its header '{header}' needs the document's date in a title, such as 2024年12月31日",
                    header=column.header,
                ),
            )
            return
        if column.mark.quarter:
            self.reading.quarters.add((period.end, column.mark.quarter))
        if column.mark.year and not column.mark.month_day:
            self.reading.fiscal_years.setdefault(period.end, column.mark.year)
        unit, power = self.measures.unit_of(label, self.heading, printed, column)
        value = printed.value.scaleb(power) if power >= 0 or printed.value else printed.value
        dimensions = (*extra, *self._section(label))
        name = f"{self.heading.rstrip(':： ')}: {label}" if cells.is_generic(label) and self.heading else label
        concept = intern_concept(ROW_LABEL_NAMESPACE, name, "row")
        if self.kind and not dimensions:
            rows = self.reading.statements.setdefault(f"{STATEMENT_ROLE}{self.kind}:{self.number}", {})
            rows.setdefault(concept, PresentationRow(concept, 0, label))
        self.reading.facts.append(
            Fact(
                f"#{len(self.reading.facts) + 1}",
                concept,
                period,
                unit,
                _plain(value),
                Place(SheetCell(self.grid.name, cell_name(row, column.index)), self.number, row, column.index, label),
                dimensions,
                decimals=printed.digits - power if power or printed.digits else None,
                printed=cell.strip() if isinstance(cell, str) else str(cell),
            )
        )

    def _printed(self, row: int, column: int, cell: Cell) -> cells.Printed | None:
        if isinstance(cell, str):
            return cells.read_printed(cell, is_continental=self.reading.is_continental)
        if not isinstance(cell, Decimal):
            return None
        exponent = cell.as_tuple().exponent
        digits = max(0, -exponent) if isinstance(exponent, int) else 0
        return cells.Printed(cell, digits, (row, column) in self.grid.percents)

    def _section(self, label: str) -> tuple[Dimension, ...]:
        """Return the heading as a dimension when the label came before under another heading."""
        first = self.labels_seen.get(label)
        if first is None or first == self.heading or cells.is_generic(label):
            return ()
        return (_dimension("section", self.heading),)

    def _period(self, column: Column, label: str) -> tuple[Period | None, str]:
        mark, calendar = column.mark, self.reading.calendar
        at_edge = _AT_AN_EDGE.search(cells.fold(label)) is not None
        has_length = bool(mark.months or mark.weeks)
        is_instant = mark.is_instant or self.kind == "balance" or at_edge or self.is_cover
        if not is_instant and self.kind not in ("income", "cash_flow"):
            bare_date = mark.end is not None and not has_length
            is_instant = cells.is_balance_label(label, strictly=has_length) or (
                bare_date and (calendar.has_lengths or not cells.is_flow_label(label))
            )
        period, note = calendar.resolve(mark, is_instant=is_instant and not at_edge, usual_months=self._usual_months())
        if period is not None and at_edge and period.start is not None:
            opening = _OPENING.search(cells.fold(label)) is not None
            period = Period(date.fromordinal(period.start.toordinal() - 1) if opening else period.end)
        return period, note

    def _usual_months(self) -> int | None:
        """Return the length that the gaps between columns of bare dates suggest: a year, a half or a quarter."""
        ends = sorted({column.mark.end for column in self.block.columns if column.mark.end})
        gaps = {(later - earlier).days for earlier, later in itertools.pairwise(ends)}
        if not gaps:
            return None
        return next((months for months in (3, 6, 12) if abs(min(gaps) - months * 30.4375) <= 9), None)


def listed(names: Sequence[str]) -> str:
    """Join the first few names and count the others."""
    first = joined(names[:_MAX_LISTED], ", ")
    more = len(names) - _MAX_LISTED
    return Phrase("{names} and {count} more", names=first, count=more) if more > 0 else first


def _dimension(axis: str, text: str) -> Dimension:
    return Dimension(Concept(ROW_LABEL_NAMESPACE, axis, "row"), typed=text)


def _plain(value: Decimal) -> Decimal:
    """Return the same number without an exponent above 0."""
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def _is_number(cell: Cell) -> bool:
    if isinstance(cell, str):
        return cells.looks_numeric(cell)
    return isinstance(cell, Decimal | Unreadable)
