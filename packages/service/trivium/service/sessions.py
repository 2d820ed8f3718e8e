"""Who is at the door: one-time login links, and sessions that live in the database as hashes.

Whoever has the link is the deployment's local user; accounts and roles build on the same two tables. A token is shown
once, to the person it is for; the database keeps its SHA-256 only.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from trivium.service.database import Database, utc_now
from trivium.service.tables import login_token, session

__all__ = ["Sessions"]

_LINK_LIFE = timedelta(hours=24)
_SESSION_LIFE = timedelta(days=30)
_SEEN_EVERY = timedelta(minutes=1)
_CACHE_S = 15.0
_CACHE_SIZE = 4096


class Sessions:
    """Login links and sessions of one database.

    Args:
        database: at this release's schema.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now
        self._cache: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def make_link_token(self, subject: str) -> str:
        """Make a token for one login of `subject`, good for a day; those that ran out are removed."""
        token, now = secrets.token_urlsafe(24), self._now()
        with self._database.write() as connection:
            connection.execute(delete(login_token).where(login_token.c.expires_at < now))
            values = {"token_hash": _hash(token), "subject": subject, "created_at": now}
            connection.execute(insert(login_token).values(**values, expires_at=now + _LINK_LIFE))
        return token

    def log_in(self, link_token: str) -> str | None:
        """Trade a link token for a session token; None when it is unknown, used or too old."""
        now, token = self._now(), secrets.token_urlsafe(32)
        usable = (
            login_token.c.token_hash == _hash(link_token),
            login_token.c.used_at.is_(None),
            login_token.c.expires_at > now,
        )
        link = select(login_token.c.subject).where(*usable).with_for_update()  # two visitors, one link: one gets in
        with self._database.write() as connection:
            subject = connection.execute(link).scalar_one_or_none()
            if subject is None:
                return None
            connection.execute(update(login_token).where(*usable).values(used_at=now))
            connection.execute(delete(session).where(session.c.expires_at < now))
            values = {"token_hash": _hash(token), "subject": subject, "created_at": now, "seen_at": now}
            connection.execute(insert(session).values(**values, expires_at=now + _SESSION_LIFE))
        return token

    def subject_of(self, session_token: str) -> str | None:
        """Return whose session it is; None when there is none. Remembered for 15 seconds per process."""
        key = _hash(session_token)
        with self._lock:
            subject, until = self._cache.get(key, ("", 0.0))
        if subject and time.monotonic() < until:
            return subject
        found = self._look_up(key)
        with self._lock:
            if found is None:
                self._cache.pop(key, None)
            else:
                if len(self._cache) >= _CACHE_SIZE:
                    self._cache.clear()
                self._cache[key] = (found, time.monotonic() + _CACHE_S)
        return found

    def log_out(self, session_token: str) -> None:
        """End a session, at once in this process and within 15 seconds in others."""
        key = _hash(session_token)
        with self._database.write() as connection:
            connection.execute(delete(session).where(session.c.token_hash == key))
        with self._lock:
            self._cache.pop(key, None)

    def _look_up(self, key: str) -> str | None:
        now = self._now()
        query = select(session.c.subject, session.c.seen_at).where(
            session.c.token_hash == key, session.c.expires_at > now
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if now - row.seen_at > _SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(update(session).where(session.c.token_hash == key).values(seen_at=now))
        return str(row.subject)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
