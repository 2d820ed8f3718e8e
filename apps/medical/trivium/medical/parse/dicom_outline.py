"""The outline of a DICOM file, walked before any library reads it: lengths, nesting and numbers of elements.

A reader builds an object for each element and calls itself for each sequence, so a file of a few megabytes can cost
gigabytes, or the stack. Here nothing is built, and nothing is called again. What elements mean is not asked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["check_outline"]

_MOST_ELEMENTS = 50_000
_DEEPEST = 16
_OPEN = 0xFFFFFFFF  # a length that is not stated
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS, _SYNTAX = 0x7FE00010, 0x00020010
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_BIG = b"1.2.840.10008.1.2.2"
_HINT = "export it again"


@dataclass(slots=True)
class _Level:
    """What is being walked, to `end`, or to a delimiter when that is open.

    Args:
        holds: `elements` of a dataset, `items` of a sequence, or `fragments` of compressed pixels.
        is_explicit: whether elements state their kind.
    """

    end: int
    is_open: bool
    holds: str
    is_explicit: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """Tag, length, where the value begins, kind; `SQ` where the dictionary says so."""

    tag: int
    length: int
    start: int
    kind: bytes


def check_outline(name: str, data: bytes) -> None:
    """Refuse a file, not deflated, whose elements do not fit into it or are too many.

    Raises:
        InputError: if an element is longer than what holds it, is of no kind, if sequences lie more than 16 deep or do
            not end, or if there are more than 50,000 elements.
    """
    offset, order, is_explicit = _body(name, data)
    levels = [_Level(len(data), False, "elements", is_explicit)]
    count = 0
    while levels:
        level = levels[-1]
        if offset + 8 > level.end:
            if level.is_open:
                raise InputError("the DICOM file is damaged: a sequence does not end", where=name, hint=_HINT)
            levels.pop()
            offset = level.end if len(levels) else offset
            continue
        head = _head(name, data, offset, order, level)
        count += 1
        if count > _MOST_ELEMENTS:
            what = Phrase("the DICOM file holds more than the {limit} elements allowed", limit=f"{_MOST_ELEMENTS:,}")
            raise InputError(what, where=name, hint="give one film")
        if head.tag in (_ITEM_END, _SEQUENCE_END):
            levels.pop()
            offset = head.start
            if not levels:
                raise InputError("the DICOM file is damaged: an end without a beginning", where=name, hint=_HINT)
        elif head.tag == 0 and len(levels) == 1:
            return  # padding behind the last element
        elif level.holds != "fragments" and (head.length == _OPEN or head.kind == b"SQ" or level.holds == "items"):
            levels.append(_below(name, head, level))
            offset = head.start
        else:
            offset = head.start + head.length
            _check_length(name, head, level)
        if len(levels) > 2 * _DEEPEST + 1:
            what = Phrase("the DICOM file is damaged: sequences lie more than {limit} deep", limit=_DEEPEST)
            raise InputError(what, where=name, hint=_HINT)


def _below(name: str, head: _Head, level: _Level) -> _Level:
    """Return what is walked next: the items of a sequence, the dataset of an item, or the fragments of pixels."""
    if head.length != _OPEN:
        _check_length(name, head, level)
    end = level.end if head.length == _OPEN else head.start + head.length
    if level.holds == "items":
        return _Level(end, head.length == _OPEN, "elements", level.is_explicit)
    is_pixels = head.kind in (b"OB", b"OW")
    is_explicit = level.is_explicit and head.kind != b"UN"  # PS3.5 6.2.2: a sequence of no known kind states no kinds
    return _Level(end, head.length == _OPEN, "fragments" if is_pixels else "items", is_explicit)


def _check_length(name: str, head: _Head, level: _Level) -> None:
    left = level.end - head.start
    if head.length <= left or (head.tag == _PIXELS and not level.is_open):  # pixels that are cut off are told apart
        return
    what = "the DICOM file is damaged: an element states {stated} bytes, and {left} are left"
    raise InputError(Phrase(what, stated=f"{head.length:,}", left=f"{left:,}"), where=name, hint=_HINT)


def _head(name: str, data: bytes, offset: int, order: str, level: _Level) -> _Head:
    group, element = struct.unpack_from(f"{order}HH", data, offset)
    tag = group << 16 | element
    if group == 0xFFFE:
        return _Head(tag, struct.unpack_from(f"{order}I", data, offset + 4)[0], offset + 8, b"")
    if level.holds != "elements":
        raise InputError("the DICOM file is damaged: a sequence holds no items", where=name, hint=_HINT)
    if not level.is_explicit:
        length = struct.unpack_from(f"{order}I", data, offset + 4)[0]
        kind = dictionary_VR(tag).encode() if dictionary_has_tag(tag) else b""
        return _Head(tag, length, offset + 8, kind if kind == b"SQ" else b"")
    kind = data[offset + 4 : offset + 6]
    if tag and not (kind.isalpha() and kind.isupper()):
        raise InputError("the DICOM file is damaged: an element is of no kind", where=name, hint=_HINT)
    if kind not in _LONG:
        return _Head(tag, struct.unpack_from(f"{order}H", data, offset + 6)[0], offset + 8, kind)
    if offset + 12 > level.end:
        raise InputError("the DICOM file is damaged: it ends within an element", where=name, hint=_HINT)
    return _Head(tag, struct.unpack_from(f"{order}I", data, offset + 8)[0], offset + 12, kind)


def _body(name: str, data: bytes) -> tuple[int, str, bool]:
    """Return where the dataset begins behind the file's own group, its byte order, and whether it states kinds."""
    offset, syntax = (132 if data[128:132] == b"DICM" else 0), b""
    while data[offset : offset + 2] == b"\x02\x00":
        if offset + 12 > len(data):
            raise InputError("the DICOM file is damaged: it ends within an element", where=name, hint=_HINT)
        is_long = data[offset + 4 : offset + 6] in _LONG
        start = offset + (12 if is_long else 8)
        (length,) = struct.unpack_from("<I" if is_long else "<H", data, offset + (8 if is_long else 6))
        if data[offset + 2 : offset + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\0 ")
        offset = start + length
        if offset > len(data):
            raise InputError("the DICOM file is damaged: it ends within its first group", where=name, hint=_HINT)
    order = ">" if syntax == _BIG else "<"
    return offset, order, data[offset + 4 : offset + 6].isalpha()  # some files say one thing and do the other
