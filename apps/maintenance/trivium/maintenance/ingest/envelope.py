"""The envelope of a batch: bounded decompression, and which format the bytes are in.

A body that grows beyond the limit is refused as soon as it does, so that a small bomb costs a bounded buffer.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import zstandard

from trivium.service.errors import InputError

__all__ = ["FORMATS", "MAX_BODY_BYTES", "decompress", "format_of"]

MAX_BODY_BYTES = 64 * 1024 * 1024
FORMATS = {
    "json": ("application/json",),
    "ndjson": ("application/x-ndjson", "application/ndjson", "application/jsonl"),
    "csv": ("text/csv", "application/csv"),
    "arrow": ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"),
}
_CHUNK = 256 * 1024
_MOST_ZSTD_WINDOW = 8 * 1024 * 1024


def decompress(body: bytes, encoding: str, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Undo the `Content-Encoding` of a body.

    Args:
        encoding: `gzip`, `zstd`, `identity` or empty.
        max_bytes: largest size after decompression.

    Raises:
        InputError: if the encoding is unknown, the bytes are damaged, or they would grow beyond `max_bytes`.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        pieces: Iterator[bytes] = iter((body,))
    elif name in ("gzip", "x-gzip"):
        pieces = _gunzip(body)
    elif name == "zstd":
        pieces = _unzstd(body)
    else:
        raise InputError(f"{encoding[:40]!r} is not supported", where="Content-Encoding", hint="use gzip or zstd")
    whole = bytearray()
    try:
        for piece in pieces:
            whole += piece
            if len(whole) > max_bytes:
                raise InputError(
                    f"holds more than {max_bytes // 1024 // 1024} MiB after decompression", where="body",
                    hint="send smaller batches",
                )  # fmt: skip
    except (zlib.error, EOFError, zstandard.ZstdError) as error:
        raise InputError(f"is no complete {name} data ({error})", where="body") from error
    return bytes(whole)


def format_of(content_type: str, body: bytes) -> str:
    """Return `json`, `ndjson`, `csv` or `arrow` by media type; by the first bytes when the type says nothing.

    Raises:
        InputError: if the media type is another one.
    """
    media = content_type.partition(";")[0].strip().lower()
    for name, types in FORMATS.items():
        if media in types:
            return name
    if media not in ("", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded"):
        known = ", ".join(types[0] for types in FORMATS.values())
        raise InputError(f"{media[:60]!r} is not supported", where="Content-Type", hint=f"use {known}")
    head = body[:200].lstrip()
    if body[:6] == b"ARROW1" or body[:4] == b"\xff\xff\xff\xff":
        return "arrow"
    if head[:1] == b"[":
        return "json"
    if head[:1] == b"{":
        return "json" if b'"rows"' in body[:65536] else "ndjson"
    return "csv"


def _gunzip(body: bytes) -> Iterator[bytes]:
    """Yield the members of a gzip body in pieces of bounded size."""
    rest = body
    while rest:
        one = zlib.decompressobj(wbits=31)
        data = rest
        while not one.eof:
            piece = one.decompress(data, _CHUNK)
            data = one.unconsumed_tail
            if not piece and not data and not one.eof:
                raise EOFError("it ends too early")
            yield piece
        rest = one.unused_data


def _unzstd(body: bytes) -> Iterator[bytes]:
    """Yield the frames of a zstd body in pieces of bounded size."""
    reader = zstandard.ZstdDecompressor(max_window_size=_MOST_ZSTD_WINDOW).stream_reader(
        io.BytesIO(body), read_across_frames=True
    )
    while piece := reader.read(_CHUNK):
        yield piece
    rest = body  # the reader says nothing when the last frame is cut; its size is known to be bounded by now
    while rest:
        frame = zstandard.ZstdDecompressor(max_window_size=_MOST_ZSTD_WINDOW).decompressobj()
        frame.decompress(rest)
        if not frame.eof:
            raise EOFError("it ends too early")
        rest = frame.unused_data
