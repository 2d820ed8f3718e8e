"""How an owner (an app, a model package, the platform itself) presents itself: one frozen `AppSpec`.

Help, the home page and the routing table read specs only. Everything heavy is a dotted string, resolved when used,
so that `trivium --help` imports no app. Standard library only; not for settings, which are the deployment's choice.

An owner's spec lies in `<owner>/app.py` as `SPEC` and is found through the entry-point group `trivium.apps`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from trivium.service.errors import InputError

__all__ = ["WORKERS", "AppSpec", "Queue", "enabled_apps", "installed_apps", "require", "resolve"]

GROUP = "trivium.apps"
WORKERS = ("prompt", "light", "model")
"""Kinds of worker; queues of different kinds never share one."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of an owner.

    Args:
        name: as in `trivium worker --queues NAME`; the broker also holds `NAME.low` for work that can wait.
        worker: `light` (several forked processes), `prompt` (likewise, for what must not wait behind people's long jobs
            or yield to pages) or `model` (one process that holds the models).
        needs: top-level modules that its jobs need beyond those of the owner; where one is absent, no job is taken and
            the suite starts no worker for it.

    Raises:
        ValueError: if the kind of worker is unknown.
    """

    name: str
    worker: str = "light"
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.worker not in WORKERS:
            raise ValueError(f"queue {self.name!r}: no worker is called {self.worker!r}; known: {', '.join(WORKERS)}")

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules that are absent, found without importing them."""
        return _absent(self.needs)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What the platform needs to know about an owner before it imports it.

    Args:
        name: sub-command, path on the web server and prefix of tables: `finance`.
        help: one line.
        package: import name, `trivium.finance`; its locale holds `app.title` and `app.summary` for the home page.
        extra: the extra of the distribution that brings what it needs; empty when the base is enough.
        needs: top-level modules that the extra brings; one that is absent means "not installed".
        roles: permissions that each role has; a person is given `<name>:<role>`. `admin` is the platform's alone.
        permissions: every permission the app asks for, each `<name>.<verb>`. `<name>.read` opens the app's page and
            shows a person's own jobs there, `<name>.run` submits jobs; without them nobody can.
        persons_only: permissions that no API key may hold, such as signing.
        queues: its queues; jobs go to the first unless `routes` names another for their kind.
        routes: queue name by kind of job.
        cli: `module:attribute` of a Typer application, the sub-command `name`.
        commands: help by name of commands of that application that stand at the top in place of the sub-command.
        ui: `module:function`, called with a `Runtime`, returns a `gradio.Blocks`.
        pages: `module:attribute` of a FastAPI router, in place of `ui`: plain pages and what they ask for, below
            `/<name>`; each of its routes states what it needs with `permission.needs`.
        api: `module:attribute` of a FastAPI router; each of its routes states what it needs with `permission.needs`.
        api_prefix: path of that router; `/api/<name>` when empty.
        tasks: module that defines the Celery tasks `<name>.<kind>`.
        tables: module that adds tables to `trivium.service.tables.metadata`.
        migrations: `package:folder`; the folder's `versions/` is an Alembic branch labelled with `name`.
        blobs: `module:function`, called with a connection, yields the hashes of blobs that the owner's tables refer to;
            retention leaves them alone.
        sweep: `module:function`, called with a `Runtime` about once a second by the one elected sweeper; short, and
            without a model: it looks for what was lost on the way.
        children: `module:function`, called with the settings, returns commands (words each) that `trivium up` keeps
            running beside its own processes, such as a listener; each takes `--parent` (`lifeline.py`). Light.
        samples: `module:function`, called with a folder, writes sample files there and returns their paths.
        seed: `module:function`, called with a `Runtime` and those paths when `trivium demo` is ready.
        companion: words of a command that `trivium demo` then keeps running, such as a simulated plant; it takes
            `--parent` (`lifeline.py`), and the port from `TRIVIUM_PORT`.
    """

    name: str
    help: str
    package: str
    extra: str = ""
    needs: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    persons_only: tuple[str, ...] = ()
    queues: tuple[Queue, ...] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    cli: str = ""
    commands: Mapping[str, str] = field(default_factory=dict)
    ui: str = ""
    pages: str = ""
    api: str = ""
    api_prefix: str = ""
    tasks: str = ""
    tables: str = ""
    migrations: str = ""
    blobs: str = ""
    sweep: str = ""
    children: str = ""
    samples: str = ""
    seed: str = ""
    companion: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        granted = {permission for permissions in self.roles.values() for permission in permissions}
        unknown = (granted | set(self.persons_only)) - set(self.permissions)
        if unknown:
            raise ValueError(
                f"{self.name}: roles grant permissions that are not declared: {', '.join(sorted(unknown))}"
            )
        # What follows is why no role of one owner, `admin` included, can ever grant what is another's.
        foreign = [permission for permission in self.permissions if not permission.startswith(f"{self.name}.")]
        if foreign:
            raise ValueError(f"{self.name}: permissions begin with {self.name}. and these do not: {', '.join(foreign)}")
        if "admin" in self.roles and self.name != "service":
            raise ValueError(f"{self.name}: the role admin is the platform's")
        if self.ui and self.pages:
            raise ValueError(f"{self.name}: ui and pages would lie on the same path; give one")
        if self.api_prefix and not (self.api_prefix.startswith("/") and self.api_prefix.strip("/")):
            raise ValueError(f"{self.name}: api_prefix {self.api_prefix!r} is not a path such as /v1")
        strangers = set(self.routes.values()) - {queue.name for queue in self.queues}
        if strangers:
            raise ValueError(f"{self.name}: routes name queues that are not declared: {', '.join(sorted(strangers))}")

    @property
    def has_page(self) -> bool:
        """Whether people open something under the app's name."""
        return bool(self.ui or self.pages)

    @property
    def read_permission(self) -> str:
        """What opens the app's page and shows a person's jobs in it."""
        return f"{self.name}.read"

    @property
    def run_permission(self) -> str:
        """What submits the app's jobs."""
        return f"{self.name}.run"

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules of the extra that are absent, found without importing them."""
        return _absent(self.needs)

    @property
    def install_line(self) -> str:
        """What to type when the extra is missing."""
        return f"pip install 'trivium[{self.extra}]'"

    def queue_of(self, kind: str) -> str:
        """Return the name of the queue that jobs of this kind go to.

        Raises:
            ValueError: if the owner has no queue.
        """
        if not self.queues:
            raise ValueError(f"{self.name} has no queue, so no jobs")
        return self.routes.get(kind, self.queues[0].name)

    def missing_for(self, kind: str) -> tuple[str, ...]:
        """Return the modules that jobs of this kind need and that are absent."""
        name = self.queue_of(kind)
        return next(queue.missing for queue in self.queues if queue.name == name)


def installed_apps() -> tuple[AppSpec, ...]:
    """Return the spec of every owner in the distribution, whether its extra is installed or not, by name."""
    return _scanned(tuple(sys.path))


@functools.cache
def _scanned(_path: tuple[str, ...]) -> tuple[AppSpec, ...]:
    """Look once on a path for what is installed there: a look reads the metadata of every distribution."""
    points = metadata.entry_points(group=GROUP)
    return tuple(point.load() for point in sorted(points, key=lambda point: point.name))


def enabled_apps(wanted: str = "") -> tuple[AppSpec, ...]:
    """Return the specs that a deployment shows, routes and starts.

    Args:
        wanted: names separated by commas, as in `TRIVIUM_APPS`; empty for all.

    Raises:
        InputError: if a name is unknown.
    """
    specs = {spec.name: spec for spec in installed_apps()}
    names = [name.strip() for name in wanted.split(",") if name.strip()] or list(specs)
    for name in names:
        if name not in specs:
            raise InputError(f"no app is called {name!r}", where="TRIVIUM_APPS", hint=f"known: {', '.join(specs)}")
    return tuple(specs[name] for name in dict.fromkeys(names))


def require(spec: AppSpec) -> None:
    """Stop with one line when the spec's extra is missing.

    Raises:
        InputError: `finance is not installed: pip install 'trivium[finance]'`.
    """
    if spec.missing:
        raise InputError(f"{spec.name} is not installed: {spec.install_line}")


def resolve(dotted: str) -> Any:
    """Import what a dotted string names: `module:attribute`, or a module alone."""
    module, _, attribute = dotted.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def _absent(modules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in modules if importlib.util.find_spec(name) is None)
