"""Exchange rates that a user gives, with their source: read from a table, and found for one amount.

A flow takes the average rate of its own period, a balance the closing rate of its day; a week's difference counts as
the same. Nothing is converted at another rate, and no rate is ever turned round, chained or fetched.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from trivium.finance.records import Period
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase, joined

__all__ = ["RATE_COLUMNS", "Rate", "Rates", "parse_rates", "rates_from_rows", "read_rates"]

RATE_COLUMNS = ("pair", "kind", "from", "to", "rate", "source")
"""Of the table: `EUR/USD,average,2024-01-01,2024-12-31,1.0824,ECB`; a closing rate leaves `from` empty."""

_PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})")
_SLACK = timedelta(days=7)
_MOST_BYTES = 1 << 20
_HINT = Phrase(
    "give a CSV with the columns {columns}, such as EUR/USD,closing,,2024-12-31,1.0389,ECB",
    columns=",".join(RATE_COLUMNS),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one unit of `base` in `quote`: the average of a span, or of the close of a day.

    Args:
        source: who published it, as the user wrote it.
    """

    base: str
    quote: str
    period: Period
    amount: Decimal
    source: str

    @property
    def pair(self) -> str:
        """`EUR/USD`."""
        return f"{self.base}/{self.quote}"

    @property
    def kind(self) -> str:
        """`closing` for a day, `average` for a span."""
        return "closing" if self.period.is_instant else "average"

    def to_row(self) -> dict[str, str]:
        """Return the rate as a row of the table."""
        start = "" if self.period.start is None else self.period.start.isoformat()
        cells = (self.pair, self.kind, start, self.period.end.isoformat(), f"{self.amount:f}", self.source)
        return dict(zip(RATE_COLUMNS, cells, strict=True))


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates into one common currency.

    Args:
        target: the common currency, `quote` of each rate.
    """

    target: str
    rates: tuple[Rate, ...]

    def find(self, currency: str, period: Period) -> Rate | None:
        """Return the rate of a currency for a period's flow or a day's balance; None where none was given."""
        fitting = [rate for rate in self.rates if rate.base == currency and _fits(rate.period, period)]
        return min(fitting, key=lambda rate: abs(rate.period.end - period.end), default=None)


def read_rates(path: Path) -> Rates:
    """Read a table of rates.

    Raises:
        InputError: if the file cannot be read or a row is no rate; names the row and what is wrong with it.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            Phrase("the exchange rates cannot be read ({reason})", reason=error), where=str(path), hint=_HINT
        ) from error
    return parse_rates(text, str(path))


def parse_rates(text: str, where: str) -> Rates:
    """Read the table from its text; the line of column names may be left out where a person types the rows.

    Raises:
        InputError: as `read_rates`.
    """
    if _PAIR.match(text.lstrip()):
        text = f"{','.join(RATE_COLUMNS)}\n{text.lstrip()}"
    table = csv.DictReader(io.StringIO(text))
    if missing := [name for name in RATE_COLUMNS if name not in (table.fieldnames or ())]:
        raise InputError(
            Phrase("the table lacks the columns {missing}", missing=joined(missing, ", ")), where=where, hint=_HINT
        )
    return rates_from_rows(list(table), where)


def rates_from_rows(rows: Sequence[Mapping[str, str | None]], where: str) -> Rates:
    """Return rates from rows of the table.

    Raises:
        InputError: if there is none, a row is no rate, or two contradict each other or have different currencies to
            convert into.
    """
    rates = tuple(
        _rate(row, Phrase("{where}, row {number}", where=where, number=number))
        for number, row in enumerate(rows, start=2)
    )
    targets = sorted({rate.quote for rate in rates})
    if len(targets) != 1:
        what = Phrase("the rates lead to {targets}", targets=joined(targets, ", ")) if targets else "there is no rate"
        raise InputError(what, where=where, hint="give rates into one common currency" if targets else _HINT)
    _refuse_contradictions(rates, where)
    return Rates(targets[0], rates)


def _rate(row: Mapping[str, str | None], where: str) -> Rate:
    cells = {name: (row.get(name) or "").strip() for name in RATE_COLUMNS}
    pair = _PAIR.fullmatch(cells["pair"])
    if pair is None or pair[1] == pair[2]:
        raise InputError(
            Phrase("'{pair}' is no pair of currencies such as EUR/USD", pair=cells["pair"]), where=where, hint=_HINT
        )
    try:
        amount = Decimal(cells["rate"])
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise InputError(
            Phrase("the rate '{rate}' is not a positive number", rate=cells["rate"]), where=where, hint=_HINT
        )
    if not cells["source"]:
        raise InputError("the rate names no source", where=where, hint="say who published it")
    return Rate(pair[1], pair[2], _period(cells, where), amount, cells["source"])


def _period(cells: Mapping[str, str], where: str) -> Period:
    try:
        end = date.fromisoformat(cells["to"])
        start = date.fromisoformat(cells["from"]) if cells["from"] else None
    except ValueError:
        raise InputError("its dates are not like 2024-12-31", where=where, hint=_HINT) from None
    if cells["kind"] == "closing" and start in (None, end):
        return Period(end)
    if cells["kind"] == "average" and start is not None and start <= end:
        return Period(end, start)
    what = Phrase(
        "kind '{kind}' from '{start}' to '{end}' is neither an average nor a closing rate",
        kind=cells["kind"],
        start=cells["from"],
        end=cells["to"],
    )
    raise InputError(what, where=where, hint="an average needs both dates in order, a closing rate only `to`")


def _refuse_contradictions(rates: Iterable[Rate], where: str) -> None:
    known: dict[tuple[str, Period], Rate] = {}
    for rate in rates:
        other = known.setdefault((rate.base, rate.period), rate)
        if other.amount != rate.amount:
            what = Phrase(
                "{pair} for {period} is {other} and {amount}",
                pair=rate.pair,
                period=rate.period.key,
                other=other.amount,
                amount=rate.amount,
            )
            raise InputError(what, where=where, hint="keep one of the two")


def _fits(given: Period, wanted: Period) -> bool:
    if abs(given.end - wanted.end) > _SLACK or (given.start is None) != (wanted.start is None):
        return False
    return given.start is None or wanted.start is None or abs(given.start - wanted.start) <= _SLACK
