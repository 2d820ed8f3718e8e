"""PNG and JPEG files, 8 or 16 bit, gray or colour. Not for DICOM."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from trivium.medical.records import Film
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MAX_PIXELS", "read_picture"]

MAX_PIXELS = 40_000_000  # the largest detectors give about 18 million
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP = {"I;16": 65535.0, "I;16B": 65535.0, "I;16L": 65535.0, "I": 65535.0}


def read_picture(name: str, data: bytes) -> tuple[Film, str, int, tuple[str, ...]]:
    """Read a picture.

    A colour picture becomes gray by its luma. One that says how it is turned (EXIF) is read as viewers show it, and
    places in it are counted so. The size is read from the header and refused before a pixel is decoded.

    Returns:
        The film `(H, W)` float32 in [0, 1] with 0 for black; `PNG` or `JPEG`; bits of a stored pixel; notes.

    Raises:
        InputError: if it is no PNG or JPEG, is damaged, or has more than `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError(
            "is neither DICOM nor PNG nor JPEG", where=name, hint="export the film in one of these"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, "too many") from error
    kind = "PNG" if image.format == "PNG" else "JPEG"  # Pillow calls a JPEG with several pictures MPO
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height}")
    try:
        image.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            Phrase("{what} ({detail})", what="the picture is damaged", detail=error), where=name, hint="export it again"
        ) from error
    upright = _upright(image)
    notes = () if image.mode in ("L", "1", *_DEEP) else ("The picture is in colour; its brightness was read.",)
    if image.mode in _DEEP:
        pixels = np.asarray(upright, dtype=np.float32) / np.float32(_DEEP[image.mode])
        return np.clip(pixels, 0, 1), kind, 16, notes
    pixels = np.asarray(_gray(upright), dtype=np.float32) / np.float32(255)
    return pixels, kind, 1 if image.mode == "1" else 8, notes


def _upright(image: Image.Image) -> Image.Image:
    """Return a decoded picture as its EXIF orientation shows it; EXIF that cannot be read turns nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (KeyError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return image
    return image if turn is None else image.transpose(turn)


def _gray(image: Image.Image) -> Image.Image:
    """Return 8 bit gray; transparency lies on black."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("L")
    return image.convert("L")


def _too_large(name: str, pixels: str) -> InputError:
    return InputError(
        Phrase("{count} pixels are more than the {limit} allowed", count=pixels, limit=f"{MAX_PIXELS:,}"),
        where=name,
        hint="export the film in its own size",
    )
