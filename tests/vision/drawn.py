"""A drawn chest, for tests that need no real film."""

from __future__ import annotations

import numpy as np


def drawn_chest(height: int = 320, width: int = 300) -> np.ndarray:
    """Return (H, W) float32 in [0, 1]: dark lungs, bright spine, heart to the right of the picture, bright abdomen."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    y, x = rows / height, columns / width
    film = np.full((height, width), 0.62, np.float32)
    for centre in (0.3, 0.7):
        lung = ((x - centre) / 0.17) ** 2 + ((y - 0.45) / 0.33) ** 2
        film -= 0.45 * np.exp(-(lung**3))
    film += 0.35 * np.exp(-(((x - 0.5) / 0.05) ** 2))
    film += 0.3 * np.exp(-(((x - 0.57) / 0.12) ** 2 + ((y - 0.62) / 0.14) ** 2))
    film += 0.35 / (1 + np.exp(-(y - 0.8) * 30))
    film *= 1 - np.exp(-np.minimum(x, 1 - x) * 25) * 0.9
    film += 0.05 * np.sin(y * 70) * np.exp(-(((x - 0.5) / 0.3) ** 2))
    return np.clip(film / 1.2, 0, 1)
