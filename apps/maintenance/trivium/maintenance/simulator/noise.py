"""Randomness without a state: what is at a time follows from seed and time alone, so any stretch can be made anew.

White noise is a hash of the second, turned into a normal distribution; slow noise goes smoothly from one hashed knot to
the next.
"""

from __future__ import annotations

import numpy as np

__all__ = ["slow_noise", "white_noise"]

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def white_noise(seed: int, times_s: np.ndarray) -> np.ndarray:
    """Return standard normal noise at whole seconds: (N,) float64.

    Args:
        times_s: (N,) int64.
    """
    with np.errstate(over="ignore"):
        first = _uniform(times_s.astype(np.uint64) * np.uint64(2) + np.uint64(seed) * _MIX[0])
        second = _uniform(times_s.astype(np.uint64) * np.uint64(2) + np.uint64(1) + np.uint64(seed) * _MIX[0])
    return np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)


def slow_noise(seed: int, times_s: np.ndarray, period_s: int) -> np.ndarray:
    """Return noise that moves from knot to knot, `period_s` apart; about 0, with a spread of about 0.8."""
    knot = times_s // period_s
    part = (times_s - knot * period_s) / period_s
    part = part * part * (3 - 2 * part)
    return white_noise(seed, knot) * (1 - part) + white_noise(seed, knot + 1) * part


def _uniform(numbers: np.ndarray) -> np.ndarray:
    """Return numbers in (0, 1), splitmix64 of each (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = numbers + _MIX[0]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[1]
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[2]
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53 * (1 - 2e-16) + 1e-16
