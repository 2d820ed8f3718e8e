"""numpy archives (.npz): coordinates as numbers, or as whole steps of 3 mm as compact recordings keep them.

Read without pickle, and only after the archive has said how large its arrays are.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from trivium.pointcloud.io.npy import array_of
from trivium.pointcloud.io.source import MAX_BYTES, NotFinite, finish, load
from trivium.pointcloud.records import Array, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["read"]

_STEP = 0.003
_READ = ("xyz", "xyz_3mm", "intensity")


def read(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read `xyz` (N, 3) in metres, or `xyz_3mm` (N, 3) whole numbers; and `intensity` (N,) where there is one.

    Raises:
        InputError: if it is no such archive, or its arrays do not fit each other.
    """
    where = str(path)
    data = load(path, limit=limit)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > limit:
                what = Phrase("larger than {limit} MiB decompressed", limit=f"{limit / 2**20:,.0f}")
                raise InputError(what, where=where)
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            members = {name: archive.read(f"{name}.npy") for name in _READ if name in names}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, KeyError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Phrase("no numpy archive of numbers ({reason})", reason=error), where=where) from error
    arrays = {name: array_of(member, f"{where}, {name}") for name, member in members.items()}
    name = next((name for name in ("xyz", "xyz_3mm") if name in arrays), None)
    if name is None:
        raise InputError(
            "holds neither 'xyz' nor 'xyz_3mm'",
            where=where,
            hint=Phrase("it holds {names}", names=", ".join(names) or "nothing"),
        )
    xyz = arrays[name]
    if xyz.ndim != 2 or xyz.shape[1] != 3 or xyz.dtype.kind not in "fiu":
        raise InputError(
            Phrase(
                "'{name}' is {kind} of shape {shape}, not numbers (N, 3)", name=name, kind=xyz.dtype, shape=xyz.shape
            ),
            where=where,
        )
    metres = xyz.astype(np.float32) * np.float32(_STEP if name == "xyz_3mm" else 1.0)
    fields: dict[str, Array] = {}
    if (intensity := arrays.get("intensity")) is not None:
        if intensity.shape != (len(xyz),) or intensity.dtype.kind not in "fiu":
            raise InputError(
                Phrase(
                    "'intensity' has shape {shape} beside {count} points", shape=intensity.shape, count=f"{len(xyz):,}"
                ),
                where=where,
            )
        scale = np.float32(255 if intensity.dtype == np.uint8 else 1)
        fields["intensity"] = intensity.astype(np.float32) / scale
    return finish(metres, fields, not_finite, where)
