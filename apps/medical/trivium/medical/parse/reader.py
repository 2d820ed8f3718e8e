"""Read a file into a radiograph: gzip is taken off, the kind is told from the content, never from the name."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

from trivium.medical.parse.dicom import looks_like_dicom, read_dicom
from trivium.medical.parse.picture import read_picture
from trivium.medical.records import Radiograph
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MAX_BYTES", "read_bytes", "read_path"]

MAX_BYTES = 200 * 1024 * 1024


def read_path(path: Path) -> Radiograph:
    """Read a file.

    Raises:
        InputError: if it cannot be opened, is empty, too large, or not a film that can be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                Phrase("is larger than the {limit} bytes allowed", limit=f"{MAX_BYTES:,}"),
                where=str(path),
                hint="give one film",
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), hint="give the path of a film") from error
    except OSError as error:
        raise InputError(
            Phrase("{what} ({detail})", what="cannot be read", detail=error.strerror),
            where=str(path),
            hint="give another file",
        ) from error
    return read_bytes(path.name, data)


def read_bytes(name: str, data: bytes) -> Radiograph:
    """Read the bytes of a file, gzip or not.

    Raises:
        InputError: as `read_path`.
    """
    data = _gunzip(name, data)
    if not data:
        raise InputError("the file is empty", where=name, hint="export the film again")
    sha256 = hashlib.sha256(data).hexdigest()
    if looks_like_dicom(data):
        film, bits, header, notes = read_dicom(name, data)
        return Radiograph(name, sha256, film, "DICOM", bits, header, notes)
    film, kind, bits, notes = read_picture(name, data)
    return Radiograph(name, sha256, film, kind, bits, notes=notes)


def _gunzip(name: str, data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            whole = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            Phrase("{what} ({detail})", what="the gzip file is damaged", detail=error),
            where=name,
            hint="compress it again",
        ) from error
    if len(whole) > MAX_BYTES:
        raise InputError(
            Phrase("unpacks to more than the {limit} bytes allowed", limit=f"{MAX_BYTES:,}"),
            where=name,
            hint="give one film",
        )
    return whole
