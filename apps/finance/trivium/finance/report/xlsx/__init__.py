"""The comparison as a workbook for a research desk: full precision, live formulas, a source on every input.

Blue cells are inputs read from filings, black ones formulas of their own sheet, green ones refer to other sheets. Cells
hold full amounts; only number formats show the scale. Sentences are text and do not follow edited cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trivium.finance.analyze.model import Comparison, Table
from trivium.finance.check import Removed
from trivium.finance.display import Scale
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.proof import with_inputs
from trivium.finance.report.xlsx.book import Book, Placed
from trivium.finance.report.xlsx.charts import Charts
from trivium.finance.report.xlsx.evidence import EvidenceSheets
from trivium.finance.report.xlsx.grid import Amount
from trivium.finance.report.xlsx.parts import PartSheets
from trivium.finance.report.xlsx.rows import RowSheets
from trivium.finance.report.xlsx.summary import summary
from trivium.service.evidence import Claim, Sentence

__all__ = ["Placed", "make_book", "render_xlsx"]

_STATEMENTS = ("income_statement", "balance_sheet", "cash_flow")


def render_xlsx(
    comparison: Comparison,
    sentences: Sequence[Sentence],
    claims: Mapping[str, Claim],
    *,
    language: str,
    scale: Scale,
    removed: Sequence[Removed] = (),
) -> bytes:
    """Return the comparison as an XLSX workbook.

    Args:
        sentences: checked sentences.
        claims: by value id; every number of the workbook must have one.
        language: `en` or `zh`: of sheet names, labels, notes.
        scale: what number formats show; cells hold full amounts.
        removed: sentences that the checker took out, with its reasons.

    Raises:
        ValueError: if a number has no claim, its claim says another number, or a formula cannot be replayed.
    """
    return make_book(comparison, sentences, claims, language=language, scale=scale, removed=removed)[1]


def make_book(
    comparison: Comparison,
    sentences: Sequence[Sentence],
    claims: Mapping[str, Claim],
    *,
    language: str,
    scale: Scale,
    removed: Sequence[Removed] = (),
) -> tuple[Book, bytes]:
    """Return the workbook with what stands in each of its cells, and its bytes."""
    wording = ExportWording(comparison, language, scale)
    book = Book(comparison, claims, wording)
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
    book.add(evidence.unread(removed))
    first, chart_row = summary(comparison, sentences, wording, book.sheets)
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
