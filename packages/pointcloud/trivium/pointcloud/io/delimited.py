"""Points as text, one a line: XYZ, TXT and CSV, separated by blanks, commas, semicolons or tabs.

A first line of names (`x,y,z,intensity`) is honoured; without one, the first three columns are x, y, z and further
ones are called `column_4` onwards. Numbers may have decimal commas where something else separates them. Lines that
begin with `#` or `//` are comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trivium.pointcloud.io.source import MAX_BYTES, NotFinite, finish, load, numbers, save
from trivium.pointcloud.records import Array, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["read", "write"]

_MAX_LINE = 65_536
_BLANKS = bytes.maketrans(b",;\t", b"   ")
_DECIMAL_COMMAS = bytes.maketrans(b",;\t", b".  ")
_DECIMAL_COMMA = re.compile(rb"[-+]?\d+(,\d+)?([eE][-+]?\d+)?")
_SAMPLE = 100  # lines


def read(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read a text file of points; gzip is fine.

    Raises:
        InputError: if a line has another number of columns than the first, or a word is not a number.
    """
    where = str(path)
    data = load(path, limit=limit)
    if b"\0" in data[:4096]:
        raise InputError("is not text", where=where)
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines()
    separators = _DECIMAL_COMMAS if _has_decimal_commas(lines) else _BLANKS
    raw = [line.translate(separators) for line in lines]
    places = [at for at, line in enumerate(raw) if line.strip() and not line.lstrip().startswith((b"#", b"//"))]
    if not places:
        raise InputError("holds no point", where=where)
    longest = max(places, key=lambda at: len(raw[at]))
    if len(raw[longest]) > _MAX_LINE:
        raise InputError(Phrase("longer than {limit} characters", limit=f"{_MAX_LINE:,}"), where=_line(where, longest))
    head = raw[places[0]].split()
    names = [word.decode("utf-8", "replace").strip("\"'").lower() for word in head] if _is_head(head) else []
    places = places[1:] if names else places
    for at in places:
        if len(raw[at].split()) != len(head):
            raise InputError(
                Phrase("{count} columns, {before} before", count=len(raw[at].split()), before=len(head)),
                where=_line(where, at),
            )
    if len(head) < 3:
        raise InputError(Phrase("{count} columns; needs x, y and z", count=len(head)), where=where)
    table = numbers(b" ".join([raw[at] for at in places]), where).reshape(-1, len(head))
    names = names or ["x", "y", "z", *(f"column_{at}" for at in range(4, len(head) + 1))]
    if any(names.count(name) != 1 for name in "xyz"):
        raise InputError(
            Phrase("needs columns x, y and z once each; has {names}", names=", ".join(names)[:80]), where=where
        )
    xyz = table[:, [names.index(name) for name in "xyz"]]
    fields = {name: table[:, at] for at, name in enumerate(names) if name not in ("x", "y", "z")}
    return finish(xyz, fields, not_finite, where)


def write(path: str | Path, cloud: PointCloud) -> None:
    """Write points and one-column fields: CSV with a line of names for `.csv`, else blanks and x, y, z first."""
    is_csv = str(path).removesuffix(".gz").endswith(".csv")
    columns: dict[str, Array] = {"x": cloud.xyz[:, 0], "y": cloud.xyz[:, 1], "z": cloud.xyz[:, 2]}
    columns |= {name: values for name, values in cloud.fields.items() if values.ndim == 1}
    separator = "," if is_csv else " "
    lines = [separator.join(columns)] if is_csv else []
    lines += [
        separator.join(map(repr, row)) for row in zip(*(values.tolist() for values in columns.values()), strict=True)
    ]
    save(path, "".join(f"{line}\n" for line in lines).encode())


def _has_decimal_commas(lines: Sequence[bytes]) -> bool:
    """Whether numbers have commas: without them, lines below the head have three cells or more, and no point."""
    sample = [line for line in lines[1 : _SAMPLE + 1] if line.strip() and not line.lstrip().startswith((b"#", b"//"))]
    rows = [line.replace(b";", b" ").split() for line in sample]
    return any(b"," in line for line in sample) and all(
        len(row) == max(len(rows[0]), 3) and all(_DECIMAL_COMMA.fullmatch(cell) for cell in row) for row in rows
    )


def _is_head(words: list[bytes]) -> bool:
    try:
        np.array(words, dtype="S").astype(np.float64)
    except ValueError:
        return True
    return False


def _line(where: str, at: int) -> str:
    return Phrase("{file}, line {number}", file=where, number=at + 1)
