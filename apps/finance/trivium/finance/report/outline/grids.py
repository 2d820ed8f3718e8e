"""Tables of rows as printed: numbers as text with their values, changes of the newest column, a source key a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trivium.finance.analyze.model import Column, Comparison, Row, Value
from trivium.finance.analyze.ratios import ratios
from trivium.finance.display import cell, cell_points, kind_of
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline.blocks import Cell, Grid, Line
from trivium.finance.report.outline.references import ReferenceList
from trivium.finance.report.proof import proved
from trivium.service.evidence import Claim

__all__ = ["Grids"]

_MOST_NUMBERS = 9
"""Values and changes that fit side by side; beyond it the changes are left to the workbook and the page."""


class Grids:
    """Makes the tables of one report.

    Args:
        claims: by value id; every printed number must have one.
    """

    def __init__(
        self,
        comparison: Comparison,
        claims: Mapping[str, Claim],
        wording: ExportWording,
        references: ReferenceList,
    ) -> None:
        self._claims = claims
        self._wording = wording
        self._references = references
        self._groups = {ratio.key: ratio.group for ratio in ratios()}
        self.has_companies = len(comparison.series) > 1

    def grid(
        self, rows: Sequence[Row], columns: Sequence[Column], *, has_changes: bool = True, has_groups: bool = False
    ) -> Grid:
        """Return a table of rows; `has_groups` puts ratios under the names of their groups."""
        changed = self.changed(rows, columns) if has_changes else ()
        lines: list[Line] = []
        group = ""
        for row in rows:
            if has_groups and self._groups.get(row.metric, "") != group:
                group = self._groups[row.metric]
                lines.append(Line(self._wording.title("ratio_group", group), role="section"))
            lines.append(self.line(row, changed))
        return Grid(self.unit(rows), (self._wording.say("item"), *self.heads(columns, changed)), tuple(lines))

    def line(self, row: Row, changed: Sequence[int], name: str = "") -> Line:
        """Return one row: its values, then the changes of the `changed` columns."""
        name = self.name(row, name)
        cells = [self.cell(value) for value in row.values]
        for index in changed:
            change = row.changes[index] if index < len(row.changes) else None
            if change is None:
                cells += [Cell(""), Cell("")]
            elif change.is_points:
                cells += [Cell(""), self.cell(change.absolute, is_points=True)]
            else:
                cells += [self.cell(change.absolute), self.cell(change.relative)]
        owner, item = row.values[0].id.split("/")[:2]
        key = self._references.key(f"{owner}/{item}/{row.metric}", name, row.values)
        return Line(name, tuple(cells), key, row.level, "total" if row.is_total else "row")

    def name(self, row: Row, name: str = "") -> str:
        """Return what a row is called, with its unit where the table's does not hold: shares, and amounts a share."""
        name = name or self._wording.metric(row.metric, row.label)
        units = {value.unit for value in row.values if value.is_available}
        has_own = {kind_of(unit) for unit in units} & {"per_share", "shares"}
        return f"{name} ({self._wording.units(units)})" if has_own else name

    def cell(self, value: Value, *, is_points: bool = False) -> Cell:
        """Return a value as printed; `n/a` or `nm` where there is none.

        Raises:
            ValueError: if it has no claim, or its claim says another number.
        """
        if not value.is_available:
            return Cell(self._wording.absence(value))
        amount = proved(value, self._claims)
        if value.unit == "rank":
            return Cell(str(amount), value)
        text = (
            cell_points(amount, self._wording.language) if is_points else cell(amount, value.unit, self._wording.scale)
        )
        return Cell(text, value, is_points)

    def heads(self, columns: Sequence[Column], changed: Sequence[int] = ()) -> list[str]:
        """Return what stands over values and changes, in two lines each."""
        heads = self._wording.heads(tuple(columns))
        found = ["\n".join(filter(None, (head, end))) for head, end, _ in heads]
        for index in changed:
            label = heads[index][0]
            found += [
                f"{self._wording.say('head_absolute')}\n{label}",
                f"{self._wording.say('head_relative')}\n{label}",
            ]
        return found

    def changed(self, rows: Sequence[Row], columns: Sequence[Column]) -> tuple[int, ...]:
        """Return the newest column of each company, if its changes fit beside the values."""
        newest = {column.company.key: index for index, column in enumerate(columns)}
        if len(columns) + 2 * len(newest) > _MOST_NUMBERS:
            return ()
        return tuple(
            index for index in newest.values() if any(index < len(row.changes) and row.changes[index] for row in rows)
        )

    def unit(self, rows: Sequence[Row]) -> str:
        """Return the unit of the amounts of money, once for a table; empty where it has none."""
        units = {value.unit for row in rows for value in row.values if value.is_available}
        return self._wording.units({unit for unit in units if kind_of(unit) == "money"})
