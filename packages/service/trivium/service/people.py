"""The people of a deployment: accounts with a name, a password or an identity provider behind it, roles, a language.

An account's id owns jobs and never changes; its name may, once, when the first user makes an account of their own. An
account is disabled, never deleted: what it did stays its own. Who acts is told to every function that changes something
and recorded (`security_log.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from trivium.service.audit import Audit
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.passwords import Passwords, check_password
from trivium.service.phrase import Phrase, joined
from trivium.service.roles import ADMIN, LOCAL_USER, Roles
from trivium.service.security_log import SecurityLog
from trivium.service.tables import account, login_token, session
from trivium.service.text import LANGUAGES

__all__ = ["Account", "People", "account_id_of", "check_language", "normal_name", "usable_name"]

_NAME = re.compile(r"[\w.@+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `id` owns their jobs, `name` is what they log in with."""

    id: str
    name: str
    roles: tuple[str, ...]
    language: str
    is_disabled: bool
    has_password: bool
    is_external: bool
    created_at: datetime
    logged_in_at: datetime | None

    @property
    def is_set_up(self) -> bool:
        """Whether there is a way to log in without a link from the terminal."""
        return self.has_password or self.is_external


class People:
    """The accounts of one database.

    Args:
        database: at this release's schema.
        roles: those that may be given.
        passwords: how they are hashed.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        roles: Roles,
        *,
        passwords: Passwords | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._roles = roles
        self._passwords = passwords or Passwords()
        self._now = now
        self._security = SecurityLog(Audit(database, now=now))

    def all(self) -> list[Account]:
        """Read every account, by name."""
        with self._database.read() as connection:
            return [_account(row) for row in connection.execute(select(account).order_by(account.c.name))]

    def get(self, account_id: str) -> Account:
        """Read one account.

        Raises:
            NotFoundError: if there is none.
        """
        return self._one(account.c.id == account_id, account_id)

    def named(self, name: str) -> Account:
        """Read the account of a name, in any case of letters.

        Raises:
            NotFoundError: if there is none.
        """
        return self._one(account.c.name == normal_name(name), name)

    def is_known(self, name: str) -> bool:
        """Whether there is an account of this name."""
        with self._database.read() as connection:
            return (
                connection.execute(select(account.c.id).where(account.c.name == normal_name(name))).first() is not None
            )

    def can_anybody_log_in(self) -> bool:
        """Whether an account with a password exists that is not disabled."""
        usable = (account.c.password_hash != "", account.c.is_disabled.is_(False))
        with self._database.read() as connection:
            return connection.execute(select(account.c.id).where(*usable).limit(1)).first() is not None

    def ensure_first(self) -> Account | None:
        """Return the first user while they have no password, made when there is nobody; None once they have one.

        Every app's roles and admin are theirs: whoever starts the suite on this machine may do everything with it.
        """
        with self._database.write() as connection:
            if connection.execute(select(func.count()).select_from(account)).scalar_one() == 0:
                _insert(connection, LOCAL_USER, LOCAL_USER, roles=self._roles.names, created_at=self._now())
            row = connection.execute(select(account).where(account.c.id == LOCAL_USER)).first()
            if row is None or row.is_disabled or _account(row).is_set_up:
                return None
            roles = list(dict.fromkeys([*row.roles, *self._roles.names]))  # an app may have come with this release
            connection.execute(update(account).where(account.c.id == LOCAL_USER).values(roles=roles))
        return self.get(LOCAL_USER)

    def add(
        self, name: str, roles: Iterable[str] = (), *, actor: str, password: str = "", language: str = ""
    ) -> Account:
        """Make an account; without a password its owner sets one through a link.

        Raises:
            InputError: if the name is taken or unusable, a role is unknown, or the password is not good enough.
        """
        name = usable_name(name)
        given = self._roles.named(roles)
        if password:
            check_password(password, name=name)
        hashed = self._passwords.hash(password) if password else ""
        values: dict[str, Any] = {
            "password_hash": hashed,
            "language": check_language(language),
            "roles": given,
            "created_at": self._now(),
        }
        told = {"roles": list(given), "has_password": bool(password)}
        with self._security.act("account.created", actor=actor, subject=name, **told) as connection:
            self._refuse_taken(connection, name)
            _insert(connection, name, name, **values)
        return self.get(name)

    def set_roles(self, account_id: str, roles: Iterable[str], *, actor: str) -> Account:
        """Give an account these roles and no others.

        Raises:
            InputError: if a role is unknown, or nobody would be admin any more.
        """
        hidden = [role for role in self.get(account_id).roles if role not in self._roles.names]  # of apps switched off
        given = [*self._roles.named(roles), *hidden]
        with self._security.act("roles.changed", actor=actor, subject=account_id, roles=given) as connection:
            if ADMIN not in given:
                self._refuse_last_admin(connection, account_id)
            connection.execute(update(account).where(account.c.id == account_id).values(roles=given))
        return self.get(account_id)

    def set_disabled(self, account_id: str, is_disabled: bool, *, actor: str) -> Account:
        """Let an account in no more, or again. Sessions and links end; other processes notice within 15 seconds.

        Raises:
            InputError: if nobody would be admin any more.
        """
        self.get(account_id)
        event = "account.disabled" if is_disabled else "account.enabled"
        with self._security.act(event, actor=actor, subject=account_id) as connection:
            if is_disabled:
                self._refuse_last_admin(connection, account_id)
                _end_sessions(connection, account_id)
            connection.execute(update(account).where(account.c.id == account_id).values(is_disabled=is_disabled))
        return self.get(account_id)

    def set_language(self, account_id: str, language: str) -> None:
        """Keep the language that pages are shown in; empty for the browser's."""
        with self._database.write() as connection:
            chosen = update(account).where(account.c.id == account_id).values(language=check_language(language))
            connection.execute(chosen)

    def set_password(self, account_id: str, password: str, *, actor: str, name: str = "") -> Account:
        """Set a password and end every session and link of the account; the first user also chooses a name.

        Raises:
            InputError: if the password is not good enough, or the name is taken or unusable.
        """
        known = self.get(account_id)
        if known.is_external:
            raise InputError("logs in with the identity provider and has no password here", where=known.name)
        chosen = usable_name(name) if name and normal_name(name) != known.name else known.name
        check_password(password, name=chosen)
        values: dict[str, Any] = {"password_hash": self._passwords.hash(password), "name": chosen}
        with self._security.act("password.changed", actor=actor, subject=account_id, name=chosen) as connection:
            if chosen != known.name:
                self._refuse_taken(connection, chosen)
            connection.execute(update(account).where(account.c.id == account_id).values(values))
            _end_sessions(connection, account_id)
        return self.get(account_id)

    def invite(self, account_id: str, *, actor: str) -> Account:
        """Take an account's password and sessions away, so that its owner sets a new one through a link.

        Raises:
            InputError: if an identity provider vouches for the account.
        """
        known = self.get(account_id)
        if known.is_external:
            raise InputError("logs in with the identity provider and needs no link", where=known.name)
        event = "password.reset" if known.has_password else "account.invited"
        with self._security.act(event, actor=actor, subject=account_id) as connection:
            connection.execute(update(account).where(account.c.id == account_id).values(password_hash=""))
            _end_sessions(connection, account_id)
        return self.get(account_id)

    def authenticate(self, name: str, password: str) -> Account | None:
        """Return the account that name and password belong to, else None, after as much work whatever is wrong."""
        with self._database.read() as connection:
            row = connection.execute(select(account).where(account.c.name == normal_name(name))).first()
        stored = row.password_hash if row is not None else ""
        if not self._passwords.matches(stored, password) or row is None or row.is_disabled:
            return None
        if self._passwords.is_outdated(stored):
            values = {"password_hash": self._passwords.hash(password)}
            with self._database.write() as connection:
                connection.execute(update(account).where(account.c.id == row.id).values(values))
        return _account(row)

    def external(self, subject: str, name: str, roles: tuple[str, ...]) -> Account:
        """Return the account of an identity provider's subject, made on its first login, with the roles of today.

        Raises:
            InputError: if another account has the name.
            NotFoundError: if the account is disabled.
        """
        known = self._of_subject(subject)
        if known is None:
            account_id = usable_name(name)
            with self._security.act(
                "account.created", actor="oidc", subject=account_id, roles=list(roles)
            ) as connection:
                self._refuse_taken(connection, account_id)
                now = self._now()
                _insert(connection, account_id, account_id, oidc_subject=subject, roles=roles, created_at=now)
        else:
            account_id = known.id
            if tuple(known.roles) != roles:
                told = {"actor": "oidc", "subject": account_id, "roles": list(roles)}
                with self._security.act("roles.changed", **told) as connection:
                    connection.execute(update(account).where(account.c.id == account_id).values(roles=list(roles)))
        found = self.get(account_id)
        if found.is_disabled:
            raise NotFoundError("the account is disabled", where=found.name)
        return found

    def _of_subject(self, subject: str) -> Row[Any] | None:
        with self._database.read() as connection:
            return connection.execute(select(account).where(account.c.oidc_subject == subject)).first()

    def _one(self, condition: Any, shown: str) -> Account:
        with self._database.read() as connection:
            row = connection.execute(select(account).where(condition)).first()
        if row is None:
            raise NotFoundError("no such account", where=shown[:64], hint="see: trivium people list")
        return _account(row)

    def _refuse_taken(self, connection: Connection, name: str) -> None:
        """Refuse a name that is another account's, or its id, which would give away that account's jobs."""
        taken = select(account.c.id).where(or_(account.c.name == name, account.c.id == name))
        if name == LOCAL_USER or connection.execute(taken).first() is not None:
            raise InputError("there is an account of this name already", where=name)

    def _refuse_last_admin(self, connection: Connection, account_id: str) -> None:
        # locked in one order: two admins who disable each other at once are looked at one after the other
        rows = connection.execute(select(account).order_by(account.c.id).with_for_update())
        admins = {row.id: row.name for row in rows if ADMIN in row.roles and not row.is_disabled}
        if set(admins) == {account_id}:
            hint = "give somebody else the role admin first"
            raise InputError("is the last account with the role admin", where=admins[account_id], hint=hint)


def account_id_of(connection: Connection, written: str) -> str | None:
    """Return the id of the account that somebody means by its name, or by its id; None when there is none."""
    meant = or_(account.c.id == written, account.c.name == normal_name(written))
    return connection.execute(select(account.c.id).where(meant)).scalar()


def normal_name(name: str) -> str:
    """Return a name as it is stored and compared: composed characters, small letters."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[:200]


def usable_name(name: str) -> str:
    """Return a name that an account may have, as it is stored.

    Raises:
        InputError: if it has other characters, or too many.
    """
    normal = normal_name(name)
    if not _NAME.fullmatch(normal):
        hint = "use up to 64 letters, digits and . _ - + @"
        raise InputError("cannot be the name of an account", where=repr(name[:80]), hint=hint)
    return normal


def check_language(language: str) -> str:
    """Return the language; empty for the browser's.

    Raises:
        InputError: if it is none of ours.
    """
    if language and language not in LANGUAGES:
        what = Phrase("'{language}' is no language of ours", language=language)
        raise InputError(what, where="language", hint=Phrase("use {choices}", choices=joined(LANGUAGES, ", ")))
    return language


def _insert(connection: Connection, account_id: str, name: str, *, roles: Iterable[str], **values: Any) -> None:
    try:
        connection.execute(insert(account).values(id=account_id, name=name, roles=list(roles), **values))
    except IntegrityError as error:  # somebody made it between our look and our insert
        raise InputError("there is an account of this name already", where=name) from error


def _end_sessions(connection: Connection, account_id: str) -> None:
    """End what an account is logged in by, links that were not used included."""
    connection.execute(delete(session).where(session.c.subject == account_id))
    connection.execute(delete(login_token).where(login_token.c.subject == account_id))


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        roles=tuple(row.roles),
        language=row.language,
        is_disabled=bool(row.is_disabled),
        has_password=bool(row.password_hash),
        is_external=row.oidc_subject is not None,
        created_at=row.created_at,
        logged_in_at=row.logged_in_at,
    )
