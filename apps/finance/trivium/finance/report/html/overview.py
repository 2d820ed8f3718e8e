"""The first look: cards with the headline numbers, and charts of revenue and margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trivium.finance.analyze.model import Change, Column, Comparison, Row, Value
from trivium.finance.display import kind_of
from trivium.finance.records import Period
from trivium.finance.report.html.cells import Cells
from trivium.finance.report.html.charts import Line, bars, groups, lines, spark
from trivium.finance.report.html.markup import Html, escape, tag
from trivium.finance.report.ledger import plain
from trivium.finance.report.wording import Wording
from trivium.finance.standing import is_statement, peer_columns

__all__ = ["Overview", "main_columns"]

_CARDS = (
    "revenue",
    "operating_income",
    "net_income",
    "eps_diluted",
    "free_cash_flow",
    "gross_margin",
    "operating_margin",
    "net_margin",
    "return_on_equity",
    "net_debt",
)
_MARGINS = ("gross_margin", "operating_margin", "net_margin")
_FEWEST_POINTS = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """One row with the columns it stands over."""

    row: Row
    columns: Sequence[Column]


class Overview:
    """Writes the cards and charts of one comparison."""

    def __init__(self, comparison: Comparison, cells: Cells, wording: Wording) -> None:
        self._comparison = comparison
        self._cells = cells
        self._wording = wording
        self._rows: dict[str, _Line] = {}
        for table in comparison.tables:
            for row in table.rows if is_statement(table) else ():
                self._rows.setdefault(row.metric, _Line(row, table.columns or comparison.columns))

    def cards(self) -> Html:
        """Return one card a headline metric that has a value."""
        if self._comparison.kind == "companies":
            made = [self._peer_card(metric) for metric in _CARDS]
        else:
            made = [self._card(metric) for metric in _CARDS]
        return tag("ul", *(card for card in made if card), class_="cards")

    def charts(self) -> Html:
        """Return the charts of revenue and margins; nothing where there is one column only."""
        indexes = self._chart_columns()
        made = [self._bars("revenue", indexes), self._margins(indexes)] if len(indexes) > 1 else []
        return tag("div", *(chart for chart in made if chart), class_="charts") if any(made) else Html()

    def _card(self, metric: str) -> Html:
        line = self._rows.get(metric)
        if line is None:
            return Html()
        places = main_columns(line.columns)
        value = line.row.values[places[-1]] if places else None
        if value is None or not value.is_available:
            return Html()
        name = self._wording.metric(metric, line.row.label)
        title = self._wording.say("over_time", name=name)
        return tag(
            "li",
            tag("h3", name),
            tag("p", self._cells.button(value, name), tag("small", self._unit(value)), class_="big"),
            self._against(line.row, places[-1], line.columns, name),
            spark([line.row.values[place].amount for place in places], title),
        )

    def _peer_card(self, metric: str) -> Html:
        line = self._rows.get(metric)
        indexes = peer_columns(self._comparison)
        if line is None or not any(line.row.values[index].is_available for index in indexes):
            return Html()
        name = self._wording.metric(metric, line.row.label)
        units = {line.row.values[index].unit for index in indexes if line.row.values[index].is_available}
        unit = self._unit(line.row.values[indexes[0]]) if len(units) == 1 else Html()
        items = [
            tag(
                "li",
                tag("span", line.columns[index].company.key),
                self._cells.button(line.row.values[index], name),
                Html() if len(units) == 1 else tag("small", self._unit(line.row.values[index])),
            )
            for index in indexes
        ]
        return tag("li", tag("h3", name, " ", tag("small", unit)), tag("ul", *items, class_="peers"))

    def _against(self, row: Row, place: int, columns: Sequence[Column], name: str) -> Html:
        label = self._wording.span(columns[place].span)
        change = row.changes[place] if place < len(row.changes) else None
        shown = self._shown(change)
        if change is None or shown is None:
            return tag("p", label, class_="against")
        base = next((one.span for one in columns if change.base.period in (one.span.period, _end(one))), None)
        given = self._wording.say("against", base=self._wording.span(base) if base else change.base.period.key)
        title = f"{name}: {self._wording.say('change' if change.is_points else 'relative_change')}"
        button = self._cells.button(shown, title, is_points=change.is_points)
        return tag("p", label, " · ", button, " ", given, class_="against")

    @staticmethod
    def _shown(change: Change | None) -> Value | None:
        if change is None:
            return None
        value = change.absolute if change.is_points else change.relative
        return value if value.is_available else None

    def _unit(self, value: Value) -> Html:
        is_clear = kind_of(value.unit) in ("ratio", "times")
        return Html() if is_clear or not value.unit else self._cells.head(value.unit)

    def _chart_columns(self) -> Sequence[int]:
        if self._comparison.kind == "companies":
            return peer_columns(self._comparison)
        return main_columns(self._comparison.columns)

    def _bars(self, metric: str, indexes: Sequence[int]) -> Html:
        line = self._rows.get(metric)
        if line is None:
            return Html()
        values = [line.row.values[index] for index in indexes]
        units = {value.unit for value in values if value.is_available}
        if len(units) != 1 or sum(value.is_available for value in values) < _FEWEST_POINTS:
            return Html()
        name = self._wording.metric(metric)
        chart = bars(
            self._labels(line.columns, indexes),
            [value.amount for value in values],
            [self._svg_number(value) for value in values],
            self._wording.say("chart_of", name=name),
        )
        return tag("figure", tag("figcaption", name, " ", tag("small", self._cells.head(units.pop()))), chart)

    def _margins(self, indexes: Sequence[int]) -> Html:
        found: list[Line] = []
        texts = []
        for metric in _MARGINS:
            line = self._rows.get(metric)
            values = [line.row.values[index] for index in indexes] if line else []
            known = [value for value in values if value.is_available]
            if len(known) >= _FEWEST_POINTS:
                last = self._wording.number(known[-1])
                found.append(Line(self._wording.metric(metric), [value.amount for value in values], last))
                texts.append([self._wording.number(value) if value.is_available else "" for value in values])
        if not found:
            return Html()
        name = self._wording.say("margins")
        labels = self._labels(self._comparison.columns, indexes)
        title = self._wording.say("chart_of", name=name)
        is_over_time = self._comparison.kind != "companies"
        chart = lines(labels, found, title) if is_over_time else groups(labels, found, texts, title)
        return tag("figure", tag("figcaption", name, " ", tag("small", "%")), chart)

    def _labels(self, columns: Sequence[Column], indexes: Sequence[int]) -> list[str]:
        with_company = self._comparison.kind == "companies"
        return [self._wording.column(columns[index], with_company=with_company) for index in indexes]

    def _svg_number(self, value: Value) -> Html:
        if value.amount is None:
            return Html()
        exact = f'data-value="{plain(value.amount)}" data-unit="{escape(value.unit)}"'
        return Html(f"<tspan {exact}>{escape(self._wording.number(value))}</tspan>")


def main_columns(columns: Sequence[Column]) -> tuple[int, ...]:
    """Return the columns of a headline series: the years, else the quarters, else whatever kind comes last."""
    kinds = [column.span.kind for column in columns]
    kind = next((kind for kind in ("year", "quarter") if kind in kinds), kinds[-1] if kinds else "")
    return tuple(index for index, one in enumerate(kinds) if one == kind)


def _end(column: Column) -> Period:
    return Period(column.span.period.end)
