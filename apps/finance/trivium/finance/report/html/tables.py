"""Tables of a report: statements with their changes, common size, ratios by group, peers, breakdowns."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from trivium.finance.analyze.breakdowns import AXES
from trivium.finance.analyze.model import Breakdown, Change, Column, Comparison, Row, Table
from trivium.finance.analyze.ratios import ratios
from trivium.finance.display import kind_of
from trivium.finance.report.html.cells import Cells
from trivium.finance.report.html.markup import Html, escape, join, tag
from trivium.finance.report.wording import Wording
from trivium.finance.standing import members_with_changes

__all__ = ["Tables", "grid"]

_MANY = 11
_VERY_MANY = 15


def grid(head: Sequence[str], rows: Iterable[str], *, caption: str, num_columns: int, class_: str = "") -> Html:
    """Return a table in its scrolling frame.

    Args:
        head: cells of the header row.
        num_columns: columns of numbers; many of them print on a landscape page, very many also smaller.
    """
    size = "vast" if num_columns >= _VERY_MANY else "wide" if num_columns >= _MANY else ""
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *head)),
        tag("tbody", *rows),
        class_=" ".join(filter(None, ("grid", class_))),
    )
    return tag("div", table, class_=f"scroll {size}".strip())


class Tables:
    """Writes the tables of one comparison."""

    def __init__(self, comparison: Comparison, cells: Cells, wording: Wording) -> None:
        self._comparison = comparison
        self._cells = cells
        self._wording = wording
        self._has_companies = len(comparison.series) > 1
        self._groups = {ratio.key: ratio.group for ratio in ratios()}
        self._formulas = {ratio.key: ratio.text for ratio in ratios()}
        noted = [column for column in comparison.columns if column.notes]
        self._note_numbers = {(one.company.key, one.span.period): number for number, one in enumerate(noted, 1)}

    def column_notes(self) -> Html:
        """Return the numbered notes on columns: what makes each less comparable."""
        items = []
        for column in self._comparison.columns:
            number = self._note_numbers.get((column.company.key, column.span.period))
            if number is not None:
                notes = "; ".join(dict.fromkeys(self._wording.message(note) for note in column.notes))
                name = self._wording.column(column, with_company=self._has_companies)
                items.append(tag("li", f"{name}{self._wording.say('colon')}{notes}", value=number))
        return tag("ol", *items, class_="column-notes") if items else Html()

    def statement(self, table: Table) -> Html:
        """Return a statement, common size or quarterly table: values by column, then their changes."""
        columns = table.columns or self._comparison.columns
        plan = _plan(table.rows, columns)
        rows = [self._row(row, columns, plan) for row in table.rows]
        units = {value.unit for row in table.rows for value in row.values if kind_of(value.unit) == "money"}
        return self._grid(table.key, columns, plan, rows, units)

    def ratios(self, table: Table) -> Html:
        """Return the ratios under the names of their groups, each with its formula and its change in its own unit."""
        columns = table.columns or self._comparison.columns
        plan = [
            (index, "delta" if kind == "relative" else kind)
            for index, kind in _plan(table.rows, columns)
            if kind != "absolute"
        ]
        rows: list[Html] = []
        for group, members in itertools.groupby(table.rows, key=lambda row: self._groups.get(row.metric, "")):
            rows.append(self._group(group))
            for row in members:
                formula = next((one.formula for one in row.values if one.formula), self._formulas.get(row.metric, ""))
                words = tag("td", self._wording.formula(formula), class_="words")
                rows.append(self._row(row, columns, plan, (words,)))
        return self._grid(
            table.key, columns, plan, rows, set(), tag("th", self._wording.say("formula"), scope="col", class_="words")
        )

    def breakdown(self, one: Breakdown) -> Html:
        """Return a metric by segment, product or region, its total and what the members leave of it."""
        columns = tuple(
            column for column in self._comparison.columns if not one.company or column.company.key == one.company
        )
        one = members_with_changes(one, columns)
        plan = _plan((*one.rows, one.total), columns)
        name = self._wording.metric(one.metric)
        rows = [
            self._row(row, columns, plan, label=row.label, name=f"{row.label}{self._wording.say('colon')}{name}")
            for row in one.rows
        ]
        total = self._wording.say("total_of", metric=name)
        rows.append(self._row(one.total, columns, plan, label=total, name=name, class_="total"))
        rows.append(self._difference(one, columns, plan))
        units = {value.unit for value in one.total.values if value.is_available}
        title = self._breakdown_title(one, name)
        return self._grid("", columns, plan, rows, units, caption=title, with_company=False)

    def peers(self, ratio_table: Table, rank_table: Table, median_table: Table, indexes: Sequence[int]) -> Html:
        """Return the companies side by side in the columns that compare: each ratio, its rank, and the median.

        Args:
            indexes: one column a company.
        """
        columns = [self._comparison.columns[index] for index in indexes]
        ranked = {row.metric: row for row in rank_table.rows}
        medians = {row.metric: row for row in median_table.rows}
        shown = [
            row
            for row in ratio_table.rows
            if row.metric in medians and any(row.values[index].is_available for index in indexes)
        ]
        rows: list[Html] = []
        for group, members in itertools.groupby(shown, key=lambda row: self._groups.get(row.metric, "")):
            rows.append(self._group(group))
            rows += [self._peer_row(row, ranked.get(row.metric), medians[row.metric], indexes) for row in members]
        head = [tag("th", self._wording.say("item"), scope="col")]
        for column in columns:
            head.append(self._head([column], (0, "value"), with_company=True))
            head.append(tag("th", self._wording.say("head_rank"), tag("small", column.company.key), scope="col"))
        head.append(tag("th", self._wording.say("head_median"), scope="col"))
        caption = self._wording.say("peers_caption")
        return grid(head, rows, caption=caption, num_columns=2 * len(columns) + 1, class_="peer-table")

    def _group(self, group: str) -> Html:
        return tag("tr", tag("th", self._wording.title("ratio_group", group), scope="rowgroup"), class_="group")

    def _peer_row(self, row: Row, ranks: Row | None, medians: Row, indexes: Sequence[int]) -> Html:
        name = self._wording.metric(row.metric, row.label)
        cells: list[Html] = []
        for index in indexes:
            cells.append(self._cells.cell(row.values[index], name))
            rank = None if ranks is None else ranks.values[index]
            title = f"{name}{self._wording.say('colon')}{self._wording.say('head_rank')}"
            cells.append(_classed(self._cells.cell(rank, title), "rank") if rank else Html('<td class="rank"></td>'))
        middle = medians.values[indexes[0]]
        cells.append(self._cells.cell(middle, f"{name}{self._wording.say('colon')}{self._wording.say('head_median')}"))
        return tag("tr", tag("th", name, self._row_unit(row), scope="row"), *cells)

    def _breakdown_title(self, one: Breakdown, name: str) -> str:
        title = f"{name}{self._wording.say('colon')}{self._wording.title('axis', AXES.get(one.axis, one.axis))}"
        return f"{one.company} {title}" if self._has_companies else title

    def _grid(
        self,
        key: str,
        columns: Sequence[Column],
        plan: Sequence[_Place],
        rows: Iterable[str],
        units: set[str],
        *more_heads: Html,
        caption: str = "",
        with_company: bool = True,
    ) -> Html:
        corner = join((self._cells.head(unit) for unit in sorted(units)), ", ")
        with_company = with_company and self._has_companies
        heads = (self._head(columns, place, with_company=with_company) for place in plan)
        head = [tag("th", corner or self._wording.say("item"), scope="col"), *heads, *more_heads]
        title = caption or self._wording.title("table", key)
        return grid(head, rows, caption=title, num_columns=len(plan), class_=key.replace("_", "-"))

    def _head(self, columns: Sequence[Column], place: _Place, *, with_company: bool) -> Html:
        index, kind = place
        column = columns[index]
        name = tag("span", column.company.key, class_="company") if with_company else Html()
        label = self._wording.span(column.span)
        if kind == "value":
            end = "" if column.span.kind == "date" else column.span.period.end.isoformat()
            number = self._note_numbers.get((column.company.key, column.span.period))
            mark = tag("sup", str(number)) if number else Html()
            return tag("th", name, escape(label), mark, tag("small", end) if end else Html(), scope="col")
        title = self._wording.say("head_relative" if kind == "relative" else "head_absolute")
        return tag("th", name, escape(title), tag("small", label), scope="col", class_=f"change {kind}")

    def _row(
        self,
        row: Row,
        columns: Sequence[Column],
        plan: Sequence[_Place],
        more: Sequence[Html] = (),
        *,
        label: str = "",
        name: str = "",
        class_: str = "",
    ) -> Html:
        label = label or self._wording.metric(row.metric, row.label)
        name = name or label
        written = [self._place(row, place, name) for place in plan]
        classes = " ".join(filter(None, (f"level{min(row.level, 3)}", "total" if row.is_total else "", class_)))
        return tag("tr", tag("th", label, self._row_unit(row), scope="row"), *written, *more, class_=classes)

    def _place(self, row: Row, place: _Place, name: str) -> Html:
        index, kind = place
        if kind == "value":
            return self._cells.cell(row.values[index], name)
        change = row.changes[index] if index < len(row.changes) else None
        if change is None or (change.is_points and kind == "absolute"):
            return Html(f'<td class="change {kind}"></td>')
        return _classed(self._change(change, kind, name), f"change {kind}")

    def _change(self, change: Change, kind: str, name: str) -> Html:
        if kind in ("absolute", "delta") or change.is_points:
            title = f"{name}{self._wording.say('colon')}{self._wording.say('change')}"
            return self._cells.cell(change.absolute, title, is_points=change.is_points)
        return self._cells.cell(
            change.relative, f"{name}{self._wording.say('colon')}{self._wording.say('relative_change')}"
        )

    def _row_unit(self, row: Row) -> Html:
        units = {value.unit for value in row.values if value.is_available}
        kinds = {kind_of(unit) for unit in units}
        if not units & {"rank"} and kinds & {"per_share", "shares", "other"}:
            return tag("small", join((self._cells.head(unit) for unit in sorted(units)), ", "))
        return Html()

    def _difference(self, one: Breakdown, columns: Sequence[Column], plan: Sequence[_Place]) -> Html:
        row = one.difference
        ties = all(value.amount == 0 for value in row.values if value.is_available)
        name = self._wording.say("ties" if ties else "difference")
        written = [
            self._cells.cell(row.values[index], name) if kind == "value" else Html(f'<td class="change {kind}"></td>')
            for index, kind in plan
        ]
        return tag("tr", tag("th", name, scope="row"), *written, class_="tie ok" if ties else "tie off")


_Place = tuple[int, str]


def _plan(rows: Sequence[Row], columns: Sequence[Column]) -> list[_Place]:
    """Return the columns to print: a company's values, then the changes of those that have any, company by company."""
    changed = {
        index
        for row in rows
        for index, change in enumerate(row.changes)
        if change is not None and (change.absolute.is_available or change.relative.is_available)
    }
    by_company: Mapping[str, list[int]] = _by_company(columns)
    plan: list[_Place] = []
    for places in by_company.values():
        plan += [(index, "value") for index in places]
        for index in places:
            if index in changed:
                plan += [(index, "absolute"), (index, "relative")]
    return plan


def _by_company(columns: Sequence[Column]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        found.setdefault(column.company.key, []).append(index)
    return found


def _classed(cell: Html, class_: str) -> Html:
    if ' class="' in cell[:12]:
        return Html(cell.replace(' class="', f' class="{class_} ', 1))
    return Html(cell.replace("<td", f'<td class="{class_}"', 1))
