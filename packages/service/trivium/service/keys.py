"""API keys of plants: what a machine holds instead of a session, with the scopes it was given and nothing else.

A key is shown once and kept as a SHA-256, which is enough for 256 random bits and cheap for plants that post hundreds
of requests a second; who was looked up is remembered for 15 seconds. What a key makes belongs to its plant, so a
rotated key finds what its predecessor left. A key made on the page answers to its maker and is out when they are.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, or_, select, update

from trivium.service.audit import Audit
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.roles import Principal, Roles
from trivium.service.security_log import SecurityLog
from trivium.service.short_memory import ShortMemory
from trivium.service.tables import account, api_key

__all__ = ["ApiKey", "ApiKeys", "key_in"]

_PLANT = re.compile(r"[\w.-]{1,64}")
_KEY = re.compile(r"tvk_[0-9a-f]{8}_[\w-]{43}")
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret. `maker` is the name of the account that answers for it, empty for the operator."""

    id: str
    plant: str
    scopes: tuple[str, ...]
    maker: str
    is_maker_disabled: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return `active`, `orphaned` (its maker is disabled), `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "orphaned" if self.is_maker_disabled else "active"


class ApiKeys:
    """The keys of one database.

    Args:
        database: at this release's schema.
        roles: which scopes there are.
        now: the clock.
    """

    def __init__(self, database: Database, roles: Roles, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._roles = roles
        self._now = now
        self._security = SecurityLog(Audit(database, now=now))
        self._memory: ShortMemory[Principal] = ShortMemory()

    def all(self) -> list[ApiKey]:
        """Read every key, by plant, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(_QUERY.order_by(api_key.c.plant, api_key.c.created_at.desc(), api_key.c.id))
            return [_api_key(row) for row in rows]

    def get(self, key_id: str) -> ApiKey:
        """Read one key.

        Raises:
            NotFoundError: if there is none.
        """
        with self._database.read() as connection:
            row = connection.execute(_QUERY.where(api_key.c.id == key_id)).first()
        if row is None:
            raise NotFoundError("no such key", where=key_id[:64], hint="see: trivium keys list")
        return _api_key(row)

    def create(
        self, plant: str, scopes: Iterable[str], *, actor: str, account_id: str | None = None, days: int = 0
    ) -> tuple[ApiKey, str]:
        """Make a key for a plant and return it with the secret, which nobody can read again.

        Args:
            account_id: who answers for it; None for the operator.
            days: until it expires; 0 for never.

        Raises:
            InputError: if the plant's name or a scope cannot be used.
        """
        if not _PLANT.fullmatch(plant):
            hint = "use up to 64 letters, digits and . _ -"
            raise InputError("cannot be the name of a plant", where=repr(plant[:80]), hint=hint)
        expires_at = self._now() + timedelta(days=days) if days else None
        return self._insert(plant, self._roles.checked_scopes(scopes), actor, account_id, expires_at, replaces="")

    def rotate(
        self, key_id: str, *, actor: str, account_id: str | None = None, overlap: timedelta = timedelta(days=1)
    ) -> tuple[ApiKey, str]:
        """Make a successor with the same plant and scopes; the old key works on for `overlap`.

        The successor lives as long as the old one was made for.

        Raises:
            InputError: if the key is revoked or has expired.
        """
        old, now = self.get(key_id), self._now()
        if old.state(now) in ("revoked", "expired"):
            what = "is revoked" if old.state(now) == "revoked" else "is expired"
            raise InputError(what, where=key_id, hint="make a new key for the plant")
        life = old.expires_at - old.created_at if old.expires_at else None
        made = self._insert(old.plant, old.scopes, actor, account_id, now + life if life else None, replaces=old.id)
        ends = min([now + overlap, *([old.expires_at] if old.expires_at else [])])
        with self._database.write() as connection:
            connection.execute(update(api_key).where(api_key.c.id == key_id).values(expires_at=ends))
        self.forget()
        return made

    def revoke(self, key_id: str, *, actor: str) -> ApiKey:
        """Let a key in no more: at once in this process, within 15 seconds in others."""
        self.get(key_id)
        unrevoked = (api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        with self._security.act("key.revoked", actor=actor, subject=key_id) as connection:
            connection.execute(update(api_key).where(*unrevoked).values(revoked_at=self._now()))
        self.forget()
        return self.get(key_id)

    def remembered(self, secret: str) -> Principal | None:
        """Return whose key it is if this process knows that well enough: no database, no waiting."""
        return self._memory.get(_hash(secret))

    def principal_of(self, secret: str) -> Principal | None:
        """Return whose key it is; None when it is unknown, expired, revoked, or its maker is disabled."""
        if not _KEY.fullmatch(secret):
            return None
        key, now = _hash(secret), self._now()
        if known := self._memory.get(key):
            return known
        usable = (
            api_key.c.secret_hash == key,
            api_key.c.revoked_at.is_(None),
            or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > now),
            or_(api_key.c.account_id.is_(None), account.c.is_disabled.is_(False)),
        )
        with self._database.read() as connection:
            row = connection.execute(_QUERY.where(*usable)).first()
        if row is None:
            return None
        if row.used_at is None or now - row.used_at > _USED_EVERY:
            with self._database.write() as connection:
                connection.execute(update(api_key).where(api_key.c.id == row.id).values(used_at=now))
        scopes = frozenset(row.scopes) & frozenset(self._roles.scopes)
        principal = Principal(id=f"plant:{row.plant}", name=row.plant, permissions=scopes, via="key")
        self._memory.put(key, principal)
        return principal

    def forget(self) -> None:
        """Ask the database about every key again."""
        self._memory.forget()

    def _insert(
        self,
        plant: str,
        scopes: tuple[str, ...],
        actor: str,
        account_id: str | None,
        expires_at: datetime | None,
        *,
        replaces: str,
    ) -> tuple[ApiKey, str]:
        key_id = secrets.token_hex(4)
        secret = f"tvk_{key_id}_{secrets.token_urlsafe(32)}"
        values: dict[str, Any] = {"id": key_id, "secret_hash": _hash(secret), "plant": plant, "scopes": list(scopes)}
        values |= {"account_id": account_id, "expires_at": expires_at, "replaces": replaces}
        event = "key.rotated" if replaces else "key.created"
        told = {"plant": plant, "scopes": list(scopes), "replaces": replaces}
        with self._security.act(event, actor=actor, subject=key_id, **told) as connection:
            connection.execute(insert(api_key).values(**values, created_at=self._now()))
        return self.get(key_id), secret


def key_in(headers: Mapping[str, str]) -> str | None:
    """Return the API key that a request brings, right or wrong; None when it brings none."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return headers.get("x-api-key")


_QUERY = select(api_key, account.c.name.label("maker"), account.c.is_disabled).outerjoin(
    account, account.c.id == api_key.c.account_id
)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        plant=row.plant,
        scopes=tuple(row.scopes),
        maker=row.maker or "",
        is_maker_disabled=bool(row.is_disabled),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
