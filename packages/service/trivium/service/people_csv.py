"""A table of people, `name,roles,language`: read as what a deployment's accounts are to be, written as what they are.

Roles of one person are separated by blanks. What a table does not name is left alone, so that reading it twice changes
nothing. Nothing is done before every line is found usable.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from trivium.service.errors import InputError
from trivium.service.people import Account, check_language, usable_name
from trivium.service.roles import Roles

__all__ = ["Change", "Wanted", "changes", "read_people", "write_people"]

_COLUMNS = ("name", "roles", "language")
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would compute; an apostrophe before it keeps it a text


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line: a name and roles as they are stored; an empty language is the browser's."""

    name: str
    roles: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a line asks for: `add`, `roles`, `same`, or `external` for whom an identity provider gives roles."""

    what: str
    wanted: Wanted
    account: Account | None = None


def read_people(stream: TextIO, where: str, roles: Roles) -> list[Wanted]:
    """Read a table.

    Args:
        where: what errors call it.

    Raises:
        InputError: naming the line, if a column is missing or unknown, a name, role or language cannot be used, or a
            name comes twice.
    """
    try:
        lines = csv.DictReader(stream, strict=True)
        columns = [str(name).strip().casefold() for name in lines.fieldnames or ()]
        if not {"name", "roles"} <= set(columns) or len(set(columns)) < len(columns):
            raise InputError("has no columns name and roles", where=where, hint=f"begin with: {','.join(_COLUMNS)}")
        lines.fieldnames = columns
        found: dict[str, Wanted] = {}
        for line in lines:
            place = f"{where} line {lines.line_num}"
            wanted = _wanted(line, place, roles)
            if wanted.name in found:
                raise InputError(f"{wanted.name} comes a second time", where=place)
            found[wanted.name] = wanted
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"is no CSV in UTF-8 ({error})", where=where) from error
    return list(found.values())


def changes(wanted: Sequence[Wanted], accounts: Iterable[Account], roles: Roles) -> list[Change]:
    """Return what the lines ask for, new accounts first: a new admin is there before another one goes."""
    known = {account.name: account for account in accounts}
    found = [Change(_what(one, known.get(one.name), roles), one, known.get(one.name)) for one in wanted]
    return sorted(found, key=lambda change: change.what != "add")


def write_people(accounts: Iterable[Account], stream: TextIO) -> None:
    """Write accounts as `read_people` reads them, with their state and last login behind."""
    table = csv.writer(stream, lineterminator="\n")
    table.writerow((*_COLUMNS, "state", "last_login"))
    for one in accounts:
        state = "disabled" if one.is_disabled else "active" if one.is_set_up else "invited"
        last = f"{one.logged_in_at:%Y-%m-%dT%H:%M:%SZ}" if one.logged_in_at else ""
        name = f"'{one.name}" if one.name.startswith(_FORMULA) else one.name
        table.writerow((name, " ".join(one.roles), one.language, state, last))


def _wanted(line: dict[str | None, str | list[str] | None], place: str, roles: Roles) -> Wanted:
    if None in line or None in line.values():
        raise InputError("has another number of fields than the first line", where=place)
    fields = {str(name): str(value).strip() for name, value in line.items()}
    try:
        name = usable_name(fields["name"].removeprefix("'"))
        return Wanted(name, roles.named(fields["roles"].split()), check_language(fields.get("language", "")))
    except InputError as error:
        raise InputError(f"{error.where}: {error.what}", where=place, hint=error.hint) from error


def _what(wanted: Wanted, account: Account | None, roles: Roles) -> str:
    if account is None:
        return "add"
    if account.is_external:
        return "external"
    shown = {role for role in account.roles if role in roles.names}  # the others are of apps that are switched off
    return "same" if shown == set(wanted.roles) else "roles"
