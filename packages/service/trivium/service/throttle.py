"""Slow down who guesses passwords, without locking anybody out for ever.

An attempt is charged before the password is looked at, so that a hundred guesses at once count as a hundred, and taken
back when it was right. Three counts, each with some free attempts and a wait that doubles up to a limit:

- account from one address: 5 free, at most 5 minutes;
- one address, whatever the account: 20 free, at most 5 minutes;
- one account from everywhere: 50 free, at most 30 seconds. Addresses from which its owner has logged in within 90 days
  are exempt, so strangers cannot keep the owner out.

An attempt during a wait is refused unlooked at and lengthens nothing. Counts forget after an hour without a failure.
They live in the database: several web servers share them, and a restart clears nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from trivium.service.database import Database, utc_now
from trivium.service.tables import throttle

__all__ = ["Throttle"]

_FORGET_AFTER = timedelta(hours=1)
_KNOWN_FOR = timedelta(days=90)
_LOCK = 0x5468726F  # any number of our own


@dataclass(frozen=True, slots=True)
class _Limit:
    free: int
    longest_s: float

    def wait(self, failures: int) -> timedelta:
        """Return the wait after so many failures: none, then 1, 2, 4 ... seconds."""
        over = failures - self.free
        return timedelta(seconds=min(2.0 ** min(over - 1, 20), self.longest_s)) if over > 0 else timedelta()


_PAIR = _Limit(5, 300)
_ADDRESS = _Limit(20, 300)
_ACCOUNT = _Limit(50, 30)


class Throttle:
    """Counts of failed logins in one database.

    Args:
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def charge(self, name: str, address: str) -> int:
        """Charge one attempt and return 0; when it comes too early, charge nothing and return the seconds to wait."""
        now = self._now()
        with self._locked() as connection:
            connection.execute(delete(throttle).where(throttle.c.last_at < now - _KNOWN_FOR))
            is_known = self._failures(connection, _known(name, address), now, forget_after=_KNOWN_FOR)[0] > 0
            limits = [(key, limit) for key, limit in _limits(name, address) if limit is not _ACCOUNT or not is_known]
            counts = {key: self._failures(connection, key, now) for key, _limit in limits}
            waits = [(free_at - now).total_seconds() for _failures, free_at in counts.values()]
            if max(waits) > 0:
                return math.ceil(max(waits))
            for key, limit in limits:
                failures = counts[key][0] + 1
                _put(connection, key, failures, now, now + limit.wait(failures))
        return 0

    def clear(self, name: str, address: str) -> None:
        """Take the charge of a right attempt back, and remember where the owner logs in from."""
        now = self._now()
        with self._locked() as connection:
            for key, limit in _limits(name, address):
                failures = self._failures(connection, key, now)[0] - 1
                if limit is _PAIR or failures <= 0:
                    connection.execute(delete(throttle).where(throttle.c.key == key))
                else:
                    connection.execute(
                        update(throttle).where(throttle.c.key == key).values(failures=failures, free_at=now)
                    )
            _put(connection, _known(name, address), 1, now, now)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        """Open a write transaction that no other throttle's runs beside, whether its rows are there yet or not."""
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _failures(
        self, connection: Connection, key: str, now: datetime, *, forget_after: timedelta = _FORGET_AFTER
    ) -> tuple[int, datetime]:
        row = connection.execute(select(throttle).where(throttle.c.key == key)).first()
        if row is None or now - row.last_at > forget_after:
            return 0, now
        return row.failures, row.free_at


def _limits(name: str, address: str) -> tuple[tuple[str, _Limit], ...]:
    return (
        (_key("pair", name, address), _PAIR),
        (_key("address", address), _ADDRESS),
        (_key("account", name), _ACCOUNT),
    )


def _known(name: str, address: str) -> str:
    return _key("known", name, address)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _put(connection: Connection, key: str, failures: int, last_at: datetime, free_at: datetime) -> None:
    values = {"failures": failures, "last_at": last_at, "free_at": free_at}
    if connection.execute(update(throttle).where(throttle.c.key == key).values(values)).rowcount == 0:
        connection.execute(insert(throttle).values(key=key, **values))
