"""Bytes of a file from a stranger: bounded in size, gzip undone, failures in one line. For all readers."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Literal

import numpy as np

from trivium.pointcloud.records import Array, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MAX_BYTES", "MAX_POINTS", "NotFinite", "cast", "finish", "load", "numbers", "save", "stem"]

MAX_BYTES = 2 * 1024**3
"""Largest file, decompressed."""

MAX_POINTS = 100_000_000
"""Most points, vertices or faces that a header may announce."""

_MAX_WORD = 64
_PIECE = 1 << 22

NotFinite = Literal["drop", "keep", "refuse"]
"""What becomes of points with a coordinate that is NaN or infinite. Organised clouds mark missing returns by NaN."""


def load(path: str | Path, *, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a file, decompressed when they are gzip.

    Raises:
        InputError: if it cannot be read, is empty, or is larger than `limit` bytes decompressed.
    """
    where = str(path)
    try:
        with open(path, "rb") as file:
            data = _read(file, limit)
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = _read(stream, limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            Phrase("the gzip stream is damaged ({reason})", reason=error), where=where, hint="fetch the file again"
        ) from error
    except OSError as error:
        raise InputError(Phrase("cannot be read ({reason})", reason=error.strerror or error), where=where) from error
    if not data:
        raise InputError("the file is empty", where=where)
    if len(data) > limit:
        raise InputError(
            Phrase("larger than {limit} MiB decompressed", limit=f"{limit / 2**20:,.0f}"),
            where=where,
            hint="thin the cloud out",
        )
    return data


def _read(stream: IO[bytes] | gzip.GzipFile, limit: int) -> bytes:
    """Read a stream, one byte beyond the limit at most; piece by piece, for `read` makes room for all it may give."""
    whole = bytearray()
    while len(whole) <= limit and (piece := stream.read(min(_PIECE, limit + 1 - len(whole)))):
        whole += piece
    return bytes(whole)


def save(path: str | Path, data: bytes) -> None:
    """Write bytes, as gzip when the name ends in `.gz`; the same bytes give the same file."""
    Path(path).write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def stem(path: str | Path) -> str:
    """Return `scan` for `scan.pcd` and `scan.pcd.gz`."""
    name = Path(path).name
    return Path(name.removesuffix(".gz")).stem


def numbers(text: bytes, where: str) -> np.ndarray:
    """Return the numbers of a text, float64.

    Raises:
        InputError: if a word is not a number.
    """
    words = text.split()
    if not words:
        return np.empty(0)
    longest = max(words, key=len)
    try:
        if len(longest) > _MAX_WORD:  # numpy gives every word the room of the longest
            raise ValueError
        return np.array(words).astype(np.float64)
    except ValueError:
        word = next((word for word in words if not _is_number(word)), longest)
        raise InputError(
            Phrase("'{word}' is not a number", word=word[:40].decode("ascii", "replace")), where=where
        ) from None


def cast(values: np.ndarray, kind: str, where: str) -> np.ndarray:
    """Return float64 values read from text as the type that the header names.

    Raises:
        InputError: if a value does not fit a type of whole numbers.
    """
    wanted = np.dtype(kind)
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        wrong = ~((values >= limits.min) & (values <= limits.max))
        if wrong.any():
            raise InputError(
                Phrase("{value} does not fit a field of type {kind}", value=f"{values[wrong][0]:g}", kind=wanted.name),
                where=where,
            )
    with np.errstate(over="ignore"):
        return values.astype(wanted)


def finish(xyz: np.ndarray, fields: dict[str, Array], not_finite: NotFinite, where: str) -> PointCloud:
    """Make the cloud, with the rule for points that are not finite applied.

    Raises:
        InputError: if there are such points and the rule is `refuse`.
    """
    # Arrays over the bytes of the file cannot be written to, which torch warns of.
    xyz, fields = (
        np.require(xyz, requirements="W"),
        {name: np.require(v, requirements="W") for name, v in fields.items()},
    )
    if not_finite == "keep":
        return PointCloud(xyz, fields)
    is_finite = np.isfinite(xyz).all(axis=1)
    lost = int(len(xyz) - is_finite.sum())
    if lost == 0:
        return PointCloud(xyz, fields)
    if not_finite == "refuse":
        raise InputError(
            Phrase(
                "{lost} of {count} points have a coordinate that is not finite", lost=f"{lost:,}", count=f"{len(xyz):,}"
            ),
            where=where,
        )
    return PointCloud(xyz[is_finite], {name: column[is_finite] for name, column in fields.items()}, dropped=lost)


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
