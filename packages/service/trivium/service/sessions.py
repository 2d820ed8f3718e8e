"""Who has a session: one-time login links, and sessions that live in the database as hashes.

A token is shown once, to the person it is for; the database keeps its SHA-256 only. A session ends when its account is
disabled, when nobody does anything with it for the idle time of the account's roles, and after its absolute life.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, Row, delete, insert, select, update

from trivium.service.audit import Audit
from trivium.service.database import Database, utc_now
from trivium.service.roles import ADMIN, Principal, Roles
from trivium.service.security_log import SecurityLog
from trivium.service.short_memory import ShortMemory
from trivium.service.tables import account, login_token, session

__all__ = ["BREAK_GLASS", "FIRST", "Lifetime", "OpenSession", "Sessions"]

BREAK_GLASS = "break-glass"
"""How a session began that the operator opened from the terminal: it holds the role admin alone, for an hour."""
FIRST = "first"
"""How the first user's link is told from later ones: it leads to making an account."""

_LINK_LIFE = timedelta(hours=24)
_BREAK_GLASS_LIFE = timedelta(hours=1)
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long sessions live.

    Args:
        absolute: from login on, whatever happens.
        idle: without anything done, for an account with none of the roles in `by_role`.
        by_role: idle time by role; the shortest of an account's counts.
    """

    absolute: timedelta = timedelta(hours=168)
    idle: timedelta = timedelta(minutes=720)
    by_role: Mapping[str, timedelta] | None = None

    def idle_of(self, roles: tuple[str, ...]) -> timedelta:
        """Return the idle time of an account with these roles."""
        stated = [self.by_role[role] for role in roles if role in self.by_role] if self.by_role else []
        return min([self.idle, *stated])


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One session as its owner sees it."""

    via: str
    created_at: datetime
    seen_at: datetime
    is_own: bool


class Sessions:
    """Login links and sessions of one database.

    Args:
        database: at this release's schema.
        roles: what each role permits.
        lifetime: when a session ends by itself.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        roles: Roles,
        *,
        lifetime: Lifetime | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._roles = roles
        self._lifetime = lifetime or Lifetime()
        self._now = now
        self._security = SecurityLog(Audit(database, now=now))
        self._memory: ShortMemory[tuple[Principal, datetime]] = ShortMemory()

    def make_link_token(self, account_id: str, *, via: str = "link", life: timedelta = _LINK_LIFE) -> str:
        """Make a token for one login of an account; those that ran out are removed."""
        token, now = secrets.token_urlsafe(24), self._now()
        with self._database.write() as connection:
            connection.execute(delete(login_token).where(login_token.c.expires_at < now))
            values = {"token_hash": _hash(token), "subject": account_id, "created_at": now, "via": via}
            connection.execute(insert(login_token).values(**values, expires_at=now + life))
        return token

    def use_link(self, link_token: str) -> tuple[str, str] | None:
        """Use a link up; return the account it logs in and how, or None when it is unknown, used or too old."""
        now = self._now()
        usable = (
            login_token.c.token_hash == _hash(link_token),
            login_token.c.used_at.is_(None),
            login_token.c.expires_at > now,
        )
        with self._database.write() as connection:  # a guarded update: two visitors, one link, one gets in
            if connection.execute(update(login_token).where(*usable).values(used_at=now)).rowcount == 0:
                return None
            link = select(login_token.c.subject, login_token.c.via).where(usable[0])
            row = connection.execute(link).one()
            enabled = select(account.c.id).where(account.c.id == row.subject, account.c.is_disabled.is_(False))
            return (row.subject, row.via) if connection.execute(enabled).first() else None

    def start(self, account_id: str, *, via: str, address: str = "") -> str:
        """Start a session, on record, and return its token. Sessions that are over are removed."""
        now, token = self._now(), secrets.token_urlsafe(32)
        event = "login.break_glass" if via == BREAK_GLASS else "login.done"
        with self._security.act(event, actor=account_id, via=via, address=address) as connection:
            connection.execute(delete(session).where(session.c.expires_at < now))
            values = {"token_hash": _hash(token), "subject": account_id, "created_at": now, "seen_at": now, "via": via}
            life = min(self._lifetime.absolute, _BREAK_GLASS_LIFE) if via == BREAK_GLASS else self._lifetime.absolute
            connection.execute(insert(session).values(**values, expires_at=now + life))
            connection.execute(update(account).where(account.c.id == account_id).values(logged_in_at=now))
        return token

    def remembered(self, token: str, *, is_action: bool = True) -> Principal | None:
        """Return whose session it is if this process knows that well enough: no database, no waiting."""
        found = self._memory.get(_hash(token))
        if found is None or (is_action and self._now() - found[1] > _SEEN_EVERY):
            return None
        return found[0]

    def principal_of(self, token: str, *, is_action: bool = True) -> Principal | None:
        """Return whose session it is; None when there is none. Remembered for 15 seconds per process.

        Args:
            is_action: whether a person did something; polling by an open page keeps no session alive.
        """
        if known := self.remembered(token, is_action=is_action):
            return known
        key, now = _hash(token), self._now()
        self._memory.forget(key)
        query = (
            select(session, account)
            .join(account, account.c.id == session.c.subject)
            .where(session.c.token_hash == key, session.c.expires_at > now, account.c.is_disabled.is_(False))
            .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        seen_at = row.service_session_seen_at
        if now - seen_at > self._lifetime.idle_of(tuple(row.service_account_roles)):
            self.end(token)
            return None
        if is_action and now - seen_at > _SEEN_EVERY:
            seen_at = now
            with self._database.write() as connection:
                connection.execute(update(session).where(session.c.token_hash == key).values(seen_at=now))
        principal = self._principal(row)
        self._memory.put(key, (principal, seen_at))
        return principal

    def end(self, token: str) -> None:
        """End a session, at once in this process and within 15 seconds in others."""
        key = _hash(token)
        with self._database.write() as connection:
            connection.execute(delete(session).where(session.c.token_hash == key))
        self._memory.forget(key)

    def end_all(self, account_id: str) -> None:
        """End every session of an account, at once in this process and within 15 seconds in others."""
        with self._database.write() as connection:
            connection.execute(delete(session).where(session.c.subject == account_id))
        self.forget()

    def forget(self) -> None:
        """Ask the database about everybody again: somebody's roles changed, or somebody was disabled."""
        self._memory.forget()

    def of(self, account_id: str, *, own_token: str = "") -> list[OpenSession]:
        """List an account's sessions, the one used last first."""
        query = select(session).where(session.c.subject == account_id, session.c.expires_at > self._now())
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(session.c.seen_at.desc())).all()
        own = _hash(own_token)
        return [OpenSession(row.via, row.created_at, row.seen_at, row.token_hash == own) for row in rows]

    def _principal(self, row: Row[Any]) -> Principal:
        roles, via = tuple(row.service_account_roles), row.service_session_via
        if via == BREAK_GLASS:  # an operator opened the door: nothing may be signed or read in the person's name
            roles = tuple(role for role in roles if role == ADMIN)
        return Principal(
            id=row.service_account_id,
            name=row.service_account_name,
            permissions=self._roles.permissions(roles),
            via=via,
            language=row.service_account_language,
            has_password=bool(row.service_account_password_hash),
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
