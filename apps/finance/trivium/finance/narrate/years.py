"""One company over its fiscal years: how often an amount rose, and how fast it grew."""

from __future__ import annotations

from collections.abc import Iterator

from trivium.finance.display import places, rounded
from trivium.finance.narrate.writer import Writer, amount
from trivium.finance.standing import compound_growth
from trivium.service.evidence import Sentence

__all__ = ["years_sentences"]


def years_sentences(writer: Writer) -> Iterator[Sentence]:
    """Tell the direction of each year and the compound growth from the oldest year to the newest."""
    yield from _trend(writer)
    yield from _compound(writer)


def _trend(writer: Writer) -> Iterator[Sentence]:
    """In how many of the years an amount rose; only where each year but the first has its change."""
    years = [index for index, column in enumerate(writer.columns) if column.span.kind == "year"]
    if len(years) < 3:
        return
    for metric in ("revenue", "net_income"):
        changes = [writer.change(metric, index) for index in years[1:]]
        moves = [change.absolute for change in changes if change is not None and change.absolute.is_available]
        if len(moves) < len(changes) or any(amount(move) == 0 for move in moves):
            continue
        rises = sum(amount(move) > 0 for move in moves)
        is_all = rises in (0, len(moves))
        yield writer.say(
            "years_all" if is_all else "years_some",
            moves,
            metric=writer.metric(metric),
            verb=writer.word(f"direction.{'up' if rises else 'down'}"),
            part=writer.count(rises),
            count=writer.count(len(moves)),
            period=writer.span(writer.columns[years[-1]].span),
        )


def _compound(writer: Writer) -> Iterator[Sentence]:
    """The compound annual growth from the oldest year to the newest; a rate that shows as 0.0 % has no direction."""
    years = [column.span for column in writer.columns if column.span.kind == "year"]
    for rate in compound_growth(writer.comparison):
        if rounded(amount(rate) * 100, places("ratio")) == 0:
            continue
        yield writer.say(
            "compound",
            [rate],
            metric=writer.metric(rate.metric),
            verb=writer.word(f"narrative.compound_{'up' if amount(rate) > 0 else 'down'}"),
            growth=writer.magnitude(rate) if writer.language == "en" else writer.number(rate),
            count=writer.count(years[-1].fiscal_year - years[0].fiscal_year),
            base_period=writer.span(years[0]),
            period=writer.span(years[-1]),
        )
