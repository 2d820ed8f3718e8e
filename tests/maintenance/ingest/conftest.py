"""A plant for tests: a registry, the real broker, a door and a drainer in this process, and a clock to turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.service.conftest import Clock, settings  # noqa: F401 - a fixture
from tests.service.suite import needs_embedded_broker

from trivium.maintenance.ingest import ledger
from trivium.maintenance.ingest.door import Answer, Door
from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.ingest.ledger import NoteTaker
from trivium.maintenance.registry import Asset, Registries, Tag, activate_model, write_registry
from trivium.maintenance.scoring import Drainer, Scorer
from trivium.maintenance.stream import SHARDS_PER_PLANT, Limits, Streams
from trivium.service import migrate
from trivium.service.broker import EmbeddedBroker, connect
from trivium.service.database import Database

PLANT = "north"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server of the tests' own."""
    if os.name != "posix":
        pytest.skip("the embedded broker needs Linux or macOS")
    needs_embedded_broker()
    home = tmp_path_factory.mktemp("broker")
    (home / "logs").mkdir()
    broker = EmbeddedBroker(home)
    yield broker.start()
    broker.stop()


@pytest.fixture
def streams(broker_url: str) -> Iterator[Streams]:
    client = connect(broker_url)
    client.flushdb()
    opened = Streams(client)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "trivium.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture
def database(empty_file: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "trivium.db"
    path.write_bytes(empty_file.read_bytes())
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()


def pump(name: str, **changes: object) -> Asset:
    """An asset with three tags: temperature, pressure with limits, and a speed that the historian thins out."""
    tags = (
        Tag("temp", name, unit="degC", low=-40, high=200, rate_s=1, staleness_s=60),
        Tag("press", name, unit="barg", low=0, high=16, rate_s=1, staleness_s=60),
        Tag("speed", name, unit="rpm", low=0, high=6000, rate_s=1, deadband=5, staleness_s=600),
    )
    return Asset(name, tags, **changes)  # type: ignore[arg-type]


@dataclass
class Plant:
    """Everything of one plant, in this process."""

    database: Database
    streams: Streams
    clock: Clock
    scorer: Scorer | None = None
    limits: Limits = field(default_factory=Limits)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registries = Registries(self.database)
        self.notes = NoteTaker(self.database)
        self.drainer = self.new_drainer("one")
        self.door = Door(
            self.database,
            self.streams,
            self.registries,
            self.notes,
            wake=self.woken.append,
            limits=self.limits,
            now=self.clock,
        )

    def new_drainer(self, holder: str) -> Drainer:
        registries = Registries(self.database)
        return Drainer(self.database, self.streams, registries, scorer_of=lambda registry: self.scorer, holder=holder)

    def register(self, *assets: Asset, zone: str = "") -> None:
        write_registry(self.database, PLANT, assets, zone=zone)
        self.registries = Registries(self.database)
        self.door._registries = self.registries

    def send(self, body: bytes | str, content_type: str = "application/json", **options: object) -> Answer:
        content = body.encode() if isinstance(body, str) else body
        lane = str(options.pop("lane", "live"))
        return self.door.take(PLANT, content, content_type=content_type, options=Options(**options), lane=lane)  # type: ignore[arg-type]

    def drain(self) -> None:
        """Drain every shard until nothing is left."""
        for number in range(SHARDS_PER_PLANT):
            while self.drainer.drain(f"{number}/{PLANT}", budget_s=5):
                pass

    def told(self, batch_id: str, **options: bool) -> dict:
        self.notes.close()
        return ledger.find_batch(self.database, PLANT, batch_id, **options)


@pytest.fixture
def plant(database: Database, streams: Streams) -> Iterator[Plant]:
    clock = Clock()
    clock.time = NOW
    made = Plant(database, streams, clock)
    yield made
    made.notes.close()


def at(seconds: float) -> str:
    """A time of the tests' day, in UTC."""
    return (NOW - timedelta(hours=1) + timedelta(seconds=seconds)).isoformat()


__all__ = ["NOW", "PLANT", "Plant", "activate_model", "at", "pump"]
