"""A small app of the tests' own on a database and a store in a temporary folder, with a clock and a broker of paper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trivium.service import migrate
from trivium.service.app_spec import AppSpec, Queue
from trivium.service.errors import UpstreamError
from trivium.service.runtime import Runtime, open_runtime
from trivium.service.settings import Settings

TOY = AppSpec(
    name="toy",
    help="An app for tests.",
    package="trivium.service",
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

    def __call__(self, task: str, job_id: str, queue: str) -> None:
        if self.is_away:
            raise UpstreamError("nobody answers", where="broker")
        self.sent.append((task, job_id, queue))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DATABASE_URL", "REDIS_URL", "APPS", "PORT", "HOST"):
        monkeypatch.delenv(f"TRIVIUM_{name}", raising=False)
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def runtime(settings: Settings, clock: Clock, outbox: Outbox) -> Iterator[Runtime]:
    opened = open_runtime(settings, apps=(TOY,), publish=outbox)
    opened.jobs._now = clock
    migrate.upgrade(opened.database)
    yield opened
    opened.close()
