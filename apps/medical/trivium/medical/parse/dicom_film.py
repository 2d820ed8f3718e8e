"""Whether a DICOM file holds a film that can be read, told from its header before a pixel is decoded.

What is wrong is named, each in its own words; nothing of the header is quoted that could name a person.
"""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from trivium.medical.parse.picture import MAX_PIXELS
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["refuse_what_is_no_film"]

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_MOST_FRAMES = 10_000
_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")
_DIRECTORY = "1.2.840.10008.1.3.10"
_FILM = "give a CR or DX image"
_AGAIN = "export it again"
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}


def refuse_what_is_no_film(name: str, dataset: Dataset) -> None:
    """Let a gray image pass whose header, pixels and compressed stream agree.

    Raises:
        InputError: if it is none; the message says in which way.
    """
    for look in (_what_it_is, _what_the_header_says, _what_the_pixels_are):
        for what, hint in look(dataset):
            raise InputError(what, where=name, hint=hint)


def _what_it_is(dataset: Dataset) -> list[tuple[str, str]]:
    if "PixelData" in dataset:
        return []
    kind = str(dataset.get("SOPClassUID") or getattr(dataset.file_meta, "MediaStorageSOPClassUID", ""))
    if kind.startswith(_REPORTS):
        return [("the DICOM file holds a report and no image", _FILM)]
    if kind == _DIRECTORY:
        return [("the DICOM file is the directory of a disk and holds no image", "give the files that it lists")]
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return [("the DICOM file holds fractions for pixels, which no film does", _FILM)]
    return [("the DICOM file holds no image", _FILM)]


def _what_the_header_says(dataset: Dataset) -> list[tuple[str, str]]:
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    allocated, stored = _whole(dataset, "BitsAllocated"), _whole(dataset, "BitsStored")
    photometric, frames = str(dataset.get("PhotometricInterpretation") or ""), _whole(dataset, "NumberOfFrames", 1)
    found: list[tuple[str, str]] = []
    if photometric not in _GRAY:
        shown = photometric if photometric in _COLOURS else "of unknown colour"
        found.append((Phrase("the image is {colour}, not gray", colour=shown), _FILM))
    if rows <= 0 or columns <= 0:
        found.append(("the header states no size of the image", _AGAIN))
    if rows * columns > MAX_PIXELS:
        found.append((_too_large(columns, rows), "give one film"))
    if _whole(dataset, "SamplesPerPixel", 1) != 1:
        found.append(
            (
                Phrase(
                    "the image has {count} values a pixel, and a film has one", count=_whole(dataset, "SamplesPerPixel")
                ),
                _FILM,
            )
        )
    if allocated not in (8, 16):
        found.append((Phrase("pixels of {bits} bits are not read", bits=allocated), "export it with 8 or 16 bits"))
    elif not 1 <= (stored or allocated) <= allocated:
        what = Phrase("{stored} bits of each pixel are said to be stored in {bits}", stored=stored, bits=allocated)
        found.append((what, _AGAIN))
    if _whole(dataset, "PixelRepresentation") not in (0, 1):
        found.append(("the header does not say whether pixels have a sign", _AGAIN))
    if not 1 <= frames <= _MOST_FRAMES:
        what = Phrase(
            "the header states {count} frames, and 1 to {limit} are read", count=frames, limit=f"{_MOST_FRAMES:,}"
        )
        found.append((what, "give one film"))
    return found


def _too_large(columns: int, rows: int) -> Phrase:
    what = "{count} pixels are more than the {limit} allowed"
    return Phrase(what, count=f"{columns} x {rows}", limit=f"{MAX_PIXELS:,}")


def _what_the_pixels_are(dataset: Dataset) -> list[tuple[str, str]]:
    syntax = UID(str(getattr(dataset.file_meta, "TransferSyntaxUID", "") or "1.2.840.10008.1.2"))
    if not syntax.is_transfer_syntax or not _is_read(syntax):
        kind = syntax.name if syntax.is_transfer_syntax and syntax.name != syntax else "of an unknown kind"
        return [(Phrase("the transfer syntax is {kind}, which is not read", kind=kind), "export it uncompressed")]
    is_wrapped = bool(dataset["PixelData"].is_undefined_length)
    if is_wrapped != syntax.is_encapsulated:
        if syntax.is_encapsulated:
            return [("the pixels are said to be compressed, and they are not", _AGAIN)]
        return [("the pixels are said to be plain, and they are compressed", _AGAIN)]
    return _what_the_stream_holds(dataset) if is_wrapped else _what_is_missing(dataset)


def _is_read(syntax: UID) -> bool:
    """Return whether there is a decoder for a syntax; one without compression needs none."""
    if not syntax.is_encapsulated:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _what_is_missing(dataset: Dataset) -> list[tuple[str, str]]:
    size = _whole(dataset, "BitsAllocated") // 8
    needed = _whole(dataset, "Rows") * _whole(dataset, "Columns") * size
    there = len(dataset.PixelData)
    if there < needed:
        what = "the pixels are cut off: {needed} bytes are needed, and {there} are there"
        return [(Phrase(what, needed=f"{needed:,}", there=f"{there:,}"), _AGAIN)]
    return []


def _what_the_stream_holds(dataset: Dataset) -> list[tuple[str, str]]:
    frames = _whole(dataset, "NumberOfFrames", 1)
    try:
        first = next(generate_frames(dataset.PixelData, number_of_frames=frames), b"")
    except (ValueError, EOFError, struct.error, IndexError):
        first = b""
    if len(first) < 4:
        return [("the compressed image is empty", _AGAIN)]
    size, stated = _stream_size(first), (_whole(dataset, "Columns"), _whole(dataset, "Rows"))
    if size is not None and size != stated:
        what = "the compressed image holds {size} pixels, and the header states {stated}"
        return [(Phrase(what, size=f"{size[0]} x {size[1]}", stated=f"{stated[0]} x {stated[1]}"), _AGAIN)]
    return []


def _stream_size(stream: bytes) -> tuple[int, int] | None:
    """Return columns and rows that a JPEG, JPEG-LS or JPEG 2000 stream states; None for what states none here."""
    start = stream.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0 and len(stream) >= start + 24:  # JPEG 2000: size of the grid less where the image begins in it
        right, bottom, left, top = struct.unpack_from(">4I", stream, start + 8)
        return right - left, bottom - top
    if stream[:2] != b"\xff\xd8":
        return None
    offset = 2
    while offset + 9 <= len(stream) and stream[offset] == 0xFF:
        marker, (length,) = stream[offset + 1], struct.unpack_from(">H", stream, offset + 2)
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack_from(">HH", stream, offset + 5)
            return columns, rows
        offset += 2 + length if marker != 0xFF else 1
    return None


def _whole(dataset: Dataset, keyword: str, absent: int = 0) -> int:
    value = dataset.get(keyword)
    return absent if value is None or value == "" else int(value)
