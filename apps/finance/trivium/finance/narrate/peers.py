"""Several companies: ranks, highest and lowest, distance to the median, and what makes them less comparable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.analyze.model import Column, Value
from trivium.finance.narrate.company import movement
from trivium.finance.narrate.writer import Writer, amount
from trivium.finance.standing import peer_columns, peer_ratios
from trivium.service.evidence import Sentence

__all__ = ["peer_sentences"]

_AMOUNTS = ("revenue", "net_income", "operating_cash_flow", "free_cash_flow")
_RATIOS = (
    "revenue_growth",
    "gross_margin",
    "operating_margin",
    "net_margin",
    "return_on_equity",
    "net_debt_to_ebitda",
    "current_ratio",
    "cash_conversion",
)
_FLAT = Decimal("0.0005")
_FEW = 2
_MANY = 5


@dataclass(frozen=True, slots=True)
class _Standing:
    index: int
    column: Column
    value: Value


def peer_sentences(writer: Writer) -> Iterator[Sentence]:
    """Tell how the companies compare in their comparable columns; amounts are ranked within one currency only."""
    indexes = peer_columns(writer.comparison)
    currencies = {writer.columns[index].company.currency for index in indexes}
    if len(currencies) == 1:
        for metric in _AMOUNTS:
            yield from _rank(writer, metric, indexes)
    for index in indexes:
        yield from movement(writer, "revenue", index, is_owned=True)
    for metric in _RATIOS:
        yield from _high_low(writer, metric, indexes)
    yield from _medians(writer)
    yield from _year_ends(writer, indexes)
    yield from _basis(writer, indexes)


def _standings(writer: Writer, metric: str, indexes: Sequence[int]) -> list[_Standing]:
    """The companies that have the metric, highest first; empty for fewer than two and for ties."""
    found = [
        _Standing(index, writer.columns[index], value)
        for index in indexes
        if (value := writer.available(metric, index)) is not None
    ]
    found.sort(key=lambda standing: amount(standing.value), reverse=True)
    amounts = {standing.value.amount for standing in found}
    return found if len(found) > 1 and len(amounts) == len(found) else []


def _rank(writer: Writer, metric: str, indexes: Sequence[int]) -> Iterator[Sentence]:
    standings = _standings(writer, metric, indexes)
    if not standings:
        return
    fields = {"metric": writer.metric(metric), "count": writer.count(len(standings))}
    for place, standing in zip(("first", "second", "third"), standings, strict=False):
        fields[place] = writer.company(standing.column)
        fields[f"{place}_value"] = writer.number(standing.value)
        fields[f"{place}_period"] = writer.span(standing.column.span)
    key = "rank" if len(standings) > 2 else "rank_two"
    yield writer.say(key, [standing.value for standing in standings], **fields)


def _high_low(writer: Writer, metric: str, indexes: Sequence[int]) -> Iterator[Sentence]:
    standings = _standings(writer, metric, indexes)
    if not standings:
        return
    fields = {"metric": writer.metric(metric), "count": writer.count(len(standings))}
    for place, standing in (("first", standings[0]), ("last", standings[-1])):
        fields[place] = writer.company(standing.column)
        fields[f"{place}_value"] = writer.number(standing.value)
        fields[f"{place}_period"] = writer.span(standing.column.span)
    values = [standing.value for standing in standings]
    yield writer.say("high_low", values, **fields)
    if len(standings) >= _MANY:
        second = standings[1]
        yield writer.say(
            "second_highest",
            values,
            company=writer.company(second.column),
            metric=writer.metric(metric),
            count=fields["count"],
            value=writer.number(second.value),
            period=writer.span(second.column.span),
        )


def _medians(writer: Writer) -> Iterator[Sentence]:
    """Each company's distance to the median; of more than two only those that are farthest on either side."""
    for peer in peer_ratios(writer.comparison):
        ends = (min(peer.gaps, key=amount), max(peer.gaps, key=amount))
        for index, gap, value in zip(peer.columns, peer.gaps, peer.values, strict=True):
            if len(peer.gaps) > _FEW and gap not in ends:
                continue
            column = writer.columns[index]
            if abs(amount(gap)) < _FLAT:
                continue
            side = "above" if amount(gap) > 0 else "below"
            yield writer.say(
                "median",
                [value, gap, peer.median],
                company=writer.company(column),
                owner=writer.owner(column),
                metric=writer.metric(peer.metric),
                value=writer.number(value),
                period=writer.span(column.span),
                gap=writer.points(gap),
                side=writer.word(f"direction.{side}"),
                median=writer.number(peer.median),
            )


def _year_ends(writer: Writer, indexes: Sequence[int]) -> Iterator[Sentence]:
    found = [
        (writer.columns[index].span.period.end, writer.columns[index], value)
        for index in indexes
        if (value := writer.available("revenue", index)) is not None
    ]
    if len(found) < 2:
        return
    earliest, latest = min(found, key=lambda item: item[0]), max(found, key=lambda item: item[0])
    gap = (latest[0] - earliest[0]).days
    first, second = (
        writer.company(found[1]) if writer.language == "zh" else writer.owner(found[1]) for found in (earliest, latest)
    )
    if gap > 0:
        yield writer.say(
            "year_ends",
            [earliest[2], latest[2]],
            days=writer.days(gap),
            first=first,
            first_date=writer.date(earliest[0]),
            second=second,
            second_date=writer.date(latest[0]),
        )


def _basis(writer: Writer, indexes: Sequence[int]) -> Iterator[Sentence]:
    """Different accounting standards and currencies, told by the first two companies that differ."""
    known = [index for index in indexes if writer.available("revenue", index) is not None]
    by_standard = {writer.columns[index].company.accounting: index for index in reversed(known)}
    by_currency = {writer.columns[index].company.currency: index for index in reversed(known)}
    by_standard.pop("", None)
    for key, found, prefix, name in (
        ("accounting", by_standard, "standards", "unit.standards_"),
        ("currency", by_currency, "currency", "unit.name_"),
    ):
        if len(found) < 2 or any(not writer.has(name + kind) for kind in found):
            continue
        pair = sorted(found.items(), key=lambda item: item[1])[:2]
        fields = {}
        for place, (kind, index) in zip(("first", "second"), pair, strict=True):
            fields[place] = writer.company(writer.columns[index])
            fields[f"{place}_{prefix}"] = writer.word(name + kind)
        key = "currency_converted" if key == "currency" and writer.comparison.is_converted else key
        yield writer.say(key, [writer.available("revenue", index) for _, index in pair], **fields)
