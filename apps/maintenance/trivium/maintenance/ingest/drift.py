"""Whether a plant's readings and predictions are still like those that its model learned from; looked at every hour.

A model on a clock is compared asset by asset: the last day and the one before, as far as it was scored. A model of rows
is compared with the newest rows of all assets together, and those before them. Only what is off in both counts, for a
single day is often odd (`benchmarks/drift.py`). What moved is shown among the health of the data; it raises no alert,
because a sensor that was calibrated anew, another product or a warm summer move readings as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog
from sqlalchemy import delete, insert, select

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import unpack_block
from trivium.maintenance.ingest.frames import Reason, held_at, reasons_at, times_of
from trivium.maintenance.ingest.moments import DAY_US
from trivium.maintenance.ingest.moved import Moved
from trivium.maintenance.ingest.quality import UNCERTAIN
from trivium.maintenance.ingest.reference import OUTPUT, SENSOR, Reference, load_references
from trivium.maintenance.ingest.scorers import scorer_of
from trivium.maintenance.ingest.stored import read_predictions, read_readings
from trivium.maintenance.registry import Asset, Registry, read_registry
from trivium.maintenance.scorer import Scorer, scorer_for
from trivium.service.database import Database
from trivium.service.errors import ModelError

__all__ = ["look", "look_at_all"]

log = structlog.get_logger(__name__)

_LEAST_ROWS = 100
_LEAST_SPAN_US = DAY_US * 3 // 2
_ROWS = 200


class _Column(NamedTuple):
    """A sensor or output of one asset, as it is now: times (N,) and values (N,)."""

    kind: str
    name: str
    times_us: np.ndarray
    values: np.ndarray


def look_at_all(database: Database) -> int:
    """Look at every plant with a model; return how many sensors and outputs were compared."""
    table = tables.plant
    with database.read() as connection:
        names = connection.execute(select(table.c.name).where(table.c.model != "")).scalars().all()
        registries = [read_registry(connection, name) for name in names]
    return sum(look(database, registry) for registry in registries)


def look(database: Database, registry: Registry) -> int:
    """Compare a plant with the references of its model, and keep what was found in place of what was before."""
    model = scorer_of(registry)
    try:
        references = load_references(Path(registry.model)) if model is not None else []
    except ModelError as error:
        log.error("drift.no_reference", error=error.line)
        references = []
    known = {(one.asset, one.kind, one.name): one for one in references}
    found: list[Moved] = []
    shared: dict[tuple[str, str], list[_Column]] = {}
    version = ""
    for asset in registry.assets.values():
        scorer = scorer_for(model, asset.name)
        if scorer is None or not known:
            continue
        version = scorer.version
        for one in _columns_now(database, registry, asset, scorer):
            own = known.get((asset.name, one.kind, one.name))
            if own is not None:
                found += _compared(own, version, one.times_us, one.values, _LEAST_SPAN_US if scorer.step_s > 0 else 0)
            elif ("", one.kind, one.name) in known:
                shared.setdefault((one.kind, one.name), []).append(one)
    for (kind, name), columns in shared.items():  # one reference for all assets: a model of rows, the same for each
        times = np.concatenate([column.times_us for column in columns])
        values = np.concatenate([column.values for column in columns])
        found += _compared(known["", kind, name], version, times, values)
    table = tables.drift
    with database.write() as connection:
        connection.execute(delete(table).where(table.c.plant == registry.plant))
        if found:
            rows = [{name: getattr(moved, name) for name in Moved.__slots__} for moved in found]
            connection.execute(insert(table), [{"plant": registry.plant} | row for row in rows])
    return len(found)


def _columns_now(database: Database, registry: Registry, asset: Asset, scorer: Scorer) -> Iterator[_Column]:
    """Yield what is to be compared of one asset."""
    table = tables.state
    query = select(table.c.watermark_us, table.c.tail).where(
        table.c.plant == registry.plant, table.c.asset == asset.name
    )
    with database.read() as connection:
        state = connection.execute(query).first()
    if state is None:
        return
    to_us, from_us = state.watermark_us, state.watermark_us - 2 * DAY_US
    if scorer.step_s > 0:
        rows = read_readings(database, registry.plant, asset.name, from_us, to_us)
        times = times_of(rows, scorer.step_s, asset.hold_s)
        reasons = reasons_at(asset, rows, times, registry.outages.get(asset.name, ()), is_beginning=True)
        times = times[reasons == Reason.SCORED]
        values = held_at(rows, times, {name: asset.by_name[name].staleness_s for name in asset.by_name})
        for place, name in enumerate(asset.by_name):
            yield _Column(SENSOR, name, times, values[:, place])
    else:
        tail = unpack_block(state.tail)
        if not len(tail.times_us):
            return
        recent = slice(-2 * _ROWS, None)
        is_good = tail.quality[recent] <= UNCERTAIN
        for place, name in enumerate(tail.tags):
            values = np.where(is_good, tail.values[recent], np.nan)
            yield _Column(SENSOR, name, tail.times_us[recent], values[:, place])
        from_us = int(tail.times_us[recent][0])
    told = read_predictions(database, registry.plant, asset.name, from_us, to_us)
    is_scored = told.reasons == Reason.SCORED
    for name, column in told.outputs.items():
        yield _Column(OUTPUT, name, told.times_us[is_scored], column[is_scored])


def _compared(
    reference: Reference, model: str, times: np.ndarray, values: np.ndarray, least_us: int = 0
) -> Iterator[Moved]:
    """Yield how far the newer half of a time is from the reference, by an index that the older half reached as well.

    Args:
        least_us: a shorter time says nothing: a few hours are never like a week.
    """
    is_known = ~np.isnan(values)
    times, values = times[is_known], values[is_known]
    if not len(times) or times.max() - times.min() < least_us:
        return
    is_new = times > (times.min() + times.max()) // 2
    before, newest = values[~is_new], values[is_new]
    if min(len(before), len(newest)) < _LEAST_ROWS:
        return
    yield Moved(
        reference.asset, reference.kind, reference.name, model,
        min(reference.psi(before), reference.psi(newest)), reference.psi_limit, reference.ks(newest),
        float(np.median(newest)), float(reference.quantiles[2]), float(reference.quantiles[-3]), len(newest),
        int(times[is_new].min()), int(times.max()),
    )  # fmt: skip
