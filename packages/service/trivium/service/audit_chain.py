"""How rows of the audit log hang together: what is hashed, and how. Standard library only.

A row's hash is the SHA-256 of nine lines joined by line feeds, in UTF-8 and in the order of `HASHED`: the hash of the
row before (64 zeros for the first), sequence number, time, actor, action, the subject's kind, id and version, and the
detail as canonical JSON. No field holds a line feed, so no two different rows have the same lines. Anybody can compute
it with `sha256sum`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["GENESIS", "HASHED", "NUM_BREAKS", "canonical", "chain_hash", "one_line", "time_text"]

GENESIS = "0" * 64
"""What stands for the hash before the first row."""
HASHED = (
    "prev_hash", "seq", "at", "actor", "action", "subject_kind", "subject_id", "subject_version", "detail",
)  # fmt: skip
NUM_BREAKS = len(HASHED) - 1

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=str)


def chain_hash(lines: str) -> str:
    """Return the hash of a row's nine lines."""
    return hashlib.sha256(lines.encode()).hexdigest()


def canonical(detail: Mapping[str, Any]) -> str:
    """Return the one JSON text of a detail: keys sorted, no spaces, ASCII. What JSON does not know becomes its text."""
    return _ENCODER.encode(detail)


def one_line(text: str) -> str:
    """Return a text of one printable line: every other character becomes U+FFFD."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def time_text(moment: datetime) -> str:
    """Return an aware time, in UTC, as it is kept and hashed: 27 characters that sort by time."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
