"""PLY, the Stanford polygon format: points and meshes, ascii and binary of both byte orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from trivium.pointcloud.io.source import MAX_BYTES, MAX_POINTS, NotFinite, cast, finish, load, numbers, save
from trivium.pointcloud.records import Array, Mesh, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Layout", "read_mesh", "read_points", "write"]

Layout = Literal["ascii", "binary_little_endian", "binary_big_endian"]

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint"} | {
    "f4": "float",
    "f8": "double",
}
_ORDERS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}
_COLORS = ("red", "green", "blue")
_HEADER_BYTES = 1 << 16


@dataclass
class _Element:
    name: str
    count: int
    # (name, type of the value, type of the length for a list or "")
    properties: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def has_list(self) -> bool:
        return any(length for _, _, length in self.properties)


def read_points(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read the vertices of a PLY file with all their properties; gzip is fine.

    Raises:
        InputError: if the header is wrong, or announces more than the file holds.
    """
    columns, _ = _read(path, limit)
    xyz = np.stack([columns.pop(name) for name in "xyz"], axis=1)
    return finish(xyz, columns, not_finite, str(path))


def read_mesh(path: str | Path, *, limit: int = MAX_BYTES) -> Mesh:
    """Read a PLY file as a mesh; polygons are cut into triangles from their first corner. Gzip is fine.

    Raises:
        InputError: if it holds no faces, a face names no vertex, or a coordinate is not finite.
    """
    columns, faces = _read(path, limit)
    if faces is None or not len(faces):
        raise InputError("holds points and no faces", where=str(path), hint="give a mesh")
    vertices = np.stack([columns.pop(name) for name in "xyz"], axis=1)
    if not np.isfinite(vertices).all():
        raise InputError("a vertex is not finite", where=str(path))
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(Phrase("a face names a vertex outside 0..{last}", last=len(vertices) - 1), where=str(path))
    colors = None
    if all(name in columns and columns[name].dtype == np.uint8 for name in _COLORS):
        colors = np.stack([columns.pop(name) for name in _COLORS], axis=1)
    return Mesh(vertices, faces, colors, columns)


def write(path: str | Path, shape: PointCloud | Mesh, *, layout: Layout = "binary_little_endian") -> None:
    """Write points or a mesh with colours and further columns; coordinates keep their precision.

    Raises:
        InputError: if a field has more than one column or a type that PLY does not know.
    """
    mesh = shape if isinstance(shape, Mesh) else None
    xyz = shape.vertices if isinstance(shape, Mesh) else shape.xyz
    columns: dict[str, Array] = {name: xyz[:, axis] for axis, name in enumerate("xyz")}
    if mesh is not None and mesh.colors is not None:
        columns |= {name: mesh.colors[:, axis] for axis, name in enumerate(_COLORS)}
    columns |= dict(shape.fields)
    order = _ORDERS[layout]
    for name, values in columns.items():
        if values.ndim != 1 or values.dtype.str[1:] not in _NAMES:
            raise InputError(f"PLY cannot hold field {name!r} of type {values.dtype}", where=str(path))
    lines = ["ply", f"format {layout} 1.0", f"element vertex {len(xyz)}"]
    lines += [f"property {_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns.items()]
    table = np.empty(len(xyz), [(name, order + values.dtype.str[1:]) for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    tables = [table]
    if mesh is not None:
        lines += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
        faces = np.empty(len(mesh.faces), [("n", order + "u1"), ("v", order + "i4", (3,))])
        faces["n"], faces["v"] = 3, mesh.faces
        tables.append(faces)
    body = b"".join(_as_text(part) if layout == "ascii" else part.tobytes() for part in tables)
    save(path, ("\n".join([*lines, "end_header"]) + "\n").encode() + body)


def _as_text(table: np.ndarray) -> bytes:
    rows = []
    for row in table.tolist():
        words = [word for value in row for word in (value.tolist() if isinstance(value, np.ndarray) else [value])]
        rows.append(" ".join(map(repr, words)))
    return "".join(f"{row}\n" for row in rows).encode()


def _read(path: str | Path, limit: int) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    where = str(path)
    data = load(path, limit=limit)
    layout, elements, at = _parse_header(data, where)
    body = _Text(numbers(data[at:], where), where) if layout == "ascii" else _Binary(data, at, _ORDERS[layout])
    columns: dict[str, np.ndarray] = {}
    faces = None
    for element in elements:
        try:
            values = _lists(element, body) if element.has_list else body.table(element)
        except InputError:
            raise
        except (IndexError, OverflowError, ValueError):
            raise InputError(
                Phrase("announces {count} of '{name}' and holds fewer", count=f"{element.count:,}", name=element.name),
                where=where,
                hint="the file is cut short",
            ) from None
        if element.name == "vertex":
            columns = {name: column for name, column in values.items() if isinstance(column, np.ndarray)}
        if element.name == "face":
            faces = _triangles(values, where)
    if any(name not in columns for name in "xyz"):
        raise InputError("has no vertices with x, y and z", where=where)
    for name in "xyz":
        columns[name] = columns[name].astype(np.result_type(columns[name].dtype, np.float32), copy=False)
    return columns, faces


def _parse_header(data: bytes, where: str) -> tuple[str, list[_Element], int]:
    end = data.find(b"end_header", 0, _HEADER_BYTES)
    if not data.startswith(b"ply") or end < 0:
        raise InputError("no PLY header: another format, or cut short", where=where)
    line_end = data.find(b"\n", end)
    layout, elements = "", []
    for line in data[:end].decode("ascii", "replace").splitlines()[1:]:
        match line.split():
            case ["format", name, _] if name in _ORDERS:
                layout = name
            case ["element", name, count] if count.isdecimal() and len(count) < 20 and int(count) <= MAX_POINTS:
                elements.append(_Element(name, int(count)))
            case ["property", "list", length, kind, name] if elements and {length, kind} <= set(_TYPES):
                if _TYPES[length][0] == "f":
                    raise InputError("a list length is no whole number", where=where)
                elements[-1].properties.append((name, _TYPES[kind], _TYPES[length]))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1].properties.append((name, _TYPES[kind], ""))
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise InputError(Phrase("PLY header line '{line}' is not understood", line=line[:60]), where=where)
    if not layout:
        raise InputError("the PLY header names no known format", where=where)
    return layout, elements, (line_end + 1 if line_end >= 0 else len(data))


class _Binary:
    """Values of a binary body, in order."""

    def __init__(self, data: bytes, at: int, order: str) -> None:
        self.data, self.at, self.order = data, at, order

    def table(self, element: _Element) -> dict[str, np.ndarray]:
        kinds = np.dtype([(name, self.order + kind) for name, kind, _ in element.properties])
        rows = np.frombuffer(self.data, kinds, element.count, self.at)
        self.at += rows.nbytes
        return {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in kinds.names or ()}

    def take(self, kind: str, count: int = 1) -> np.ndarray:
        values = np.frombuffer(self.data, self.order + kind, count, self.at)
        self.at += values.nbytes
        return values

    def rows(self, element: _Element) -> dict[str, np.ndarray] | None:
        """All rows at once, when each list is as long as that of the first row; else None."""
        start, parts = self.at, []
        for name, kind, length in element.properties:
            if length:
                size = int(self.take(length)[0])
                self.take(kind, size)
                parts += [(f"#{name}", self.order + length), (name, self.order + kind, (size,))]
            else:
                self.take(kind)
                parts.append((name, self.order + kind))
        self.at = start
        kinds = np.dtype(parts)
        if len(self.data) - start < kinds.itemsize * element.count:
            return None
        table = np.frombuffer(self.data, kinds, element.count, start)
        if any((table[f"#{name}"] != table[name].shape[1]).any() for name, _, length in element.properties if length):
            return None
        self.at += table.nbytes
        return {name: table[name] for name, _, _ in element.properties}


class _Text:
    """Values of an ascii body, in order."""

    def __init__(self, values: np.ndarray, where: str) -> None:
        self.values, self.at, self.where = values, 0, where

    def table(self, element: _Element) -> dict[str, np.ndarray]:
        width = len(element.properties)
        rows = self.take("f8", element.count * width).reshape(element.count, width)
        return {name: cast(rows[:, at], kind, self.where) for at, (name, kind, _) in enumerate(element.properties)}

    def take(self, kind: str, count: int = 1) -> np.ndarray:
        values = self.values[self.at : self.at + count]
        if len(values) != count:
            raise IndexError
        self.at += count
        return cast(values, kind, self.where)

    def rows(self, element: _Element) -> dict[str, np.ndarray] | None:
        """All rows at once, when the element is one list and each is as long as the first; else None."""
        if len(element.properties) != 1:
            return None
        name, kind, _ = element.properties[0]
        size = int(self.values[self.at])
        table = self.values[self.at : self.at + element.count * (size + 1)]
        if size < 0 or len(table) != element.count * (size + 1):
            return None
        table = table.reshape(element.count, size + 1)
        if (table[:, 0] != size).any():
            return None
        self.at += table.size
        return {name: cast(table[:, 1:], kind, self.where)}


def _lists(element: _Element, body: _Binary | _Text) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Read an element with lists: at once where all are equally long, else row by row."""
    if element.count == 0:
        return {name: [] for name, _, _ in element.properties}
    table = body.rows(element)
    if table is not None:
        return dict(table)
    rows: dict[str, list[np.ndarray]] = {name: [] for name, _, _ in element.properties}
    for _ in range(element.count):
        for name, kind, length in element.properties:
            size = int(body.take(length)[0]) if length else 1
            if size < 0:
                raise ValueError("a list of negative length")
            rows[name].append(body.take(kind, size))
    return dict(rows)


def _triangles(values: dict, where: str) -> np.ndarray:
    polygons = values.get("vertex_indices", values.get("vertex_index"))
    if polygons is None:
        raise InputError("faces have no vertex_indices", where=where)
    by_size: dict[int, list[np.ndarray]] = {}
    for polygon in polygons if isinstance(polygons, list) else ():
        by_size.setdefault(len(polygon), []).append(polygon)
    if isinstance(polygons, np.ndarray):
        by_size[polygons.shape[1]] = list(polygons[None])
    parts = [np.empty((0, 3), np.int64)]
    for size, group in by_size.items():
        table = np.concatenate([np.atleast_2d(part) for part in group]).astype(np.int64)
        parts += [table[:, [0, corner, corner + 1]] for corner in range(1, size - 1)]
    return np.concatenate(parts)
