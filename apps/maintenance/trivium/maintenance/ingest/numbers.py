"""The numbers of a column: from numbers or text to float64 with a quality, and never a 0 that nobody sent.

`7,8` is 7.8. `1,234` could be either, so it is read only where the batch says which sign is the decimal one (a CSV with
semicolons does). What is no number is bad quality, and its text is kept for the sender to see.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trivium.maintenance.ingest import quality

__all__ = ["Cells", "read_number", "read_numbers"]

_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
_AMBIGUOUS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_GROUPED_POINT = re.compile(r"[-+]?\d{1,3}(,\d{3})+\.\d+")  # 1,234.5
_GROUPED_COMMA = re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d+")  # 1.234,5
_MOST_TEXTS = 100


@dataclass
class Cells:
    """Values of one column.

    Args:
        values: (N,) float64; NaN where there is no number.
        quality: (N,) uint8, a code of `quality.py`; ABSENT where the cell is empty.
        texts: what stood in the first cells that were no number, by row.
    """

    values: np.ndarray
    quality: np.ndarray
    texts: dict[int, str] = field(default_factory=dict)


def read_numbers(column: np.ndarray | Sequence[Any], *, decimal: str = "") -> Cells:
    """Read a column.

    Args:
        column: numbers (float64 with NaN for nothing), or a list of numbers, texts, booleans and None.
        decimal: `,` or `.` when the batch says so; empty to tell by each cell.
    """
    texts: dict[int, str] = {}
    if isinstance(column, np.ndarray):
        values = column.astype(np.float64, copy=True)
        found = np.where(np.isnan(values), quality.ABSENT, quality.GOOD).astype(np.uint8)
    elif all(type(cell) in (float, int) for cell in column):
        try:
            values = np.array(column, np.float64)
        except OverflowError:
            values = np.array([_of_number(cell) for cell in column])
        found = np.where(np.isnan(values), quality.BAD, quality.GOOD).astype(np.uint8)
    elif (plain := _plain_numbers(column)) is not None:
        values = plain
        is_empty = np.fromiter((not cell for cell in column), bool, len(column))
        found = np.where(is_empty, quality.ABSENT, quality.GOOD).astype(np.uint8)
    else:
        values, found = np.full(len(column), np.nan), np.full(len(column), quality.GOOD, np.uint8)
        for row, cell in enumerate(column):
            number = read_number(cell, decimal)
            if number is None:
                found[row] = quality.ABSENT
            elif isinstance(number, float):
                values[row] = number
            else:
                found[row] = quality.BAD
                if len(texts) < _MOST_TEXTS:
                    texts[row] = number
    is_wrong = np.isinf(values) | ((found == quality.GOOD) & np.isnan(values)) | quality.is_status_value(values)
    if is_wrong.any():
        for row in np.flatnonzero(is_wrong)[:_MOST_TEXTS]:
            texts.setdefault(int(row), _shown(values[row]))
        found[is_wrong] = quality.BAD
        values[is_wrong] = np.nan
    return Cells(values, found, texts)


def _plain_numbers(column: Sequence[Any]) -> np.ndarray | None:
    """Return the numbers of a list of texts and None when all are plain or empty; much faster than one by one."""
    if not all(cell is None or type(cell) is str for cell in column) or any("_" in (cell or "") for cell in column):
        return None
    try:
        return np.array([cell or "nan" for cell in column]).astype(np.float64)
    except ValueError:
        return None


def read_number(cell: Any, decimal: str = "") -> float | str | None:
    """Return the number in a cell, None when it is empty, else its text, which is no number."""
    if cell is None or isinstance(cell, (bool, int, float)):
        return None if cell is None else _of_number(cell)
    text = str(cell).strip()
    if not text:
        return None
    plain = text.replace("\u2212", "-").replace("\u00a0", "").replace(" ", "")
    if decimal == ",":
        plain = plain.replace(".", "") if _GROUPED_COMMA.fullmatch(plain) else plain
        plain = plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain
    elif _GROUPED_POINT.fullmatch(plain) or (decimal == "." and _AMBIGUOUS.fullmatch(plain)):
        plain = plain.replace(",", "")
    elif _GROUPED_COMMA.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _COMMA.fullmatch(plain) and not _AMBIGUOUS.fullmatch(plain):
        plain = plain.replace(",", ".")
    return float(plain) if _PLAIN.fullmatch(plain) else text[:200]


def _of_number(cell: float) -> float:
    """Return a number of JSON as a float; one of more digits than that holds is infinite."""
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _shown(value: float) -> str:
    return f"{value:.0f} (a status code)" if np.isfinite(value) else str(value)
