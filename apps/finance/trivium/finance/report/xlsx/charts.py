"""Native charts over the cells of the workbook: revenue and margin, cash flow against income, segments stacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trivium.finance.analyze.model import Comparison
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.xlsx.grid import Sheet, Text
from trivium.finance.report.xlsx.styles import NAVY, number_format

__all__ = ["Charts"]

_SERIES = (NAVY, "#C77B2B", "#4A7FA5", "#8A9BA8", "#6B8E4E", "#A5527A", "#D4B04C", "#3F6F6C", "#9C6B4E", "#5B5B8C")
_HEIGHT, _GAP, _MOST_CHARTS = 300, 8, 3
_MOST_MEMBERS = 10


@dataclass(frozen=True, slots=True)
class _Range:
    """Cells of one row of a sheet."""

    sheet: Sheet
    row: int
    first: int
    last: int

    def reference(self, row: int | None = None) -> list[Any]:
        at = self.row if row is None else row
        return [self.sheet.name, at, self.first, at, self.last]

    def name(self) -> list[Any]:
        return [self.sheet.name, self.row, 1]


class Charts:
    """Adds the charts to the first sheet, from `row` down."""

    def __init__(
        self, summary: Sheet, row: int, sheets: list[Sheet], comparison: Comparison, wording: ExportWording
    ) -> None:
        self._comparison = comparison
        self._has_companies = len(comparison.series) > 1
        self._summary = summary
        self._row = row
        self._sheets = sheets
        self._wording = wording
        self._currency = comparison.series[0].company.currency
        self._format = number_format(self._currency, wording.scale).split(";")[0].replace("_)", "")

    def __call__(self, workbook: Any, written: dict[str, Any]) -> None:
        """Make and place the charts whose rows the workbook has."""
        made = [chart for chart in (self._revenue(workbook), self._cash(workbook), self._members(workbook)) if chart]
        width = (self._summary.pixels - _GAP * (_MOST_CHARTS - 1)) // _MOST_CHARTS
        for place, (chart, words) in enumerate(made):
            chart.set_size({"width": width, "height": _HEIGHT})
            options = {"x_offset": place * (width + _GAP), "y_offset": 6, "description": words}
            written[self._summary.name].insert_chart(self._row, 1, chart, options)

    def _revenue(self, workbook: Any) -> tuple[Any, str] | None:
        revenue, margin = self._find("revenue"), self._find("net_margin")
        if revenue is None:
            return None
        chart = workbook.add_chart({"type": "column"})
        self._add(chart, revenue, 0)
        words = self._wording.export("chart_revenue")
        if margin is not None:
            line = workbook.add_chart({"type": "line"})
            line.add_series(
                {
                    "name": margin.name(),
                    "categories": self._categories(margin),
                    "values": margin.reference(),
                    "y2_axis": True,
                    "line": {"none": True} if self._has_companies else {"color": _SERIES[1], "width": 2},
                    "marker": {"type": "circle", "size": 6, "fill": {"color": _SERIES[1]}},
                }
            )
            line.set_y2_axis({"num_format": "0%", "major_gridlines": {"visible": False}, "num_font": {"size": 8}})
            chart.combine(line)
        return self._finish(chart, words), words

    def _cash(self, workbook: Any) -> tuple[Any, str] | None:
        rows = [row for row in map(self._find, ("operating_cash_flow", "net_income")) if row is not None]
        if len(rows) < 2:
            return None
        chart = workbook.add_chart({"type": "column"})
        for place, row in enumerate(rows):
            self._add(chart, row, place)
        words = self._wording.export("chart_cash")
        return self._finish(chart, words), words

    def _members(self, workbook: Any) -> tuple[Any, str] | None:
        """Stack the members of the first breakdown of revenue."""
        sheet = next((one for one in self._sheets if one.name == self._wording.export("sheet_breakdowns")), None)
        if sheet is None:
            return None
        rows = [_Range(sheet, row, 3, last) for row, last in _first_members(sheet)]
        if not 1 < len(rows) <= _MOST_MEMBERS:
            return None
        chart = workbook.add_chart({"type": "column", "subtype": "stacked"})
        for place, row in enumerate(rows):
            self._add(chart, row, place, head=rows[0].row - 1)
        company = next(one.company for one in self._comparison.breakdowns)
        words = self._wording.export("chart_members")
        words = f"{company}: {words}" if self._has_companies else words
        return self._finish(chart, words), words

    def _find(self, metric: str) -> _Range | None:
        """Return the row of the overview that shows a metric."""
        sheet = self._summary
        for (row, column), content in sheet.cells.items():
            if column == 0 and isinstance(content, Text) and content.text == metric:
                last = max(place for number, place in sheet.cells if number == row)
                return _Range(sheet, row, 3, last)
        return None

    def _categories(self, row: _Range, head: int | None = None) -> list[Any]:
        return row.reference(3 if head is None else head)

    def _add(self, chart: Any, row: _Range, place: int, head: int | None = None) -> None:
        chart.add_series(
            {
                "name": row.name(),
                "categories": self._categories(row, head),
                "values": row.reference(),
                "fill": {"color": _SERIES[place]},
                "gap": 70,
            }
        )

    def _finish(self, chart: Any, title: str) -> Any:
        unit = self._wording.unit(self._currency)
        chart.set_title({"name": f"{title}, {unit}", "name_font": {"size": 10, "color": NAVY}, "overlay": False})
        chart.set_y_axis(
            {
                "num_format": self._format,
                "major_gridlines": {"visible": True, "line": {"color": "#E3E8ED"}},
                "num_font": {"size": 8},
                "line": {"none": True},
            }
        )
        chart.set_x_axis({"num_font": {"size": 8}, "label_position": "low"})
        chart.set_legend({"position": "bottom", "font": {"size": 8}})
        chart.set_chartarea({"border": {"color": "#D5DCE3"}})
        chart.show_na_as_empty_cell()
        return chart


def _first_members(sheet: Sheet) -> list[tuple[int, int]]:
    """Return the rows of the first breakdown's members, each with its last column."""
    found = []
    row = 4
    while isinstance(name := sheet.cells.get((row, 1)), Text) and name.level == 1:
        columns = [column for number, column in sheet.cells if number == row]
        found.append((row, max(columns)))
        row += 1
    return found
