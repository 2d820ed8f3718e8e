"""Who may come in, opened once a process: roles, accounts, sessions, API keys, throttle, identity provider."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from trivium.service.app_spec import AppSpec, installed_apps
from trivium.service.audit import Audit
from trivium.service.database import Database
from trivium.service.errors import InputError
from trivium.service.keys import ApiKeys
from trivium.service.oidc import IdentityProvider
from trivium.service.people import Account, People, normal_name
from trivium.service.roles import Roles
from trivium.service.security_log import SecurityLog
from trivium.service.sessions import Lifetime, Sessions
from trivium.service.settings import Settings
from trivium.service.throttle import Throttle

__all__ = ["Access", "Throttled", "check_listening", "open_access", "open_provider"]


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many attempts: the next one is looked at after so many seconds."""

    wait_s: int


@dataclass(frozen=True, slots=True)
class Access:
    """The parts that decide who a visitor is and what they may do."""

    roles: Roles
    people: People
    sessions: Sessions
    keys: ApiKeys
    throttle: Throttle
    security: SecurityLog

    def log_in(self, name: str, password: str, *, address: str) -> str | Throttled | None:
        """Return the token of a new session; None when name and password do not belong together."""
        name = normal_name(name)  # one account, one count, however it is written
        wait_s = self.throttle.charge(name, address)
        account = None if wait_s else self.people.authenticate(name, password)
        if account is None:
            event = "login.throttled" if wait_s else "login.failed"
            # not what was typed: it may be a password in the wrong field
            actor = name if self.people.is_known(name) else "unknown"
            self.security.record(event, actor=actor, address=address, wait_s=wait_s)
            return Throttled(wait_s) if wait_s else None
        self.throttle.clear(name, address)
        return self.start(account.id, via="password", address=address)

    def start(self, account_id: str, *, via: str, address: str) -> str:
        """Start a session for somebody who has shown who they are."""
        return self.sessions.start(account_id, via=via, address=address)

    def forget(self) -> None:
        """Ask the database about everybody again, now that something changed."""
        self.sessions.forget()
        self.keys.forget()

    def first(self) -> Account | None:
        """Return the first user while they have not made an account of their own."""
        return self.people.ensure_first()


def open_access(settings: Settings, apps: Iterable[AppSpec], database: Database) -> Access:
    """Open the parts that the settings name.

    Raises:
        InputError: if a setting names a role that there is not.
    """
    apps = tuple(apps)
    roles = Roles(apps)
    minutes, by_role = settings.idle_minutes
    lifetime = Lifetime(
        timedelta(hours=settings.session_hours),
        timedelta(minutes=minutes),
        {
            _known(apps, role, "TRIVIUM_SESSION_IDLE_MINUTES"): timedelta(minutes=limit)
            for role, limit in by_role.items()
        },
    )
    return Access(
        roles=roles,
        people=People(database, roles),
        sessions=Sessions(database, roles, lifetime=lifetime),
        keys=ApiKeys(database, roles),
        throttle=Throttle(database),
        security=SecurityLog(Audit(database)),
    )


def open_provider(settings: Settings, apps: Iterable[AppSpec]) -> IdentityProvider | None:
    """Return the identity provider that the settings name; None when they name none.

    Raises:
        InputError: if a setting is missing or names a role that there is not, or the extra is not installed.
    """
    if not settings.oidc_issuer:
        return None
    apps = tuple(apps)
    groups = {
        group: tuple(_known(apps, role, "TRIVIUM_OIDC_ROLES") for role in roles)
        for group, roles in settings.roles_by_group.items()
    }
    if not groups:
        hint = "write radiology=medical:radiologist; it=admin"
        raise InputError("is empty, so nobody could come in", where="TRIVIUM_OIDC_ROLES", hint=hint)
    return IdentityProvider(settings, groups)


def _known(apps: tuple[AppSpec, ...], role: str, setting: str) -> str:
    """Return a role as it is stored; a setting may name those of apps that `TRIVIUM_APPS` hides."""
    try:
        return Roles((*installed_apps(), *apps)).named([role])[0]
    except InputError as error:
        raise InputError(error.what, where=setting, hint=error.hint) from error


def check_listening(settings: Settings, people: People) -> None:
    """Refuse to listen to other machines while nobody could log in there.

    Raises:
        InputError: saying how to make an account.
    """
    if not settings.is_loopback and not settings.oidc_issuer and not people.can_anybody_log_in():
        raise InputError(
            f"listens on {settings.host}, for other machines too, only once somebody has an account",
            where="TRIVIUM_HOST",
            hint="make one with: trivium people add NAME --role admin; or set TRIVIUM_OIDC_ISSUER",
        )
