"""Learn what is normal from a plant's stored readings: a monitor for each asset, without any failure having been seen.

Left out are times at which an asset did not run, and the days before a failure that a work order tells of. Limits come
from times that were not learned from: of five stretches each is judged by a monitor of the other four. Limits from
the learned rows themselves were exceeded by 7 % of later normal rows instead of 0.5 % (simulated plants).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Frame, Reason, held_at, reasons_at, times_of
from trivium.maintenance.ingest.moments import DAY_US
from trivium.maintenance.ingest.monitor import Monitor, fit_monitor
from trivium.maintenance.ingest.reference import OUTPUT, SENSOR, Reference, fit_reference
from trivium.maintenance.ingest.stored import read_readings
from trivium.maintenance.registry import Asset, Registry
from trivium.maintenance.work_orders import FAILURE, WorkOrder
from trivium.service.database import Database
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Learned", "before_failures", "learn_asset", "learn_plant"]

BEFORE_FAILURE_US = 7 * DAY_US
_MOST_ROWS = 200_000
_STRETCHES = 5
_QUANTILE = 0.995
_LEAST_SENSORS = 2


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of one asset: a monitor, or why there is none; and what sensors and score looked like."""

    asset: str
    monitor: Monitor | None
    num_rows: int
    problem: str = ""
    references: tuple[Reference, ...] = ()


def learn_plant(
    database: Database, registry: Registry, from_us: int, to_us: int, *, step_s: float, orders: Sequence[WorkOrder] = ()
) -> list[Learned]:
    """Learn a monitor for every asset of a plant from readings between two times."""
    found = []
    for name, asset in registry.assets.items():
        rows = read_readings(database, registry.plant, name, from_us, to_us)
        outages = [*registry.outages.get(name, ()), *before_failures(orders, name)]
        found.append(learn_asset(asset, rows, outages, step_s=step_s))
    return found


def learn_asset(
    asset: Asset, rows: AssetRows, outages: Sequence[tuple[int, int]] = (), *, step_s: float, window: int = 10
) -> Learned:
    """Learn a monitor from one asset's readings.

    Args:
        outages: `(from_us, to_us)` that nothing is learned from.
        step_s: of the monitor's clock.
        window: rows that it averages.
    """
    times = times_of(rows, step_s, asset.hold_s)
    sensors = [tag.name for tag in asset.tags if tag.name in rows.tags]
    is_normal = reasons_at(asset, rows, times, outages, is_beginning=True) == Reason.SCORED
    values = held_at(rows, times, {tag: asset.by_name[tag].staleness_s for tag in sensors})
    sensors, values = _moving(sensors, np.where(is_normal[:, None], values, np.nan))
    usable = int((~np.isnan(values).any(axis=1)).sum()) if len(sensors) else 0
    if not len(rows.times_us):
        return Learned(asset.name, None, 0, "it has no readings in that time")
    if len(sensors) < _LEAST_SENSORS:
        return Learned(asset.name, None, usable, Phrase("only {count} of its sensors move", count=len(sensors)))
    try:
        values, times = values[-_MOST_ROWS:], times[-_MOST_ROWS:]
        fitted = fit_monitor(values, sensors, step_s=step_s, window=window)
        monitor, scores = _with_limits(fitted, values, times)
    except InputError as error:
        return Learned(asset.name, None, usable, error.line)
    return Learned(
        asset.name, monitor, usable, references=tuple(_references(asset.name, sensors, times, values, scores))
    )


def _references(
    asset: str, sensors: Sequence[str], times: np.ndarray, values: np.ndarray, scores: np.ndarray
) -> Iterator[Reference]:
    """Yield what each sensor and the score looked like, day by day."""
    days = [np.flatnonzero(times // DAY_US == day) for day in np.unique(times // DAY_US)]
    columns = [(SENSOR, name, values[:, place]) for place, name in enumerate(sensors)]
    for kind, name, column in (*columns, (OUTPUT, "score", scores)):
        found = fit_reference(asset, kind, name, column, days)
        if found is not None:
            yield found


def _with_limits(fitted: Monitor, values: np.ndarray, times: np.ndarray) -> tuple[Monitor, np.ndarray]:
    """Widen the limits to what stretches show that were not learned from; they never become narrower.

    Returns:
        The monitor, and (N,) what it says of each row, from monitors that had not learned from it; NaN for none.

    Raises:
        InputError: if a stretch has too few rows.
    """
    outputs = []
    for part in np.array_split(np.arange(len(values)), _STRETCHES):
        others = np.delete(values, part, axis=0)
        judge = fit_monitor(others, fitted.sensors, step_s=fitted.step_s, window=fitted.window)
        (scores,) = judge.score([Frame("", times[part], values[part], 0)])
        is_known = ~np.isnan(values[part]).any(axis=1)
        outputs.append(np.where(is_known[:, None], scores.outputs, np.nan))
    told = np.concatenate(outputs)
    t2, q = (float(np.nanquantile(told[:, place], _QUANTILE)) for place in (1, 2))
    monitor = replace(fitted, t2_limit=max(fitted.t2_limit, t2), q_limit=max(fitted.q_limit, q))
    return monitor, np.fmax(told[:, 1] / monitor.t2_limit, told[:, 2] / monitor.q_limit)


def _moving(sensors: Sequence[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Leave out sensors without values for most of the time, and those that never move."""
    known = ~np.isnan(values)
    spread = np.array([np.nanmax(values[:, place]) - np.nanmin(values[:, place]) if known[:, place].any() else 0.0
                       for place in range(values.shape[1])])  # fmt: skip
    most = known.sum(axis=0).max(initial=0)
    kept = [place for place in range(values.shape[1]) if spread[place] > 0 and known[:, place].sum() > 0.5 * most]
    return [sensors[place] for place in kept], values[:, kept]


def before_failures(orders: Sequence[WorkOrder], asset: str) -> list[tuple[int, int]]:
    """Return times of an asset that nothing normal is learned from: the week before each failure, and its repair."""
    return [
        (one.from_us - BEFORE_FAILURE_US, one.to_us or one.from_us)
        for one in orders
        if one.asset == asset and one.kind == FAILURE
    ]
