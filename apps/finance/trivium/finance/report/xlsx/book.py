"""The workbook: gives every number one home cell, turns derived values into formulas over homes, and writes it all.

A number that a formula needs and no sheet shows gets its home on the sheet of workings, so no formula holds a constant
that came from a filing.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import quote_sheetname, xl_range, xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from trivium.finance.analyze.model import Comparison, Value
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.proof import file_name, proved, with_inputs
from trivium.finance.report.xlsx.formulas import excel_formula, guarded
from trivium.finance.report.xlsx.grid import Amount, Computed, Content, Link, Sheet, Text
from trivium.finance.report.xlsx.printed import MARGIN_INCHES, pages_across
from trivium.finance.report.xlsx.styles import BLACK, BLUE, GREEN, NAVY, Look, Role, Styles, number_format
from trivium.service.evidence import Claim

__all__ = ["Book", "Placed", "source_note"]

_FORMULA_STARTS = ("=", "+", "-", "@")
_NOTE_SIZE = {"x_scale": 2.6, "y_scale": 1.5, "font_size": 8, "color": "#FFFDEB"}
_AUTHOR = "Trivium"
_LINE_POINTS = 12.5
_NO_WARNINGS = ("number_stored_as_text", "formula_differs", "formula_range")
"""Excel's green corners for what is meant: numbers as printed are text, neighbours have formulas of other shapes."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What a cell holds: a value, or a number of the sheet's own; times `factor` (100 for percentage points)."""

    value: Value | None
    expected: Decimal | str
    factor: int = 1
    is_formula: bool = False


class Book:
    """A workbook in the making.

    Attributes:
        sheets: in the order of their tabs.
        placed: what stands in each cell that holds a number or a formula, by sheet name, row and column from 0.
    """

    def __init__(self, comparison: Comparison, claims: Mapping[str, Claim], wording: ExportWording) -> None:
        self.comparison = comparison
        self.wording = wording
        self.sheets: list[Sheet] = []
        self.placed: dict[tuple[str, int, int], Placed] = {}
        self._claims = claims
        self._homes: dict[str, tuple[Sheet, int, int]] = {}
        self._quoted = functools.cache(quote_sheetname)
        self._missing, self._meaningless = wording.say("na"), wording.say("nm")

    def add(self, sheet: Sheet, position: int | None = None) -> None:
        """Take a sheet; values that have no home yet get it here."""
        self.sheets.insert(len(self.sheets) if position is None else position, sheet)
        for (row, column), content in sheet.cells.items():
            if isinstance(content, Amount) and not content.is_points and content.value.is_available:
                self._homes.setdefault(content.value.id, (sheet, row, column))

    def homeless(self) -> Iterator[Value]:
        """Yield the values that formulas need and no sheet shows yet."""
        shown = [cell for sheet in self.sheets for cell in sheet.cells.values() if isinstance(cell, Amount)]
        in_points = {cell.value.id for cell in shown if cell.is_points}
        for value in with_inputs(cell.value for cell in shown).values():
            if value.is_available and value.id not in self._homes and value.id not in in_points:
                yield value

    def reference(self, value: Value, sheet: Sheet) -> str:
        """Return the address of a value's home as seen from a sheet.

        Raises:
            KeyError: if no sheet shows the value.
        """
        home, row, column = self._homes[value.id]
        cell = xl_rowcol_to_cell(row, column)
        return cell if home is sheet else f"{self._quoted(home.name)}!{cell}"

    def to_bytes(self, charts: Any = None) -> bytes:
        """Write the workbook.

        Args:
            charts: called with (workbook, worksheets by name) to add native charts.
        """
        stream = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        workbook = xlsxwriter.Workbook(stream, options)
        styles = Styles(workbook, self.wording.language)
        workbook.set_properties({"title": self.wording.say(f"kind_{self.comparison.kind}"), "author": _AUTHOR})
        workbook.set_calc_mode("auto")
        written = {}
        for sheet in self.sheets:
            written[sheet.name] = workbook.add_worksheet(sheet.name, worksheet_class=_PlainWorksheet)
        for sheet in self.sheets:
            _Writer(self, sheet, written[sheet.name], styles).write()
            for name, (row, first, last) in sheet.names.items():
                workbook.define_name(name, f"={quote_sheetname(sheet.name)}!{xl_range_abs(row, first, row, last)}")
        if charts is not None:
            charts(workbook, written)
        workbook.close()
        return stream.getvalue()

    def number(self, value: Value) -> Decimal:
        """Return a value's amount, held against its claim."""
        return proved(value, self._claims)

    def is_home(self, value: Value, sheet: Sheet, row: int, column: int) -> bool:
        """Whether this cell is where the value lives."""
        return self._homes.get(value.id) == (sheet, row, column)

    def formula(self, value: Value, sheet: Sheet) -> str:
        """Return the formula of a derived value over the homes of its inputs."""
        return excel_formula(
            value,
            lambda given: self.reference(given, sheet),
            missing=self._missing,
            meaningless=self._meaningless,
        )


class _PlainWorksheet(Worksheet):
    """A sheet whose formulas use only functions that Excel 2007 had.

    The search for later functions in every formula, which would need a prefix, takes a seventh of the whole time.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")


class _Writer:
    """Writes one sheet."""

    def __init__(self, book: Book, sheet: Sheet, worksheet: Any, styles: Styles) -> None:
        self._book = book
        self._sheet = sheet
        self._to = worksheet
        self._styles = styles

    def write(self) -> None:
        self._set_up()
        for (row, column), content in self._sheet.cells.items():
            if row in self._sheet.merged and column == 1 and isinstance(content, Text):
                self._merge(row, content)
            else:
                self._cell(row, column, content)

    def _set_up(self) -> None:
        sheet, to = self._sheet, self._to
        rows, columns = sheet.size
        columns = max(columns, len(sheet.widths))
        for column, width in enumerate(sheet.widths):
            options = {"level": 1, "hidden": True} if sheet.has_key and column == 0 else {}
            options |= {"collapsed": True} if sheet.has_key and column == 1 else {}
            to.set_column(column, column, width, None, options)
        to.hide_gridlines(2)
        to.set_landscape()
        to.set_paper(9)
        to.set_margins(left=MARGIN_INCHES, right=MARGIN_INCHES, top=0.6, bottom=0.6)
        across = pages_across(sheet)
        to.fit_to_pages(across, 0)
        if across > 1 and sheet.frozen_columns:
            to.repeat_columns(int(sheet.has_key), sheet.frozen_columns - 1)
        to.print_area(0, 0, (sheet.printed_rows or rows) - 1, columns - 1)
        to.repeat_rows(*sheet.head)
        to.set_footer("&L&8&F&C&8&A&R&8&P / &N")
        to.freeze_panes(sheet.head[1] + 1, sheet.frozen_columns)
        to.set_tab_color(NAVY)
        everything = xl_range(0, 0, rows - 1, columns - 1)
        to.ignore_errors(dict.fromkeys(_NO_WARNINGS, everything))
        for row, lines in sheet.heights.items():
            to.set_row(row, _LINE_POINTS * lines + 2)
        if sheet.has_key:
            to.outline_settings(True, True, False, False)

    def _merge(self, row: int, content: Text) -> None:
        last = max(len(self._sheet.widths) - 1, 2)
        look = Look(content.role, level=content.level, is_wrapped=True)
        self._to.merge_range(row, 1, row, last, "", self._styles(look))
        self._text(row, 1, content.text, look)

    def _cell(self, row: int, column: int, content: Content) -> None:
        match content:
            case Text(text, role, level, is_right, is_wrapped, note):
                self._text(row, column, text, Look(role, "", "", level, is_right, is_wrapped))
                if note:
                    self._note(row, column, note)
            case Link(text, sheet):
                link = f"internal:{quote_sheetname(sheet)}!A1"
                self._to.write_url(row, column, link, self._styles(Look("link")), text)
            case Computed():
                self._computed(row, column, content)
            case Amount():
                self._amount(row, column, content)

    def _text(self, row: int, column: int, text: str, look: Look) -> None:
        style = self._styles.quoted(look) if text.startswith(_FORMULA_STARTS) else self._styles(look)
        self._to.write_string(row, column, text, style)

    def _computed(self, row: int, column: int, content: Computed) -> None:
        self._book.placed[self._sheet.name, row, column] = Placed(
            None, content.expected, is_formula=bool(content.formula)
        )
        format_ = number_format(content.unit, self._book.wording.scale) if content.unit else ""
        style = self._styles(Look(content.role, BLACK, format_))
        shown = float(content.expected) if isinstance(content.expected, Decimal) else content.expected
        if content.formula:
            missing = self._book.wording.say("na")
            self._to.write_formula(row, column, f"={guarded(content.formula, missing)}", style, shown)
        else:
            self._to.write_number(row, column, shown, style)

    def _amount(self, row: int, column: int, content: Amount) -> None:
        value, book = content.value, self._book
        if not value.is_available:
            self._absent(row, column, content.role, value)
            return
        amount = book.number(value)
        formula = self._formula(row, column, content)
        factor = 100 if content.is_points else 1
        book.placed[self._sheet.name, row, column] = Placed(value, amount, factor, bool(formula))
        format_ = number_format(
            value.unit, book.wording.scale, points=book.wording.points_suffix if content.is_points else ""
        )
        ink = BLUE if not formula else GREEN if "!" in formula else BLACK
        style = self._styles(Look(content.role, ink, format_))
        if formula:
            self._to.write_formula(row, column, f"={formula}", style, float(amount * factor))
        else:
            self._to.write_number(row, column, float(amount), style)
        if book.is_home(value, self._sheet, row, column):
            self._home_note(row, column, value)

    def _formula(self, row: int, column: int, content: Amount) -> str:
        """Return the formula of an available value's cell; empty for an input."""
        value, book = content.value, self._book
        if content.formula:
            return guarded(content.formula, book.wording.say("na"))
        if content.is_points:
            after, before = (book.reference(given, self._sheet) for given in value.inputs)
            return guarded(f"100*({after}-{before})", book.wording.say("na"))
        if not book.is_home(value, self._sheet, row, column):
            return book.reference(value, self._sheet)
        return book.formula(value, self._sheet) if value.inputs else ""

    def _absent(self, row: int, column: int, role: Role, value: Value) -> None:
        self._text(row, column, self._book.wording.absence(value), Look(role, "#6B7280", is_right=True))
        if value.reason is not None:
            self._note(row, column, self._book.wording.message(value.reason))

    def _home_note(self, row: int, column: int, value: Value) -> None:
        words = self._book.wording
        lines = [source_note(value, words)] if value.fact is not None and not value.inputs else []
        if value.inputs and value.notes:
            lines.append(words.formula(value.formula))
        if value.reason is not None:
            lines.append(words.message(value.reason))
        lines += [words.message(note) for note in value.notes]
        if lines:
            self._note(row, column, "\n".join(lines))

    def _note(self, row: int, column: int, text: str) -> None:
        self._to.write_comment(row, column, text, {"author": _AUTHOR, **_NOTE_SIZE})


def source_note(value: Value, wording: ExportWording) -> str:
    """Return where a value was read, in four short lines: filing, concept, printed row, place."""
    fact, filing = value.fact, value.filing
    assert fact is not None
    assert filing is not None
    form = " ".join(filter(None, (filing.form, filing.fiscal_period, str(filing.fiscal_year or ""))))
    place = [fact.fact_id]
    if fact.place.table is not None:
        place.append(wording.export("table_row", table=fact.place.table + 1, row=fact.place.row or 0))
    lines = (
        f"{form} - {file_name(filing)}".lstrip(" -"),
        fact.concept.qname,
        fact.dimensions_text,
        f"{fact.place.row_label}: {fact.printed}".strip(": "),
        ", ".join(place),
    )
    return "\n".join(filter(None, lines))
