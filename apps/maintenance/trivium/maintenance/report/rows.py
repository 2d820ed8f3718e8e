"""Answers of the API that a program pulls again and again: rows as JSON or CSV, by pages, with an ETag.

`If-None-Match` with the ETag of the last answer gets `304` and no body while nothing has changed. What follows a page
is in the header `Link` (RFC 8288, `rel="next"`).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from trivium.service.errors import InputError

__all__ = ["etag_of", "is_same", "read_cursor", "to_csv", "to_json", "write_cursor"]

# A spreadsheet runs what begins with these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_json(content: Any) -> bytes:
    """Return JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """Return CSV (RFC 4180) with a header, in UTF-8: lists joined by ` | `, null empty, texts that are no formula."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue().encode()


def etag_of(body: bytes) -> str:
    """Return the ETag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_same(etag: str, if_none_match: str) -> bool:
    """Return whether the header names this ETag, or any."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in named or "*" in named


def write_cursor(*place: str | int) -> str:
    """Return a place in an order of rows as a text for an address."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """Read what `write_cursor` wrote.

    Raises:
        InputError: if it is something else.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        is_ours = isinstance(place, list) and [type(part) for part in place] == list(kinds)
        is_ours = is_ours and all(abs(part) < 2**63 for part in place if isinstance(part, int))
    except (ValueError, RecursionError):
        is_ours = False
    if not is_ours:
        raise InputError("is none of ours", where="cursor", hint="take it from the answer before, as it is")
    return tuple(place)


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return " | ".join(f"{name} {number:g}" for name, number in value.items())
    if isinstance(value, list | tuple):
        return " | ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
