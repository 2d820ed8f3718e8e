"""The comparison as a workbook for a research desk: full precision, live formulas, a source on every input.

Blue cells are inputs read from filings, black ones formulas of their own sheet, green ones refer to other sheets. Cells
hold full amounts; only number formats show the scale. Sentences are text and do not follow edited cells.
"""

from __future__ import annotations

from trivium.finance.analyze.model import Comparison, Table
from trivium.finance.report.content import Content
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.proof import with_inputs
from trivium.finance.report.xlsx.book import Book, Placed
from trivium.finance.report.xlsx.charts import Charts
from trivium.finance.report.xlsx.evidence import EvidenceSheets
from trivium.finance.report.xlsx.grid import Amount
from trivium.finance.report.xlsx.parts import PartSheets
from trivium.finance.report.xlsx.rows import RowSheets
from trivium.finance.report.xlsx.summary import summary

__all__ = ["Placed", "make_book", "render_xlsx"]

_STATEMENTS = ("income_statement", "balance_sheet", "cash_flow")


def render_xlsx(content: Content) -> bytes:
    """Return the comparison as an XLSX workbook.

    Raises:
        ValueError: if a number has no claim, its claim says another number, or a formula cannot be replayed.
    """
    return make_book(content)[1]


def make_book(content: Content) -> tuple[Book, bytes]:
    """Return the workbook with what stands in each of its cells, and its bytes."""
    comparison = content.comparison
    wording = ExportWording(comparison, content.language, content.scale)
    book = Book(comparison, content.claims, wording)
    rows, evidence = RowSheets(comparison, wording), EvidenceSheets(comparison, wording)
    for key, tables in _row_sheets(comparison):
        book.add(rows.sheet(wording.export(f"sheet_{key}"), tables, has_names=key in (*_STATEMENTS, "ratios")))
    for part in PartSheets(comparison, wording).sheets():
        book.add(part)
    workings = evidence.workings(book.homeless())
    if workings is not None:
        book.add(workings)
    shown = [cell.value for one in book.sheets for cell in one.cells.values() if isinstance(cell, Amount)]
    book.add(evidence.sources(with_inputs(shown).values()))
    book.add(evidence.mapping())
    book.add(evidence.unread(content.removed))
    first, chart_row = summary(comparison, content.sentences, wording, book.sheets)
    others = list(book.sheets)
    book.add(first, 0)
    return book, book.to_bytes(Charts(first, chart_row, others, comparison, wording))


def _row_sheets(comparison: Comparison) -> list[tuple[str, list[Table]]]:
    """Return the sheets of rows: statements one a sheet, quarters, ratios, common size."""
    by_key = {table.key: table for table in comparison.tables}
    found = [(key, [by_key[key]]) for key in _STATEMENTS if key in by_key]
    for key in ("quarters", "ratios", "common_size"):
        tables = [table for table in comparison.tables if table.key.startswith(key)]
        found += [(key, tables)] if tables else []
    return found
