"""Remaining life of each row of a fleet with known failures, and which stretch of life the row belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trivium.maintenance.records import CMAPSS_CAP, Fleet

__all__ = ["Histories", "histories"]

# Lives that are counted in seconds, as those between two dates, are told in these: seconds, name, from which cap on.
_LONGER = ((86_400.0, "d", 10 * 86_400.0), (3600.0, "h", 10 * 3600.0))


@dataclass(frozen=True, slots=True)
class Histories:
    """Lives in a fleet.

    Args:
        remaining: (N,), time until the asset's next failure, in `unit`; NaN after its last one,
            where nobody knows.
        life: (N,) int64, numbers the stretches between failures; rows of one lie together.
        failures: how many of them end in a failure.
        cap: remaining life counts as no longer than this: before, wear cannot be seen yet.
        unit: of the fleet's time; hours or days in place of many seconds.
    """

    remaining: np.ndarray
    life: np.ndarray
    failures: int
    cap: float
    unit: str

    @property
    def known(self) -> np.ndarray:
        """Index of the rows whose remaining life is known."""
        return np.flatnonzero(np.isfinite(self.remaining))

    @property
    def capped(self) -> np.ndarray:
        """(N,), remaining life up to the cap."""
        return np.minimum(self.remaining, self.cap)


def histories(fleet: Fleet) -> Histories:
    """Find the lives of a fleet.

    Every asset of a C-MAPSS training file runs to failure in its last row. In a CSV a failure is the first of
    consecutive rows that are marked; the rows after it, still marked, are down-time and not known. A life that a
    renewal ended is censored: nothing is learned from it.
    """
    if fleet.layout == "cmapss":
        counts = np.bincount(fleet.asset)
        return Histories(counts[fleet.asset] - fleet.age, fleet.asset, len(counts), CMAPSS_CAP, fleet.time_unit)
    assert fleet.label is not None
    marked = np.nan_to_num(fleet.label) > 0
    is_first = fleet.starts == np.arange(len(fleet))
    onset = marked & (np.r_[False, ~marked[:-1]] | is_first)
    # A life begins with an asset, after each failure and with a renewal; one that ends in a renewal is not known.
    begins = is_first | np.r_[False, onset[:-1]]
    life = np.cumsum(begins if fleet.renewed is None else begins | fleet.renewed) - 1
    time = fleet.age if fleet.time is None else fleet.time
    end = np.full(life[-1] + 1, np.nan)
    end[life[onset]] = time[onset]
    begin = time[np.r_[True, life[1:] != life[:-1]]]
    remaining = np.where(marked & ~onset, np.nan, end[life] - time)
    spans = (end - begin)[np.isfinite(end)]
    # C-MAPSS's usual cap of 125 cycles is 0.6 of the median life there.
    cap = float(0.6 * np.median(spans)) if len(spans) else np.nan
    unit = fleet.time_unit or "row"
    size, unit = next(((size, name) for size, name, least in _LONGER if unit == "s" and cap >= least), (1.0, unit))
    return Histories(remaining / size, life, int(onset.sum()), cap / size, unit)
