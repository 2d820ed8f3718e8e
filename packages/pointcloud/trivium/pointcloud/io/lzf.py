"""LZF, the compression inside PCD files of kind `binary_compressed`.

A stream of two kinds of piece (liblzf's format): a control byte below 32 is followed by that many bytes plus one to
copy; otherwise its upper three bits plus two are the length of a match (7: one more byte adds to it) and its lower
five bits with the next byte the distance back, less one.
"""

from __future__ import annotations

from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["compress", "decompress"]

_MAX_LITERAL = 32
_MAX_DISTANCE = 1 << 13
_MAX_MATCH = 264
_MIN_MATCH = 3


def decompress(data: bytes, size: int, where: str) -> bytes:
    """Return the `size` bytes that were compressed.

    Raises:
        InputError: if the stream ends early, points before its start, or gives another number of bytes.
    """
    out = bytearray()
    at, end = 0, len(data)
    try:
        while at < end and len(out) <= size:
            control = data[at]
            at += 1
            if control < _MAX_LITERAL:
                stop = at + control + 1
                if stop > end:
                    raise IndexError
                out += data[at:stop]
                at = stop
                continue
            length = control >> 5
            if length == 7:
                length += data[at]
                at += 1
            length += 2
            start = len(out) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if start < 0:
                raise InputError("the LZF stream points before its start", where=where, hint="the file is damaged")
            if start + length <= len(out):
                out += out[start : start + length]
            else:  # the match overlaps what it makes: a run
                run = out[start:]
                out += (run * (length // len(run) + 1))[:length]
    except IndexError:
        raise InputError("the LZF stream ends early", where=where, hint="the file is damaged") from None
    if len(out) != size:
        raise InputError(
            Phrase("the LZF stream gives {found} bytes, not {size}", found=f"{len(out):,}", size=f"{size:,}"),
            where=where,
        )
    return bytes(out)


def compress(data: bytes) -> bytes:
    """Return `data` compressed: at each place the latest match of three bytes or more, else copied."""
    out = bytearray()
    seen: dict[bytes, int] = {}
    at = literal = 0
    end = len(data)
    while at < end - _MIN_MATCH + 1:
        key = data[at : at + _MIN_MATCH]
        found = seen.get(key, -1)
        seen[key] = at
        if found < 0 or at - found > _MAX_DISTANCE:
            at += 1
            continue
        _copy(out, data, literal, at)
        length = _match_length(data, found, at)
        distance = at - found - 1
        code = length - 2
        if code < 7:
            out.append(code << 5 | distance >> 8)
        else:
            out += bytes((7 << 5 | distance >> 8, code - 7))
        out.append(distance & 255)
        at += length
        literal = at
    _copy(out, data, literal, end)
    return bytes(out)


def _match_length(data: bytes, found: int, at: int) -> int:
    most = min(_MAX_MATCH, len(data) - at)
    length = _MIN_MATCH
    while length < most and data[found + length] == data[at + length]:
        length += 1
    return length


def _copy(out: bytearray, data: bytes, start: int, stop: int) -> None:
    for at in range(start, stop, _MAX_LITERAL):
        piece = data[at : min(at + _MAX_LITERAL, stop)]
        out.append(len(piece) - 1)
        out += piece
