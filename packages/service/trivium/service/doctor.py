"""`trivium doctor`: look at everything a deployment needs and say what to do about what is wrong."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError

from trivium.service import footprint, migrate
from trivium.service.access import open_provider
from trivium.service.app_spec import enabled_apps
from trivium.service.audit import Audit
from trivium.service.broker import broker_url, connect
from trivium.service.database import Database, utc_now
from trivium.service.disk import usage_of
from trivium.service.errors import TriviumError
from trivium.service.settings import Settings, misspelt

__all__ = ["Finding", "examine"]


_CORES = 2
_LIGHT_GIB, _MODELS_GIB = 2, 4
_TOLERANCE = 0.9  # a machine sold with 4 GiB shows less
_BACKUP_DAYS = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination: `ok`, `note` (works without) or `fail`, what was looked at, and what was seen."""

    verdict: str
    what: str
    seen: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at Python, machine, settings, home folder, disk, database, last backup, broker, login, memory, apps."""
    version = platform.python_version()
    yield Finding("ok" if sys.version_info >= (3, 11) else "fail", "python", f"{version} on {platform.platform()}")
    if hasattr(os, "sysconf"):  # not on Windows, where no suite runs
        yield _machine(settings)
    for name, close in misspelt():
        yield Finding("note", "settings", f"{name} is no setting; {close} is")
    yield _checked("home", lambda: str(settings.prepare_home()))
    yield _disk(settings)
    yield _checked("database", lambda: _database(settings))
    yield _backup(settings)
    yield _broker(settings)
    if settings.oidc_issuer:
        yield _checked("login", lambda: _provider(settings))
    yield from _memory(settings)
    for spec in enabled_apps(settings.apps):
        seen = f"not installed: {spec.install_line}" if spec.missing else "installed"
        yield Finding("note" if spec.missing else "ok", f"app {spec.name}", seen)
        for queue in () if spec.missing else spec.queues:
            if queue.missing:
                seen = f"takes no job, {', '.join(queue.missing)} not installed: {spec.install_line}"
                yield Finding("note", f"queue {queue.name}", seen)


def _machine(settings: Settings) -> Finding:
    """Compare cores and memory with what the README plans for."""
    cores, memory_gib = os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    has_models = any(queue.worker == "model" for spec in enabled_apps(settings.apps) for queue in spec.queues)
    planned_gib = _MODELS_GIB if has_models else _LIGHT_GIB
    seen = f"{cores} {'core' if cores == 1 else 'cores'}, {memory_gib:.1f} GiB of memory"
    is_small = memory_gib < planned_gib * _TOLERANCE or cores < _CORES
    if is_small:
        seen += f"; plan {_CORES} cores and {planned_gib} GiB for these apps (TRIVIUM_APPS)"
    return Finding("note" if is_small else "ok", "machine", seen)


def _provider(settings: Settings) -> str:
    """Say who vouches for people, once the settings for it would let the server start."""
    open_provider(settings, enabled_apps(settings.apps))
    return f"also by {settings.oidc_issuer}, with roles for {', '.join(settings.roles_by_group)}"


def _memory(settings: Settings) -> Iterator[Finding]:
    """Compare the parts of the running suite with what is planned for each; where none runs, tell the plan."""
    specs = enabled_apps(settings.apps)
    parts = footprint.running(settings.home, specs)
    if not parts:
        planned = ", ".join(f"{kind} {mib} MiB" for kind, mib in footprint.planned_mib(specs).items())
        yield Finding("ok", "memory", f"planned for a process, at most: {planned}; none runs here")
    for part in parts:
        count = f"{part.count} processes, the largest " if part.count > 1 else ""
        seen = f"{count}{part.largest_mib:.0f} MiB of {part.planned_mib} planned"
        yield Finding("ok" if part.largest_mib <= part.planned_mib else "note", f"memory {part.name}", seen)


def _backup(settings: Settings) -> Finding:
    """Say when the last backup was made, as the audit log has it."""
    database = Database(settings.database)
    try:
        migrate.check(database)
        made = Audit(database).rows(action="backup.made", limit=1)
    except TriviumError as error:
        return Finding("note", "backup", f"cannot be looked up ({error.what})")
    finally:
        database.close()
    if not made:
        return Finding("note", "backup", "never made here; make one with: trivium backup --out FOLDER")
    days = (utc_now() - datetime.fromisoformat(made[0].at)).days
    seen = f"the last one, {made[0].subject_id}, was made {f'{days} days ago' if days else 'within a day'}"
    return Finding("note" if days > _BACKUP_DAYS else "ok", "backup", seen)


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
