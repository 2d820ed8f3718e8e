"""Write the sample filings, one filing split over two pages, and a plain statement in CSV."""

from __future__ import annotations

import csv
import functools
import io
from decimal import Decimal
from pathlib import Path

from trivium.finance.samples.edition import Column, Edition
from trivium.finance.samples.filing import PLANS, SamplePage, build, build_set, open_edition
from trivium.finance.samples.inline import TruthRow, page_date
from trivium.finance.samples.statements import Row, balance_rows, income_rows

__all__ = ["sample_truth", "write_document_set", "write_samples", "write_statement_csv"]

DEFAULT_SEED = 7

_CSV_FILE = "TVMK_statements_FY2024.csv"
_PER_SHARE_HEADS = ("Earnings per share:", "Weighted average shares outstanding:")
_ANNUAL = next(plan for plan in PLANS if plan.file == "TVMK_10-K_FY2024.htm")


def write_samples(folder: Path, *, seed: int = DEFAULT_SEED) -> list[Path]:
    """Write the sample filings into a folder, which is made if need be.

    Five invented companies: a retailer with 52/53-week years, a chip designer with a ten-for-one split, a water
    technology group with own concepts, joint ventures and a restated year, a bank and an insurer. The page whose name
    ends in `deliberate-error` breaks one identity: total liabilities and equity is 90 million above total assets.

    Args:
        folder: where to write.
        seed: same seed, same bytes.

    Returns:
        The paths, by company in the order of filing.
    """
    return [_write(folder, page) for page in _pages(seed)]


def sample_truth(seed: int = DEFAULT_SEED) -> list[TruthRow]:
    """Return every fact of the sample filings as the model made it, text facts included (their unit is empty)."""
    return [row for page in _pages(seed) for row in page.truth]


def write_document_set(folder: Path, *, seed: int = DEFAULT_SEED) -> tuple[list[Path], list[TruthRow]]:
    """Write one annual filing as two pages that share a target: header and contexts are in the first only.

    Returns:
        The two paths, and the truth; each row names the page that its fact stands in.
    """
    pages = build_set(_ANNUAL, seed)
    return [_write(folder, page) for page in pages], [row for page in pages for row in page.truth]


def write_statement_csv(folder: Path, *, seed: int = DEFAULT_SEED) -> tuple[Path, list[TruthRow]]:
    """Write an income statement and a balance sheet as one CSV table in thousands, two periods each.

    Returns:
        The path, and the truth: `fact_id` is the cell (`B5`), `concept` the printed label, `value` full dollars with
        the printed sign.
    """
    edition = open_edition(_ANNUAL, seed)
    table: list[list[str]] = [[edition.company.name]]
    truth: list[TruthRow] = []
    income = [row for row in income_rows(edition.company) if row.kind == "flow" and row.label not in _PER_SHARE_HEADS]
    balance = [row for row in balance_rows(edition.company) if row.kind == "balance" or not row.key]
    years = (edition.current, edition.current.earlier())
    for title, words, kind, rows in (
        ("Consolidated statements of income", "Year ended ", "flow", income),
        ("Consolidated balance sheets", "", "balance", balance),
    ):
        days = [words + page_date(edition.period(column, kind).end).replace("\xa0", " ") for column in years]
        table += [[title], ["USD in thousands"], ["", *days]]
        for row in rows:
            table.append([row.label, *_csv_cells(edition, row, years, len(table) + 1, truth)])
        table.append([])
    path = folder / _CSV_FILE
    folder.mkdir(parents=True, exist_ok=True)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(table)
    path.write_text(stream.getvalue(), encoding="utf-8", newline="\n")
    return path, truth


@functools.lru_cache(maxsize=2)
def _pages(seed: int) -> tuple[SamplePage, ...]:
    return tuple(build(plan, seed) for plan in PLANS)


def _write(folder: Path, page: SamplePage) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / page.file
    path.write_bytes(page.content)
    return path


def _csv_cells(
    edition: Edition, row: Row, columns: tuple[Column, ...], number: int, truth: list[TruthRow]
) -> list[str]:
    """Return a row's printed figures and add their truth; `number` is the row's number in the sheet, from 1."""
    if not row.key:
        return []
    cells = []
    for letter, column in zip("BC", columns, strict=True):
        value = edition.value(row.key, column, row.kind)
        if value is None:
            raise ValueError(f"{row.label}: a statement row without a figure")
        shown = -value if row.negated else value
        thousands = f"{abs(shown) / Decimal(1000):,.0f}"
        cells.append(f"({thousands})" if shown < 0 else thousands)
        period = edition.period(column, row.kind)
        start = period.start.isoformat() if period.start else ""
        end, instant = ("", period.end.isoformat()) if period.is_instant else (period.end.isoformat(), "")
        cell = f"{letter}{number}"
        truth.append(TruthRow(_CSV_FILE, cell, row.label, start, end, instant, "", "USD", f"{shown:f}", ""))
    return cells
