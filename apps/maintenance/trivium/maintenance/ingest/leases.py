"""Who drains a shard: one at a time, by a row in the database with a fence that every commit carries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from trivium.maintenance.tables import shard as table
from trivium.service.database import Database, utc_now
from trivium.service.errors import TriviumError
from trivium.service.holders import is_gone

__all__ = ["Lease", "LeaseLostError", "check", "claim", "release", "renewing"]

log = structlog.get_logger(__name__)

_LEASE = timedelta(seconds=6)
_RENEW_S = 1.0
_OVER = datetime(1970, 1, 1, tzinfo=UTC)


class LeaseLostError(Exception):
    """Another process drains the shard now; nothing was written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drain a shard."""

    shard: str
    holder: str
    fence: int


def claim(database: Database, shard: str, holder: str) -> Lease | None:
    """Take the shard, when nobody has it or its holder has ended; None when somebody drains it."""
    now = utc_now()
    try:
        with database.write() as connection:
            row = connection.execute(select(table).where(table.c.name == shard).with_for_update()).first()
            if row is None:
                connection.execute(insert(table).values(name=shard, holder=holder, fence=1, until=now + _LEASE))
                return Lease(shard, holder, 1)
            if row.until > now and not is_gone(row.holder):
                return None
            values = {"holder": holder, "fence": row.fence + 1, "until": now + _LEASE}
            connection.execute(update(table).where(table.c.name == shard).values(**values))
            return Lease(shard, holder, row.fence + 1)
    except IntegrityError:  # two made the row at once
        return None


def check(connection: Connection, lease: Lease) -> None:
    """Keep the lease for another six seconds, in the transaction that it guards.

    Raises:
        LeaseLostError: if another process has the shard.
    """
    own = (table.c.name == lease.shard, table.c.holder == lease.holder, table.c.fence == lease.fence)
    if not connection.execute(update(table).where(*own).values(until=utc_now() + _LEASE)).rowcount:
        raise LeaseLostError(lease.shard)


@contextmanager
def renewing(database: Database, lease: Lease, also: Callable[[], None]) -> Iterator[None]:
    """Keep the lease for the length of the block, however long one group of batches takes.

    Args:
        also: called as often as the lease is renewed.
    """
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(_RENEW_S):
            try:
                with database.write() as connection:
                    check(connection, lease)
                also()
            except LeaseLostError:
                return  # the next commit will find out
            except TriviumError as error:  # away for a moment; the lease may still hold
                log.warning("shard.not_renewed", shard=lease.shard, error=error.line)

    thread = threading.Thread(target=renew, name=f"lease-{lease.shard}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def release(database: Database, lease: Lease) -> None:
    """Let others have the shard."""
    own = (table.c.name == lease.shard, table.c.holder == lease.holder, table.c.fence == lease.fence)
    with database.write() as connection:
        connection.execute(update(table).where(*own).values(until=_OVER))
