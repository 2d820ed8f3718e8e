"""Put new readings of one asset among those that are known: in order of time, and of two at one time the first stays.

What comes out does not depend on how rows were cut into batches or in which order they came, apart from the verdicts
`late` and `duplicate`, which say just that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.quality import ABSENT

__all__ = ["Merged", "align", "empty_rows", "merge"]

_NONE = np.iinfo(np.int64).max


@dataclass
class Merged:
    """Known and new readings together.

    Args:
        rows: all of them, sorted, without row numbers.
        fresh: only what is new, to be stored; None when there is nothing.
        late, duplicate: by part, numbers of its rows with that verdict.
        num_readings: by part, how many of its cells are new.
        watermark_us: newest reading.
    """

    rows: AssetRows
    fresh: AssetRows | None
    watermark_us: int
    late: list[np.ndarray] = field(default_factory=list)
    duplicate: list[np.ndarray] = field(default_factory=list)
    num_readings: list[int] = field(default_factory=list)


def empty_rows(asset: str, tags: Sequence[str] = ()) -> AssetRows:
    """Return no rows."""
    shape = (0, len(tags))
    return AssetRows(
        asset,
        np.zeros(0, np.int64),
        tuple(tags),
        np.zeros(shape),
        np.zeros(shape, np.uint8),
        np.zeros((0, 0), np.int32),
    )


def align(rows: AssetRows, tags: tuple[str, ...]) -> AssetRows:
    """Return the rows with these columns; tags that they lack are absent, and none that they have is missing here."""
    if rows.tags == tags:
        return rows
    places = [tags.index(tag) for tag in rows.tags]
    values = np.full((len(rows.times_us), len(tags)), np.nan)
    marks = np.full(values.shape, ABSENT, np.uint8)
    values[:, places], marks[:, places] = rows.values, rows.quality
    numbers = rows.rows
    if numbers.shape[1] > 1:
        wide = np.full(values.shape, -1, np.int32)
        wide[:, places] = numbers
        numbers = wide
    return AssetRows(rows.asset, rows.times_us, tags, values, marks, numbers)


def merge(known: AssetRows, parts: Sequence[AssetRows], watermark_us: int, tags: Sequence[str] = ()) -> Merged:
    """Merge parts of batches, in the order in which they came, into what is known.

    Args:
        known: sorted, every time once; it reaches back at least to the oldest new row.
        watermark_us: newest reading so far; anything smaller than every time when there is none.
        tags: order of columns; tags beyond these follow by name.
    """
    extra = {tag for one in (known, *parts) for tag in one.tags} - set(tags)
    columns = (*tags, *sorted(extra))
    sources = [align(one, columns) for one in (known, *parts)]
    times = np.concatenate([one.times_us for one in sources])
    order = np.argsort(times, kind="stable")
    times = times[order]
    values = np.concatenate([one.values for one in sources])[order]
    marks = np.concatenate([one.quality for one in sources])[order]
    is_new = order >= len(known.times_us)
    is_again = np.zeros(marks.shape, bool)
    fresh_marks = np.where(is_new[:, None], marks, ABSENT)
    starts = np.flatnonzero(np.r_[True, times[1:] != times[:-1]]) if len(times) else np.zeros(0, np.int64)
    if len(starts) < len(times):
        is_again = _again(marks, starts)
        fresh_marks[is_again] = ABSENT
    found = Merged(known, None, watermark_us)
    _tell(found, sources, times, order, marks, is_again)
    has_fresh = (fresh_marks != ABSENT).any(axis=1)
    if has_fresh.any():
        has_column = (fresh_marks != ABSENT).any(axis=0)
        chosen = np.ix_(has_fresh, has_column)
        cells = np.where(fresh_marks[chosen] == ABSENT, np.nan, values[chosen])
        kept = tuple(tag for tag, is_kept in zip(columns, has_column, strict=True) if is_kept)
        found.fresh = _folded(known.asset, times[has_fresh], kept, cells, fresh_marks[chosen])
    marks[is_again] = ABSENT
    values[is_again] = np.nan
    found.rows = _folded(known.asset, times, columns, values, marks)
    return found


def _again(marks: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Tell which cells come after another one of the same time and tag."""
    places = np.where(marks != ABSENT, np.arange(len(marks))[:, None], _NONE)
    first = np.minimum.reduceat(places, starts, axis=0)
    lengths = np.diff(np.r_[starts, len(marks)])
    return (places != _NONE) & (places != np.repeat(first, lengths, axis=0))


def _folded(asset: str, times: np.ndarray, tags: tuple[str, ...], values: np.ndarray, marks: np.ndarray) -> AssetRows:
    """Fold lines of the same time, of which each cell is there once at most, into one."""
    nothing = np.zeros((len(times), 0), np.int32)
    starts = np.flatnonzero(np.r_[True, times[1:] != times[:-1]]) if len(times) else np.zeros(0, np.int64)
    if len(starts) == len(times):
        return AssetRows(asset, times, tags, values, marks, nothing)
    return AssetRows(
        asset,
        times[starts],
        tags,
        np.fmax.reduceat(values, starts, axis=0),  # the only number among NaN
        np.minimum.reduceat(marks, starts, axis=0),  # ABSENT is the largest
        nothing[: len(starts)],
    )


def _tell(
    found: Merged,
    sources: list[AssetRows],
    times: np.ndarray,
    order: np.ndarray,
    marks: np.ndarray,
    is_again: np.ndarray,
) -> None:
    """Give each part's rows their verdict, in the order in which the parts came."""
    lengths = [len(one.times_us) for one in sources]
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    start = lengths[0]
    for one, length in zip(sources[1:], lengths[1:], strict=True):
        lines = place_of[start : start + length]
        start += length
        if not one.rows.shape[1]:  # from the database: nobody waits for a verdict
            continue
        sent, again = marks[lines] != ABSENT, is_again[lines]
        found.num_readings.append(int((sent & ~again).sum()))
        is_late = (times[lines] < found.watermark_us)[:, None]
        if one.rows.shape[1] == 1 and marks.shape[1] != 1:
            again = (~sent | again).all(axis=1, keepdims=True)
            sent = sent.any(axis=1, keepdims=True)
        is_open = sent & (one.rows >= 0)
        found.duplicate.append(one.rows[is_open & again])
        found.late.append(one.rows[is_open & ~again & is_late])
        if length:
            found.watermark_us = max(found.watermark_us, int(one.times_us[-1]))
