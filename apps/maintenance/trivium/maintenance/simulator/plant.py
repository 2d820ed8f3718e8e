"""The plant of `trivium demo`: ten machines, some with faults that develop before one's eyes, over and over.

Its own time begins when the demo is started first. What lies before it is history: a day with a fault that came and was
repaired. From then on the same twelve hours come again and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trivium.maintenance.simulator.machines import Fault, Machine
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, WorkOrder

__all__ = ["HISTORY_S", "MACHINES", "PLANT", "batches", "demo_orders", "readings"]

PLANT = "demo"
HISTORY_S = 24 * 3600
_CYCLE_S = 12 * 3600
_H, _MIN = 3600, 60
MACHINES = (
    Machine("P-101", 1.0, 1),
    Machine("P-102", 1.0, 2),
    Machine("P-103", 0.8, 3),
    Machine("P-104", 0.8, 4),
    Machine("P-105", 1.2, 5),
    Machine("P-106", 1.2, 6),
    Machine("K-201", 1.6, 7),
    Machine("K-202", 1.6, 8),
    Machine("F-301", 0.6, 9),
    Machine("F-302", 0.6, 10),
)
_FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "P-101": (Fault("bearing", -150 * _MIN, 6 * _H, 10 * _H),),
    "P-102": (Fault("impeller", -5 * _MIN, 12 * _MIN, 5 * _H),),
    "P-103": (Fault("impeller", -10 * _H, 90 * _MIN, -7 * _H), Fault("stopped", -7 * _H, 1, -6 * _H)),
    "P-104": (Fault("stopped", -2 * _H, 1, 3 * _H),),
    "P-106": (Fault("stuck", -4 * _H, 1, 8 * _H),),
    "K-201": (Fault("fouling", 40 * _MIN, 2 * _H, 9 * _H),),
}


def readings(machine: Machine, times_s: np.ndarray, begun_s: int) -> np.ndarray:
    """Return what a machine of the demo shows: (N, 8).

    Args:
        times_s: (N,) int64, seconds since 1970.
        begun_s: when the demo was started first.
    """
    plant_s = times_s - begun_s
    plant_s = np.where(plant_s < 0, plant_s, plant_s % _CYCLE_S)
    return machine.readings(times_s, _FAULTS.get(machine.name, ()), plant_s)


def batches(
    from_s: int, to_s: int, begun_s: int, *, step_s: int, most_rows: int = 5_000
) -> Iterator[list[dict[str, Any]]]:
    """Yield wide rows of all machines from one time up to another, in order of time, in batches."""
    per_batch = max(most_rows // len(MACHINES), 1) * step_s
    for start in range(from_s, to_s, per_batch):
        times = np.arange(start, min(start + per_batch, to_s), step_s)
        rows = []
        for machine in MACHINES:
            names, values = machine.tag_names, readings(machine, times, begun_s)
            for time_s, line in zip(times.tolist(), values.tolist(), strict=True):
                rows.append({"asset": machine.name, "time": time_s, **dict(zip(names, line, strict=True))})
        rows.sort(key=lambda row: row["time"])
        yield rows


def demo_orders(begun_s: int) -> list[WorkOrder]:
    """Return the work orders of the demo's history."""

    def at(seconds: int) -> int:
        return (begun_s + seconds) * 1_000_000

    day = datetime.fromtimestamp(begun_s, UTC)
    return [
        WorkOrder(
            f"WO-{day:%y%m%d}-1", "P-103", FAILURE, at(-7 * _H), at(-6 * _H), "Impeller worn: replaced"
        ),
        WorkOrder(f"WO-{day:%y%m%d}-2", "P-104", PREVENTIVE, at(-2 * _H), None, "Seal change, planned"),
    ]  # fmt: skip
