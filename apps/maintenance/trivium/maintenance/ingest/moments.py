"""Moments: from what plants write as a time to microseconds since 1970 in UTC.

Read are ISO 8601, `31.12.2025 23:59:59`, and seconds, milli-, micro- or nanoseconds since 1970, told apart by size. A
time without an offset is in the plant's zone; without a zone the batch is refused, never guessed. The hour that repeats
when summer time ends is summer time until a source's times step back; a batch that begins within it is in the second
pass when that puts it within the hour before its arrival. A time that the clock skipped in spring is read with the
offset before the change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from trivium.service.errors import InputError

__all__ = ["DAY_US", "Moments", "find_zone", "read_moments", "to_us"]

DAY_US = 86_400 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})([ T].+)?")
_FRACTION = re.compile(r"([.,]\d+)")
_SCALES = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))  # below: seconds, milliseconds, microseconds
_TOLERANCE = timedelta(minutes=-5)  # a gateway's clock may be ahead by so much
_SMALLEST = 1e8  # seconds: March 1973; smaller numbers are no times
_HINT = "send ISO 8601 with an offset, or numbers since 1970"


@dataclass(frozen=True)
class Moments:
    """Times of a batch.

    Args:
        us: (N,) int64, microseconds since 1970 in UTC.
        num_ambiguous: how many lay in the hour that repeats.
        num_skipped: how many lay in the hour that the clock skipped.
    """

    us: np.ndarray
    num_ambiguous: int = 0
    num_skipped: int = 0


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970 of an aware time."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def find_zone(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name; None for the empty name.

    Raises:
        InputError: if there is no such zone.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"{name!r} is no time zone", where="zone", hint="use an IANA name such as Europe/Berlin"
        ) from error


def read_moments(
    column: np.ndarray | Sequence[Any],
    *,
    zone: tzinfo | None,
    time_format: str = "",
    sources: np.ndarray | None = None,
    arrival: datetime | None = None,
) -> Moments:
    """Read a column of times.

    Args:
        column: numbers since 1970, or texts.
        zone: of times without an offset; None when the plant has none.
        time_format: as for `strptime`, when the times are in no format that is read by itself.
        sources: (N,) int, which source (asset or tag) each row is from; times step back within one source only.
        arrival: when the batch came; None for history.

    Raises:
        InputError: naming the first row whose time cannot be read.
    """
    if isinstance(column, np.ndarray):
        return Moments(_of_numbers(column.astype(np.float64) if column.dtype.kind == "f" else column))
    numbers = [_number(cell) for cell in column]
    if numbers and all(number is not None for number in numbers):
        return Moments(_of_numbers(np.array(numbers)))
    us = np.empty(len(column), np.int64)
    clock = _LocalClock(zone, arrival)
    for row, cell in enumerate(column):
        moment = _parse(cell, row, time_format)
        if moment.tzinfo is None:
            moment = clock.place(moment, row, 0 if sources is None else int(sources[row]))
        us[row] = to_us(moment)
    return Moments(us, clock.num_ambiguous, clock.num_skipped)


class _LocalClock:
    """Gives local times their offset, row after row."""

    def __init__(self, zone: tzinfo | None, arrival: datetime | None) -> None:
        self._zone = zone
        self._arrival = arrival
        self._last: dict[int, tuple[datetime, int]] = {}  # by source: local time, and which pass it was in
        self.num_ambiguous = 0
        self.num_skipped = 0

    def place(self, moment: datetime, row: int, source: int) -> datetime:
        if self._zone is None:
            raise InputError(
                f"{moment.isoformat()} has no offset, and the plant has no time zone",
                where=f"row {row + 1}, time",
                hint="send an offset, or set the zone: trivium maintenance tags FILE --plant NAME --zone ZONE",
            )
        first, second = (moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            self._last[source] = (moment, 0)
            return first
        if first.utcoffset() < second.utcoffset():  # type: ignore[operator]
            self.num_skipped += 1
            return first
        self.num_ambiguous += 1
        is_just_past = self._arrival is not None and _TOLERANCE <= self._arrival - second < timedelta(hours=1)
        last, fold = self._last.get(source, (moment, int(is_just_past)))
        fold = 1 if fold or last > moment else 0
        self._last[source] = (moment, fold)
        return second if fold else first


def _number(cell: Any) -> int | float | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float)):
        return cell
    text = str(cell).strip()
    if re.fullmatch(r"\d{9,}", text):
        return int(text)
    return float(text.replace(",", ".")) if re.fullmatch(r"\d{9,}[.,]\d+", text) else None


def _of_numbers(numbers: np.ndarray) -> np.ndarray:
    """Turn numbers since 1970 into microseconds; integers stay exact."""
    with np.errstate(invalid="ignore"):
        is_bad = ~((numbers >= _SMALLEST) & (numbers < 9e18))
    if is_bad.any():
        row = int(np.flatnonzero(is_bad)[0])
        raise InputError(f"{numbers[row]} is no time", where=f"row {row + 1}, time", hint=_HINT)
    us = np.empty(len(numbers), np.int64)
    done = np.zeros(len(numbers), bool)
    for limit, factor in _SCALES:
        chosen = ~done & (numbers < limit)
        scaled = numbers[chosen] * factor
        us[chosen] = np.round(scaled).astype(np.int64) if scaled.dtype.kind == "f" else scaled
        done |= chosen
    us[~done] = (numbers[~done] // 1000).astype(np.int64)  # nanoseconds
    return us


def _parse(cell: Any, row: int, time_format: str) -> datetime:
    text = str(cell).strip() if cell is not None else ""
    if isinstance(cell, datetime):
        return cell
    try:
        if time_format:
            return datetime.strptime(text, time_format)  # noqa: DTZ007 - the zone comes from the plant
        number = _number(cell) if text else None
        if number is not None:
            return _EPOCH + timedelta(microseconds=int(_of_numbers(np.array([number]))[0]))
        return datetime.fromisoformat(_iso(text))
    except (ValueError, OverflowError):
        hint = "check time_format" if time_format else f"{_HINT}, or give time_format"
        raise InputError(
            f"{text[:60]!r} is no time that can be read", where=f"row {row + 1}, time", hint=hint
        ) from None


def _iso(text: str) -> str:
    """Return ISO 8601 text for the forms that `fromisoformat` does not read by itself."""
    dotted = _DOTTED.fullmatch(text)
    if dotted:
        day, month, year, rest = dotted.groups()
        text = f"{year}-{int(month):02}-{int(day):02}{rest or ''}"
    found = _FRACTION.search(text)
    if found:  # at most microseconds, with a point
        text = text.replace(found.group(), "." + found.group()[1:7].ljust(6, "0"), 1)
    if re.search(r" (UTC|GMT|Z)$", text):
        text = text.rpartition(" ")[0] + "+00:00"
    return re.sub(r" (?=[+-]\d\d:?\d\d$)", "", text)
