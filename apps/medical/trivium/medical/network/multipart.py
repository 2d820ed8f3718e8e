"""multipart/related as DICOMweb sends it (PS3.18 8.6, RFC 2387): read part by part, bounded; written as a stream."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Iterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

__all__ = ["parts_of", "related", "written"]

_LONGEST_BOUNDARY = 70  # RFC 2046


async def parts_of(
    content_type: str, body: AsyncIterator[bytes], *, wanted: str, max_part_bytes: int, max_parts: int
) -> AsyncIterator[bytes]:
    """Yield the parts of a body as each is whole; one part at a time is in memory.

    Args:
        content_type: of the request.
        wanted: type of the parts.

    Raises:
        HTTPException: 415 for another type, 413 for what is too large, 400 for a body that is not as it says.
    """
    boundary = _boundary(content_type, wanted)
    whole: list[bytes] = []
    current = bytearray()
    is_closed = False

    def take(data: bytes, start: int, end: int) -> None:
        if len(current) + end - start > max_part_bytes:
            raise HTTPException(413, f"a film is larger than the {max_part_bytes:,} bytes allowed")
        current.extend(data[start:end])

    def end_part() -> None:
        whole.append(bytes(current))
        current.clear()

    def end_body() -> None:
        nonlocal is_closed
        is_closed = True

    parser = MultipartParser(boundary, {"on_part_data": take, "on_part_end": end_part, "on_end": end_body})
    count = 0
    try:
        async for chunk in body:
            for start in range(0, len(chunk), 1 << 20):  # so that parts come one by one from a large chunk, too
                parser.write(chunk[start : start + (1 << 20)])
                while whole:
                    count += 1
                    if count > max_parts:
                        raise HTTPException(413, f"there are more than the {max_parts} films allowed in one request")
                    yield whole.pop(0)
        parser.finalize()
    except MultipartParseError as error:
        raise HTTPException(400, "the body is no multipart body with the boundary that its head states") from error
    if not is_closed or not count:
        what = "the body holds no film" if is_closed else "the body ends before its last boundary"
        raise HTTPException(400, what)


def related(kind: str) -> tuple[str, str]:
    """Return a new boundary, and the content type of a body with it."""
    boundary = secrets.token_hex(16)
    return boundary, f'multipart/related; type="{kind}"; boundary={boundary}'


def written(boundary: str, kind: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a body, part by part."""
    for part in parts:
        yield f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Length: {len(part)}\r\n\r\n".encode()
        yield part
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _boundary(content_type: str, wanted: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/related" or options.get(b"type", wanted.encode()).lower() != wanted.encode():
        raise HTTPException(415, f'send multipart/related; type="{wanted}"')
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
        raise HTTPException(400, f"the content type states no boundary of 1 to {_LONGEST_BOUNDARY} characters")
    return boundary
