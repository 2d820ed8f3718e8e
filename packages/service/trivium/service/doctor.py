"""`trivium doctor`: look at everything a deployment needs and say what to do about what is wrong."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError

from trivium.service import migrate
from trivium.service.app_spec import enabled_apps
from trivium.service.broker import broker_url, connect
from trivium.service.database import Database
from trivium.service.disk import usage_of
from trivium.service.errors import TriviumError
from trivium.service.settings import Settings

__all__ = ["Finding", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination: `ok`, `note` (works without) or `fail`, what was looked at, and what was seen."""

    verdict: str
    what: str
    seen: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at Python, home folder, disk, database, broker and apps, one finding each."""
    version = platform.python_version()
    yield Finding("ok" if sys.version_info >= (3, 11) else "fail", "python", f"{version} on {platform.platform()}")
    yield _checked("home", lambda: str(settings.prepare_home()))
    yield _disk(settings)
    yield _checked("database", lambda: _database(settings))
    yield _broker(settings)
    for spec in enabled_apps(settings.apps):
        seen = f"not installed: {spec.install_line}" if spec.missing else "installed"
        yield Finding("note" if spec.missing else "ok", f"app {spec.name}", seen)
        for queue in () if spec.missing else spec.queues:
            if queue.missing:
                seen = f"takes no job, {', '.join(queue.missing)} not installed: {spec.install_line}"
                yield Finding("note", f"queue {queue.name}", seen)


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding("ok", what, look())
    except TriviumError as error:
        return Finding("fail", what, error.line)


def _disk(settings: Settings) -> Finding:
    usage = usage_of(settings.home)
    verdict = "fail" if usage.is_full else "note" if usage.is_low else "ok"
    refuses = "; uploads and batches are refused" if usage.is_full else ""
    return Finding(verdict, "disk", f"{100 * usage.share:.0f} % full, {usage.free / 1e9:.1f} GB free{refuses}")


def _database(settings: Settings) -> str:
    database = Database(settings.database)
    try:
        pending = migrate.pending(database)
        if pending:
            return f"needs {', '.join(pending)}: trivium up, demo or db upgrade applies them"
        return f"{database.engine.url.render_as_string()} at this release's schema"
    finally:
        database.close()


def _broker(settings: Settings) -> Finding:
    try:
        connect(broker_url(settings)).ping()
    except TriviumError as error:
        return Finding("fail" if settings.redis_url.get_secret_value() else "note", "broker", error.line)
    except (RedisError, OSError) as error:
        return Finding("fail", "broker", f"does not answer ({error})")
    return Finding("ok", "broker", "answers")
