"""On how many printed pages side by side a sheet's columns stand, so that its nine-point letters can be read.

A sheet goes on one page's width where that leaves letters large enough, else on as many as it needs, and the columns of
names are printed again on each. The program that prints chooses the scale, since the width of a column depends on
whether it has the sheet's font; so the page breaks are its own, too.
"""

from __future__ import annotations

from itertools import count

from trivium.finance.report.xlsx.grid import Sheet

__all__ = ["MARGIN_INCHES", "pages_across"]

MARGIN_INCHES = 0.4
_PAGE_POINTS = (11.69 - 2 * MARGIN_INCHES) * 72
"""Width of A4, lying, between its margins."""

_DIGIT_POINTS, _EDGE_POINTS = 5.25, 3.75
"""A column of n characters is 7 n + 5 pixels wide at 96 to an inch."""

_LEAST_WHOLE, _LEAST_CUT = 0.6, 0.7
"""Smallest scales of a sheet on one page's width and of one on several: letters of 5.4 and 6.3 points."""


def pages_across(sheet: Sheet) -> int:
    """Return how many pages stand side by side."""
    first = int(sheet.has_key)
    widths = [_DIGIT_POINTS * width + _EDGE_POINTS for width in sheet.widths]
    whole, repeated = sum(widths[first:]), sum(widths[first : sheet.frozen_columns])
    if whole * _LEAST_WHOLE <= _PAGE_POINTS:
        return 1
    return next(pages for pages in count(2) if (whole + (pages - 1) * repeated) / pages * _LEAST_CUT <= _PAGE_POINTS)
