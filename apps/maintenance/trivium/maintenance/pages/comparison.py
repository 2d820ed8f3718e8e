"""What a shadow model says beside what the active one says: how often both agree, and which alerts there would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row, Table, func, select

from trivium.maintenance import tables
from trivium.maintenance.alerts.rules import OUTPUTS, rules_of
from trivium.maintenance.ingest.trend import read_stored
from trivium.maintenance.models import ModelChange
from trivium.maintenance.registry import Asset, Registry
from trivium.service.database import Database

__all__ = ["Agreement", "Comparison", "RaisedByOne", "compare"]

_MINUTE_US = 60_000_000
_MINUTES = 24 * 60
_MOST_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """Minutes of one asset in which both models gave a value.

    Args:
        both, neither: in which both, or none, were above the level at which an alert is raised.
        only_active, only_shadow: in which one of them was.
    """

    asset: str
    both: int
    neither: int
    only_active: int
    only_shadow: int

    @property
    def minutes(self) -> int:
        """All of them."""
        return self.both + self.neither + self.only_active + self.only_shadow

    @property
    def share(self) -> float | None:
        """Share in which both said the same; None where there is nothing to compare."""
        return (self.both + self.neither) / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True)
class RaisedByOne:
    """An alert; `by` is `active`, `shadow`, or `both` where one of each overlap."""

    asset: str
    cause: str
    severity: str
    raised_us: int
    returned_us: int | None
    by: str


@dataclass(frozen=True)
class Comparison:
    """What there is to compare since the shadow began; minutes are those of the last day of readings."""

    shadow: ModelChange
    assets: Sequence[Agreement]
    alerts: Sequence[RaisedByOne]

    def count(self, by: str) -> int:
        """Return how many alerts were raised by one model, or both."""
        return sum(one.by == by for one in self.alerts)


def compare(database: Database, registry: Registry, shadow: ModelChange) -> Comparison:
    """Compare a shadow with the active model."""
    table = tables.shadow_prediction
    query = select(func.max(table.c.to_us)).where(table.c.plant == registry.plant, table.c.model == shadow.model)
    with database.read() as connection:
        newest_us = connection.execute(query).scalar()
    assets: list[Agreement] = []
    if newest_us is not None:
        until_us = (newest_us // _MINUTE_US + 1) * _MINUTE_US - 1
        from_us = until_us + 1 - _MINUTES * _MINUTE_US
        assets = [_agreement(database, registry.plant, one, from_us, until_us) for one in registry.assets.values()]
    return Comparison(shadow, [one for one in assets if one.minutes], _alerts(database, registry.plant, shadow))


def _agreement(database: Database, plant: str, asset: Asset, from_us: int, until_us: int) -> Agreement:
    active, shadow = (
        _is_over(database, table, plant, asset, from_us, until_us)
        for table in (tables.prediction, tables.shadow_prediction)
    )
    known = ~np.isnan(active) & ~np.isnan(shadow)
    one, other = active[known] > 0, shadow[known] > 0
    counts = (one & other, ~one & ~other, one & ~other, ~one & other)
    return Agreement(asset.name, *(int(each.sum()) for each in counts))


def _is_over(database: Database, table: Table, plant: str, asset: Asset, from_us: int, until_us: int) -> np.ndarray:
    """Tell of each minute whether the greatest value was above the level of an alert: 1, 0, NaN without a value."""
    found = np.full(_MINUTES, np.nan)
    for curve in read_stored(database, table, plant, asset.name, tuple(OUTPUTS.values()), from_us, until_us, _MINUTES):
        if len(curve.times_us):
            (rule,) = rules_of((curve.name,), 0.0, asset.levels)
            place = (curve.times_us - from_us) // _MINUTE_US
            np.fmax.at(found, place, (curve.high >= rule.raise_at).astype(float))
    return found


def _alerts(database: Database, plant: str, shadow: ModelChange) -> list[RaisedByOne]:
    own, other = tables.alert, tables.shadow_alert
    is_new = own.c.raised_at >= shadow.at
    with database.read() as connection:
        active = connection.execute(  # one that held before may be what the shadow sees as well
            select(own).where(own.c.plant == plant, is_new | own.c.is_active).order_by(own.c.raised_us.desc())
            .limit(_MOST_ALERTS)
        ).all()  # fmt: skip
        would_be = connection.execute(
            select(other).where(other.c.plant == plant, other.c.model == shadow.model)
            .order_by(other.c.raised_us.desc()).limit(_MOST_ALERTS)
        ).all()  # fmt: skip
    found = []
    for row in active:
        is_both = any(_overlaps(row, one) for one in would_be)
        if is_both or row.raised_at >= shadow.at:
            found.append(_raised(row, "both" if is_both else "active"))
    found += [_raised(row, "shadow") for row in would_be if not any(_overlaps(row, one) for one in active)]
    return sorted(found, key=lambda one: -one.raised_us)


def _raised(row: Row[Any], by: str) -> RaisedByOne:
    return RaisedByOne(row.asset, row.cause, row.severity, row.raised_us, row.returned_us, by)


def _overlaps(row: Row[Any], other: Row[Any]) -> bool:
    """Tell whether two alerts of one asset held at the same time."""
    if row.asset != other.asset:
        return False
    pairs = ((row, other), (other, row))
    return all(one.returned_us is None or second.since_us <= one.returned_us for one, second in pairs)
