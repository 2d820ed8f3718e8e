"""Find the header rows of a sheet and turn what stands above each column into days.

A sheet may hold several tables, each under its own header. Whatever had to be assumed (a fiscal year end, the start of
a period of weeks) is said in a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from trivium.finance.parse.statement.cells import BLANK, fold, read_printed, statement_kind
from trivium.finance.parse.statement.marks import Mark, moment_of, month_end, read_mark
from trivium.finance.parse.statement.sheets import Cell, Grid, Unreadable
from trivium.finance.records import Period
from trivium.service.phrase import Phrase

__all__ = ["Block", "Calendar", "Column", "find_blocks", "is_blank", "label_before", "label_text", "read_calendar"]

Row = Sequence[Cell]

_HEADER_WORD = re.compile(
    r"^\(?(?:in|amounts|all amounts|expressed|dollars|usd|rmb|cny|eur|unaudited|fiscal|financial|years?|periods?|"
    r"quarters?|items?|line items?|accounts?|descriptions?|metrics?|labels?|names?|consolidated|as of|for the|"
    r"three|six|nine|twelve)\b|^\(?[$€£¥]|"
    r"^(?:项目|科目|指标|单位|编制单位|资产|负债和|负债及|合并|母公司|报表|币种|会计)|^\(?单位"
)
_WEEKS_OF = {3: 13, 6: 26, 9: 39, 12: 52}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of reported values.

    Args:
        index: from 0.
        mark: what its header says about the period.
        header: its header texts, joined.
    """

    index: int
    mark: Mark
    header: str


@dataclass(frozen=True, slots=True)
class Block:
    """One table of a sheet: its header rows, and its data rows from `first` up to `last`, not included."""

    header_rows: tuple[int, ...]
    first: int
    last: int
    columns: tuple[Column, ...]
    skipped: dict[int, str]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a file says about dates outside its columns.

    Args:
        year_end: month and day the fiscal year ends on.
        is_assumed: whether `year_end` is only the usual 31 December.
        document: the date or year that its titles name, if any.
        days: every full date in it.
        has_odd_ends: whether some column ends inside a month, as in years of 52 or 53 weeks.
        has_lengths: whether some header states a length (`3 months ended`), so that a bare date is a balance date.
    """

    year_end: tuple[int, int] = (12, 31)
    is_assumed: bool = True
    document: Mark | None = None
    days: frozenset[date] = frozenset()
    has_odd_ends: bool = False
    has_lengths: bool = False

    def resolve(self, mark: Mark, *, is_instant: bool, usual_months: int | None) -> tuple[Period | None, str]:
        """Turn a mark into a period.

        Args:
            mark: of a column.
            is_instant: whether the row is a balance.
            usual_months: length of a period whose header is a bare date.

        Returns:
            The period, and a note on what was assumed (empty when nothing was); None when the mark does not suffice.
        """
        if mark.relative:
            return self._relative(mark, is_instant)
        end, note = self._end(mark)
        if end is None or is_instant:
            return (Period(end) if end else None), note
        months = mark.months
        assumed = ""
        if months is None and mark.weeks is None:
            months = 12 if mark.year else usual_months
            if months is None:
                months = 12
                assumed = Phrase("the period to {end} was taken as a year, as its header is a date alone", end=end)
        start, more = self._start(end, months, mark.weeks)
        return Period(end, start), note or assumed or more

    def _end(self, mark: Mark) -> tuple[date | None, str]:
        if mark.end:
            return mark.end, ""
        if not mark.year:
            return None, ""
        if mark.month_day:
            return _day(mark.year, *mark.month_day), ""
        month, day = self.year_end
        if mark.quarter and mark.quarter < 4:
            index = mark.year * 12 + month - 1 - 3 * (4 - mark.quarter)
            end = month_end(index // 12, index % 12 + 1)
            name = f"Q{mark.quarter} {mark.year}"
        else:
            end = _day(mark.year, month, day)
            name = f"Q4 {mark.year}" if mark.quarter else str(mark.year)
        note = Phrase(
            "{name} was taken to end on {end} (calendar year), as no header gives the day", name=name, end=end
        )
        return end, note if self.is_assumed else ""

    def _start(self, end: date, months: int | None, weeks: int | None) -> tuple[date, str]:
        if weeks is not None:
            return end - timedelta(days=7 * weeks - 1), ""
        assert months is not None
        is_month_end = end == month_end(end.year, end.month) and (not self.has_odd_ends or end.month == 12)
        if is_month_end:
            index = end.year * 12 + end.month - months
            near = date(index // 12, index % 12 + 1, 1) - timedelta(days=1)
        else:
            near = end - timedelta(days=round(months * 30.4375))
        # The day before this period is often printed too, as the end of another: exact for years of 52 or 53 weeks.
        known = [day for day in self.days if abs((day - near).days) <= 8]
        if known or is_month_end:
            return min(known, key=lambda day: abs((day - near).days), default=near) + timedelta(days=1), ""
        if months in _WEEKS_OF:
            start = end - timedelta(days=7 * _WEEKS_OF[months] - 1)
            return start, Phrase(
                "the {months} months to {end} were taken as {weeks} weeks, from {start}",
                months=months,
                end=end,
                weeks=_WEEKS_OF[months],
                start=start,
            )
        start = near + timedelta(days=1)
        return start, Phrase(
            "the start of the {months} months to {end} was taken as {start}", months=months, end=end, start=start
        )

    def _relative(self, mark: Mark, is_instant: bool) -> tuple[Period | None, str]:
        """Resolve a Chinese column word from the document's own date; Chinese fiscal years are calendar years."""
        end = self.document and (self.document.end or (self.document.year and date(self.document.year, 12, 31)))
        if self.document is None or not end:
            return None, ""
        if mark.relative == "opening" or (is_instant and mark.relative == "prior"):
            return Period(date(end.year - 1, 12, 31)), ""
        if mark.relative == "closing" or is_instant:
            return Period(end), ""
        if mark.relative == "prior":
            end = month_end(end.year - 1, end.month)
        months = mark.months or self.document.months or end.month
        return Period(end, self._start(end, months, None)[0]), ""


def _day(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, month_end(year, month).day))


def label_text(cell: Cell) -> str:
    """Return a cell's text with white space folded; empty for numbers, dates and unreadable cells."""
    return " ".join(cell.split()) if isinstance(cell, str) else ""


def label_before(row: Row, before: int) -> str:
    """Return a value's label: the first text of the group of texts nearest to its left."""
    texts: list[str] = []
    for column in range(before - 1, -1, -1):
        text = label_text(row[column])
        is_words = bool(text) and read_printed(text) is None and any(char.isalpha() for char in text)
        if is_words:
            texts.append(text)
        elif texts and not is_blank(row[column]):
            break
    return texts[-1] if texts else ""


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty, a dash or nothing but signs."""
    if not isinstance(cell, str):
        return False
    text = fold(cell)
    return text in BLANK or not any(char.isalnum() for char in text)


def _header_text(cell: Cell) -> str:
    """Return the text of a header cell; a number is one only as a year."""
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return str(cell) if cell == cell.to_integral_value() and 1900 <= cell <= 2100 else ""
    return label_text(cell)


def _marks(row: Row) -> list[Mark | None]:
    return [read_mark(_header_text(cell)) if column else None for column, cell in enumerate(row)]


def _tells_time(mark: Mark | None) -> bool:
    return mark is not None and not mark.skip and bool(mark.has_time or mark.months or mark.weeks or mark.month_day)


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip(" \t\r\n\xa0\u3000")


def _is_header(row: Row, *, is_first: bool) -> bool:
    """Whether a row is a header: at least one period, no other number, and (after the first) no label of a data row."""
    marks = _marks(row)
    told = sum(map(_tells_time, marks))
    if not told:
        return False
    for cell, mark in zip(row[1:], marks[1:], strict=True):
        if mark is None and (not isinstance(cell, str) or len(cell) > 60):
            return False
    label = fold(label_text(row[0]))
    if is_first and told > 1:
        return True
    return not label or _HEADER_WORD.search(label) is not None or bool(statement_kind(label)) or is_first


def _continues_header(row: Row) -> bool:
    """Whether a row under a header belongs to it: another header, or words without a label (`unaudited`)."""
    if _is_header(row, is_first=False):
        return True
    full = [cell for cell in row[1:] if not _is_empty(cell)]
    return _is_empty(row[0]) and bool(full) and all(isinstance(cell, str) and not _digits(cell) for cell in full)


def _digits(text: str) -> bool:
    return any(char.isdigit() for char in text)


def find_blocks(rows: Sequence[Row]) -> list[Block]:
    """Return the tables of a sheet, in order; empty when no row is a header."""
    starts: list[tuple[int, ...]] = []
    at = 0
    while at < len(rows):
        if rows[at] and _is_header(rows[at], is_first=not starts):
            header = [at]
            while at + 1 < len(rows) and rows[at + 1] and _continues_header(rows[at + 1]):
                at += 1
                header.append(at)
            starts.append(tuple(header))
        at += 1
    ends = [*(header[0] for header in starts[1:]), len(rows)]
    return [_block(rows, header, end) for header, end in zip(starts, ends, strict=False)]


def _block(rows: Sequence[Row], header_rows: tuple[int, ...], last: int) -> Block:
    first = header_rows[-1] + 1
    width = max(len(row) for row in rows[header_rows[0] : last])
    joined: list[Mark] = [Mark()] * width
    texts = _texts_above(rows, header_rows[0], width)
    for row_number in header_rows:
        carries = row_number != header_rows[-1]
        carried: Mark | None = None
        marks = _marks(rows[row_number])
        for column in range(1, width):
            cell = rows[row_number][column] if column < len(rows[row_number]) else ""
            if not _is_empty(cell):
                carried = marks[column]
                texts[column].append(_header_text(cell))
                joined[column] = joined[column] | (carried or Mark())
            elif carried is not None and not carried.skip and (carries or _holds_only_signs(rows[first:last], column)):
                joined[column] = joined[column] | carried
    columns, skipped = [], {}
    for column, mark in enumerate(joined):
        if mark.skip:
            skipped[column] = mark.skip
        elif mark.has_time:
            columns.append(Column(column, mark, " ".join(texts[column])))
    return Block(header_rows, first, last, tuple(columns), skipped)


def _texts_above(rows: Sequence[Row], header: int, width: int) -> list[list[str]]:
    """Return, by column, the words in the row above a header (`Parent company`), which may span several columns."""
    texts: list[list[str]] = [[] for _ in range(width)]
    above = rows[header - 1] if header else ()
    if any(not isinstance(cell, str) for cell in above):
        return texts
    spanning = ""
    for column, cell in enumerate(above[:width]):
        spanning = label_text(cell) or spanning if column else ""
        if spanning:
            texts[column].append(spanning)
    return texts


def _holds_only_signs(rows: Sequence[Row], column: int) -> bool:
    """Whether the column to the left of `column` holds currency signs or nothing, as in tables copied from a page."""
    left = [row[column - 1] for row in rows if len(row) > column - 1 and not _is_empty(row[column - 1])]
    return all(isinstance(cell, str) and not _digits(cell) for cell in left)


def read_calendar(name: str, grids: Iterable[Grid]) -> Calendar:
    """Collect what a file's name, titles and headers say about dates."""
    days: set[date] = set()
    year_ends: set[tuple[int, int]] = set()
    document: Mark | None = None
    has_lengths = has_odd_ends = False
    for grid in grids:
        blocks = find_blocks(grid.rows)
        top = blocks[0].first if blocks else 6
        for row_number, row in enumerate(grid.rows):
            for cell in row if row_number < top else row[:1]:
                mark = moment_of(fold(_header_text(cell))) if not isinstance(cell, Unreadable) else None
                if mark is None:
                    continue
                if mark.end:
                    days.add(mark.end)
                if row_number < top and document is None and (mark.end or mark.year):
                    document = mark
        for block in blocks:
            for column in block.columns:
                mark = column.mark
                has_lengths = has_lengths or bool(not mark.quarter and (mark.months or mark.weeks))
                end = mark.end or (mark.year and mark.month_day and _day(mark.year, *mark.month_day))
                has_odd_ends = has_odd_ends or bool(end and end != month_end(end.year, end.month))
                if end and (mark.months == 12 or (mark.weeks or 0) >= 52):
                    year_ends.add((end.month, end.day))
    named = moment_of(fold(name))
    if document is None and named is not None and (named.end or named.year):
        document = named
    if document is not None and document.quarter and document.year:
        document = replace(document, end=month_end(document.year, 3 * document.quarter))
    known = max(year_ends) if year_ends else None
    return Calendar(known or (12, 31), known is None, document, frozenset(days), has_odd_ends, has_lengths)
