"""Files on disk as the sources of a comparison, in the store, each under a name of its own.

A filing that came with its schema and linkbases reads better with them, so those that lie beside it are taken along.
Not for reading anything: that is `parse`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trivium.service.errors import InputError

__all__ = ["Gathered", "gather", "unique_names"]

_SUFFIXES = (".xsd", "_cal.xml", "_def.xml", "_lab.xml", "_pre.xml", "_ref.xml")
_TAGGED = (".htm", ".html", ".xhtml", ".xml")
_INSTANCE_TAIL = "_htm"


class _Blob(Protocol):
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...


class _Store(Protocol):
    def put_file(self, path: Path) -> _Blob: ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """One file in the store: the name it goes by in the report, its hash, and its size in bytes."""

    name: str
    sha256: str
    size: int


def gather(paths: Sequence[Path], store: _Store) -> tuple[list[Gathered], list[InputError]]:
    """Put files, and the schemas and linkbases that lie beside them, into the store.

    Returns:
        The files, those asked for first, and an error for each one that is not there or cannot be read.
    """
    found: list[Path] = []
    failures: list[InputError] = []
    for path in dict.fromkeys(path.absolute() for path in paths):
        if path.is_file():
            found.append(path)
        else:
            what = "is a folder, not a file" if path.is_dir() else "there is no such file"
            failures.append(InputError(what, where=str(path), hint="give the path of a filing"))
    companions = [near for path in found for near in _companions(path)]
    everything = list(dict.fromkeys([*found, *companions]))
    gathered = []
    for path, name in zip(everything, unique_names([path.name for path in everything]), strict=True):
        try:
            blob = store.put_file(path)
        except InputError as error:
            failures.append(error)
        else:
            gathered.append(Gathered(name, blob.sha256, blob.size))
    return gathered, failures


def unique_names(names: Iterable[str]) -> list[str]:
    """Return the names, the second of two equal ones as `name (2).htm`, so that a report can tell them apart."""
    taken: set[str] = set()
    result = []
    for name in names:
        stem, dot, suffix = name.partition(".")
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{stem} ({number}){dot}{suffix}"
        taken.add(candidate)
        result.append(candidate)
    return result


def _companions(path: Path) -> list[Path]:
    """Return the schema and linkbases beside a tagged file: those that share its stem, else all there are."""
    if not path.name.lower().removesuffix(".gz").endswith(_TAGGED):
        return []
    stem = path.name.split(".")[0].removesuffix(_INSTANCE_TAIL).lower()
    beside = [
        near
        for near in sorted(path.parent.iterdir())
        if near != path and near.name.lower().removesuffix(".gz").endswith(_SUFFIXES) and near.is_file()
    ]
    return [near for near in beside if near.name.lower().startswith(stem)] or beside
