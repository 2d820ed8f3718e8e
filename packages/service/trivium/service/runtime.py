"""What a process works with, opened once from its settings: database, blob store, jobs, audit log, enabled apps.

Doors receive it as an argument (`ui.build(runtime)`, `seed(runtime, paths)`); Celery tasks get it from
`current_runtime()`, which opens one for each process because connections do not survive a fork.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

from trivium.service.app_spec import AppSpec, enabled_apps
from trivium.service.audit import Audit
from trivium.service.database import Database
from trivium.service.errors import InputError
from trivium.service.jobs import JobPolicy, Jobs, Publish
from trivium.service.phrase import Phrase, joined
from trivium.service.roles import LOCAL_USER
from trivium.service.settings import Settings, current_settings
from trivium.service.store import BlobStore

__all__ = ["LOCAL_USER", "Runtime", "current_runtime", "open_runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one process. Threads may share it; a forked child opens its own."""

    settings: Settings
    apps: tuple[AppSpec, ...]
    database: Database
    store: BlobStore
    jobs: Jobs
    audit: Audit

    def close(self) -> None:
        """Close the database connections."""
        self.database.close()


def open_runtime(
    settings: Settings,
    *,
    apps: tuple[AppSpec, ...] | None = None,
    publish: Publish | None = None,
    policy: JobPolicy | None = None,
) -> Runtime:
    """Open the parts that the settings name.

    Args:
        apps: the enabled apps; None for what the settings say.
        publish: how to reach the broker; None for Celery on the deployment's broker.
        policy: None for the one that the settings give.

    Raises:
        InputError: if a setting cannot be used.
    """
    settings.prepare_home()
    specs = enabled_apps(settings.apps) if apps is None else apps
    by_name = {spec.name: spec for spec in specs}

    def queue_of(app: str, kind: str) -> str:
        if app not in by_name:
            hint = Phrase("enabled: {choices}", choices=joined(by_name, ", ") or "none")
            raise InputError(Phrase("no app is called '{app}'", app=app), hint=hint)
        spec = by_name[app]
        if missing := spec.missing_for(kind):
            needed = {"kind": kind, "missing": joined(missing, ", "), "install": spec.install_line}
            raise InputError(Phrase("{kind} needs {missing}: {install}", **needed), where=app)
        return spec.queue_of(kind)

    if publish is None:
        from trivium.service.celery_app import publisher

        publish = publisher(settings)
    database = Database(settings.database)
    policy = policy or JobPolicy(max_attempts=settings.job_attempts)
    jobs = Jobs(database, publish=publish, queue_of=queue_of, policy=policy)
    return Runtime(settings, specs, database, BlobStore(settings.home / "blobs"), jobs, Audit(database))


def current_runtime() -> Runtime:
    """Return the runtime of this process, opened on first use."""
    return _runtime_of(os.getpid())


@functools.cache
def _runtime_of(pid: int) -> Runtime:
    return open_runtime(current_settings())
