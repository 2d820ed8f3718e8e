"""The metrics and ratios that an overview shows."""

from __future__ import annotations

from trivium.finance.analyze.model import Comparison, Row
from trivium.finance.standing import is_statement

__all__ = ["HEADLINES", "headline_rows"]

HEADLINES = (
    "revenue",
    "gross_profit",
    "net_interest_income",
    "premiums_earned",
    "operating_income",
    "net_income",
    "eps_diluted",
    "operating_cash_flow",
    "free_cash_flow",
    "total_assets",
    "net_debt",
    "equity",
    "gross_margin",
    "operating_margin",
    "net_margin",
    "return_on_equity",
    "combined_ratio",
)
"""Metrics and ratios of the overview, where a report has them."""


def headline_rows(comparison: Comparison) -> list[Row]:
    """Return the rows of the overview that have a value, in the order of `HEADLINES`."""
    rows: dict[str, Row] = {}
    for table in comparison.tables:
        if is_statement(table) and not table.columns:
            for row in table.rows:
                rows.setdefault(row.metric, row)
    found = [rows[metric] for metric in HEADLINES if metric in rows]
    return [row for row in found if any(value.is_available for value in row.values)]
