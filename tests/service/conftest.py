"""A small app of the tests' own on a database and a store in a temporary folder, with a clock and a broker of paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import URL
from tests.service.postgres import database, server

from trivium.service import migrate, tables
from trivium.service.app_spec import AppSpec, Queue
from trivium.service.database import Database
from trivium.service.errors import UpstreamError
from trivium.service.passwords import Passwords
from trivium.service.people import People
from trivium.service.roles import Roles
from trivium.service.runtime import Runtime, open_runtime
from trivium.service.sessions import Sessions
from trivium.service.settings import Settings

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
TOY = AppSpec(
    name="toy",
    help="An app for tests.",
    package="trivium.service",
    roles={"player": ("toy.read", "toy.run"), "watcher": ("toy.read",)},
    permissions=("toy.read", "toy.run", "toy.post", "toy.sign"),
    persons_only=("toy.sign",),
    queues=(Queue("toy"),),
    tasks="tests.service.toy_tasks",
)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Outbox:
    """A broker that keeps what it is given, or is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.is_away = False
        self.asked = 0

    def __call__(self, task: str, job_id: str, queue: str) -> None:
        self.asked += 1
        if self.is_away:
            raise UpstreamError("nobody answers", where="broker")
        self.sent.append((task, job_id, queue))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A real PostgreSQL server; see `postgres.py`."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres: URL) -> Iterator[str]:
    """A database at this release's schema that tests share one after the other."""
    with database(postgres) as url:
        opened = Database(url)
        migrate.upgrade(opened)
        opened.close()
        yield url


@pytest.fixture
def database_kind() -> str:
    """`sqlite`; a module whose tests run on both overrides it with `sqlite` and `postgresql`."""
    return "sqlite"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("TRIVIUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def migrated(settings: Settings, database_kind: str, request: pytest.FixtureRequest) -> Settings:
    """Settings whose database is at this release's schema, and empty."""
    settings.prepare_home()
    if database_kind == "postgresql":
        url = request.getfixturevalue("migrated_postgres")
        settings = settings.model_copy(update={"database_url": SecretStr(url)})
    opened = Database(settings.database)
    migrate.upgrade(opened)
    if database_kind == "postgresql":
        with opened.write() as connection:
            names = ", ".join(table.name for table in tables.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names} CASCADE"))
    opened.close()
    return settings


@pytest.fixture(autouse=True, scope="session")
def cheap_hashes():
    """Argon2 at its real cost takes a tenth of a second and more; what it costs is tested in `test_passwords.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trivium.service.people.Passwords", lambda: Passwords(CHEAP))
        yield


@pytest.fixture
def roles() -> Roles:
    return Roles((TOY,))


@pytest.fixture
def people(runtime: Runtime, roles: Roles, clock: Clock) -> People:
    return People(runtime.database, roles, now=clock)


@pytest.fixture
def sessions(runtime: Runtime, roles: Roles, clock: Clock) -> Sessions:
    return Sessions(runtime.database, roles, now=clock)


@pytest.fixture
def runtime(migrated: Settings, clock: Clock, outbox: Outbox) -> Iterator[Runtime]:
    opened = open_runtime(migrated, apps=(TOY,), publish=outbox)
    opened.jobs._now = clock
    yield opened
    opened.close()
