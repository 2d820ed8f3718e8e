"""Where a file has no values: which rows a model can say nothing of, and what a reader should know of the others.

A model that is asked without the values that it reads gives a number all the same, and that number means nothing. Such
rows have no prediction. A sensor of a time series counts as known for 30 rows after its last value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trivium.maintenance.analyze import rolling
from trivium.maintenance.analyze.life import LifeModel, LifePrediction
from trivium.maintenance.analyze.monitor import MIN_ROWS, Monitor
from trivium.maintenance.analyze.state import StateModel
from trivium.maintenance.records import Fleet
from trivium.service.errors import InputError

__all__ = ["STALE", "known_life", "known_scores", "known_states"]

STALE = 30
_NAMED = 3


def known_life(fleet: Fleet, model: LifeModel, rows: np.ndarray) -> tuple[LifePrediction, list[str]]:
    """Predict remaining life at some rows, NaN where most sensors that vary are unknown; with lines on what is missing.

    Args:
        rows: (R,) index of rows.
    """
    sensors = [
        name for name, varies in zip(model.features.sensors, model.features.conditions.varies, strict=True) if varies
    ]
    lacks = _lacks(fleet, sensors, fleet.stretch)[rows]
    is_unknown = _mostly(lacks)
    told = model.predict(fleet, rows)
    parts = {name: np.where(is_unknown, np.nan, getattr(told, name)) for name in ("life", "low", "high", "risk")}
    return replace(told, **parts), _notes(fleet, rows, lacks, is_unknown, sensors)


def known_states(fleet: Fleet, model: StateModel) -> tuple[np.ndarray, list[str]]:
    """Predict the probability of failure of each row, NaN where a sensor is unknown that training rows did not lack."""
    sensors = [name for name in model.features.sensors if name not in model.features.may_lack]
    lacks = _lacks(fleet, sensors, fleet.asset, is_series=model.features.is_series)
    is_unknown = np.atleast_1d(lacks.any(axis=1))
    notes = [*_notes(fleet, np.arange(len(fleet)), lacks, is_unknown, sensors), *_strange(fleet, model)]
    return np.where(is_unknown, np.nan, model.predict(fleet)), notes


def known_scores(fleet: Fleet, monitor: Monitor, *, baseline: int = 0, seed: int = 1) -> tuple[np.ndarray, list[str]]:
    """Return the anomaly score of each row, NaN where most sensors are unknown; with lines on what is missing.

    Args:
        baseline: learn anew what is normal from this many first rows of each asset; 0 for what the monitor learned.

    Raises:
        InputError: if an asset has too few rows for the baseline.
    """
    lacks = _lacks(fleet, monitor.sensors, fleet.asset, is_series=fleet.is_series)
    is_unknown = _mostly(lacks)
    score = _scores(fleet, monitor, baseline, seed)
    return np.where(is_unknown, np.nan, score), _notes(fleet, np.arange(len(fleet)), lacks, is_unknown, monitor.sensors)


def _scores(fleet: Fleet, monitor: Monitor, baseline: int, seed: int) -> np.ndarray:
    if not baseline:
        return monitor.score(fleet)
    fleet = fleet.with_sensors(monitor.sensors)
    score = np.empty(len(fleet))
    for asset in np.unique(fleet.asset):
        rows = np.flatnonzero(fleet.asset == asset)
        if len(rows) <= baseline or baseline < MIN_ROWS:
            raise InputError(
                f"--baseline {baseline} does not fit {len(rows)} rows",
                where=f"{fleet.name} {fleet.asset_names[asset]}".strip(),
                hint=f"give at least {MIN_ROWS} and fewer than there are",
            )
        score[rows] = Monitor.fit(fleet, rows[:baseline], seed).score(fleet)[rows]
    return score


def _lacks(fleet: Fleet, sensors: Sequence[str], together: np.ndarray, *, is_series: bool = True) -> np.ndarray:
    """Return (N, S), whether a sensor has no value at a row, nor in a time series in the rows shortly before it.

    Args:
        together: (N,), rows whose values may stand for each other: of an asset, or of one of its lives.
    """
    values = fleet.with_sensors(sensors).values
    return np.isnan(rolling.carry_forward(values, together, STALE) if is_series else values)


def _strange(fleet: Fleet, model: StateModel) -> list[str]:
    """Say which texts of a category no training row had; they count as none of those that it had."""
    told = []
    for name, levels in model.features.levels.items():
        texts = fleet.categories[name]
        is_new = ~np.isin(texts, levels)
        if is_new.any():
            shown = ", ".join(text or "(empty)" for text in sorted(set(texts[is_new].tolist()))[:_NAMED])
            told.append(
                f"{name} {shown} in {int(is_new.sum())} of {len(fleet)} rows: no row that was learned from had it"
            )
    return told


def _mostly(lacks: np.ndarray) -> np.ndarray:
    """Return (R,), whether more than half of the sensors are unknown."""
    return np.asarray(lacks.mean(axis=1) > 0.5)


def _notes(
    fleet: Fleet, rows: np.ndarray, lacks: np.ndarray, is_unknown: np.ndarray, sensors: Sequence[str]
) -> list[str]:
    """Say which rows have no prediction, and which have one although some sensors are unknown there."""
    partly = lacks.any(axis=1) & ~is_unknown
    endings = ((is_unknown, "which have no prediction"), (partly, "whose prediction takes what is usual instead"))
    return [
        f"no value of {_named(lacks[here], sensors)} in {_which(fleet, rows, here)}, {ending}"
        for here, ending in endings
        if here.any()
    ]


def _which(fleet: Fleet, rows: np.ndarray, here: np.ndarray) -> str:
    count = int(here.sum())
    if len(rows) == len(fleet):
        return f"{count} of {len(rows)} rows"
    names = [fleet.asset_names[fleet.asset[row]] for row in rows[here][:5]]
    return f"{count} of {len(rows)} assets ({', '.join(names)}{', ...' if count > 5 else ''})"


def _named(lacks: np.ndarray, sensors: Sequence[str]) -> str:
    names = [name for name, is_lacking in zip(sensors, np.atleast_1d(lacks.any(axis=0)), strict=True) if is_lacking]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
