"""The last gate before a number is printed: a claim must stand behind it and say the same."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath

from trivium.finance.analyze.model import Value
from trivium.finance.records import Filing
from trivium.service.evidence import Claim

__all__ = ["file_name", "proved", "with_inputs"]


def proved(value: Value, claims: Mapping[str, Claim]) -> Decimal:
    """Return the amount of an available value, held against its claim.

    Raises:
        ValueError: if the value has no amount, no claim stands behind it, or the claim says another number.
    """
    claim = claims.get(value.id)
    if value.amount is None or claim is None:
        raise ValueError(f"no claim stands behind {value.id!r}")
    if claim.value != value.amount:
        raise ValueError(f"{value.id!r} is {value.amount}, its claim says {claim.value}")
    return value.amount


def with_inputs(values: Iterable[Value]) -> dict[str, Value]:
    """Return values and all they were computed from, by id, each once, in order of first appearance."""
    found: dict[str, Value] = {}
    waiting = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        if value.id not in found:
            found[value.id] = value
            waiting.extend(reversed(value.inputs))
    return found


def file_name(filing: Filing) -> str:
    """Return what a report calls a source: its file name without the folders it lay in."""
    return _last_part(filing.source.name)


@functools.lru_cache(maxsize=256)
def _last_part(name: str) -> str:
    return PurePath(name).name
