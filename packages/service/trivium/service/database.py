"""The database: SQLite in WAL mode by default, PostgreSQL by URL, with one way to read and one way to write.

Readers see one state from their first statement to their last (a snapshot in WAL mode, REPEATABLE READ on PostgreSQL).
Writers on SQLite begin with BEGIN IMMEDIATE, so that two of them queue up (for `busy_timeout`) instead of failing
halfway. Writers on PostgreSQL run side by side at READ COMMITTED: one that reads a row in order to change it reads it
with `with_for_update()`, which SQLite needs not and ignores; a guarded UPDATE needs nothing. What SQLite commits
survives a kill at once and a power failure within moments (synchronous NORMAL), or at once where the writer asks for
it (FULL), as the audit log does; PostgreSQL's own setting counts there.

Times go in and come out as aware UTC. Tables are in `tables.py`, their history in `migrate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, TypeDecorator, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from trivium.service.errors import InputError, UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["Database", "UtcDateTime", "utc_now"]

_BUSY_TIMEOUT_MS = 15_000
_CONNECT_TIMEOUT_S = 10
_DRIVER = "postgresql+psycopg"
_SETTING = "TRIVIUM_DATABASE_URL"


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware UTC on both sides, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value.isoformat()}; give it a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """An engine with the project's rules applied.

    Args:
        url: SQLAlchemy URL, password included.

    Raises:
        InputError: if the URL names neither SQLite nor PostgreSQL, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        if self.engine.dialect.name == "sqlite":
            _apply_sqlite_rules(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection that sees one consistent state and changes nothing.

        Raises:
            UpstreamError: if the database cannot be reached.
        """
        with self._connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()

    @contextmanager
    def write(self, *, is_durable: bool = False) -> Iterator[Connection]:
        """Open a connection in a write transaction: committed when the block ends, rolled back when it raises.

        Args:
            is_durable: whether the commit waits for the disk on SQLite too.

        Raises:
            UpstreamError: if the database cannot be reached, or stays locked.
        """
        with self._connect() as connection:
            synchronous = "FULL" if is_durable else "NORMAL"
            connection.execution_options(trivium_begin="IMMEDIATE", trivium_synchronous=synchronous)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise UpstreamError(
                Phrase("the database could not be used ({reason})", reason=error.orig),
                where=self.engine.url.render_as_string(),
            ) from error


def _engine(url: str) -> Engine:
    name = make_url(url).get_backend_name()
    try:
        if name == "sqlite":
            return create_engine(url)
        if name == "postgresql":
            server = {"connect_timeout": _CONNECT_TIMEOUT_S}
            return create_engine(make_url(url).set(drivername=_DRIVER), pool_pre_ping=True, connect_args=server)
    except ModuleNotFoundError as error:
        hint = "pip install 'trivium[postgres]'"
        raise InputError(f"PostgreSQL needs the module {error.name}", where=_SETTING, hint=hint) from error
    raise InputError(f"{name} is no database of ours", where=_SETTING, hint="use sqlite or postgresql+psycopg")


def _apply_sqlite_rules(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would be deferred; `begin` below decides
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "synchronous=NORMAL",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if synchronous := options.get("trivium_synchronous"):  # cannot change once the transaction has begun
            connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.exec_driver_sql(f"BEGIN {options.get('trivium_begin', 'DEFERRED')}")
