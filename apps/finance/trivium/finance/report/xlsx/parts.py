"""Sheets beside the statements: breakdowns with their tie-out, bridges, checks, peers, restated values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from xlsxwriter.utility import xl_rowcol_to_cell

from trivium.finance.analyze.breakdowns import AXES
from trivium.finance.analyze.identities import identities
from trivium.finance.analyze.model import Breakdown, Check, Column, Comparison, Row, Value
from trivium.finance.analyze.peers import align
from trivium.finance.analyze.ratios import ratios
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.proof import file_name
from trivium.finance.report.xlsx.grid import Amount, Computed, Content, Sheet, Text
from trivium.finance.report.xlsx.rows import KEY_WIDTH, NAME_WIDTH, UNIT_WIDTH, VALUE_WIDTH, heading
from trivium.finance.report.xlsx.styles import Role
from trivium.finance.standing import is_statement

__all__ = ["PartSheets"]


class PartSheets:
    """Lays out the parts of one comparison; a part without content gives no sheet."""

    def __init__(self, comparison: Comparison, wording: ExportWording) -> None:
        self._comparison = comparison
        self._wording = wording

    def sheets(self) -> Iterator[Sheet]:
        """Yield the sheets that have content, in reading order."""
        comparison = self._comparison
        if comparison.breakdowns:
            yield self._breakdowns()
        if comparison.bridges:
            yield self._bridges()
        groups = [group for group in align(comparison.columns) if len(group) > 1]
        if groups and any(table.key == "peer_medians" for table in comparison.tables):
            yield self._peers(groups)
        if comparison.checks:
            yield self._checks()
        if comparison.restated:
            yield self._restated()

    def _sheet(self, key: str, widths: Sequence[float], head: tuple[int, int], frozen_columns: int = 2) -> Sheet:
        name = self._wording.export(f"sheet_{key}")
        sheet = Sheet(name, tuple(widths), head=head, frozen_columns=frozen_columns)
        heading(sheet, name, self._wording)
        return sheet

    def _breakdowns(self) -> Sheet:
        comparison, words = self._comparison, self._wording
        of = {one.company: self._columns_of(one) for one in comparison.breakdowns}
        most = max(len(columns) for columns in of.values())
        sheet = self._sheet("breakdowns", (KEY_WIDTH, NAME_WIDTH, UNIT_WIDTH, *[VALUE_WIDTH] * most), (0, 2))
        number = 3
        for one in comparison.breakdowns:
            columns = of[one.company]
            kind = words.title("axis", AXES[one.axis])
            heads = [Text(head, "head", is_right=True) for head, _, _ in words.heads(tuple(columns))]
            company = f"{one.company}: " if len(comparison.series) > 1 else ""
            title = Text(f"{company}{words.metric(one.metric)}, {kind}", "head")
            sheet.put(number, 0, Text(words.export("key"), "head"), title, Text(words.export("unit"), "head"), *heads)
            number = self._members(sheet, number + 1, one)
        return sheet

    def _members(self, sheet: Sheet, number: int, one: Breakdown) -> int:
        """Put the members, their live sum, the total and the difference; return the next free row."""
        words = self._wording
        unit = words.units({value.unit for value in one.total.values if value.is_available})
        first = number
        for member in one.rows:
            key = member.values[0].id.split("/")[1]
            self._line(sheet, number, key, member.label, unit, [Amount(value) for value in member.values], level=1)
            number += 1
        sums: list[Content | None] = []
        for index, total in enumerate(one.total.values):
            members = [row.values[index] for row in one.rows if row.values[index].amount is not None]
            amount = sum((value.amount for value in members if value.amount is not None), Decimal(0))
            cells = _span(first, number - 1, 3 + index)
            sums.append(Computed(amount, total.unit, f"SUM({cells})", "total") if members else None)
        self._line(sheet, number, f"{one.metric}.sum", words.export("sum_of_members"), unit, sums, "total")
        name = words.say("total_of", metric=words.metric(one.metric))
        totals = [Amount(value, "total") for value in one.total.values]
        self._line(sheet, number + 1, one.metric, name, unit, totals, "total")
        differences = [Amount(value, "note") for value in one.difference.values]
        self._line(sheet, number + 2, f"{one.metric}.difference", words.say("difference"), unit, differences, "note")
        return number + 4

    def _line(
        self,
        sheet: Sheet,
        number: int,
        key: str,
        name: str,
        unit: str,
        cells: Sequence[Content | None],
        role: Role = "row",
        level: int = 0,
    ) -> None:
        sheet.put(number, 0, Text(key, "key"), Text(name, role, level), Text(unit, "note"), *cells)

    def _columns_of(self, one: Breakdown) -> list[Column]:
        return [column for column in self._comparison.columns if one.company in ("", column.company.key)]

    def _bridges(self) -> Sheet:
        words = self._wording
        sheet = self._sheet("bridges", (KEY_WIDTH, NAME_WIDTH + 14, UNIT_WIDTH, VALUE_WIDTH, 3, VALUE_WIDTH), (0, 2))
        number = 3
        for bridge in self._comparison.bridges:
            company = bridge.end.id.split("/", 1)[0]
            title = words.title("bridge", bridge.key)
            title = f"{company}: {title}" if len(self._comparison.series) > 1 else title
            heads = (words.export("key"), title, words.export("unit"), words.export("value"))
            sheet.put(number, 0, *(Text(head, "head", is_right=place == 3) for place, head in enumerate(heads)))
            unit = words.unit(bridge.end.unit)
            for place, value in enumerate((bridge.start, *bridge.steps, bridge.end)):
                is_end = place in (0, len(bridge.steps) + 1)
                if is_end:
                    period = words.period(company, value.period)
                    name = f"{words.metric(value.metric)}, {period}"
                else:
                    name = words.message(value.reason) if value.reason else words.metric(value.metric)
                role: Role = "total" if is_end else "row"
                key = value.id.split("/")[1]
                self._line(sheet, number + 1 + place, key, name, unit, [Amount(value, role)], role, 0 if is_end else 1)
            number += len(bridge.steps) + 3
            first, last = number - len(bridge.steps) - 2, number - 1
            check = f"SUM({_span(first, last - 1, 3)})-{xl_rowcol_to_cell(last, 3)}"
            rest = Computed(_rest(bridge.start, bridge.steps, bridge.end), bridge.end.unit, check, "note")
            self._line(sheet, number, f"{bridge.key}.check", words.export("bridge_check"), unit, [rest], "note")
            number += 2
        return sheet

    def _checks(self) -> Sheet:
        words = self._wording
        head = (3, 3)
        widths = (KEY_WIDTH, 46, 9, 36, UNIT_WIDTH, VALUE_WIDTH, VALUE_WIDTH, VALUE_WIDTH, VALUE_WIDTH, 15, 15, 50)
        sheet = self._sheet("checks", widths, head)
        names = ("check", "company", "period", "", "left", "right", "difference", "tolerance", "verdict", "", "why")
        texts = [words.say(f"head_{name}") if name else "" for name in names]
        texts[3], texts[9] = words.export("unit"), words.export("live_verdict")
        rights = range(4, 8)
        sheet.put(head[0], 0, Text(words.export("key"), "head"))
        sheet.put(head[0], 1, *(Text(text, "head", is_right=place in rights) for place, text in enumerate(texts)))
        for place, check in enumerate(self._comparison.checks):
            self._check(sheet, head[0] + 1 + place, check)
        return sheet

    def _check(self, sheet: Sheet, number: int, check: Check) -> None:
        words = self._wording
        unit = check.left.unit if check.left else ""
        reason = words.message(check.reason) if check.reason else words.form(check)
        cells: list[Content | None] = [None] * 6
        if check.left and check.right and check.difference is not None:
            left, right, difference, tolerance = (xl_rowcol_to_cell(number, column) for column in range(5, 9))
            excess = difference if check.key in _AT_MOST else f"ABS({difference})"
            live = f'IF({excess}<={tolerance},"{words.say("holds")}","{words.say("fails")}")'
            cells = [
                Amount(check.left),
                Amount(check.right),
                Computed(check.difference, unit, f"{left}-{right}"),
                Computed(check.tolerance, unit),
                Text(words.say(check.verdict), "total" if check.verdict == "fails" else "row", 1),
                Computed(words.say(check.verdict), "", live) if check.verdict != "not_applicable" else None,
            ]
        else:
            cells[4] = Text(words.say(check.verdict), "note", 1)
        sheet.put(
            number,
            0,
            Text(check.key, "key"),
            Text(words.title("identity", check.key)),
            Text(check.company),
            Text(words.period(check.company, check.period), "note"),
            Text(words.unit(unit) if unit else "", "note"),
            *cells,
            Text(reason, "note"),
        )

    def _peers(self, groups: Sequence[tuple[int, ...]]) -> Sheet:
        comparison, words = self._comparison, self._wording
        most = max(len(group) for group in groups)
        widths = (KEY_WIDTH, NAME_WIDTH, UNIT_WIDTH, *[VALUE_WIDTH] * (2 * most + 1))
        sheet = self._sheet("peers", widths, (0, 2))
        rows = {row.metric: row for table in comparison.tables if is_statement(table) for row in table.rows}
        medians = next(table.rows for table in comparison.tables if table.key == "peer_medians")
        ranked = next((table.rows for table in comparison.tables if table.key == "peer_ranks"), ())
        ranks = {row.metric: row for row in ranked}
        number = 3
        for group in reversed(groups):
            heads = words.heads(tuple(comparison.columns[index] for index in group))
            tops = [Text(f"{head}\n{end}", "head", is_right=True, note=notes) for head, end, notes in heads]
            rank_heads = [
                Text(f"{words.say('head_rank')} {comparison.columns[index].company.key}", "head", is_right=True)
                for index in group
            ]
            median = Text(words.say("head_median"), "head", is_right=True)
            names = (words.export("key"), words.say("head_metric"), words.export("unit"))
            sheet.put(number, 0, *(Text(name, "head") for name in names), *tops, median, *rank_heads)
            for head in tops:
                sheet.fit(number, head.text, VALUE_WIDTH)
            for row in medians:
                if row.metric in rows and any(rows[row.metric].values[index].is_available for index in group):
                    number += 1
                    self._peer(sheet, number, group, rows[row.metric], row, ranks.get(row.metric))
            number += 3
        return sheet

    def _peer(
        self, sheet: Sheet, number: int, group: tuple[int, ...], row: Row, medians: Row, ranks: Row | None
    ) -> None:
        median = medians.values[group[0]]
        used = {value.id.split("/", 1)[0]: value for value in median.inputs}
        values = [used.get(self._comparison.columns[index].company.key, row.values[index]) for index in group]
        last = 2 + len(values)
        cells = f"$D{number + 1}:${xl_rowcol_to_cell(number, last)}"
        live = f'IF(COUNT({cells})>1,MEDIAN({cells}),"{self._wording.say("na")}")'
        ranked: list[Content | None] = [None] * len(group)
        if ranks is not None:
            ratio = next((one for one in ratios() if one.key == row.metric), None)
            order = 1 if ratio is not None and ratio.direction == "lower" else 0
            for place, index in enumerate(group):
                own = xl_rowcol_to_cell(number, 3 + place)
                ranked[place] = Amount(ranks.values[index], formula=f"RANK({own},{cells},{order})")
        unit = self._wording.units({value.unit for value in values if value.is_available})
        contents = [*(Amount(value) for value in values), Amount(median, "total", formula=live), *ranked]
        self._line(sheet, number, row.metric, self._wording.metric(row.metric, row.label), unit, contents)

    def _restated(self) -> Sheet:
        words = self._wording
        head = (3, 3)
        widths = (KEY_WIDTH, NAME_WIDTH, 26, UNIT_WIDTH, 14, 14, VALUE_WIDTH, VALUE_WIDTH, 34, 34)
        sheet = self._sheet("restated", widths, head)
        source = words.say("head_source")
        texts = [
            words.export("key"),
            words.say("head_metric"),
            words.say("head_period"),
            words.export("unit"),
            words.say("head_originally"),
            words.say("head_restated"),
            words.say("head_absolute"),
            words.say("head_relative"),
            f"{source}: {words.say('head_originally')}",
            f"{source}: {words.say('head_restated')}",
        ]
        sheet.put(head[0], 0, *(Text(text, "head", is_right=3 < place < 8) for place, text in enumerate(texts)))
        for place, (original, restated) in enumerate(self._comparison.restated):
            self._pair(sheet, head[0] + 1 + place, original, restated)
        return sheet

    def _pair(self, sheet: Sheet, number: int, original: Value, restated: Value) -> None:
        words = self._wording
        company = restated.id.split("/", 1)[0]
        change: list[Content | None] = [None, None]
        if original.amount is not None and restated.amount is not None:
            before, after = (xl_rowcol_to_cell(number, column) for column in (4, 5))
            moved = restated.amount - original.amount
            change[0] = Computed(moved, restated.unit, f"{after}-{before}")
            if original.amount > 0:
                change[1] = Computed(moved / original.amount, "pure", f"{after}/{before}-1")
        files = [file_name(value.filing) if value.filing else "" for value in (original, restated)]
        sheet.put(
            number,
            0,
            Text(restated.metric, "key"),
            Text(words.metric(restated.metric)),
            Text(words.period(company, restated.period), "note"),
            Text(words.unit(restated.unit), "note"),
            Amount(original),
            Amount(restated),
            *change,
            *(Text(file, "note") for file in files),
        )


_AT_MOST = frozenset(identity.key for identity in identities() if identity.relation == "at_most")


def _span(first: int, last: int, column: int) -> str:
    return f"{xl_rowcol_to_cell(first, column)}:{xl_rowcol_to_cell(last, column)}"


def _rest(start: Value, steps: Sequence[Value], end: Value) -> Decimal:
    """Return start plus steps less end, which is 0 for a bridge that adds up."""
    amounts = [value.amount for value in (start, *steps)]
    assert end.amount is not None
    return sum((amount for amount in amounts if amount is not None), Decimal(0)) - end.amount
