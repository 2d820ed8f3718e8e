"""Plain descriptors of standard films: gradients by cell and pixels by block. numpy alone.

Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) with unsigned orientation do not change when a film is
inverted; block means do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trivium.vision.films import SIDE, Film

__all__ = ["block_means", "gradients"]

CELL = 8
BINS = 8
_CHUNK = 64  # films at a time stay in the cache


def gradients(films: Film) -> NDArray[np.float32]:
    """Return `(N, 512)`: gradient strength in 8 orientations for each of 8 x 8 cells, relative to its neighbourhood.

    Args:
        films: (N, 64, 64) in [0, 1].
    """
    return np.concatenate([_cells(films[start : start + _CHUNK]) for start in range(0, len(films), _CHUNK)])


def block_means(films: Film, blocks: int = 16) -> NDArray[np.float32]:
    """Return `(N, blocks * blocks)`: block means with mean 0 and spread 1 over each film."""
    size = SIDE // blocks
    means = films.reshape(len(films), blocks, size, blocks, size).mean((2, 4)).reshape(len(films), -1)
    centred = means - means.mean(1, keepdims=True)
    return (centred / np.maximum(centred.std(1, keepdims=True), 1e-3)).astype(np.float32)


def _cells(films: Film) -> NDArray[np.float32]:
    gy, gx = np.gradient(films.astype(np.float32), axis=(1, 2))
    strength = np.hypot(gx, gy)
    place = (np.arctan2(gy, gx) % np.float32(np.pi)) * np.float32(BINS / np.pi)
    cells = SIDE // CELL
    histogram = np.empty((len(films), cells, cells, BINS), np.float32)
    for one in range(BINS):
        away = np.abs(place - one)
        share = np.maximum(1 - np.minimum(away, BINS - away), 0)
        histogram[..., one] = (strength * share).reshape(len(films), cells, CELL, cells, CELL).mean((2, 4))
    energy = np.pad((histogram**2).sum(-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(energy[:, i : i + cells, j : j + cells] for i in range(3) for j in range(3)) / 9
    return (histogram / np.sqrt(around + 1e-4)[..., None]).reshape(len(films), -1).astype(np.float32)
