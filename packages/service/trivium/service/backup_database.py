"""The database's part of a backup: one file of SQLite's backup API, or one file a table of PostgreSQL's COPY.

Both are a state at one moment, taken while others write. They go back into the kind of database that they came from.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, func, inspect, select, text

from trivium.service.database import Database
from trivium.service.errors import InputError

__all__ = ["SQLITE_FILE", "counts", "dumped", "is_empty", "load"]

SQLITE_FILE = "database.sqlite3"
_PAGES = 2048  # copied at a time; others write in between
_CHUNK = 1 << 20


@contextmanager
def dumped(database: Database, folder: Path) -> Iterator[Connection]:
    """Copy the database into a folder, and open a connection that sees the state that was copied."""
    if database.engine.dialect.name == "postgresql":
        with database.read() as connection:
            _copy_out(connection, folder)
            yield connection
        return
    path = folder / SQLITE_FILE
    with database.read() as connection:
        source: Any = connection.connection.dbapi_connection
        with closing(sqlite3.connect(path)) as target:
            source.backup(target, pages=_PAGES)
            target.execute("PRAGMA journal_mode=DELETE").close()  # one file, without a log beside it
    copy = Database(f"sqlite:///{path.as_posix()}")
    try:
        with copy.read() as connection:
            yield connection
    finally:
        copy.close()
        with closing(sqlite3.connect(path)) as target:
            target.execute("PRAGMA journal_mode=DELETE").close()


def load(database: Database, folder: Path) -> None:
    """Put a copy back where no database is yet; PostgreSQL has the copy's schema already, and no rows."""
    if database.engine.dialect.name == "postgresql":
        with database.write() as connection:
            _copy_in(connection, folder)
        return
    database.close()
    place = Path(str(database.engine.url.database))
    part = place.with_suffix(".part")
    shutil.copyfile(folder / SQLITE_FILE, part)
    part.chmod(0o600)
    for ending in ("-wal", "-shm"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    part.replace(place)


def counts(connection: Connection) -> dict[str, int]:
    """Count the rows of every table."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in sorted(_tables(connection).values(), key=lambda table: str(table.name))
    }


def is_empty(database: Database) -> bool:
    """Whether there is no database yet, or one without any table."""
    url = database.engine.url
    if database.engine.dialect.name == "sqlite" and not Path(str(url.database)).exists():
        return True
    with database.read() as connection:
        return not inspect(connection).get_table_names()


def _tables(connection: Connection) -> Any:
    found = MetaData()
    found.reflect(connection, resolve_fks=False)
    return found.tables


def _copy_out(connection: Connection, folder: Path) -> None:
    quote = connection.dialect.identifier_preparer.quote
    cursor: Any = connection.connection.cursor()
    for table in _tables(connection).values():
        columns = ", ".join(quote(column.name) for column in table.columns if column.computed is None)
        command = f"COPY {quote(table.name)} ({columns}) TO STDOUT"
        with (folder / f"{table.name}.copy").open("wb") as file, cursor.copy(command) as copy:
            file.writelines(copy)
        (folder / f"{table.name}.columns").write_text(columns, encoding="utf-8")


def _copy_in(connection: Connection, folder: Path) -> None:
    quote = connection.dialect.identifier_preparer.quote
    cursor: Any = connection.connection.cursor()
    found = MetaData()
    found.reflect(connection)
    given = {path.stem for path in folder.glob("*.copy")}
    if strangers := given - {table.name for table in found.tables.values()}:
        raise InputError(f"has tables that this release does not know: {', '.join(sorted(strangers))}", where="backup")
    for table in reversed(found.sorted_tables):  # migrations may have put rows there
        connection.execute(table.delete())
    for table in found.sorted_tables:
        path = folder / f"{table.name}.copy"
        if table.name not in given:
            continue
        columns = path.with_suffix(".columns").read_text(encoding="utf-8")
        with path.open("rb") as file, cursor.copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy:
            while chunk := file.read(_CHUNK):
                copy.write(chunk)
        for column in table.primary_key.columns:
            _move_sequence(connection, table.name, column.name)


def _move_sequence(connection: Connection, table: str, column: str) -> None:
    """Let a column that counts by itself go on after its highest value."""
    quote = connection.dialect.identifier_preparer.quote
    named = {"table": quote(table), "column": column}
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named).scalar()
    if sequence:
        highest = f"(SELECT max({quote(column)}) FROM {quote(table)})"  # noqa: S608 - names of our own tables
        connection.execute(
            text(f"SELECT setval(:sequence, coalesce({highest}, 1), {highest} IS NOT NULL)"),
            {"sequence": sequence},
        )
