"""Sheets with one row a metric: statements, quarters, common size, ratios. Oldest period left, changes to the right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from trivium.finance.analyze.model import Change, Column, Comparison, Row, Table
from trivium.finance.analyze.ratios import ratios
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.xlsx.grid import Amount, Content, Sheet, Text
from trivium.finance.report.xlsx.styles import Role

__all__ = ["FIRST_VALUE", "RowSheets", "changed_columns", "heading"]

KEY_WIDTH, NAME_WIDTH, LABEL_WIDTH, UNIT_WIDTH, VALUE_WIDTH = 30.0, 38.0, 36.0, 15.0, 12.5
FIRST_VALUE = 4
"""Column of the first value, after key, name, printed label and unit."""

_HEAD = (3, 4)


class RowSheets:
    """Lays out tables of rows."""

    def __init__(self, comparison: Comparison, wording: ExportWording) -> None:
        self._comparison = comparison
        self._wording = wording
        self._ratios = {ratio.key: ratio for ratio in ratios()}

    def sheet(self, name: str, tables: Sequence[Table], *, has_names: bool = False) -> Sheet:
        """Return a sheet of one table, or of several under each other, each below its title.

        Args:
            has_names: whether each row becomes a defined name, `KO_revenue`.
        """
        columns = tables[0].columns or self._comparison.columns
        changed = changed_columns([row for table in tables for row in table.rows])
        label = self._wording.say("formula") if tables[0].key == "ratios" else self._wording.export("printed_label")
        sheet = self._open(name, columns, changed, label)
        row_number = _HEAD[1] + 1
        for table in tables:
            if len(tables) > 1:
                sheet.section(row_number, self._wording.title("table", table.key))
                row_number += 1
            for row in self._with_groups(table):
                if isinstance(row, str):
                    sheet.section(row_number, row)
                else:
                    self._put(sheet, row_number, row, columns, changed)
                    if has_names:
                        self._name(sheet, row_number, row, columns)
                row_number += 1
            row_number += 1
        return sheet

    def _open(self, name: str, columns: Sequence[Column], changed: Sequence[int], label: str) -> Sheet:
        num_changes = 2 * len(changed)
        widths = (KEY_WIDTH, NAME_WIDTH, LABEL_WIDTH, UNIT_WIDTH, *[VALUE_WIDTH] * len(columns))
        widths += ((2.0, *[VALUE_WIDTH - 2] * num_changes)) if changed else ()
        sheet = Sheet(name, widths, head=_HEAD, frozen_columns=2)
        heading(sheet, name, self._wording)
        say, export = self._wording.say, self._wording.export
        heads = self._wording.heads(tuple(columns))
        tops: list[Content] = [Text(head, "head", is_right=True) for head, _, _ in heads]
        ends: list[Content] = [Text(end, "head", is_right=True, note=notes) for _, end, notes in heads]
        if changed:
            tops.append(Text("", "head"))
            ends.append(Text("", "head"))
        for index in changed:
            tops += [Text(heads[index][0], "head", is_right=True)] * 2
            ends += [
                Text(say("head_absolute"), "head", is_right=True),
                Text(say("head_relative"), "head", is_right=True),
            ]
        words = (export("key"), say("item"), label, export("unit"))
        sheet.put(_HEAD[0], 0, *(Text(word, "head") for word in words), *tops)
        sheet.put(_HEAD[1], 0, *(Text("", "head") for _ in words), *ends)
        for head, end, _ in heads:
            sheet.fit(_HEAD[0], head, VALUE_WIDTH)
            sheet.fit(_HEAD[1], end, VALUE_WIDTH)
        return sheet

    def _with_groups(self, table: Table) -> Iterable[Row | str]:
        group = ""
        for row in table.rows:
            ratio = self._ratios.get(row.metric) if table.key == "ratios" else None
            if ratio is not None and ratio.group != group:
                group = ratio.group
                yield self._wording.title("ratio_group", group)
            yield row

    def _put(self, sheet: Sheet, number: int, row: Row, columns: Sequence[Column], changed: Sequence[int]) -> None:
        role: Role = "total" if row.is_total else "row"
        units = {value.unit for value in row.values if value.is_available}
        name = self._wording.metric(row.metric, row.label)
        sheet.put(
            number,
            0,
            Text(row.metric, "key"),
            Text(name, role, row.level),
            Text(self._label(row), role if row.is_total else "note"),
            Text(self._wording.units(units), role if row.is_total else "note", 1),
            *(Amount(value, role) for value in row.values),
        )
        place = FIRST_VALUE + len(columns) + 1
        for index in changed:
            sheet.put(number, place, *self._change(row.changes[index] if index < len(row.changes) else None, role))
            place += 2

    def _label(self, row: Row) -> str:
        ratio = self._ratios.get(row.metric)
        if ratio is None:
            return row.label
        formula = next((value.formula for value in row.values if value.formula), ratio.text)
        return self._wording.formula(formula)

    def _change(self, change: Change | None, role: Role) -> tuple[Content | None, Content | None]:
        if change is None:
            return None, None
        if change.is_points:
            return None, Amount(change.absolute, role, is_points=True)
        return Amount(change.absolute, role), Amount(change.relative, role)

    def _name(self, sheet: Sheet, number: int, row: Row, columns: Sequence[Column]) -> None:
        for company in dict.fromkeys(column.company.key for column in columns):
            places = [index for index, column in enumerate(columns) if column.company.key == company]
            name = re.sub(r"\W", "_", f"{company}_{row.metric}")
            name = f"_{name}" if name[0].isdigit() else name
            sheet.names[name] = (number, FIRST_VALUE + places[0], FIRST_VALUE + places[-1])


def heading(sheet: Sheet, title: str, wording: ExportWording) -> None:
    """Put the title of a sheet, whose numbers it holds, and the one statement of its scale."""
    sheet.put(0, 1, Text(title, "title"))
    sheet.put(1, 1, Text(f"{wording.names()} | {wording.export('scale', scale=wording.money())}", "subtitle"))


def changed_columns(rows: Iterable[Row]) -> tuple[int, ...]:
    """Return the columns in which some row has a change to show."""
    return tuple(
        sorted(
            {
                index
                for row in rows
                for index, change in enumerate(row.changes)
                if change is not None and (change.absolute.is_available or change.relative.is_available)
            }
        )
    )
