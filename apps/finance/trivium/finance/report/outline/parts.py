"""The parts beside the statements: peers, breakdowns, bridges, checks, restated values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trivium.finance.analyze.breakdowns import AXES
from trivium.finance.analyze.model import Breakdown, Bridge, Check, Comparison, Row
from trivium.finance.analyze.peers import align
from trivium.finance.display import cell
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline.blocks import Block, Cell, Grid, Heading, Line, Paragraph
from trivium.finance.report.outline.grids import Grids
from trivium.finance.report.outline.references import ReferenceList
from trivium.finance.standing import is_statement, members_with_changes

__all__ = ["Parts"]

_VERDICTS = ("fails", "holds", "not_applicable")


class Parts:
    """Makes the blocks of each part; a part without content has none."""

    def __init__(self, comparison: Comparison, grids: Grids, wording: ExportWording, references: ReferenceList) -> None:
        self._comparison = comparison
        self._grids = grids
        self._wording = wording
        self._references = references

    def blocks(self) -> Iterator[Block]:
        """Yield every part with its heading."""
        comparison, say = self._comparison, self._wording.say
        groups = [group for group in align(comparison.columns) if len(group) > 1]
        if groups and any(table.key == "peer_medians" for table in comparison.tables):
            yield Heading(say("part_peers"))
            yield self._peers(groups[-1])
        if comparison.breakdowns:
            yield Heading(say("part_breakdowns"))
            for breakdown in comparison.breakdowns:
                yield from self._breakdown(breakdown)
        if comparison.bridges:
            yield Heading(say("part_bridges"))
            for bridge in comparison.bridges:
                yield from self._bridge(bridge)
        if comparison.checks:
            yield Heading(say("part_checks"))
            yield from self._checks()
        if comparison.restated:
            yield Heading(say("part_restated"))
            yield self._restated()

    def _named(self, company: str, name: str) -> str:
        return f"{company}: {name}" if self._grids.has_companies and company else name

    def _peers(self, group: Sequence[int]) -> Grid:
        """Return a group of columns that compare: values, median, ranks."""
        comparison, words = self._comparison, self._wording
        rows = {row.metric: row for table in comparison.tables if is_statement(table) for row in table.rows}
        medians = next(table.rows for table in comparison.tables if table.key == "peer_medians")
        ranks = {row.metric: row for table in comparison.tables if table.key == "peer_ranks" for row in table.rows}
        columns = [comparison.columns[index] for index in group]
        heads = [words.say("item"), *self._grids.heads(columns), words.say("head_median")]
        heads += [f"{words.say('head_rank')}\n{column.company.key}" for column in columns]
        shown = [row for row in medians if row.metric in rows]
        shown = [row for row in shown if any(rows[row.metric].values[index].is_available for index in group)]
        lines = [self._peer(group, rows[row.metric], row, ranks.get(row.metric)) for row in shown]
        return Grid(self._grids.unit([rows[row.metric] for row in shown]), tuple(heads), tuple(lines))

    def _peer(self, group: Sequence[int], row: Row, medians: Row, ranks: Row | None) -> Line:
        median = medians.values[group[0]]
        used = {value.id.split("/", 1)[0]: value for value in median.inputs}
        companies = {index: self._comparison.columns[index].company.key for index in group}
        values = [used.get(companies[index], row.values[index]) for index in group]
        ranked = [self._grids.cell(ranks.values[index]) if ranks else Cell("") for index in group]
        cells = (*map(self._grids.cell, values), self._grids.cell(median), *ranked)
        return Line(self._grids.name(row), cells, self._references.first_key(row.values))

    def _breakdown(self, one: Breakdown) -> Iterator[Block]:
        words, grids = self._wording, self._grids
        columns = tuple(column for column in self._comparison.columns if one.company in ("", column.company.key))
        told = members_with_changes(one, columns)
        changed = grids.changed((*told.rows, told.total), columns)
        lines = [grids.line(row, changed, row.label) for row in told.rows]
        lines.append(grids.line(told.total, changed, words.say("total_of", metric=words.metric(one.metric))))
        if any(value.amount for value in one.difference.values):
            lines.append(grids.line(one.difference, changed, words.say("difference")))
        title = f"{words.metric(one.metric)}, {words.title('axis', AXES[one.axis])}"
        yield Heading(self._named(one.company, title), 2)
        yield Grid(grids.unit((one.total,)), (words.say("item"), *grids.heads(columns, changed)), tuple(lines))

    def _bridge(self, bridge: Bridge) -> Iterator[Block]:
        words = self._wording
        company = bridge.end.id.split("/", 1)[0]
        lines = []
        for place, value in enumerate((bridge.start, *bridge.steps, bridge.end)):
            is_end = place in (0, len(bridge.steps) + 1)
            step = words.message(value.reason) if value.reason else words.metric(value.metric)
            end = f"{words.metric(value.metric)}, {words.period(company, value.period)}"
            key = self._references.first_key((value, *value.inputs)) or self._references.key(value.id, end, (value,))
            cells = (self._grids.cell(value),)
            lines.append(Line(end, cells, key, role="total") if is_end else Line(step, cells, key, level=1))
        yield Heading(self._named(company, words.title("bridge", bridge.key)), 2)
        yield Grid("", (words.say("item"), words.unit(bridge.end.unit)), tuple(lines))

    def _checks(self) -> Iterator[Block]:
        """Yield the counts; each check that fails with its numbers; the others by identity with their periods."""
        words = self._wording
        by_verdict = {
            verdict: [check for check in self._comparison.checks if check.verdict == verdict] for verdict in _VERDICTS
        }
        counts = {verdict: len(checks) for verdict, checks in by_verdict.items()}
        yield Paragraph(words.say("check_counts", **counts))
        for verdict, checks in by_verdict.items():
            if checks:
                yield Heading(words.say(f"group_{verdict}"), 2)
                yield (
                    self._failing(checks)
                    if verdict == "fails"
                    else self._grouped(checks, has_reason=verdict != "holds")
                )

    def _failing(self, checks: Sequence[Check]) -> Grid:
        words = self._wording
        keys = ("check", "period", "left", "right", "difference")
        lines = []
        for check in checks:
            assert check.left is not None
            assert check.right is not None
            assert check.difference is not None
            name = self._named(check.company, words.title("identity", check.key))
            key = self._references.key(f"{check.key}/{check.left.id}", name, (check.left, check.right))
            numbers = (self._grids.cell(check.left), self._grids.cell(check.right))
            difference = Cell(cell(check.difference, check.left.unit, words.scale))
            period = Cell(words.short_period(check.company, check.period))
            lines.append(Line(name, (period, *numbers, difference), key))
        scale = words.export("scale", scale=words.money())
        return Grid(scale, tuple(words.say(f"head_{key}") for key in keys), tuple(lines), num_texts=1)

    def _grouped(self, checks: Sequence[Check], *, has_reason: bool) -> Grid:
        words = self._wording
        groups: dict[tuple[str, str], list[str]] = {}
        for check in checks:
            name = self._named(check.company, words.title("identity", check.key))
            reason = words.message(check.reason) if check.reason and has_reason else words.form(check)
            groups.setdefault((name, reason), []).append(words.short_period(check.company, check.period))
        lines = [
            Line(name, (Cell(", ".join(dict.fromkeys(periods))), Cell(reason)))
            for (name, reason), periods in groups.items()
        ]
        keys = ("check", "periods", "why" if has_reason else "equation")
        return Grid("", tuple(words.say(f"head_{key}") for key in keys), tuple(lines), num_texts=2)

    def _restated(self) -> Grid:
        words = self._wording
        lines = []
        for original, restated in self._comparison.restated:
            company = restated.id.split("/", 1)[0]
            name = self._named(company, words.metric(restated.metric))
            key = self._references.key(f"restated/{restated.id}", name, (original, restated))
            period = Cell(words.short_period(company, restated.period))
            lines.append(Line(name, (period, self._grids.cell(original), self._grids.cell(restated)), key))
        heads = tuple(words.say(f"head_{key}") for key in ("metric", "period", "originally", "restated"))
        return Grid(words.say("restated_caption"), heads, tuple(lines), num_texts=1)
