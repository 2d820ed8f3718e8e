"""Write pictures as PNG (RFC 2083): 8 bits a channel, no filter, standard library alone. Reading is for Pillow."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["png_bytes"]

_COLOR = 2


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """Return the file of a color picture (H, W, 3)."""
    high, wide, channels = pixels.shape
    if channels != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}; give (H, W, 3) uint8")
    rows = np.concatenate((np.zeros((high, 1), np.uint8), pixels.reshape(high, -1)), axis=1)  # filter 0 each row
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, _COLOR, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
