"""Which roles there are, and what each permits: one book made from the specs of the enabled apps and the platform.

A role is written `app:role`; the platform's own is `admin`. Each owner's roles grant that owner's permissions only
(`AppSpec` refuses anything else), so admin holds no app's permission unless given one of its roles by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trivium.service.app import SPEC
from trivium.service.app_spec import AppSpec
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase, joined

__all__ = ["ADMIN", "LOCAL_USER", "Principal", "Roles"]

ADMIN = "admin"
LOCAL_USER = "local"
"""Id of the first user: whoever opened the one-time link of the first start."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: a person with a session, or a plant with an API key.

    Args:
        id: owner of their jobs: an account's id, or `plant:<name>`.
        name: as shown.
        permissions: what they may do.
        via: how they got in: `password`, `link`, `first`, `oidc`, `break-glass`, or `key`.
        language: that they chose; empty for none.
        has_password: whether they can log in with one.
    """

    id: str
    name: str
    permissions: frozenset[str]
    via: str
    language: str = ""
    has_password: bool = False

    @property
    def is_person(self) -> bool:
        """Whether this is a person; a key never signs, and has no account page."""
        return self.via != "key"

    def may(self, *permissions: str) -> bool:
        """Whether any of the permissions is held."""
        return any(permission in self.permissions for permission in permissions)


class Roles:
    """The roles of a deployment.

    Args:
        specs: the enabled apps; the platform's own roles are always there.
    """

    def __init__(self, specs: Iterable[AppSpec]) -> None:
        owners = {spec.name: spec for spec in (SPEC, *specs)}.values()
        self._granted = {
            role if spec is SPEC else f"{spec.name}:{role}": frozenset(permissions)
            for spec in owners
            for role, permissions in spec.roles.items()
        }
        self._scopes = {item for spec in owners for item in spec.permissions if item not in spec.persons_only}

    @property
    def names(self) -> tuple[str, ...]:
        """Every role as it is stored and shown, admin first."""
        return tuple(self._granted)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every permission that an API key may hold."""
        return tuple(sorted(self._scopes))

    def permissions(self, roles: Iterable[str]) -> frozenset[str]:
        """Return what the roles permit together; those of apps that are switched off permit nothing."""
        return frozenset().union(*(self._granted.get(role, frozenset()) for role in roles))

    def named(self, written: Iterable[str]) -> tuple[str, ...]:
        """Return roles as they are stored; `analyst` will do for `finance:analyst` while it is the only one.

        Raises:
            InputError: if there is no such role, or more than one.
        """
        return tuple(dict.fromkeys(self._named(name) for name in written))

    def checked_scopes(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes of a key, sorted.

        Raises:
            InputError: if there is none, or one is unknown or only for persons.
        """
        wanted = sorted(set(scopes))
        unknown = [scope for scope in wanted if scope not in self._scopes]
        if unknown or not wanted:
            what = Phrase("{unknown} is no permission of a key", unknown=joined(unknown, ", "))
            hint = Phrase("use some of {choices}", choices=joined(self.scopes, ", ") or "(no app has any)")
            raise InputError(what if unknown else "a key needs a scope", where="scope", hint=hint)
        return tuple(wanted)

    def _named(self, written: str) -> str:
        if written in self._granted:
            return written
        found = [name for name in self._granted if name.partition(":")[2] == written]
        if len(found) == 1:
            return found[0]
        if found:
            what = Phrase("'{role}' is a role of several apps", role=written)
            raise InputError(what, where="role", hint=Phrase("use {choices}", choices=joined(found, " or ")))
        hint = Phrase("known: {choices}", choices=joined(self.names, ", "))
        raise InputError(Phrase("no role is called '{role}'", role=written), where="role", hint=hint)
