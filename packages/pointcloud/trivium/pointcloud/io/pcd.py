"""PCD, the format of the Point Cloud Library, version 0.7: ascii, binary and binary_compressed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from trivium.pointcloud.io import lzf
from trivium.pointcloud.io.source import MAX_BYTES, MAX_POINTS, NotFinite, cast, finish, load, numbers, save
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Layout", "read", "write"]

Layout = Literal["ascii", "binary", "binary_compressed"]

_TYPES = {("F", 4): "<f4", ("F", 8): "<f8", **{(k, s): f"<{k.lower()}{s}" for k in "IU" for s in (1, 2, 4, 8)}}
_HEADER_BYTES = 1 << 14


@dataclass(frozen=True)
class _Header:
    names: list[str]
    kinds: list[str]
    counts: list[int]
    points: int
    layout: str
    end: int

    @property
    def dtype(self) -> np.dtype:
        # Padding fields are all called `_`; numpy wants names of their own.
        return np.dtype(
            [(f"{at}", kind, (count,)) for at, (kind, count) in enumerate(zip(self.kinds, self.counts, strict=True))]
        )


def read(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read a PCD file; gzip is fine.

    Raises:
        InputError: if the header is wrong, or announces more than the file holds.
    """
    where = str(path)
    data = load(path, limit=limit)
    header = _parse_header(data, where)
    if header.points * header.dtype.itemsize > limit:
        raise InputError(
            Phrase(
                "announces {count} points, more than {limit} MiB",
                count=f"{header.points:,}",
                limit=f"{limit / 2**20:,.0f}",
            ),
            where=where,
        )
    columns = _READERS[header.layout](data[header.end :], header, where)
    columns = {name: values[:, 0] if values.shape[1] == 1 else values for name, values in columns.items()}
    axes = [columns.pop(name) for name in "xyz"]
    if any(axis.dtype.kind != "f" or axis.ndim != 1 for axis in axes):
        raise InputError("x, y and z must be single floating-point fields", where=where)
    return finish(np.stack(axes, axis=1), columns, not_finite, where)


def write(path: str | Path, cloud: PointCloud, *, layout: Layout = "binary") -> None:
    """Write a PCD file with all fields of the cloud; coordinates keep their precision.

    Raises:
        InputError: if a field has a type that PCD does not know.
    """
    columns = {name: cloud.xyz[:, axis] for axis, name in enumerate("xyz")} | dict(cloud.fields)
    kinds = {name: np.asarray(values).dtype for name, values in columns.items()}
    for name, kind in kinds.items():
        if kind.kind not in "fiu" or (kind.kind.upper(), kind.itemsize) not in _TYPES or " " in name:
            raise InputError(f"PCD cannot hold field {name!r} of type {kind}", where=str(path))
    counts = {name: int(np.prod(values.shape[1:], dtype=int)) for name, values in columns.items()}
    lines = [
        "# .PCD v0.7 - Point Cloud Data file format",
        "VERSION 0.7",
        f"FIELDS {' '.join(columns)}",
        f"SIZE {' '.join(str(kind.itemsize) for kind in kinds.values())}",
        f"TYPE {' '.join(kind.kind.upper() for kind in kinds.values())}",
        f"COUNT {' '.join(map(str, counts.values()))}",
        f"WIDTH {len(cloud)}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {len(cloud)}",
        f"DATA {layout}",
    ]
    table = np.empty(len(cloud), [(name, kinds[name].newbyteorder("<"), (counts[name],)) for name in columns])
    for name, values in columns.items():
        table[name] = np.asarray(values).reshape(len(cloud), counts[name])
    save(path, ("\n".join(lines) + "\n").encode() + _WRITERS[layout](table))


def _parse_header(data: bytes, where: str) -> _Header:
    words: dict[str, list[str]] = {}
    at = 0
    while "DATA" not in words:
        end = data.find(b"\n", at, at + _HEADER_BYTES)
        if end < 0:
            raise InputError("no DATA line: not a PCD file, or cut short", where=where)
        key, *rest = data[at:end].decode("ascii", "replace").split() or ["#"]
        if not key.startswith("#"):
            words[key.upper()] = rest
        at = end + 1
        if at > _HEADER_BYTES:
            raise InputError("the PCD header is too long", where=where)
    names = words.get("FIELDS", words.get("COLUMNS", []))
    try:
        sizes = [int(size) for size in words["SIZE"]]
        counts = [int(count) for count in words.get("COUNT", ["1"] * len(names))]
        width, height = int(words["WIDTH"][0]), int(words.get("HEIGHT", ["1"])[0])
        points = int(words.get("POINTS", [str(width * height)])[0])
        kinds = [_TYPES[kind.upper(), size] for kind, size in zip(words["TYPE"], sizes, strict=True)]
        layout = words["DATA"][0].lower()
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            Phrase("the PCD header is wrong or incomplete ({reason})", reason=error), where=where
        ) from error
    if not len(names) == len(kinds) == len(counts) or any(count < 1 or count > 4096 for count in counts):
        raise InputError("FIELDS, SIZE, TYPE and COUNT of the PCD header do not agree", where=where)
    if any(names.count(name) != 1 for name in "xyz"):
        raise InputError(
            Phrase("needs fields x, y and z once each; has {names}", names=" ".join(names)[:80]), where=where
        )
    if points != width * height or not 0 <= points <= MAX_POINTS:
        raise InputError(
            Phrase(
                "POINTS {points} against WIDTH {width} x HEIGHT {height}", points=points, width=width, height=height
            ),
            where=where,
        )
    if layout not in _READERS:
        raise InputError(
            Phrase("DATA '{layout}' is unknown", layout=layout),
            where=where,
            hint=Phrase("known: {choices}", choices=", ".join(_READERS)),
        )
    return _Header(names, kinds, counts, points, layout, at)


def _read_ascii(data: bytes, header: _Header, where: str) -> dict[str, np.ndarray]:
    width = sum(header.counts)
    if len(data) + 1 < header.points * width * 2:  # a digit and a blank each
        _cut_short(header, where)
    values = numbers(data, where)
    if len(values) != header.points * width:
        raise InputError(
            Phrase(
                "{count} points of {width} values announced, {found} values",
                count=f"{header.points:,}",
                width=width,
                found=f"{len(values):,}",
            ),
            where=where,
        )
    table = values.reshape(header.points, width)
    starts = np.cumsum([0, *header.counts])
    parts = [cast(table[:, a:b], kind, where) for a, b, kind in zip(starts, starts[1:], header.kinds, strict=False)]
    return _named(header, parts)


def _read_binary(data: bytes, header: _Header, where: str) -> dict[str, np.ndarray]:
    if len(data) < header.points * header.dtype.itemsize:
        _cut_short(header, where)
    table = np.frombuffer(data, header.dtype, header.points)
    return _named(header, [np.ascontiguousarray(table[name]) for name in header.dtype.names or ()])


def _read_compressed(data: bytes, header: _Header, where: str) -> dict[str, np.ndarray]:
    if header.points == 0:
        return _read_binary(b"", header, where)
    if len(data) < 8:
        _cut_short(header, where)
    packed, size = struct.unpack_from("<II", data)
    if size != header.points * header.dtype.itemsize:
        raise InputError(
            Phrase("{size} bytes announced for {count} points", size=f"{size:,}", count=f"{header.points:,}"),
            where=where,
        )
    if packed > len(data) - 8:
        _cut_short(header, where)
    whole = lzf.decompress(data[8 : 8 + packed], size, where)
    parts, at = [], 0
    for kind, count in zip(header.kinds, header.counts, strict=True):  # one field after the other
        part = np.frombuffer(whole, kind, header.points * count, at).reshape(header.points, count)
        parts.append(part)
        at += part.nbytes
    return _named(header, parts)


def _named(header: _Header, parts: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {name: part for name, part in zip(header.names, parts, strict=True) if name != "_"}


def _cut_short(header: _Header, where: str) -> None:
    raise InputError(
        Phrase("announces {count} points and holds fewer", count=f"{header.points:,}"),
        where=where,
        hint="the file is cut short",
    )


def _write_ascii(table: np.ndarray) -> bytes:
    names = table.dtype.names or ()
    rows = (
        " ".join(repr(value.item()) if value.dtype.kind == "f" else str(value) for name in names for value in row[name])
        for row in table
    )
    return "".join(f"{row}\n" for row in rows).encode()


def _write_compressed(table: np.ndarray) -> bytes:
    whole = b"".join(np.ascontiguousarray(table[name]).tobytes() for name in table.dtype.names or ())
    packed = lzf.compress(whole)
    return struct.pack("<II", len(packed), len(whole)) + packed


_READERS = {"ascii": _read_ascii, "binary": _read_binary, "binary_compressed": _read_compressed}
_WRITERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "ascii": _write_ascii,
    "binary": np.ndarray.tobytes,
    "binary_compressed": _write_compressed,
}
