"""Bring the database to the schema of this release, and tell when it is not.

Every owner has its own Alembic branch, found through its `AppSpec`. Only `trivium up`, `trivium demo` and
`trivium db upgrade` call `upgrade`; everyone else calls `check` and refuses to start on an older schema. Branches of
installed apps are all migrated, also those that `TRIVIUM_APPS` hides, so that showing an app later needs no step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from trivium.service.app import SPEC
from trivium.service.app_spec import AppSpec, installed_apps, resolve
from trivium.service.database import Database
from trivium.service.errors import InputError
from trivium.service.tables import metadata

__all__ = ["check", "downgrade", "drift", "heads", "owners", "pending", "upgrade"]

_VERSION_TABLE = "service_alembic_version"
_UPGRADE_LOCK = 0x54726976  # any number of our own


def owners() -> tuple[AppSpec, ...]:
    """Return the specs of everyone who keeps tables, the platform first."""
    return (SPEC, *(spec for spec in installed_apps() if spec.migrations))


def upgrade(database: Database, specs: Iterable[AppSpec] | None = None, *, targets: Sequence[str] = ("heads",)) -> None:
    """Run what is missing of every owner's branch, in one transaction; whoever comes second waits and finds it done.

    Args:
        targets: revisions to stop at; this release's by default.
    """
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        for target in targets:
            command.upgrade(_config(connection, specs), target)


def downgrade(database: Database, target: str, specs: Iterable[AppSpec] | None = None) -> None:
    """Take migrations back: `base` for all, `service@base` for one owner's."""
    with database.write() as connection:
        command.downgrade(_config(connection, specs), target)


def pending(database: Database, specs: Iterable[AppSpec] | None = None) -> list[str]:
    """List the head revisions that the database does not have; empty when its schema is this release's."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE})
        script = ScriptDirectory.from_config(_config(connection, specs))
        return sorted(set(script.get_heads()) - _applied(script, context.get_current_heads()))


def heads(database: Database) -> list[str]:
    """List the revisions that the database names as its own."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE})
        return sorted(context.get_current_heads())


def check(database: Database) -> None:
    """Refuse an older or newer schema.

    Raises:
        InputError: naming the revisions and the command that applies them.
    """
    missing = pending(database)
    if missing:
        raise InputError(
            f"the database is not at this release's schema (it lacks {', '.join(missing)})",
            where=database.engine.url.render_as_string(),
            hint="run: trivium db upgrade",
        )


def drift(database: Database, specs: Iterable[AppSpec] | None = None) -> list[str]:
    """List differences between the tables in code and those in the database; empty when there are none."""
    for spec in owners() if specs is None else specs:
        if spec.tables:
            resolve(spec.tables)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": _VERSION_TABLE})
        return [str(difference) for difference in compare_metadata(context, metadata)]


def _applied(script: ScriptDirectory, current: Iterable[str]) -> set[str]:
    """Return the revisions in the database: those it names, and all that these follow or depend on.

    Alembic's table drops a revision as soon as another owner's, which depends on it, is there.
    """
    found: set[str] = set()
    waiting = list(current)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            revision = script.get_revision(name)
        except CommandError:  # of a newer release; what it follows is unknown here, so our heads count as lacking
            continue
        for parents in (revision.down_revision, revision.dependencies):
            waiting += (parents,) if isinstance(parents, str) else parents or ()
    return found


def _config(connection: Connection, specs: Iterable[AppSpec] | None) -> Config:
    folders = [_folder(spec) / "versions" for spec in (owners() if specs is None else specs)]
    config = Config()
    config.set_main_option("script_location", str(_folder(SPEC)))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in folders))
    config.attributes["connection"] = connection
    return config


def _folder(spec: AppSpec) -> Path:
    package, _, folder = spec.migrations.partition(":")
    return Path(str(resources.files(package))) / folder
