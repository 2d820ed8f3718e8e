"""What all classes of settings ask of their values: known names, declared kinds, ranges, choices.

Standard library only. Values may come from anybody's `config.json` or YAML file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trivium.service.errors import InputError

__all__ = ["check_choice", "check_kinds", "check_positive", "divisors", "known_names", "short"]

# What a field of this declared type may hold, and what a message calls it; a nested class of settings is named itself.
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "tuple[int, ...]": (tuple, "a list of whole numbers"),
    "tuple[str, ...]": (tuple, "a list of texts"),
    "Mapping[str, Any]": (Mapping, "settings by name"),
}


def check_kinds(settings: Any) -> None:
    """Hold each value of a dataclass against the type that its field declares.

    Raises:
        InputError: if one is of another kind; the message names it.
    """
    for entry in dataclasses.fields(settings):
        value, (declared, optional, _) = getattr(settings, entry.name), str(entry.type).partition(" | None")
        if not _fits(value, declared) and not (optional and value is None):
            said = _KINDS[declared][1] if declared in _KINDS else "settings by name"
            raise InputError(f"{entry.name} is {short(value)}", hint=f"give {said}")


def known_names(kind: Any, data: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return settings by name for a dataclass, after holding the names against its fields.

    Args:
        kind: the dataclass.
        data: from a file.
        what: what an unknown one is called, such as `settings of balance`.

    Raises:
        InputError: if a name is unknown, or one without a default is absent.
    """
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    if strange := sorted(map(str, set(data) - set(fields))):
        raise InputError(f"unknown {what}: {', '.join(strange)}", hint=f"known: {', '.join(fields)}")
    nothing = dataclasses.MISSING
    needed = [name for name, entry in fields.items() if entry.default is entry.default_factory is nothing]
    if absent := [name for name in needed if name not in data]:
        raise InputError(f"{', '.join(absent)} must be set")
    return dict(data)


def check_positive(settings: object, *names: str) -> None:
    """Refuse whole numbers below 1."""
    for name in names:
        if getattr(settings, name) < 1:
            raise InputError(f"{name} is {getattr(settings, name)!r}", hint="use a whole number of 1 or more")


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in known:
        raise InputError(f"{name} {value!r} is unknown", hint=f"known: {', '.join(known)}")


def divisors(number: int) -> str:
    """Return what divides a number, for a message."""
    if number > 10_000:
        return "its divisors"
    return ", ".join(str(candidate) for candidate in range(1, number + 1) if number % candidate == 0)


def short(value: object) -> str:
    """Return what a message shows of a value that may be of any length."""
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _fits(value: object, declared: str) -> bool:
    if declared not in _KINDS:  # another class of settings
        return type(value).__name__ == declared
    if isinstance(value, bool):  # which Python counts among the whole numbers
        return declared == "bool"
    if not isinstance(value, _KINDS[declared][0]):
        return False
    return declared != "tuple[int, ...]" or all(type(each) is int for each in value)  # type: ignore[attr-defined]
