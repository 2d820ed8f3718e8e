"""DICOM radiographs (CR, DX, and secondary captures of them): pixels as a viewer shows them, and a few header fields.

The pixel chain is that of PS3.4 N.2: modality LUT or rescale, VOI LUT or window, presentation LUT, MONOCHROME1 turned
to MONOCHROME2. Compressed syntaxes are decoded by the libraries of the extra (JPEG baseline by Pillow, JPEG 2000 by
OpenJPEG, JPEG-LS by CharLS, RLE, lossless JPEG by GDCM). Identity stays in the file: no field read names a person.
"""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_modality_lut, apply_presentation_lut, apply_voi_lut, pixel_array

from trivium.medical.parse.dicom_film import refuse_what_is_no_film
from trivium.medical.parse.dicom_header import header_of
from trivium.medical.parse.dicom_outline import check_outline
from trivium.medical.records import Film, Header
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["looks_like_dicom", "open_dicom", "open_header", "read_dicom"]

_DAMAGED = (
    InvalidDicomError, AttributeError, EOFError, KeyError, NotImplementedError, OSError, RecursionError, TypeError,
    ValueError, zlib.error,
)  # fmt: skip
_DEFLATED, _PLAIN = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1"
_MOST_INFLATED = 200 * 1024 * 1024


def looks_like_dicom(data: bytes) -> bool:
    """Return whether the bytes carry the DICOM preamble, or begin with a group 0008 element as old files do."""
    return data[128:132] == b"DICM" or data[:2] == b"\x08\x00"


def read_dicom(name: str, data: bytes) -> tuple[Film, int, Header, tuple[str, ...]]:
    """Read the first frame of a DICOM image.

    Returns:
        The film `(H, W)` float32 in [0, 1], MONOCHROME2, after the VOI and presentation steps; bits stored; the header
        fields; notes.

    Raises:
        InputError: if the file is damaged, holds no gray image, or has more than `MAX_PIXELS` pixels a frame.
    """
    dataset, stored = open_dicom(name, data)
    header, bits = header_of(dataset), int(dataset.get("BitsStored") or 8)
    frames = int(dataset.get("NumberOfFrames") or 1)
    film = _display(name, dataset, stored)
    return film, bits, header, (f"The first of {frames} frames was read.",) if frames > 1 else ()


def open_dicom(name: str, data: bytes) -> tuple[Dataset, np.ndarray]:
    """Open a DICOM image and decode its first frame.

    Returns:
        The dataset, and the stored values `(H, W)`.

    Raises:
        InputError: as `read_dicom`.
    """
    dataset = open_header(name, data)
    return dataset, _decode(name, dataset)


def open_header(name: str, data: bytes) -> Dataset:
    """Open a DICOM image and decode no pixel of it.

    Raises:
        InputError: if the file is damaged, holds no gray image, or states more than `MAX_PIXELS` pixels a frame.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of what it can read all the same
            data = _inflated(name, data)
            check_outline(name, data)
            dataset = pydicom.dcmread(io.BytesIO(data), force=data[128:132] != b"DICM")
            header_of(dataset)
            refuse_what_is_no_film(name, dataset)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(
            Phrase("{what} ({detail})", what="the DICOM file is damaged", detail=error),
            where=name,
            hint="export it again",
        ) from error
    return dataset


def _inflated(name: str, data: bytes) -> bytes:
    """Return a deflated file as a plain one, bounded: pydicom would inflate it whole, whatever it grows to.

    Raises:
        InputError: if it inflates to more than a film can have.
    """
    if data[128:132] != b"DICM" or _DEFLATED not in data[: 1 << 16]:
        return data
    stream = io.BytesIO(data)
    stream.seek(132)
    read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
    head, body = data[: stream.tell()], data[stream.tell() :]
    if _DEFLATED not in head:
        return data
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, _MOST_INFLATED + 1)
    if len(inflated) > _MOST_INFLATED:
        what = Phrase("inflates to more than the {limit} bytes allowed", limit=f"{_MOST_INFLATED:,}")
        raise InputError(what, where=name, hint="give one film")
    return head.replace(_DEFLATED, _PLAIN.ljust(len(_DEFLATED), b"\x00")) + inflated


def _decode(name: str, dataset: Dataset) -> np.ndarray:
    """Return the first frame's stored values, (H, W)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(pixel_array(dataset, index=0))
    except (*_DAMAGED, RuntimeError) as error:
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        kind = getattr(syntax, "name", "unknown transfer syntax")
        raise InputError(
            Phrase("{what} ({detail})", what="the pixels cannot be decoded", detail=f"{kind}: {error}"),
            where=name,
            hint="export it uncompressed",
        ) from error


def _display(name: str, dataset: Dataset, stored: np.ndarray) -> Film:
    """Take stored values to brightness in [0, 1]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = apply_modality_lut(stored, dataset)
            if "VOILUTSequence" in dataset and values.dtype.kind == "f":
                values = np.rint(values).astype(np.int32)  # a table is entered by whole numbers
            shaped = values if _has_no_width(dataset) else apply_voi_lut(values, dataset, index=0)
            if "PresentationLUTSequence" in dataset:
                shaped = apply_presentation_lut(shaped.astype(np.uint16), dataset)
        except (*_DAMAGED, IndexError) as error:
            raise InputError(
                Phrase("{what} ({detail})", what="the look-up table cannot be applied", detail=error),
                where=name,
                hint="export it again",
            ) from error
    film = np.asarray(shaped, dtype=np.float32)
    film = _without_padding(dataset, stored, film)
    low, high = float(film.min()), float(film.max())
    film = (film - low) / max(high - low, 1e-6)
    return (1 - film if _is_shown_inverted(dataset) else film).astype(np.float32)


def _has_no_width(dataset: Dataset) -> bool:
    """Return whether the window has no width, as some stations write; the whole range is shown then."""
    if "VOILUTSequence" in dataset or "WindowWidth" not in dataset:
        return False
    width = dataset.WindowWidth
    first = width[0] if isinstance(width, MultiValue) else width
    return first is not None and float(first) < 1


def _is_shown_inverted(dataset: Dataset) -> bool:
    """Return whether the lowest value is shown white: MONOCHROME1 says so, and so does the shape INVERSE.

    PS3.3 C.8.11.3 asks both of the same image, which means one inversion. A presentation LUT gives brightness itself.
    """
    if "PresentationLUTSequence" in dataset:
        return False
    is_inverse = str(dataset.get("PresentationLUTShape") or "") == "INVERSE"
    return is_inverse or dataset.PhotometricInterpretation == "MONOCHROME1"


def _without_padding(dataset: Dataset, stored: np.ndarray, film: Film) -> Film:
    """Give pixels outside the exposed field the lowest brightness of the others, or the highest in MONOCHROME1."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return film
    limit = dataset.get("PixelPaddingRangeLimit", value)
    low, high = sorted((int(value), int(limit)))
    padded = (stored >= low) & (stored <= high)
    if not padded.any() or padded.all():
        return film
    exposed = film[~padded]
    air = exposed.max() if _is_shown_inverted(dataset) else exposed.min()
    return np.where(padded, air, film).astype(np.float32)
