"""One numpy array (.npy): a row a point, x, y, z in metres, and where there is a fourth column its intensity.

Read without pickle, and only where the bytes hold as many numbers as the header says.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from trivium.pointcloud.io.source import MAX_BYTES, NotFinite, finish, load
from trivium.pointcloud.records import Array, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["array_of", "read"]


def read(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read an array (N, 3) or (N, 4) of numbers.

    Raises:
        InputError: if it is no such array.
    """
    where = str(path)
    table = array_of(load(path, limit=limit), where)
    if table.ndim != 2 or table.shape[1] not in (3, 4) or table.dtype.kind not in "fiu":
        kind, shape = table.dtype, table.shape
        what = Phrase("holds {kind} of shape {shape}, not numbers (N, 3) or (N, 4)", kind=kind, shape=shape)
        raise InputError(what, where=where, hint="a row a point: x, y, z in metres, and an intensity")
    fields: dict[str, Array] = {"intensity": table[:, 3].astype(np.float32)} if table.shape[1] == 4 else {}
    return finish(table[:, :3].astype(np.float32), fields, not_finite, where)


def array_of(data: bytes, where: str) -> np.ndarray:
    """Return the array that the bytes of a .npy file hold.

    Raises:
        InputError: if they hold none, one of Python objects, or less than the header says.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(stream)
        if math.prod(shape) * kind.itemsize > len(data) - stream.tell():  # memory is taken for what the header says
            raise ValueError("cut short")
        stream.seek(0)
        found: np.ndarray = np.load(stream, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(Phrase("no numpy array of numbers ({reason})", reason=error), where=where) from error
    return found
