"""The registry of a plant: its assets, their tags with unit and limits, and the time zone of times without an offset.

Read by the door (to judge readings) and by the workers (to hold and score them). A change raises the plant's version;
`Registries` keeps what it read until the version moves. How a CSV becomes a registry is in `registry_csv.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.alerts.rules import Levels
from trivium.maintenance.work_orders import begun_of
from trivium.service.database import Database, utc_now
from trivium.service.errors import NotFoundError
from trivium.service.phrase import Phrase

__all__ = [
    "DEFAULT_STALENESS_S",
    "Asset",
    "Registries",
    "Registry",
    "Tag",
    "activate_model",
    "add_outage",
    "read_registry",
    "registered",
    "touch_plant",
    "write_registry",
]

DEFAULT_STALENESS_S = 600.0
_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Tag:
    """One sensor of one asset.

    Args:
        name: as plant systems send it: the column of wide rows, the `tag` of narrow ones.
        unit: in which values are kept; what comes in another unit is converted. Empty takes numbers as they are.
        low, high: limits of what the sensor can show, in `unit`; None for none.
        rate_s: seconds between two readings; None when it is not known.
        deadband: change in `unit` below which the historian keeps no new reading.
        staleness_s: how long a reading stands for what comes after it.
    """

    name: str
    asset: str
    description: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    rate_s: float | None = None
    deadband: float = 0.0
    staleness_s: float = DEFAULT_STALENESS_S


@dataclass(frozen=True)
class Asset:
    """One machine, its tags in a fixed order, and the expression that says when it runs (`speed > 500`).

    Args:
        asset_class: assets that share thresholds (`pump`); empty for none.
        levels: of alerts by cause, where they are not the defaults.
        begun_us: when it was repaired or renewed, by work orders; from then on its age counts anew.
    """

    name: str
    tags: tuple[Tag, ...]
    running: str = ""
    startup_s: float = 0.0
    asset_class: str = ""
    levels: Mapping[str, Levels] = field(default_factory=dict)
    begun_us: tuple[int, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Tag]:
        """Its tags by name."""
        return {tag.name: tag for tag in self.tags}

    @cached_property
    def hold_s(self) -> float:
        """The longest time that a reading of one of its tags is held."""
        return max((tag.staleness_s for tag in self.tags), default=0.0)


@dataclass(frozen=True)
class Registry:
    """What a plant has told us about itself, at one version.

    Args:
        rows_per_s: the plant's own quota; 0 for the deployment's.
        model: folder of the model that scores this plant; empty for none.
        shadow: folder of a model that scores beside it; empty for none.
        outages: `(from_us, to_us)` by asset, in which nothing is scored.
        retired: assets for which nothing is taken in any more; their history can be read.
    """

    plant: str
    zone: str = ""
    version: int = 0
    rows_per_s: int = 0
    model: str = ""
    shadow: str = ""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    outages: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    retired: Mapping[str, Asset] = field(default_factory=dict)

    @cached_property
    def by_tag(self) -> Mapping[str, tuple[Tag, ...]]:
        """Tags by name alone; several where assets share a name."""
        found: dict[str, list[Tag]] = {}
        for asset in self.assets.values():
            for tag in asset.tags:
                found.setdefault(tag.name, []).append(tag)
        return {name: tuple(tags) for name, tags in found.items()}

    def asset_of(self, name: str) -> Asset:
        """Return an asset, also a retired one; one without tags where nobody has registered it."""
        return self.assets.get(name) or self.retired.get(name) or Asset(name, ())


class Registries:
    """Registries by plant, read again when their version moves; a version is trusted for a second.

    Args:
        database: at this release's schema.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[Registry, float]] = {}
        self._lock = threading.Lock()

    def of(self, plant: str) -> Registry:
        """Return the plant's registry; one without assets when the plant has none yet."""
        with self._lock:
            known, until = self._known.get(plant, (None, 0.0))
        if known is not None and time.monotonic() < until:
            return known
        with self._database.read() as connection:
            version = connection.execute(
                select(tables.plant.c.version).where(tables.plant.c.name == plant)
            ).scalar_one_or_none()
            is_same = known is not None and known.version == (version or 0)
            found = known if known is not None and is_same else read_registry(connection, plant)
        with self._lock:
            self._known[plant] = (found, time.monotonic() + _FRESH_S)
        return found

    def forget(self, plant: str) -> None:
        """Read the plant's registry anew next time: this process has just changed it."""
        with self._lock:
            self._known.pop(plant, None)


def read_registry(connection: Connection, plant: str) -> Registry:
    """Read a plant's registry; one without assets when there is none."""
    row = connection.execute(select(tables.plant).where(tables.plant.c.name == plant)).first()
    if row is None:
        return Registry(plant)
    tags: dict[str, list[Tag]] = {}
    query = select(tables.tag).where(tables.tag.c.plant == plant).order_by(tables.tag.c.asset, tables.tag.c.position)
    for one in connection.execute(query):
        tags.setdefault(one.asset, []).append(
            Tag(
                one.tag, one.asset, one.description, one.unit, one.low, one.high, one.rate_s, one.deadband,
                one.staleness_s,
            )
        )  # fmt: skip
    query = select(tables.asset).where(tables.asset.c.plant == plant).order_by(tables.asset.c.asset)
    levels = _levels(connection, plant)
    begun = begun_of(connection, plant)
    assets: dict[str, Asset] = {}
    retired: dict[str, Asset] = {}
    for one in connection.execute(query):
        (assets if one.retired_at is None else retired)[one.asset] = Asset(
            one.asset, tuple(tags.get(one.asset, ())), one.running, one.startup_s, one.asset_class,
            levels.get("", {}) | levels.get(one.asset_class, {}), begun.get(one.asset, ()),
        )  # fmt: skip
    outages: dict[str, list[tuple[int, int]]] = {}
    for one in connection.execute(select(tables.outage).where(tables.outage.c.plant == plant)):
        outages.setdefault(one.asset, []).append((one.from_us, one.to_us))
    return Registry(
        plant,
        row.zone,
        row.version,
        row.rows_per_s,
        row.model,
        row.shadow,
        assets,
        {name: tuple(sorted(spans)) for name, spans in outages.items()},
        retired,
    )


def _levels(connection: Connection, plant: str) -> dict[str, dict[str, Levels]]:
    """Return thresholds by class of assets, then by cause; those of the class "" are for all."""
    found: dict[str, dict[str, Levels]] = {}
    for one in connection.execute(select(tables.threshold).where(tables.threshold.c.plant == plant)):
        levels = Levels(one.raise_at, one.critical_at, one.clear_at)
        found.setdefault(one.asset_class, {})[one.cause] = levels
    return found


def write_registry(database: Database, plant: str, assets: Sequence[Asset], *, zone: str | None = None) -> Registry:
    """Add or replace assets, with all their tags, in one transaction; assets that are not named stay as they are.

    A retired asset that is named is registered again, with its history.

    Args:
        zone: IANA name of the plant's time zone; None leaves it as it is.

    Returns:
        The plant's registry after the change.
    """
    with database.write() as connection:
        touch_plant(connection, plant, zone)
        for asset in assets:
            where = (tables.asset.c.plant == plant, tables.asset.c.asset == asset.name)
            connection.execute(delete(tables.tag).where(tables.tag.c.plant == plant, tables.tag.c.asset == asset.name))
            connection.execute(delete(tables.asset).where(*where))
            values = {
                "plant": plant, "asset": asset.name, "running": asset.running, "startup_s": asset.startup_s,
                "asset_class": asset.asset_class,
            }  # fmt: skip
            connection.execute(insert(tables.asset).values(**values))
            if asset.tags:
                connection.execute(
                    insert(tables.tag), [_tag_values(plant, place, tag) for place, tag in enumerate(asset.tags)]
                )
    with database.read() as connection:
        return read_registry(connection, plant)


def activate_model(database: Database, plant: str, model: str) -> None:
    """Score the plant with the model in this folder from the next batch on; empty for no model.

    Raises:
        NotFoundError: if no such plant is registered.
    """
    table = tables.plant
    change = update(table).where(table.c.name == plant).values(model=model, version=table.c.version + 1)
    with database.write() as connection:
        if not connection.execute(change).rowcount:
            raise NotFoundError("no plant is registered under this name", where=plant, hint="import its tags first")


def add_outage(database: Database, plant: str, asset: str, from_us: int, to_us: int, reason: str) -> None:
    """Score nothing of the asset between two times: a turnaround, an overhaul.

    Raises:
        NotFoundError: if the plant has no such asset.
    """
    with database.write() as connection:
        if connection.execute(select(tables.asset).where(*registered(plant, asset))).first() is None:
            raise NotFoundError(
                Phrase("the plant {plant} has no such asset", plant=plant), where=asset, hint="import its tags first"
            )
        touch_plant(connection, plant, None)
        values = {"plant": plant, "asset": asset, "from_us": from_us, "to_us": to_us, "reason": reason}
        connection.execute(insert(tables.outage).values(**values))


def registered(plant: str, asset: str) -> tuple[ColumnElement[bool], ...]:
    """Return what finds the row of an asset that is not retired."""
    table = tables.asset
    return table.c.plant == plant, table.c.asset == asset, table.c.retired_at.is_(None)


def touch_plant(connection: Connection, plant: str, zone: str | None) -> None:
    """Raise the plant's version, so that all read its registry anew; make the plant where it is not there yet."""
    table = tables.plant
    values = {"version": table.c.version + 1} | ({} if zone is None else {"zone": zone})
    if not connection.execute(update(table).where(table.c.name == plant).values(**values)).rowcount:
        connection.execute(insert(table).values(name=plant, zone=zone or "", created_at=utc_now()))


def _tag_values(plant: str, position: int, tag: Tag) -> dict[str, object]:
    return {
        "plant": plant, "asset": tag.asset, "tag": tag.name, "position": position, "description": tag.description,
        "unit": tag.unit, "low": tag.low, "high": tag.high, "rate_s": tag.rate_s, "deadband": tag.deadband,
        "staleness_s": tag.staleness_s,
    }  # fmt: skip
