"""The one colour scale of deviations: white at 0, blue too low, red too high, full at twice the limit."""

from __future__ import annotations

import numpy as np

from trivium.maintenance.inspection.poses import Floats

__all__ = ["FULL", "UNSEEN", "colors", "hex_color"]

FULL = 2.0
"""Limits at which a colour is full."""

UNSEEN = ((112, 118, 128), (150, 156, 166))
"""The two greys of the chequered pattern of what was not seen."""


def colors(deviation: Floats, limit: float) -> np.ndarray:
    """Return (N, 3) uint8: white at 0, full blue at -2 limits and below (too low), full red at 2 limits and above."""
    share = np.clip(deviation / (FULL * limit), -1, 1)
    fade = 255 * (1 - np.abs(share))
    full = np.full_like(fade, 255)
    rgb = np.where(share[:, None] > 0, np.stack((full, fade, fade), axis=1), np.stack((fade, fade, full), axis=1))
    return np.round(rgb).astype(np.uint8)


def hex_color(share: float) -> str:
    """Return the colour at a share of the full scale, -1 to 1, as `#rrggbb`."""
    red, green, blue = colors(np.array([share * FULL]), 1.0)[0]
    return f"#{red:02x}{green:02x}{blue:02x}"
