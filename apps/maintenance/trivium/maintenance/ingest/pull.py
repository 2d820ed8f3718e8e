"""Predictions of a whole plant, by asset and time, a page at a time: what a historian or a work-order system pulls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from trivium.maintenance import tables
from trivium.maintenance.ingest.moments import DAY_US
from trivium.maintenance.ingest.stored import StoredPredictions, read_predictions, reason_name
from trivium.service.database import Database

__all__ = ["Prediction", "pull_predictions"]

_FIRST_US = DAY_US // 24  # of an asset read at once; then twice as much while it gives few rows
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was predicted of an asset at a time.

    Args:
        reason: `scored`, or why it was not.
        outputs: by name, such as `rul` or `p_fail`; None where there is none.
        why: up to three sensors with the largest share in it, with the share.
    """

    asset: str
    time_us: int
    model: str
    reason: str
    outputs: dict[str, float | None]
    why: dict[str, float]


def pull_predictions(
    database: Database, plant: str, assets: Sequence[str], from_us: int, to_us: int, after: tuple[str, int], limit: int
) -> list[Prediction]:
    """Return the first predictions after a place, by asset and then by time.

    Args:
        assets: that are wanted; all if empty.
        after: asset and time of the last one that is known; ("", 0) for none.
    """
    found: list[Prediction] = []
    for asset in _assets(database, plant, assets, from_us, to_us):
        if asset < after[0]:
            continue
        begin_us = max(from_us, after[1] + 1) if asset == after[0] else from_us
        for told in _slices(database, plant, asset, begin_us, to_us, limit):
            found += _rows(asset, told)
            if len(found) >= limit:
                return found[:limit]
    return found


def _assets(database: Database, plant: str, assets: Sequence[str], from_us: int, to_us: int) -> list[str]:
    """Return the assets that have predictions in a time, in order."""
    table = tables.prediction
    query = select(table.c.asset).distinct().where(table.c.plant == plant)
    query = query.where(table.c.to_us >= from_us, table.c.from_us <= to_us)
    if assets:
        query = query.where(table.c.asset.in_(assets))
    with database.read() as connection:
        return sorted(connection.execute(query).scalars())


def _slices(
    database: Database, plant: str, asset: str, from_us: int, to_us: int, limit: int
) -> Iterator[StoredPredictions]:
    """Read an asset's predictions in stretches of time, so that a page never reads a month of seconds."""
    span_us = _FIRST_US
    while from_us <= to_us:
        end_us = min(from_us + span_us - 1, to_us)
        told = read_predictions(database, plant, asset, from_us, end_us)
        yield told
        from_us = end_us + 1
        if len(told.times_us) < limit // 4:
            span_us *= 2


def _rows(asset: str, told: StoredPredictions) -> Iterator[Prediction]:
    outputs = {name: column.tolist() for name, column in told.outputs.items()}
    why = {name: column.tolist() for name, column in told.why.items()}
    for row, time_us in enumerate(told.times_us.tolist()):
        shares = sorted(((column[row], name) for name, column in why.items() if column[row] > 0), reverse=True)
        yield Prediction(
            asset,
            time_us,
            told.models[row],
            reason_name(int(told.reasons[row])),
            {name: None if column[row] != column[row] else column[row] for name, column in outputs.items()},
            {name: share for share, name in shares[:_MOST_REASONS]},
        )
