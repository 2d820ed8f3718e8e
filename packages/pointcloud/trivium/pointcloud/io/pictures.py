"""Read a camera's picture at the size that the fused detector learned from. Pillow is imported when first used."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivium.service.errors import InputError, UpstreamError

__all__ = ["PICTURE_WIDTH", "find_picture", "read_picture"]

PICTURE_WIDTH = 620
"""Pixels; the height follows."""
_NAMES = (".png", ".jpg", ".jpeg")


def find_picture(folder: Path, name: str) -> Path | None:
    """Return the picture of that stem in a folder, if there is one."""
    return next((path for ending in _NAMES if (path := folder / f"{name}{ending}").is_file()), None)


def read_picture(path: Path, projection: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a picture `PICTURE_WIDTH` wide and its projection.

    Args:
        path: PNG or JPEG.
        projection: (3, 4), from the LiDAR's frame to pixels of the file.

    Returns:
        (3, H, 620) uint8, and (3, 4) float32 to its pixels.

    Raises:
        UpstreamError: if Pillow is missing.
        InputError: if the file is no picture, or one of more than 100 megapixels.
    """
    try:
        image = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise UpstreamError("Pillow is not installed", hint="pip install pillow") from error
    try:
        with image.open(path) as file:
            wide, high = file.size
            if wide * high > 100_000_000 or min(wide, high) < 8:
                raise InputError(f"the picture has {wide} x {high} pixels", where=str(path))
            size = (PICTURE_WIDTH, max(8, round(high * PICTURE_WIDTH / wide)))
            pixels = np.asarray(file.convert("RGB").resize(size, image.Resampling.BOX), np.uint8)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise InputError(f"no picture can be read ({error})", where=str(path)) from error
    scale = np.diag([size[0] / wide, size[1] / high, 1.0])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)), (scale @ projection).astype(np.float32)
