"""Films as the models see them: one channel, fixed size, brightness without the scanner's scale.

A film is a `(H, W)` float32 array in [0, 1], MONOCHROME2 (bone bright, air dark). Every model here reads the same
standard form, `(64, 64)`, whatever the resolution of the source: most of the training films exist at 64 px only, so a
finer input would show the models something that they never saw. Not for reading files: that is the app's parser.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trivium.service.errors import InputError

__all__ = ["SIDE", "Film", "resize", "standard", "turn_upright"]

SIDE = 64
Film = NDArray[np.float32]
_DARK, _BRIGHT = 1.0, 99.0  # percentiles that become 0 and 1


def standard(film: Film) -> Film:
    """Reduce a film to `(64, 64)` and stretch its 1st to 99th percentile over [0, 1].

    Reduction averages over the area of each target pixel, so that a film gives the same standard form at 512 px and
    at 4,000 px. A smaller one is enlarged bilinearly.

    Args:
        film: (H, W) float32, any linear scale, MONOCHROME2.

    Raises:
        InputError: if the film is not two-dimensional, has a side under 8 pixels, or holds a value that is no number.
    """
    if film.ndim != 2 or min(film.shape) < 8:
        raise InputError(f"a film of shape {film.shape} is too small to read", hint="give one of at least 8 x 8 pixels")
    if not np.isfinite(film).all():
        raise InputError("the film holds values that are no numbers", hint="export the image again")
    small = resize(film, SIDE)
    low, high = np.percentile(small, [_DARK, _BRIGHT])
    return np.clip((small - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)


def resize(film: Film, side: int) -> Film:
    """Return the film at `(side, side)`: mean over areas when it shrinks, bilinear when it grows."""
    image = Image.fromarray(np.ascontiguousarray(film, dtype=np.float32), mode=None)
    method = Image.Resampling.BOX if min(film.shape) >= side else Image.Resampling.BILINEAR
    return np.asarray(image.resize((side, side), method), dtype=np.float32)


def turn_upright(film: Film, quarter_turns: int) -> Film:
    """Undo a rotation: `quarter_turns` is how often the film was turned by 90 degrees counter-clockwise."""
    return np.ascontiguousarray(np.rot90(film, -quarter_turns))
