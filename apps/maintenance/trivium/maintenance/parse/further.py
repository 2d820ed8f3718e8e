"""Further files of like assets behind a fleet's own rows: more failures to learn from, none of which is judged."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.records import Fleet
from trivium.service.errors import InputError

__all__ = ["with_further"]

_ROWS = 20  # by which an asset is known again


def with_further(fleet: Fleet, paths: Sequence[Path]) -> Fleet:
    """Put the rows of further C-MAPSS files behind those of a fleet; its own assets come first, with their numbers.

    Raises:
        InputError: if a file has other sensors, or an asset that is there already: it would be judged by what learned
            from it.
    """
    known = dict(_marks(fleet))
    for path in paths:
        more = read_file(path, fleet.layout)
        if more.sensors != fleet.sensors:
            counts = f"has {len(more.sensors)} sensors, {fleet.name} has {len(fleet.sensors)}"
            raise InputError(counts, where=more.name, hint="learn from fleets with the same sensors")
        for mark, asset in _marks(more):
            if mark in known:
                what = f"its unit {asset} begins like unit {known[mark]} that is there already"
                raise InputError(what, where=more.name, hint="give files that have no asset in common")
            known[mark] = f"{asset} of {Path(more.name).name}"
        fleet = _joined(fleet, more)
    return fleet


def _marks(fleet: Fleet) -> list[tuple[bytes, str]]:
    """Return what each asset is known again by, with its name: its first readings."""
    starts = np.flatnonzero(np.r_[True, fleet.asset[1:] != fleet.asset[:-1]])
    ends = np.r_[starts[1:], len(fleet)]
    return [
        (fleet.values[start : min(start + _ROWS, end)].tobytes(), name)
        for start, end, name in zip(starts, ends, fleet.asset_names, strict=True)
    ]


def _joined(fleet: Fleet, more: Fleet) -> Fleet:
    assert fleet.time is not None
    assert more.time is not None
    file = Path(more.name).name
    return dataclasses.replace(
        fleet,
        sha256=hashlib.sha256(f"{fleet.sha256} {more.sha256}".encode()).hexdigest(),
        asset=np.concatenate([fleet.asset, more.asset + len(fleet.asset_names)]),
        asset_names=(*fleet.asset_names, *(f"{name} of {file}" for name in more.asset_names)),
        values=np.concatenate([fleet.values, more.values]),
        order=np.concatenate([fleet.order, more.order + len(fleet)]),
        time=np.concatenate([fleet.time, more.time]),
        time_texts=(*fleet.time_texts, *more.time_texts),
        settings=np.concatenate([fleet.settings, more.settings]),
    )
