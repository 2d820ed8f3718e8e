"""STL, triangles without units: ascii and binary. Corners at the same place become one vertex."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np

from trivium.pointcloud.io.source import MAX_BYTES, MAX_POINTS, load, numbers, save
from trivium.pointcloud.records import Mesh
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Layout", "read", "write"]

Layout = Literal["ascii", "binary"]

_HEAD = 84
_TRIANGLE = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read(path: str | Path, *, limit: int = MAX_BYTES) -> Mesh:
    """Read an STL file; gzip is fine. Normals in the file are not used: they follow from the corners.

    Raises:
        InputError: if it is neither kind of STL, cut short, empty, or a coordinate is not finite.
    """
    where = str(path)
    data = load(path, limit=limit)
    corners = _read_ascii(data, where) if _is_ascii(data) else _read_binary(data, where)
    if not len(corners):
        raise InputError("holds no triangle", where=where)
    if not np.isfinite(corners).all():
        raise InputError("a corner is not finite", where=where)
    # -0.0 and 0.0 are the same place.
    flat = np.ascontiguousarray(corners.reshape(-1, 3) + 0.0)
    _, first, faces = np.unique(flat.view(f"V{3 * flat.itemsize}").ravel(), return_index=True, return_inverse=True)
    return Mesh(flat[first], faces.reshape(-1, 3).astype(np.int64))


def write(path: str | Path, mesh: Mesh, *, layout: Layout = "binary") -> None:
    """Write an STL file; coordinates become float32."""
    corners = mesh.triangles.astype(np.float32)
    edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(edges, axis=1, keepdims=True)
    normals = np.divide(edges, lengths, out=np.zeros_like(edges), where=lengths > 0)
    if layout == "binary":
        table = np.zeros(len(corners), _TRIANGLE)
        table["normal"], table["corners"] = normals, corners
        save(path, b"trivium".ljust(80) + struct.pack("<I", len(corners)) + table.tobytes())
        return
    lines = ["solid trivium"]
    for normal, triangle in zip(normals.tolist(), corners.tolist(), strict=True):
        lines.append("facet normal {!r} {!r} {!r}\nouter loop".format(*normal))
        lines += ["vertex {!r} {!r} {!r}".format(*corner) for corner in triangle]
        lines.append("endloop\nendfacet")
    save(path, "\n".join([*lines, "endsolid trivium\n"]).encode())


def _is_ascii(data: bytes) -> bool:
    # Binary files may begin with "solid", too; their size gives them away.
    if len(data) >= _HEAD and len(data) == _HEAD + struct.unpack_from("<I", data, 80)[0] * _TRIANGLE.itemsize:
        return False
    return data[:512].lstrip().lower().startswith(b"solid") and b"\0" not in data[:512]


def _read_binary(data: bytes, where: str) -> np.ndarray:
    if len(data) < _HEAD:
        raise InputError("too short for an STL file", where=where)
    count = struct.unpack_from("<I", data, 80)[0]
    if count > MAX_POINTS or _HEAD + count * _TRIANGLE.itemsize > len(data):
        raise InputError(
            Phrase(
                "announces {count} triangles and has room for {room}",
                count=f"{count:,}",
                room=f"{(len(data) - _HEAD) // _TRIANGLE.itemsize:,}",
            ),
            where=where,
            hint="not an STL file, or cut short",
        )
    return np.frombuffer(data, _TRIANGLE, count, _HEAD)["corners"]


def _read_ascii(data: bytes, where: str) -> np.ndarray:
    words = data.split()
    if not any(word.lower() == b"endsolid" for word in words[-64:]):
        raise InputError("no endsolid", where=where, hint="the file is cut short")
    starts = np.flatnonzero(np.char.lower(np.array(words, dtype="S12")) == b"vertex")
    if len(starts) % 3 or (len(starts) and starts[-1] + 3 >= len(words)):
        raise InputError(Phrase("{count} corners are not a whole number of triangles", count=len(starts)), where=where)
    picked = (starts[:, None] + np.arange(1, 4)).ravel()
    return numbers(b" ".join([words[at] for at in picked.tolist()]), where).astype(np.float32).reshape(-1, 3, 3)
