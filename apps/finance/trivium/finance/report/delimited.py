"""Facts and metrics as CSV, one row each, with the place in the source: for spreadsheets and for scripts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TextIO

from trivium.finance.analyze.model import Value
from trivium.finance.display import message_text
from trivium.finance.records import Fact, Filing

__all__ = ["FACT_COLUMNS", "METRIC_COLUMNS", "fact_rows", "metric_rows", "source_stem", "write_csv"]

FACT_COLUMNS = ("concept", "start", "end", "instant", "dims", "unit", "value", "decimals", "fact_id")
METRIC_COLUMNS = (
    "ticker",
    "file",
    "metric",
    "period_kind",
    "start",
    "end",
    "value",
    "unit",
    "concept",
    "fact_id",
    "row_label",
    "status",
    "reason",
)
_SUFFIXES = re.compile(r"\.(gz|html?|xhtml|xml|json|csv|xlsx?|zip)$", re.I)


def source_stem(name: str) -> str:
    """Return a file's name without folder and endings: `10-K_FY2024` for `AAPL/10-K_FY2024.htm.gz`."""
    stem = PurePath(name).name
    while (shorter := _SUFFIXES.sub("", stem)) != stem:
        stem = shorter
    return stem


def fact_rows(filing: Filing) -> Iterator[tuple[str, ...]]:
    """Yield the numeric facts of a filing in document order, as `FACT_COLUMNS`.

    A duration fills start and end, a balance date `instant`; a nil fact has neither value nor decimals.
    """
    for fact in filing.facts:
        if fact.is_numeric:
            yield _fact_row(fact)


def metric_rows(filing: Filing, values: Iterable[tuple[str, Value]]) -> Iterator[tuple[str, ...]]:
    """Yield a filing's own metrics as `METRIC_COLUMNS`; `values` pairs each with its period kind."""
    file = source_stem(filing.source.name)
    for kind, value in values:
        start = value.period.start
        amount = "" if value.amount is None else format(value.amount, "f")
        concept = value.fact.concept.qname if value.fact else ""
        yield (
            filing.entity.ticker,
            file,
            value.metric,
            kind,
            start.isoformat() if start else "",
            value.period.end.isoformat(),
            amount,
            value.unit if amount else "",
            concept,
            value.fact.fact_id if value.fact else "",
            value.fact.place.row_label if value.fact else "",
            str(value.status),
            _reason(value),
        )


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write a header and rows; return the number of rows."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count


def _fact_row(fact: Fact) -> tuple[str, ...]:
    start, end = fact.period.start, fact.period.end.isoformat()
    decimals = "INF" if fact.is_exact else "" if fact.decimals is None else str(fact.decimals)
    return (
        fact.concept.qname,
        start.isoformat() if start else "",
        end if start else "",
        "" if start else end,
        fact.dimensions_text,
        str(fact.unit),
        "" if fact.value is None else format(fact.value, "f"),
        "" if fact.value is None else decimals,
        fact.fact_id,
    )


def _reason(value: Value) -> str:
    parts = [message_text(value.reason, "en")] if value.reason else []
    if value.formula:
        parts.insert(0, f"= {value.formula}")
    return "; ".join(parts)
