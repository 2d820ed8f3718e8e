"""A real PostgreSQL for tests: the one that TRIVIUM_TEST_POSTGRES_URL names, else a server of our own.

Ours listens on a Unix socket in a short folder, on no port, as a user that is not root, and ends with the tests.
"""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from tests.service.suite import missing

NAMED = os.environ.get("TRIVIUM_TEST_POSTGRES_URL", "")  # read at import: the tests' settings clear the environment
_START_S = 30.0
# Nothing here outlives the tests, so nothing waits for the disk.
_OPTIONS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")


@contextmanager
def server() -> Iterator[URL]:
    """Yield the URL of a server on which databases may be made; skip, or fail in CI, when there is none."""
    if NAMED:
        yield make_url(NAMED)
        return
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="tv-pg-", dir="/tmp"))  # a socket's path must stay under 104 bytes
    user = _user()
    try:
        (folder / "sockets").mkdir()
        if user:
            for path in (folder, folder / "sockets"):
                shutil.chown(path, user, user)
        yield from _run(programs, folder, user)
    finally:
        shutil.rmtree(folder)


@contextmanager
def database(url: URL) -> Iterator[str]:
    """Make an empty database on the server, and drop it afterwards."""
    name = f"trivium_test_{secrets.token_hex(6)}"
    _command(url, f'CREATE DATABASE "{name}"')
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _command(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _programs() -> Path:
    """Return the folder with `initdb` and `postgres`; Debian keeps them off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    if not folders:
        missing("PostgreSQL")
    return folders[-1]


def _user() -> str | None:
    """Return the user to run the server as: None for our own, since only root is refused."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _run(programs: Path, folder: Path, user: str | None) -> Iterator[URL]:
    data, sockets, log = folder / "data", folder / "sockets", folder / "log"
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    make = [str(programs / "initdb"), "-D", str(data), "-U", "trivium", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    made = subprocess.run(make, cwd=folder, capture_output=True, text=True, **as_user)
    assert made.returncode == 0, made.stderr
    options = [word for option in _OPTIONS for word in ("-c", option)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(sockets), *options],
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **as_user,
        )
    try:
        url = URL.create("postgresql+psycopg", "trivium", database="postgres", query={"host": str(sockets)})
        _await_answer(url, process, log)
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # end now, without waiting for clients
        process.wait(20)


def _await_answer(url: URL, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _command(url, "SELECT 1")
        except OperationalError:  # not up yet
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL did not start for {getpass.getuser()}: {log.read_text()[-500:]}")


def _command(url: URL, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
