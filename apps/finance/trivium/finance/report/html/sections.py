"""The parts of a report after its tables: bridges, checks, restatements, what is missing, unread, and the method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trivium.finance.analyze.model import Bridge, Check, Comparison, Message, Series, Value
from trivium.finance.analyze.ratios import ratios
from trivium.finance.check import Removed
from trivium.finance.display import cell
from trivium.finance.records import Filing, Period
from trivium.finance.report.html.cells import Cells
from trivium.finance.report.html.charts import waterfall_bar
from trivium.finance.report.html.markup import Html, escape, join, tag
from trivium.finance.report.html.tables import grid
from trivium.finance.report.sources import file_name
from trivium.finance.report.wording import Wording

__all__ = ["Sections"]

_SMALL = 3  # a bridge whose steps reach over less than a third of its height is drawn on a cut axis
_WORDS = ("check", "concept", "metric", "period", "printed_row", "source", "verdict", "why")
_VERDICTS = ("fails", "holds", "not_applicable")


@dataclass(slots=True)
class _Choice:
    """One concept that a metric was read from: its printed rows, filings and the reasons given; each once, in order."""

    labels: dict[str, None] = field(default_factory=dict)
    filings: dict[str, None] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)


class Sections:
    """Writes these parts of one comparison."""

    def __init__(self, comparison: Comparison, cells: Cells, wording: Wording) -> None:
        self._comparison = comparison
        self._cells = cells
        self._wording = wording
        self._between, self._colon = wording.say("between"), wording.say("colon")
        self._names = {series.company.key: series.company.name for series in comparison.series}

    def bridge(self, bridge: Bridge) -> Html:
        """Return a bridge as a table whose middle column draws the waterfall."""
        totals = _running(bridge)
        low, high = _axis(totals)
        zero = max(Decimal(0), low)
        ends = [(bridge.start, zero, "end"), *_steps(bridge, totals), (bridge.end, zero, "end")]
        rows = []
        for place, (value, before, kind) in enumerate(ends):
            amount = value.amount or Decimal(0)
            after = amount if kind == "end" else before + amount
            bar = waterfall_bar(before, after, low, high, kind, is_last=place == len(ends) - 1)
            name = self._step_name(value, bridge)
            cells = (tag("th", name, scope="row"), tag("td", bar, class_="bar"), self._cells.cell(value, name))
            rows.append(tag("tr", *cells, class_="total" if kind == "end" else ""))
        head = [
            tag("th", self._wording.say("item"), scope="col"),
            tag("th", self._wording.say("movement_cut" if low > 0 else "movement"), scope="col", class_="words"),
            tag("th", self._cells.head(bridge.end.unit), scope="col"),
        ]
        title = self._wording.title("bridge", bridge.key)
        owner = self._names.get(bridge.end.id.split("/", 1)[0], "")
        caption = f"{owner}{self._colon}{title}" if len(self._names) > 1 else title
        return grid(head, rows, caption=caption, num_columns=2, class_="bridge")

    def checks(self) -> Html:
        """Return the checks: how many hold, those that fail first, both sides and the tolerance of each."""
        groups = {name: [one for one in self._comparison.checks if one.verdict == name] for name in _VERDICTS}
        counts = {name: len(found) for name, found in groups.items()}
        parts = [tag("p", self._wording.say("check_counts", **counts))]
        if groups["fails"]:
            parts.append(self._check_table(groups["fails"], self._wording.say("group_fails")))
        if groups["holds"]:
            title = self._wording.say("group_holds")
            parts.append(self._folded(f"{title} ({counts['holds']})", self._check_table(groups["holds"], title)))
        if groups["not_applicable"]:
            items = [tag("li", text) for text in self._not_applicable(groups["not_applicable"])]
            title = f"{self._wording.say('group_not_applicable')} ({counts['not_applicable']})"
            parts.append(self._folded(title, tag("ul", *items, class_="notes")))
        return join(parts)

    def restated(self) -> Html:
        """Return original and restated values side by side, each with its filing."""
        rows = []
        for original, restated in self._comparison.restated:
            name, company = self._wording.value_name(restated), restated.id.split("/", 1)[0]
            title = f"{name}: {self._wording.say('originally')}"
            cells = (
                tag("th", self._of(company, name), scope="row"),
                tag("td", self._wording.period(company, restated.period), class_="words"),
                self._cells.cell(original, title),
                tag("td", self._filing(original.filing), class_="words"),
                self._cells.cell(restated, name),
                tag("td", self._filing(restated.filing), class_="words"),
            )
            rows.append(tag("tr", *cells))
        heads = ("item", "period", "originally", "source", "restated", "source")
        return grid(self._heads(heads), rows, caption=self._wording.say("restated_caption"), num_columns=2)

    def split_adjusted(self, series: Series) -> Html:
        """Return share and per-share values as reported and on today's share basis."""
        rows = []
        for (metric, period), adjusted in sorted(
            series.adjusted.items(), key=lambda item: (item[0][0], item[0][1].end)
        ):
            reported, name = series.values[metric, period], self._wording.metric(metric)
            cells = (
                tag(
                    "th", self._of(series.company.key, name), tag("small", self._cells.head(adjusted.unit)), scope="row"
                ),
                tag("td", self._wording.period(series.company.key, period), class_="words"),
                self._cells.cell(reported, name),
                self._cells.cell(adjusted, f"{name}: {self._wording.say('adjusted')}"),
            )
            rows.append(tag("tr", *cells))
        heads = self._heads(("item", "period", "as_reported", "adjusted"))
        return grid(heads, rows, caption=self._wording.say("split_caption"), num_columns=2)

    def unread(self) -> Html:
        """Return what could not be read; says so when there is nothing."""
        if not self._comparison.problems:
            return tag("p", self._wording.say("unread_nothing"))
        by_source: dict[str, list[str]] = {}
        for source, what in self._comparison.problems:
            by_source.setdefault(file_name(source), []).append(self._wording.told(what))
        items = [
            tag(
                "li",
                tag("b", source),
                tag("ul", *(tag("li", text) for text in dict.fromkeys(found))),
            )
            for source, found in by_source.items()
        ]
        return tag("ul", *items, class_="notes")

    def left_out(self, removed: Iterable[Removed]) -> Html:
        """Return the sentences that the checker took out, each with what does not follow; nothing if there are none."""
        items = [tag("li", *self._removed(one)) for one in removed]
        return (
            join((tag("p", self._wording.say("left_out_note")), tag("ul", *items, class_="notes"))) if items else Html()
        )

    def _removed(self, one: Removed) -> tuple[Html, ...]:
        return tag("q", one.sentence.text), escape(self._colon), escape(self._wording.told(one.reason))

    def absent(self, values: Iterable[Value]) -> Html:
        """Return, for every metric and ratio that is n/a, the reason; periods with one reason are put together."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for value in values:
            if not _is_metric(value):
                continue
            company = value.id.split("/", 1)[0]
            reason = self._wording.message(value.reason or Message("reason.not_reported"))
            label = self._wording.period(company, value.period).split(" (")[0]
            found.setdefault((company, self._wording.value_name(value), reason), []).append(label)
        if not found:
            return tag("p", self._wording.say("absent_nothing"))
        by_reason: dict[tuple[str, str], list[str]] = {}
        for (company, name, reason), labels in found.items():
            by_reason.setdefault((company, reason), []).append(f"{name} ({', '.join(dict.fromkeys(labels))})")
        items = [
            tag("li", tag("b", self._of(company, reason)), self._colon, self._between.join(names))
            for (company, reason), names in by_reason.items()
        ]
        return tag("ul", *items, class_="notes")

    def mapping(self, values: Iterable[Value]) -> Html:
        """Return which concept or printed line each metric was read from, by company."""
        chosen: dict[tuple[str, str, str], _Choice] = {}
        for value in values:
            if value.fact is not None and value.filing is not None and _is_metric(value):
                key = (value.id.split("/", 1)[0], value.metric, value.fact.concept.qname)
                choice = chosen.setdefault(key, _Choice())
                choice.labels[value.fact.place.row_label] = None
                choice.filings[self._filing(value.filing)] = None
                if value.reason is not None:
                    choice.reasons[self._wording.message(value.reason)] = None
        rows = []
        for (company, metric, concept), choice in chosen.items():
            cells = (
                tag("th", self._of(company, self._wording.metric(metric)), scope="row"),
                tag("td", tag("code", concept), class_="words"),
                tag("td", self._between.join(filter(None, choice.labels)), class_="words"),
                tag("td", ", ".join(sorted(choice.filings)), class_="words"),
                tag("td", self._between.join(choice.reasons), class_="words"),
            )
            rows.append(tag("tr", *cells))
        heads = self._heads(("metric", "concept", "printed_row", "source", "why"))
        return grid(heads, rows, caption=self._wording.say("mapping_caption"), num_columns=0, class_="plain")

    def definitions(self, values: Iterable[Value]) -> Html:
        """Return the formula of every derived metric that the report shows; ratios have theirs in their own table."""
        known = {ratio.key for ratio in ratios()}
        formulas: dict[str, str] = {}
        for value in values:
            if value.formula and value.metric not in known and _is_metric(value) and "[" not in value.formula:
                formulas.setdefault(value.metric, value.formula)
        items = [
            join((tag("dt", self._wording.metric(metric)), tag("dd", self._wording.formula(formula))))
            for metric, formula in sorted(formulas.items())
        ]
        return tag("dl", *items, class_="definitions") if items else Html()

    def _check_table(self, checks: Sequence[Check], title: str) -> Html:
        heads = ("check", "period", "left", "right", "difference", "tolerance", "verdict")
        rows = [self._check_row(check) for check in checks]
        return grid(self._heads(heads), rows, caption=title, num_columns=4, class_="checks")

    def _check_row(self, check: Check) -> Html:
        sides = [
            self._cells.cell(side, self._wording.formula(side.formula) or "") if side else Html("<td></td>")
            for side in (check.left, check.right)
        ]
        unit = next((side.unit for side in (check.left, check.right) if side is not None and side.unit), "")
        name = self._of(check.company, self._wording.title("identity", check.key))
        form = self._wording.form(check)
        return tag(
            "tr",
            tag("th", name, *((tag("br"), tag("small", form)) if form else ()), scope="row"),
            tag("td", self._period(check.company, check.period), class_="words"),
            *sides,
            self._exact(check.difference, unit),
            self._exact(check.tolerance, unit),
            tag("td", self._wording.say(check.verdict), class_=f"words verdict {check.verdict}"),
        )

    def _exact(self, amount: Decimal | None, unit: str) -> Html:
        if amount is None or not unit:
            return Html("<td></td>")
        exact = f'data-value="{amount:f}" data-unit="{escape(unit)}"'
        return Html(f"<td {exact}>{escape(cell(amount, unit, self._wording.scale))}</td>")

    def _not_applicable(self, checks: Iterable[Check]) -> list[str]:
        found: dict[tuple[str, str, str], list[str]] = {}
        for check in checks:
            reason = self._wording.message(check.reason) if check.reason else ""
            label = self._period(check.company, check.period)
            found.setdefault((check.company, check.key, reason), []).append(label)
        return [
            f"{self._of(company, self._wording.title('identity', key))} ({', '.join(dict.fromkeys(labels))})"
            f"{self._colon}{reason}"
            for (company, key, reason), labels in found.items()
        ]

    def _period(self, company: str, period: Period) -> str:
        return self._wording.period(company, period).split(" (")[0]

    def _of(self, company: str, name: str) -> str:
        return f"{company}{self._colon}{name}" if len(self._names) > 1 else name

    def _step_name(self, value: Value, bridge: Bridge) -> str:
        if value in (bridge.start, bridge.end):
            company = value.id.split("/", 1)[0]
            return f"{self._wording.value_name(value)}, {self._period(company, value.period)}"
        return self._wording.message(value.reason) if value.reason else self._wording.value_name(value)

    def _filing(self, filing: Filing | None) -> str:
        if filing is None:
            return ""
        return " ".join(filter(None, (filing.form, self._wording.fiscal(filing)))) or file_name(filing.source.name)

    def _heads(self, keys: Sequence[str]) -> list[Html]:
        return [
            tag("th", self._wording.say(f"head_{key}"), scope="col", class_="words" if key in _WORDS else "")
            for key in keys
        ]

    @staticmethod
    def _folded(title: str, content: Html) -> Html:
        return tag("details", tag("summary", title), content)


def _is_metric(value: Value) -> bool:
    """Whether it is a metric or ratio of a period: no change, share, rank, member, step or side of a check."""
    return "." not in value.metric and value.id.split("/")[1:] == [value.metric, value.period.key]


def _running(bridge: Bridge) -> list[Decimal]:
    """The running total after the start, after each step, and at the end."""
    totals = [bridge.start.amount or Decimal(0)]
    for step in bridge.steps:
        totals.append(totals[-1] + (step.amount or Decimal(0)))
    return [*totals, bridge.end.amount or Decimal(0)]


def _axis(totals: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Where the drawing starts and ends: at zero, or nearer to the totals where steps are small beside them."""
    low, high = min(totals), max(totals)
    reach = high - low
    if low > 0 and reach * _SMALL < high:
        return max(low - reach, Decimal(0)), high
    return min(low, Decimal(0)), max(high, Decimal(0))


def _steps(bridge: Bridge, totals: Sequence[Decimal]) -> list[tuple[Value, Decimal, str]]:
    return [
        (step, before, "down" if (step.amount or Decimal(0)) < 0 else "up")
        for step, before in zip(bridge.steps, totals, strict=False)
    ]
