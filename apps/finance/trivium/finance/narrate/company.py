"""One company: its latest period, and how it got there."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from trivium.finance.analyze.member_names import TOGETHER
from trivium.finance.analyze.model import Breakdown, Change, Row, Value
from trivium.finance.display import message_text, metric_names
from trivium.finance.narrate.writer import Writer, amount
from trivium.finance.narrate.years import years_sentences
from trivium.finance.standing import members_with_changes
from trivium.service.evidence import Sentence

__all__ = ["company_sentences", "movement"]

_CORE = ("revenue", "net_income", "eps_diluted", "operating_cash_flow")
_FLOWS = {
    "industrial": ("revenue", "gross_profit", "operating_income", "net_income", "eps_diluted"),
    "bank": (
        "revenue",
        "net_interest_income",
        "noninterest_income",
        "provision_for_credit_losses",
        "net_income",
        "eps_diluted",
    ),
    "insurer": ("revenue", "premiums_earned", "claims_incurred", "net_income", "eps_diluted"),
    "other": ("revenue", "operating_income", "net_income", "eps_diluted"),
}
_MARGINS = (
    "gross_margin",
    "operating_margin",
    "net_margin",
    "return_on_equity",
    "combined_ratio",
    "net_interest_margin",
)
_NEWER = ("revenue", "operating_income", "net_income", "free_cash_flow")
_MULTIPLES = ("cash_conversion", "current_ratio", "net_debt_to_ebitda", "interest_coverage")
_AXES = {"BusinessSegments": "members", "ProductOrService": "products", "Geographical": "regions"}
_RESTATED = (
    "revenue",
    "gross_profit",
    "operating_income",
    "net_income",
    "operating_cash_flow",
    "total_assets",
    "equity",
)
_FLAT = Decimal("0.0005")
_UNSAID_REASONS = ("reason.not_for_template",)


def company_sentences(writer: Writer) -> Iterator[Sentence]:
    """Tell one filing or one company over its periods: the newest columns with changes, then what is newer still."""
    columns, newer = _main_columns(writer)
    template = writer.columns[columns[0]].company.template
    yield from _headline(writer, columns)
    for metric in _FLOWS[template][1:]:
        yield from _first(writer, columns, metric, movement)
    for metric in _MARGINS:
        yield from _first(writer, columns, metric, _margin)
    yield from _cash(writer, columns)
    yield from _position(writer, [*newer, *columns])
    for metric in _MULTIPLES:
        yield from _first(writer, columns, metric, _multiple)
    for index in newer:
        for metric in _NEWER:
            yield from _level(writer, metric, index, "amount")
    for breakdown in writer.comparison.breakdowns:
        yield from _members(writer, members_with_changes(breakdown, writer.columns), columns)
    yield from years_sentences(writer)
    yield from _basis(writer, columns)
    yield from _missing(writer, columns)


def _main_columns(writer: Writer) -> tuple[list[int], list[int]]:
    """The columns to tell: of the newest end, shorter spans first; and a trailing year that is newer than all years."""
    all_columns = range(len(writer.columns))
    trailing = [index for index in all_columns if writer.columns[index].span.kind == "ttm"]
    told = [index for index in all_columns if index not in trailing] or trailing
    newest = max(writer.columns[index].span.period.end for index in told)
    main = [index for index in told if writer.columns[index].span.period.end == newest]
    main.sort(key=lambda index: writer.columns[index].span.period.days)
    newer = [index for index in trailing if writer.columns[index].span.period.end > newest]
    return main, newer


def _headline(writer: Writer, columns: list[int]) -> Iterator[Sentence]:
    """The first thing to know, with the company's name: its revenue, else its net income."""
    for metric in ("revenue", "net_income"):
        for index in columns:
            value = writer.available(metric, index)
            if value is None:
                continue
            moved = list(movement(writer, metric, index, is_owned=True))
            yield from moved or [_named_level(writer, metric, index, value)]
            return


def _named_level(writer: Writer, metric: str, index: int, value: Value) -> Sentence:
    column = writer.columns[index]
    return writer.say(
        "level",
        [value],
        company=writer.company(column),
        metric=writer.metric(metric),
        value=writer.number(value),
        period=writer.span(column.span),
    )


def _first(writer: Writer, columns: list[int], metric: str, tell: object) -> Iterator[Sentence]:
    for index in columns:
        if writer.available(metric, index) is not None:
            yield from tell(writer, metric, index)  # type: ignore[operator]
            return


def movement(writer: Writer, metric: str, index: int, is_owned: bool = False) -> Iterator[Sentence]:
    """Tell the change of an amount; the bare level where there is nothing to compare with.

    Args:
        is_owned: whether the company's name stands before the metric.
    """
    change = _change(writer, metric, index)
    if change is None:
        if not is_owned:
            yield from _level(writer, metric, index, "amount")
        return
    fields = _change_fields(writer, metric, change, index)
    if is_owned:
        owner = writer.owner(writer.columns[index])
        fields["metric"] = writer.word("narrative.owned").format(owner=owner, metric=fields["metric"])
    growth = change.relative
    if not growth.is_available:
        if _is_not_meaningful(change):
            yield writer.say("turned", [change.value, change.base], **fields)
        return
    rate = amount(growth)
    values = [growth, change.value, change.base]
    fields["growth"] = writer.magnitude(growth)
    if abs(rate) < _FLAT:
        yield writer.say("flat", values, **fields)
    elif 1 < rate <= 2:
        yield writer.say("doubled", values, **fields)
    else:
        yield writer.say("growth", values, verb=writer.word(f"direction.{'up' if rate > 0 else 'down'}"), **fields)


def _is_not_meaningful(change: Change) -> bool:
    value, base = change.value.amount, change.base.amount
    return value is not None and base is not None and (base <= 0 or value < 0)


def _level(writer: Writer, metric: str, index: int, key: str = "ratio") -> Iterator[Sentence]:
    value, span = writer.available(metric, index), writer.columns[index].span
    if value is not None:
        yield writer.say(
            key, [value], metric=writer.metric(metric), value=writer.number(value), period=writer.span(span)
        )


def _margin(writer: Writer, metric: str, index: int) -> Iterator[Sentence]:
    change = _change(writer, metric, index)
    if change is None or not change.absolute.is_available:
        yield from _level(writer, metric, index)
        return
    fields = _change_fields(writer, metric, change, index)
    values = [change.absolute, change.value, change.base]
    points = amount(change.absolute)
    if abs(points) < _FLAT:
        yield writer.say("flat", values, **fields)
        return
    is_margin = metric.endswith("_margin") and amount(change.value) > 0 and amount(change.base) > 0
    verb = ("widened" if is_margin else "up_points") if points > 0 else ("narrowed" if is_margin else "down")
    yield writer.say(
        "points", values, verb=writer.word(f"direction.{verb}"), points=writer.points(change.absolute), **fields
    )


def _multiple(writer: Writer, metric: str, index: int) -> Iterator[Sentence]:
    change = _change(writer, metric, index)
    if change is None:
        yield from _level(writer, metric, index)
        return
    fields = _change_fields(writer, metric, change, index)
    yield writer.say("ratio_against", [change.value, change.base], **fields)


def _change(writer: Writer, metric: str, index: int) -> Change | None:
    """Return a change that can be told: both amounts are there, and the base's period has a name."""
    change = writer.change(metric, index)
    if change is None or not (change.value.is_available and change.base.is_available):
        return None
    return None if _base_period(writer, change, index) is None else change


def _change_fields(writer: Writer, metric: str, change: Change, index: int) -> dict[str, str]:
    return {
        "metric": writer.metric(metric),
        "value": writer.number(change.value),
        "base": writer.number(change.base),
        "period": writer.span(writer.columns[index].span),
        "base_period": _base_period(writer, change, index) or "",
    }


def _base_period(writer: Writer, change: Change, index: int) -> str | None:
    span = writer.span_of(writer.columns[index].company.key, change.base.period)
    return None if span is None else writer.span(span)


def _cash(writer: Writer, columns: list[int]) -> Iterator[Sentence]:
    for index in columns:
        names = ("operating_cash_flow", "capex", "free_cash_flow")
        values = [writer.available(metric, index) for metric in names]
        if None not in values:
            yield _three(writer, "cash_flow", names, values, period=writer.span(writer.columns[index].span))
            if writer.change("free_cash_flow", index) is not None:
                yield from movement(writer, "free_cash_flow", index)
            return
        if values[0] is not None:
            yield from movement(writer, "operating_cash_flow", index)
            return


def _position(writer: Writer, columns: list[int]) -> Iterator[Sentence]:
    for index in columns:
        names = ("cash", "total_debt", "net_debt")
        values = [writer.available(metric, index) for metric in names]
        cash, debt, net = values
        if cash is None or debt is None or net is None:
            continue
        day = writer.date(writer.columns[index].span.period.end)
        extra = writer.available("short_term_investments", index)
        rest = amount(debt) - amount(cash) - amount(net)
        if rest == 0:
            yield _three(writer, "position", names, values, date=day)
        elif extra is not None and rest == amount(extra):
            fields = {"extra": writer.metric(extra.metric), "extra_value": writer.number(extra)}
            yield _three(writer, "position_with", names, [*values, extra], date=day, **fields)
        else:
            yield _three(writer, "position_apart", names, values, date=day)
        return


def _three(writer: Writer, key: str, names: tuple[str, ...], values: list[Value | None], **fields: str) -> Sentence:
    for place, metric, value in zip(("first", "second", "third"), names, values, strict=False):
        if value is None:
            raise ValueError(f"{metric} is absent")
        is_net_cash = metric == "net_debt" and amount(value) < 0
        fields[place] = writer.word("narrative.net_cash") if is_net_cash else writer.metric(metric)
        fields[f"{place}_value"] = writer.magnitude(value) if is_net_cash else writer.number(value)
    return writer.say(key, values, **fields)


def _members(writer: Writer, breakdown: Breakdown, columns: list[int]) -> Iterator[Sentence]:
    if not metric_names(breakdown.metric, writer.language):
        return
    axis = next((noun for part, noun in _AXES.items() if part in breakdown.axis), "members")
    for index in columns:
        rows = [row for row in breakdown.rows if row.label and row.values[index].is_available]
        labels = {row.label for row in rows}
        if len(rows) < 2 or len(labels) < len(rows) or TOGETHER in labels:
            continue
        fields = {
            "metric": writer.metric(breakdown.metric),
            "period": writer.span(writer.columns[index].span),
            "count": writer.count(len(rows)),
            "axis": writer.word(f"narrative.axis_{axis}"),
        }
        yield from _largest_member(writer, rows, index, fields)
        yield from _contribution(writer, breakdown, rows, index, fields)
        return


def _largest_member(writer: Writer, rows: list[Row], index: int, fields: dict[str, str]) -> Iterator[Sentence]:
    ordered = sorted(rows, key=lambda row: amount(row.values[index]), reverse=True)
    largest, second = ordered[0].values[index], ordered[1].values[index]
    if amount(largest) > amount(second):
        values = [row.values[index] for row in ordered]
        yield writer.say("largest_member", values, member=ordered[0].label, value=writer.number(largest), **fields)


def _contribution(
    writer: Writer, breakdown: Breakdown, rows: list[Row], index: int, fields: dict[str, str]
) -> Iterator[Sentence]:
    """Which member's change is the largest in the direction of the total, as arithmetic and no more."""
    total = breakdown.total.changes[index] if index < len(breakdown.total.changes) else None
    parts = [row.changes[index] if index < len(row.changes) else None for row in rows]
    changes = [change.absolute for change in parts if change is not None and change.absolute.is_available]
    base_period = None if total is None else _base_period(writer, total, index)
    if total is None or not total.absolute.is_available or len(changes) < len(rows) or base_period is None:
        return
    sign = 1 if amount(total.absolute) > 0 else -1
    ordered = sorted(zip(rows, changes, strict=True), key=lambda pair: amount(pair[1]) * sign, reverse=True)
    (row, first), (_, second) = ordered[0], ordered[1]
    if amount(total.absolute) == 0 or amount(first) * sign <= 0 or amount(first) == amount(second):
        return
    yield writer.say(
        "contribution",
        [total.absolute, *(change for _, change in ordered)],
        change=writer.magnitude(total.absolute),
        contribution=writer.number(first),
        member=row.label,
        noun=writer.word(f"direction.{'up' if sign > 0 else 'down'}_noun"),
        rank=writer.word(f"direction.{'highest' if sign > 0 else 'lowest'}"),
        base_period=base_period,
        **fields,
    )


def _basis(writer: Writer, columns: list[int]) -> Iterator[Sentence]:
    for original, restated in reversed(writer.comparison.restated):
        company = writer.columns[0].company.key
        span = writer.span_of(company, restated.period)
        if span is None or not (original.is_available and restated.is_available):
            continue
        if restated.metric not in _RESTATED or writer.number(original) == writer.number(restated):
            continue
        yield writer.say(
            "restated",
            [original, restated],
            metric=writer.metric(restated.metric),
            period=writer.span(span),
            value=writer.number(restated),
            original=writer.number(original),
        )
    for index in columns:
        yield from _weeks(writer, index)
        yield from _split(writer)


def _weeks(writer: Writer, index: int) -> Iterator[Sentence]:
    change, column = _change(writer, "revenue", index), writer.columns[index]
    span = None if change is None else writer.span_of(column.company.key, change.base.period)
    if change is None or span is None or span.kind != column.span.kind or span.weeks == column.span.weeks:
        return
    if abs(span.weeks - column.span.weeks) == 1 and column.span.kind in ("year", "quarter"):
        yield writer.say(
            "weeks_more" if column.span.weeks > span.weeks else "weeks_base",
            [change.value, change.base],
            period=writer.span(column.span),
            base_period=writer.span(span),
            weeks=writer.weeks(column.span),
            base_weeks=writer.weeks(span),
        )


def _split(writer: Writer) -> Iterator[Sentence]:
    """Which years were put on the share basis after a forward split."""
    for index, column in enumerate(writer.columns):
        value = writer.available("eps_diluted", index)
        factors = (
            [note.values["factor"] for note in value.notes if note.values.get("factor", "").isdigit()] if value else []
        )
        if factors:
            yield writer.say("split", [value], period=writer.span(column.span), factor=factors[0])


def _missing(writer: Writer, columns: list[int]) -> Iterator[Sentence]:
    anchor = next((found for index in columns if (found := _any_value(writer, index)) is not None), None)
    for metric in _CORE:
        if any(writer.available(metric, index) is not None for index in columns) or anchor is None:
            continue
        value = writer.value(metric, columns[0])
        if value is None or value.reason is None or value.reason.key in _UNSAID_REASONS:
            continue
        yield writer.say(
            "absent",
            [anchor],
            metric=writer.metric(metric),
            period=writer.span(writer.columns[columns[0]].span),
            reason=message_text(value.reason, writer.language),
        )


def _any_value(writer: Writer, index: int) -> Value | None:
    period = writer.columns[index].span.period
    for metric in ("revenue", "net_income", "operating_income", "pretax_income", "operating_cash_flow"):
        value = writer.available(metric, index)
        if value is not None and value.period == period:
            return value
    return None
