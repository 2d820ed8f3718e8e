"""From readings to what a model sees: values held to their staleness limit, on the model's own clock.

A value at a time is the last good reading at or before it, no older than its tag's limit; nothing is interpolated, and
nothing after that time is looked at. A model that was trained on readings every `step_s` gets a row at each multiple of
it, whatever the historian kept; a model of cycles gets each row as it came. A gap longer than every limit ends a frame:
no window of a model reaches across it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.quality import UNCERTAIN
from trivium.maintenance.ingest.running import parse_expression
from trivium.maintenance.registry import Asset, Tag

__all__ = ["Frame", "Reason", "held_at", "make_frames", "reasons_at", "stuck_tags", "times_of"]

_STUCK_READINGS = 30


class Reason(IntEnum):
    """Why a row has no prediction."""

    SCORED = 0
    STOPPED = 1
    STARTUP = 2
    OUTAGE = 3
    UNKNOWN_STATE = 4
    NO_VALUES = 5
    MODEL_FAILED = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """A stretch of one asset without a gap.

    Args:
        times_us: (N,) int64.
        values: (N, S) float64 in the model's order of sensors; NaN where there is none.
        first: predictions are wanted from this row on; the rows before are history.
        begun_us: when the asset was repaired or renewed, by work orders.
    """

    asset: str
    times_us: np.ndarray
    values: np.ndarray
    first: int
    begun_us: tuple[int, ...] = ()


def times_of(rows: AssetRows, step_s: float, staleness_s: float) -> np.ndarray:
    """Return the times at which an asset is looked at: its rows', or multiples of the step while readings are fresh.

    Args:
        staleness_s: the longest limit of its tags.
    """
    if step_s <= 0 or not len(rows.times_us):
        return rows.times_us
    step, most = round(step_s * 1e6), round(staleness_s * 1e6)
    start = -(-rows.times_us // step)  # first multiple at or after each row
    end = np.append(-(-rows.times_us[1:] // step) - 1, rows.times_us[-1] // step)
    end = np.minimum(end, (rows.times_us + most) // step)
    counts = np.maximum(end - start + 1, 0)
    total = int(counts.sum())
    offsets = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return (np.repeat(start, counts) + offsets) * step


def held_at(rows: AssetRows, times_us: np.ndarray, limits_s: Mapping[str, float]) -> np.ndarray:
    """Return the values that hold at each time, NaN where there is none: (T, S), one column a tag of `limits_s`.

    Args:
        limits_s: for how long a reading of each tag stands.
    """
    found = np.full((len(times_us), len(limits_s)), np.nan)
    columns = [place for place, tag in enumerate(limits_s) if tag in rows.tags]
    if not columns or not len(times_us) or not len(rows.times_us):
        return found
    tags = list(limits_s)
    places = [rows.tags.index(tags[column]) for column in columns]
    limits_us = np.round(np.array([limits_s[tags[column]] for column in columns]) * 1e6).astype(np.int64)
    is_good = rows.quality[:, places] <= UNCERTAIN
    last_good = np.maximum.accumulate(np.where(is_good, np.arange(len(is_good))[:, None], -1), axis=0)  # (N, S)
    at = np.searchsorted(rows.times_us, times_us, side="right") - 1
    source = np.where(at[:, None] >= 0, last_good[at], -1)  # (T, S), the row that each value is from
    is_held = (source >= 0) & (times_us[:, None] - rows.times_us[source] <= limits_us)
    found[:, columns] = np.where(is_held, rows.values[source, places], np.nan)
    return found


def reasons_at(
    asset: Asset, rows: AssetRows, times_us: np.ndarray, outages: Sequence[tuple[int, int]], *, is_beginning: bool
) -> np.ndarray:
    """Tell why each time is not scored; SCORED where it is.

    Args:
        is_beginning: nothing is known of the asset before these rows, so that it begins to run with them.
    """
    found = np.zeros(len(times_us), np.uint8)
    if asset.running and len(times_us):
        expression = parse_expression(asset.running)
        limits = {tag.name: tag.staleness_s for tag in asset.tags}
        values = held_at(rows, times_us, {tag: limits.get(tag, 0.0) for tag in expression.tags})
        truth = expression.holds(dict(zip(expression.tags, values.T, strict=True)))
        found[truth == 0] = Reason.STOPPED
        found[np.isnan(truth)] = Reason.UNKNOWN_STATE
        if asset.startup_s > 0:
            found[(truth == 1) & _is_starting(truth == 1, times_us, asset.startup_s, is_beginning)] = Reason.STARTUP
    for start, end in outages:
        found[(times_us >= start) & (times_us <= end)] = Reason.OUTAGE
    return found


def make_frames(
    asset: Asset, rows: AssetRows, times_us: np.ndarray, sensors: Sequence[str], from_us: int, *, is_grid: bool
) -> Iterator[Frame]:
    """Yield the frames in which something is to be predicted from `from_us` on."""
    limits = {tag.name: tag.staleness_s for tag in asset.tags}
    longest = max(limits.values(), default=0.0)
    values = held_at(rows, times_us, {tag: limits.get(tag, longest) for tag in sensors})
    breaks = np.flatnonzero(np.diff(times_us) > round(longest * 1e6)) + 1 if is_grid else np.zeros(0, np.int64)
    for start, end in zip([0, *breaks], [*breaks, len(times_us)], strict=True):
        first = int(np.searchsorted(times_us[start:end], from_us))
        if first < end - start:
            yield Frame(asset.name, times_us[start:end], values[start:end], first, asset.begun_us)


def stuck_tags(asset: Asset, rows: AssetRows) -> list[str]:
    """Name the tags whose last thirty readings are all the same.

    A historian with a deadband leaves out readings that differ less, so that what it keeps is flat by design: there,
    only readings that come at the tag's own rate, not thinned out, can be stuck.
    """
    recent = rows.values[-_STUCK_READINGS:]
    is_flat = np.fmax.reduce(recent, axis=0) == np.fmin.reduce(recent, axis=0) if len(recent) else np.zeros(0, bool)
    return [
        tag.name
        for tag in asset.tags
        if tag.name in rows.tags and is_flat[rows.tags.index(tag.name)] and _is_stuck(tag, rows)
    ]


def _is_stuck(tag: Tag, rows: AssetRows) -> bool:
    place = rows.tags.index(tag.name)
    good = np.flatnonzero(rows.quality[:, place] <= UNCERTAIN)[-_STUCK_READINGS:]
    values = rows.values[good, place]
    if len(good) < _STUCK_READINGS or (values != values[0]).any():
        return False
    if tag.deadband == 0:
        return True
    spacing_s = float(np.median(np.diff(rows.times_us[good]))) / 1e6
    return tag.rate_s is not None and spacing_s <= 2 * tag.rate_s


def _is_starting(is_running: np.ndarray, times_us: np.ndarray, startup_s: float, is_beginning: bool) -> np.ndarray:
    """Tell where it has not run for `startup_s` yet."""
    begins = is_running & ~np.r_[not is_beginning, is_running[:-1]]
    last = np.maximum.accumulate(np.where(begins, np.arange(len(times_us)), -1))
    since = np.where(last >= 0, times_us[last], np.iinfo(np.int64).min // 2)
    return times_us - since < round(startup_s * 1e6)
