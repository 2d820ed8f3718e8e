"""Showing again who one is before signing: the password, or a PIN of one's own, good for a site-set time of grace.

A PIN is for those who log in without a password here (by link, or through an identity provider), and for those who
prefer it. Guesses are slowed down as at the login. A grace belongs to one session and ends with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from trivium.medical import tables
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError
from trivium.service.passwords import Passwords
from trivium.service.people import People
from trivium.service.phrase import Phrase
from trivium.service.throttle import Throttle

__all__ = ["Proof", "StepUp"]

_PIN = re.compile(r"\d{6,12}")
_FIRST_PIN, _MINUTE = timedelta(minutes=10), timedelta(minutes=1)
_UP = "01234567890123456789"


@dataclass(frozen=True, slots=True)
class Proof:
    """What an attempt gave: how it was shown (`password`, `pin`, `grace`), empty when it was not; seconds to wait."""

    how: str
    wait_s: int = 0


class StepUp:
    """Checks and remembers who has stepped up.

    Args:
        grace: how long one proof counts; zero asks each time.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        people: People,
        throttle: Throttle,
        *,
        grace: timedelta,
        passwords: Passwords | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._people = people
        self._throttle = throttle
        self._grace = grace
        self._passwords = passwords or Passwords()
        self._audit = Audit(database, now=lambda: self._now())
        self._now = now

    def has_pin(self, account_id: str) -> bool:
        """Whether the account has a PIN."""
        return bool(self._pin(account_id))

    def has_grace(self, account_id: str, session_token: str) -> bool:
        """Whether an earlier proof of this session still counts."""
        row = tables.step_up
        query = select(row).where(row.c.session_hash == _hash(session_token), row.c.account_id == account_id)
        with self._database.read() as connection:
            found = connection.execute(query).first()
        return bool(session_token) and found is not None and self._now() - found.at < self._grace

    def prove(self, account_id: str, name: str, session_token: str, secret: str, *, address: str) -> Proof:
        """Check a PIN or password, or the grace when nothing is given."""
        if not secret:
            return Proof("grace" if self.has_grace(account_id, session_token) else "")
        if wait_s := self._throttle.charge(name, address):
            return Proof("", wait_s)
        how = self._how(account_id, name, secret)
        if not how:
            self._audit.record(Entry("sign.refused", account_id, "account", account_id, "", {"address": address}))
            return Proof("")
        self._throttle.clear(name, address)
        row, key = tables.step_up, _hash(session_token)
        with self._database.write() as connection:
            connection.execute(delete(row).where((row.c.session_hash == key) | (row.c.at < self._now() - self._grace)))
            connection.execute(insert(row).values(session_hash=key, account_id=account_id, how=how, at=self._now()))
        return Proof(how)

    def set_pin(
        self, account_id: str, name: str, pin: str, *, secret: str, logged_in_at: datetime | None, address: str
    ) -> None:
        """Set the PIN; whoever has one, or a password, gives it. Who has neither has logged in a moment ago: else
        whoever finds the screen of somebody who signs could choose a PIN, and sign as them.

        Args:
            logged_in_at: when the session began; None where that is not known.

        Raises:
            InputError: if the PIN is too easy, or what it asks for was not given.
        """
        if not _PIN.fullmatch(pin) or pin in _UP or pin in _UP[::-1] or len(set(pin)) < 3:
            raise InputError("needs 6 to 12 digits, three of them different, and not a run", where="PIN")
        if self._has_proof(account_id):
            wait_s = self._throttle.charge(name, address)
            if wait_s or not self._how(account_id, name, secret):
                raise InputError("give your present PIN or password first", where="PIN")
            self._throttle.clear(name, address)
        else:
            self._need_login(logged_in_at)
        row = tables.pin
        with self._database.write(is_durable=True) as connection:
            connection.execute(delete(row).where(row.c.account_id == account_id))
            values = {"hash": self._passwords.hash(pin), "set_at": self._now()}
            connection.execute(insert(row).values(account_id=account_id, **values))
            self._audit.append(connection, Entry("pin.set", account_id, "account", account_id))

    def _need_login(self, logged_in_at: datetime | None) -> None:
        within = max(self._grace, _FIRST_PIN)
        if logged_in_at is None or self._now() - logged_in_at > within:
            what = Phrase("log in again, then choose a PIN within {minutes} minutes", minutes=within // _MINUTE)
            raise InputError(what, where="PIN")

    def _has_proof(self, account_id: str) -> bool:
        return self.has_pin(account_id) or self._people.get(account_id).has_password

    def _how(self, account_id: str, name: str, secret: str) -> str:
        if _PIN.fullmatch(secret) and self._passwords.matches(self._pin(account_id), secret):
            return "pin"
        found = self._people.authenticate(name, secret)
        return "password" if found is not None and found.id == account_id else ""

    def _pin(self, account_id: str) -> str:
        row = tables.pin
        with self._database.read() as connection:
            return str(connection.execute(select(row.c.hash).where(row.c.account_id == account_id)).scalar() or "")


def _hash(session_token: str) -> str:
    return hashlib.sha256(f"step-up:{session_token}".encode()).hexdigest()
