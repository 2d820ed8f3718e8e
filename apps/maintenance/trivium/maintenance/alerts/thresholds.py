"""Levels of alerts that a plant has chosen, for all its assets or for a class of them. A change is in the audit log.

Workers follow within a second. A replay and a backtest use the same levels, so that a change can be tried beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.alerts.rules import DEFAULTS, MOST, Levels
from trivium.maintenance.tables import threshold as table
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase

__all__ = [
    "Threshold",
    "change_threshold",
    "checked",
    "find_thresholds",
    "own_levels",
    "reset_threshold",
    "set_threshold",
]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Levels of one cause; `asset_class` is empty for all assets that have no class with levels of its own."""

    asset_class: str
    cause: str
    levels: Levels


def checked(cause: str, levels: Mapping[str, float | None], base: Levels | None = None) -> Levels:
    """Return levels with those that are given in place of the ones before.

    Args:
        levels: by name of the field; None leaves it as it is.
        base: levels before; the defaults if not given.

    Raises:
        InputError: if the cause is unknown, or the levels are not in order.
    """
    if cause not in DEFAULTS:
        raise InputError(
            Phrase("'{cause}' is no cause of an alert", cause=cause),
            where="cause",
            hint=Phrase("use {names}", names=", ".join(DEFAULTS)),
        )
    known = (base or DEFAULTS[cause])._replace(**{name: value for name, value in levels.items() if value is not None})
    if not all(map(math.isfinite, known)) or not 0 < known.clear_at < known.raise_at < known.critical_at <= MOST[cause]:
        raise InputError(
            Phrase(
                "clear {clear}, raise {raising} and critical {critical} are not in order",
                clear=f"{known.clear_at:g}",
                raising=f"{known.raise_at:g}",
                critical=f"{known.critical_at:g}",
            ),
            where=cause,
            hint=Phrase("0 < clear < raise < critical <= {most}", most=f"{MOST[cause]:g}"),
        )
    return known


def find_thresholds(database: Database, plant: str) -> list[Threshold]:
    """Return the levels that a plant has chosen."""
    query = select(table).where(table.c.plant == plant).order_by(table.c.asset_class, table.c.cause)
    with database.read() as connection:
        return [
            Threshold(row.asset_class, row.cause, Levels(row.raise_at, row.critical_at, row.clear_at))
            for row in connection.execute(query)
        ]


def own_levels(database: Database, plant: str) -> dict[tuple[str, str], Levels]:
    """Return the levels that a plant has chosen, by class of assets and cause."""
    return {(one.asset_class, one.cause): one.levels for one in find_thresholds(database, plant)}


def change_threshold(
    audit: Audit, plant: str, asset_class: str, cause: str, given: Mapping[str, float | None], *, actor: str
) -> None:
    """Change some levels; the others stay as they are for the class, the plant, or by default.

    Args:
        given: by name of the field; None leaves it as it is.

    Raises:
        InputError: if the cause is unknown, or the levels are not in order.
        NotFoundError: if no such plant is registered, or none of its assets is of the class.
    """
    own = own_levels(audit.database, plant)
    levels = checked(cause, given, own.get((asset_class, cause)) or own.get(("", cause)))
    set_threshold(audit, plant, Threshold(asset_class, cause, levels), actor=actor)


def set_threshold(audit: Audit, plant: str, chosen: Threshold, *, actor: str) -> None:
    """Keep levels in place of those before.

    Raises:
        NotFoundError: if no such plant is registered, or none of its assets is of the class.
    """
    _write(audit, plant, chosen.asset_class, chosen.cause, chosen.levels, actor)


def reset_threshold(audit: Audit, plant: str, asset_class: str, cause: str, *, actor: str) -> None:
    """Go back to the levels of the plant, or to the defaults.

    Raises:
        NotFoundError: if no such plant is registered.
    """
    _write(audit, plant, asset_class, cause, None, actor)


def _write(audit: Audit, plant: str, asset_class: str, cause: str, levels: Levels | None, actor: str) -> None:
    own, asset = tables.plant, tables.asset
    key = (table.c.plant == plant, table.c.asset_class == asset_class, table.c.cause == cause)
    with audit.database.write(is_durable=True) as connection:
        change = update(own).where(own.c.name == plant).values(version=own.c.version + 1)
        if not connection.execute(change).rowcount:
            raise NotFoundError("no plant is registered under this name", where=plant, hint="import its tags first")
        member = select(asset.c.asset).where(asset.c.plant == plant, asset.c.asset_class == asset_class).limit(1)
        if asset_class and levels is not None and connection.execute(member).first() is None:
            hint = "give assets a class in the column class of their tags"
            raise NotFoundError("no asset is of this class", where=asset_class, hint=hint)
        before = connection.execute(select(table).where(*key)).first()
        connection.execute(delete(table).where(*key))
        if levels is not None:
            values = {"plant": plant, "asset_class": asset_class, "cause": cause} | levels._asdict()
            connection.execute(insert(table).values(**values))
        detail = {
            "class": asset_class,
            "cause": cause,
            "from": None if before is None else [before.raise_at, before.critical_at, before.clear_at],
            "to": None if levels is None else list(levels),
        }
        audit.append(connection, Entry("threshold.changed", actor, "plant", plant, "", detail))
