"""Columns that know the outcome: flags of failure modes, repair costs, codes. They are named, and never features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from trivium.maintenance.records import Fleet, Refusal

__all__ = ["without_leaks"]

# A column leaks when it has one value on nearly all normal rows and, where it has another, a failure is likely.
_USUAL_SHARE = 0.98
_PRECISION = 0.5
_FEW_VALUES = 2


def without_leaks(fleet: Fleet, keep: Sequence[str] = ()) -> Fleet:
    """Return the fleet without columns that tell the label, each named in `refused` with its reason.

    Args:
        keep: columns that are features whatever they look like.
    """
    assert fleet.label is not None
    known = np.isfinite(fleet.label)
    label = fleet.label[known] > 0
    columns = {sensor.name: fleet.values[known, place] for place, sensor in enumerate(fleet.sensors)}
    columns |= {name: np.unique(values[known], return_inverse=True)[1] for name, values in fleet.categories.items()}
    reasons = {name: reason for name, values in columns.items() if (reason := _reason(values, label))}
    reasons |= _companions([sensor.name for sensor in fleet.sensors], columns, reasons)
    reasons = {name: reason for name, reason in reasons.items() if name not in keep}
    kept = [sensor.name for sensor in fleet.sensors if sensor.name not in reasons]
    return dataclasses.replace(
        fleet.with_sensors(kept),
        categories={name: values for name, values in fleet.categories.items() if name not in reasons},
        refused=(*fleet.refused, *(Refusal(name, reason) for name, reason in reasons.items())),
    )


def _reason(values: np.ndarray, label: np.ndarray) -> str:
    """Return why a column is a leak, or an empty text."""
    if not label.any() or label.all():
        return ""
    normal = values[~label]
    levels, counts = np.unique(normal[np.isfinite(normal)], return_counts=True)
    usual = levels[counts.argmax()] if len(levels) else np.nan
    differs = ~((values == usual) | (np.isnan(values) & np.isnan(usual)))
    if differs[~label].mean() > 1 - _USUAL_SHARE or not differs.any():
        return ""
    precision = label[differs].mean()
    # Rare chance is no leak: ten rows, or a twentieth of the failures.
    if precision < max(_PRECISION, 3 * label.mean()) or (differs & label).sum() < min(10, max(3, 0.05 * label.sum())):
        return ""
    return f"differs from {usual:g} in {int(differs.sum())} rows, and {precision:.0%} of them are failures"


def _companions(order: Sequence[str], columns: dict[str, np.ndarray], reasons: dict[str, str]) -> dict[str, str]:
    """Return rare flags that stand next to two or more leaking flags: one block of failure modes."""
    is_flag = [len(np.unique(columns[name])) <= _FEW_VALUES and np.nanmean(columns[name]) < 0.1 for name in order]
    found: dict[str, str] = {}
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and is_flag[stop]:
            stop += 1
        block = order[start:stop]
        if sum(name in reasons for name in block) >= 2:
            found |= {name: "a flag among flags that tell the failure" for name in block if name not in reasons}
        start = stop + 1
    return found
