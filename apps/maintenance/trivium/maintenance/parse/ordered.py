"""Labels from work orders: which rows of a fleet are failures, and where an asset was renewed before it failed.

A failure ends a life and marks the rows until its repair ended; a preventive replacement ends what was observed of a
life and is no failure: how long the asset would have lasted, nobody knows. Other orders say nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from trivium.maintenance.records import Fleet
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, WorkOrder
from trivium.service.errors import InputError

__all__ = ["with_orders"]

_LATE_S = 86_400.0  # an order may be written so long after the last reading


def with_orders(fleet: Fleet, orders: Sequence[WorkOrder]) -> tuple[Fleet, int]:
    """Label a fleet's rows by its work orders, in place of any label in the file.

    Returns:
        The fleet, and how many orders concern it: they name its assets and lie within their readings.

    Raises:
        InputError: if the fleet has no assets by name or no dates.
    """
    if not fleet.asset_column or fleet.time_unit != "s":
        what = "has no column of assets" if not fleet.asset_column else "has no dates"
        raise InputError(f"{what}, so that orders cannot be placed", where=fleet.name, hint="see --asset and --time")
    label, renewed = np.zeros(len(fleet)), np.zeros(len(fleet), bool)
    places = {name: place for place, name in enumerate(fleet.asset_names)}
    found = [one for one in orders if one.asset in places and _place(fleet, places[one.asset], one, label, renewed)]
    labelled = dataclasses.replace(fleet, label=label, label_name="work orders", renewed=renewed, two_valued=())
    return labelled, len(found)


def _place(fleet: Fleet, asset: int, one: WorkOrder, label: np.ndarray, renewed: np.ndarray) -> bool:
    """Mark the rows that an order concerns; return whether there are any."""
    assert fleet.time is not None
    rows = np.flatnonzero(fleet.asset == asset)
    times, begin = fleet.time[rows], one.from_us / 1e6
    if not times[0] <= begin <= times[-1] + _LATE_S:
        return False
    first = min(int(np.searchsorted(times, begin)), len(rows) - 1)
    if one.kind == FAILURE:
        end = begin if one.to_us is None else one.to_us / 1e6
        label[rows[first : max(int(np.searchsorted(times, end, side="right")), first + 1)]] = 1.0
    elif one.kind == PREVENTIVE:
        renewed[rows[first]] = first > 0 and begin <= times[-1]
    return True
