"""A folder that films are put into, and folders inside it: taken in, put away, and answered with a receipt.

    in/ST01/IM0001       while it is written; taken once it has not changed for a moment
    in/done/ST01/IM0001, in/failed/..., and beside each its receipt, IM0001.receipt.json

A receipt tells whether the film was new, or why it could not be used. It does not tell the study: file and folder name
the patient, and only the sealed identity may lead from one to the other. Names that begin with a dot, end in `.part` or
`.tmp`, and DICOMDIR are left alone. When database or broker are away, the file waits.
"""

from __future__ import annotations

import gzip
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import Vault
from trivium.medical.parse.reader import MAX_BYTES
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.receipts import put_away
from trivium.service.runtime import Runtime

__all__ = ["Receipt", "take_films"]

Receipt = dict[str, Any]
_ACTOR = "folder"
_PUT_AWAY = ("done", "failed")
_UNFINISHED = (".part", ".tmp")


def take_films(
    folder: Path,
    *,
    runtime: Runtime,
    vault: Vault,
    language: str,
    removes: bool = False,
    settle_s: float = 2.0,
    now: Callable[[], float] = time.time,
) -> Iterator[Receipt]:
    """Take in the films that lie in a folder and are finished, oldest first; yield the receipt of each.

    Args:
        removes: delete what was taken, with its receipt in the database alone; what failed is kept.
        settle_s: a file is finished when it has not changed for so long.

    Raises:
        UpstreamError: if database or broker are away; what was not taken lies where it was.
        InputError: if the folder cannot be used.
    """
    for path in _finished(folder, now() - settle_s):
        receipt: Receipt = {"taken_at": utc_now().isoformat()}
        try:
            data = _read(path)
            receipt["sha256"] = hashlib.sha256(data).hexdigest()
            found = receive(runtime, vault, data, brought_by=_ACTOR, language=language)
        except InputError as error:
            receipt |= {"state": "failed", "error": error.line}
        else:
            receipt |= {"state": "done", "is_new": found.is_new_image}
        if removes and receipt["state"] == "done":
            path.unlink()
        else:
            place = folder / receipt["state"] / path.parent.relative_to(folder)
            put_away(path, place, {"file": path.name, **receipt})
        yield receipt


def _read(path: Path) -> bytes:
    """Return a file's bytes, gzip taken off."""
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"is larger than the {MAX_BYTES:,} bytes allowed", where="the file", hint="give one film")
    try:
        data = path.read_bytes()
        if data[:2] != b"\x1f\x8b":
            return data
        with gzip.open(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({type(error).__name__})", where="the file", hint="copy it again") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"unpacks to more than the {MAX_BYTES:,} bytes allowed", where="the file")
    return data


def _finished(folder: Path, before: float) -> list[Path]:
    if not folder.is_dir():
        raise InputError("is no folder", where=str(folder), hint="make it, or give another")
    try:
        found = [(path.stat().st_mtime, path) for path in folder.rglob("*") if _is_film(path, folder)]
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(folder)) from error
    return [path for at, path in sorted(found) if at <= before]


def _is_film(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    is_hidden = any(one.startswith(".") for one in parts)
    is_other = path.name.upper() == "DICOMDIR" or path.name.lower().endswith(_UNFINISHED)
    return parts[0] not in _PUT_AWAY and not is_hidden and not is_other and path.is_file() and not path.is_symlink()
