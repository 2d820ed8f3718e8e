"""What a file of sensor data is once read: rows of assets over time, in arrays, with what was refused and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["CMAPSS_CAP", "MIN_FAILURES", "Fleet", "Refusal", "Sensor", "row_starts"]

# Cycles: remaining life is a straight line from here down, and constant before (Heimes, PHM 2008).
CMAPSS_CAP = 125.0
# Fewer failures than this cannot show how lives differ.
MIN_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Sensor:
    """A measured quantity: its name in the file without the unit, and the unit as written (empty if none)."""

    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A column of the file that is no feature, and the reason in words."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Rows of one file, sorted by asset and time.

    Args:
        name: of the file, for messages.
        sha256: of the file's bytes after decompression.
        layout: `cmapss` or `csv`.
        asset: (N,) int64, index into `asset_names`; rows of an asset lie together, in order of time.
        asset_names: as in the file; one empty name when the file has no asset column.
        sensors: what the columns of `values` are.
        values: (N, S) float64; NaN where the file has no number.
        order: (N,) int64, the row's place in the file, from 0.
        time: (N,) float64 in `time_unit`, rising within an asset; None when the file has no time column.
        time_unit: `cycle`, `s` (since 1970 for dates), or the unit that the column names; empty without time.
        time_texts: the time column as written, in the order of the rows here.
        settings: (N, K) float64, the operating settings; K is 0 when the file names none.
        categories: text columns with few values, by name.
        identifiers: columns that only name the row, as written, by name.
        label: (N,) bool, whether the row is a failure or an anomaly; None when the file has no such column.
        label_name: the column it was read from.
        renewed: (N,) bool, rows at which an asset was renewed before it failed; None where nobody says.
        asset_column, time_column: those of the asset and the time; empty for none.
        refused: columns left out of the features.
        two_valued: columns that might be the label when none was found, with their values, for a hint.
    """

    name: str
    sha256: str
    layout: str
    asset: np.ndarray
    asset_names: tuple[str, ...]
    sensors: tuple[Sensor, ...]
    values: np.ndarray
    order: np.ndarray
    time: np.ndarray | None = None
    time_unit: str = ""
    time_texts: tuple[str, ...] = ()
    settings: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    categories: dict[str, np.ndarray] = field(default_factory=dict)
    identifiers: dict[str, np.ndarray] = field(default_factory=dict)
    label: np.ndarray | None = None
    label_name: str = ""
    renewed: np.ndarray | None = None
    asset_column: str = ""
    time_column: str = ""
    refused: tuple[Refusal, ...] = ()
    two_valued: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.asset)

    @property
    def starts(self) -> np.ndarray:
        """(N,) int64, the index of the first row of each row's asset."""
        return row_starts(self.asset)

    @property
    def last_rows(self) -> np.ndarray:
        """(A,) int64, the index of each asset's last row."""
        return np.flatnonzero(np.r_[self.asset[1:] != self.asset[:-1], True])

    @property
    def age(self) -> np.ndarray:
        """(N,) float64, rows of the asset so far, this one included."""
        return np.arange(len(self)) - self.starts + 1.0

    @property
    def stretch(self) -> np.ndarray:
        """(N,) int64, rising; rows that a window may look at together.

        They are those of an asset; of one of its lives where work orders say that it was repaired or renewed.
        """
        if self.renewed is None:
            return self.asset
        marked = np.zeros(len(self), bool) if self.label is None else np.nan_to_num(self.label) > 0
        is_repaired = ~marked & np.r_[False, marked[:-1]]
        return np.cumsum((self.starts == np.arange(len(self))) | is_repaired | self.renewed) - 1

    @property
    def stretch_age(self) -> np.ndarray:
        """(N,) float64, rows of the stretch so far, this one included."""
        return np.arange(len(self)) - row_starts(self.stretch) + 1.0

    @property
    def is_series(self) -> bool:
        """Whether rows follow each other in time, so that earlier ones say something about later ones."""
        return self.time is not None and len(self) >= 2 * len(self.asset_names)

    def with_sensors(self, names: Sequence[str]) -> Fleet:
        """Return the fleet with these sensors only, in this order.

        Raises:
            KeyError: if a name is not among the sensors.
        """
        places = {sensor.name: index for index, sensor in enumerate(self.sensors)}
        chosen = [places[name] for name in names]
        return dataclasses.replace(
            self, sensors=tuple(self.sensors[index] for index in chosen), values=self.values[:, chosen]
        )


def row_starts(asset: np.ndarray) -> np.ndarray:
    """Return for each row the index of the first row of its run of equal values in `asset`, (N,) int64."""
    is_first = np.r_[True, asset[1:] != asset[:-1]]
    return np.maximum.accumulate(np.where(is_first, np.arange(len(asset)), 0))
