"""Open a file, plain or gzip, decide what layout it has and read it."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from pathlib import Path

from trivium.maintenance.csv_text import decode_text
from trivium.maintenance.parse.cmapss import read_cmapss
from trivium.maintenance.parse.columns import Roles
from trivium.maintenance.parse.delimited import read_csv
from trivium.maintenance.records import Fleet
from trivium.service.errors import InputError

__all__ = ["LAYOUTS", "read_file"]

LAYOUTS = ("cmapss", "csv")
MAX_BYTES = 4 << 30
_PIECE = 1 << 22
_MOST_RATIO = 200
_LEAST_BYTES = 64 << 20  # small files may unpack to this, however well they were packed
_FOREIGN = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"MATLAB": "a MATLAB file",
}


def read_file(path: Path, layout: str = "", roles: Roles | None = None, *, with_label: bool = True) -> Fleet:
    """Read a file of sensor data.

    Args:
        path: the file; gzip is recognised by its content.
        layout: `cmapss` or `csv`; found out from the first line if empty.
        roles: what the user says about columns of a CSV.
        with_label: look for a column that marks failures; without, it is a column like any other.

    Raises:
        InputError: if there is no such file, it is of another kind, or its content cannot be used.
    """
    data = _read_bytes(path)
    name = str(path)
    if not data.strip():
        raise InputError("the file is empty", where=name, hint="give a file with a line of names and rows of values")
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise InputError(f"{what} cannot be read", where=name, hint="export it as CSV with a line of column names")
    sha256 = hashlib.sha256(data).hexdigest()
    text = _decode(data, name)
    if (layout or _layout_of(text)) == "cmapss":
        return read_cmapss(text, name=name, sha256=sha256)
    return read_csv(text, name=name, sha256=sha256, roles=roles or Roles(), with_label=with_label)


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _gunzip(path, most=max(_LEAST_BYTES, _MOST_RATIO * len(data)))
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), hint="give the path of a data file") from None
    except IsADirectoryError:
        raise InputError("is a folder", where=str(path), hint="give the path of a data file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"the gzip data are damaged ({error})", where=str(path), hint="compress it again") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path), hint="give another file") from error
    if len(data) > MAX_BYTES:
        raise InputError("holds more than 4 GiB", where=str(path), hint="split it by asset or by time")
    return data


def _gunzip(path: Path, *, most: int) -> bytes:
    """Decompress a file piece by piece, up to a byte beyond the most that readings of its size unpack to."""
    whole = bytearray()
    with gzip.open(path) as stream:
        while piece := stream.read(_PIECE):
            whole += piece
            if len(whole) > most:
                what = f"unpacks to over {_MOST_RATIO} times its size, as no readings do"
                raise InputError(what, where=str(path), hint="give it unpacked if it is what you mean")
    return bytes(whole)


def _decode(data: bytes, name: str) -> str:
    if b"\x00" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("is binary, not text", where=name, hint="export it as CSV with a line of column names")
    return decode_text(data)


def _layout_of(text: str) -> str:
    """Return `cmapss` for a first line of 26 numbers, or of other than that many with blanks between them."""
    first = text.lstrip().partition("\n")[0].strip()
    parts = re.split(r"[\s,;]+", first)
    if not all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?|nan", part, re.IGNORECASE) for part in parts):
        return "csv"
    return "cmapss" if len(parts) == 26 or (len(parts) > 5 and not set(",;\t") & set(first)) else "csv"
