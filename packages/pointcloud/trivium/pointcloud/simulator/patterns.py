"""Beam patterns: how a spinning LiDAR samples directions. Elevations follow the makers' public data sheets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PATTERNS", "Pattern", "elevations"]


@dataclass(frozen=True)
class Pattern:
    """One kind of sensor.

    Args:
        bands: (lowest, highest, beams) of each evenly spaced band, degrees above the horizon, from low to high.
        columns: firings in a whole turn.
        max_range: metres.
    """

    bands: tuple[tuple[float, float, int], ...]
    columns: int
    max_range: float = 100.0

    @property
    def rows(self) -> int:
        """Number of beams."""
        return sum(beams for _, _, beams in self.bands)


PATTERNS = {
    "hdl64": Pattern(((-24.33, -8.83, 32), (-8.33, 2.0, 32)), 2088, 110.0),
    "hdl64_coarse": Pattern(((-24.33, -8.83, 32), (-8.33, 2.0, 32)), 1042, 110.0),
    "hdl32": Pattern(((-30.67, 10.67, 32),), 1084, 90.0),
    "vlp16": Pattern(((-15.0, 15.0, 16),), 1800, 90.0),
    "vlp32": Pattern(((-25.0, -11.3, 3), (-8.9, -4.7, 7), (-4.0, 1.3, 17), (1.7, 15.0, 5)), 1800, 110.0),
    "os1_64": Pattern(((-22.5, 22.5, 64),), 1024, 90.0),
    "pandar40": Pattern(((-25.0, -7.0, 13), (-6.0, 2.0, 25), (5.0, 7.0, 2)), 1800, 120.0),
}


def elevations(pattern: Pattern, generator: np.random.Generator, *, jitter: float) -> NDArray[np.float32]:
    """Return the elevation of each beam, (rows,) rising, radians.

    Args:
        pattern: the sensor.
        generator: of the frame; every unit is adjusted a little otherwise, and mounted a little askew.
        jitter: standard deviation of one beam's place, degrees.
    """
    degrees = np.concatenate([np.linspace(low, high, beams) for low, high, beams in pattern.bands])
    degrees = degrees + generator.normal(0.0, jitter, len(degrees)) + generator.normal(0.0, 3 * jitter)
    return np.sort(degrees * (math.pi / 180)).astype(np.float32)
