"""Import years of history from files: resumable, in a lane of its own behind all live readings, raising no alerts.

A file is cut into batches whose ids follow from its content and their place in it, so that an import that was stopped,
or is done twice, sends again only what is not there yet. When the lane is full the import waits; live data never does.
"""

from __future__ import annotations

import gzip
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from trivium.maintenance.ingest.door import Door
from trivium.maintenance.ingest.formats import MAX_ROWS, Options
from trivium.maintenance.ingest.ledger import find_batch
from trivium.maintenance.ingest.verdicts import NAMES
from trivium.maintenance.stream import HISTORY
from trivium.service.database import Database
from trivium.service.errors import InputError, NotFoundError

__all__ = ["ImportReport", "import_file", "opened", "pieces", "settle"]

_PIECE_ROWS = MAX_ROWS // 2
_MOST_LINE_BYTES = 1024 * 1024
_MOST_ISSUES = 20

Progress = Callable[[int, int], None]
"""Told `(bytes read, bytes in all)`."""


@dataclass
class ImportReport:
    """What came of a file.

    Args:
        batch_ids: of all its pieces.
        num_sent: pieces that were sent now; the others were there already.
    """

    name: str
    num_rows: int = 0
    num_sent: int = 0
    batch_ids: list[str] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    issues: list[dict[str, Any]] = field(default_factory=list)


def import_file(
    path: Path,
    plant: str,
    *,
    door: Door,
    database: Database,
    options: Options | None = None,
    progress: Progress,
    lane: str = HISTORY,
) -> ImportReport:
    """Send a CSV or NDJSON file (gzip is fine) through the lane of history.

    Args:
        lane: `live` for readings of now, which raise alerts.

    Raises:
        InputError: if the file cannot be read; pieces before the one with the fault stay sent.
        UpstreamError: if broker or database are away; start again and it goes on.
    """
    report = ImportReport(path.name)
    digest = _digest_of(path)
    with opened(path) as (stream, size, place):
        for number, (piece, content_type, num_rows) in enumerate(pieces(stream, path)):
            batch_id = f"import-{digest[:24]}-{number:06}"
            report.batch_ids.append(batch_id)
            report.num_rows += num_rows
            if not _is_there(database, plant, batch_id):
                _send(door, plant, piece, content_type, batch_id, options or Options(), report, number, lane)
            progress(place(), size)
    return report


def settle(
    database: Database, plant: str, report: ImportReport, *, progress: Progress, patience_s: float = 120.0
) -> ImportReport:
    """Wait until all pieces are stored, and fill in the counts; stop waiting when nothing moves.

    Raises:
        NotFoundError: if nothing was stored within `patience_s`: no worker takes the queue `maintenance.low`.
    """
    waiting, moved_at = list(report.batch_ids), time.monotonic()
    while waiting:
        found = _told(database, plant, waiting[0])
        if found is not None and found["is_final"]:
            for name, count in found["verdicts"].items():
                report.verdicts[name] += count
            _add_issues(report.issues, found["issues"])
            waiting.pop(0)
            moved_at = time.monotonic()
            progress(len(report.batch_ids) - len(waiting), len(report.batch_ids))
        elif time.monotonic() - moved_at > patience_s:
            raise NotFoundError(
                f"{len(waiting)} of {len(report.batch_ids)} pieces are not stored after {patience_s:.0f} s",
                where=report.name,
                hint="check that a worker runs: trivium doctor",
            )
        else:
            time.sleep(0.1)
    return report


def _add_issues(issues: list[dict[str, Any]], more: Sequence[dict[str, Any]]) -> None:
    """Add what was wrong in another piece; the same in the same column counts its rows, and keeps the first place."""
    same = ("verdict", "column", "what")
    for one in more:
        known = next((issue for issue in issues if all(issue[name] == one[name] for name in same)), None)
        if known is not None:
            known["rows"] += one["rows"]
        elif len(issues) < _MOST_ISSUES:
            issues.append(dict(one))


def _send(
    door: Door,
    plant: str,
    piece: bytes,
    content_type: str,
    batch_id: str,
    options: Options,
    report: ImportReport,
    number: int,
    lane: str,
) -> None:
    while True:
        try:
            answer = door.take(
                plant,
                piece,
                content_type=content_type,
                options=Options(batch_id=batch_id).merged(options),
                lane=lane,
            )
        except InputError as error:
            first = number * _PIECE_ROWS + 1
            raise InputError(f"{error.line} (counted from row {first:,})", where=report.name) from error
        if answer.status == 202:
            report.num_sent += 1
            return
        if answer.status != 429:
            raise InputError(str(answer.body["error"]), where=report.name)
        time.sleep(answer.retry_s)


def _is_there(database: Database, plant: str, batch_id: str) -> bool:
    found = _told(database, plant, batch_id)
    return found is not None and found["state"] != "lost"


def _told(database: Database, plant: str, batch_id: str) -> dict | None:
    try:
        return find_batch(database, plant, batch_id)
    except NotFoundError:
        return None


def pieces(stream: IO[bytes], path: Path) -> Iterator[tuple[bytes, str, int]]:
    """Yield the file in pieces of whole rows; a CSV's header goes before each."""
    first = _line(stream, path)
    if not first.strip():
        raise InputError("is empty", where=path.name)
    is_json = first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{")
    header = b"" if is_json else first
    lines = [first] if is_json else []
    is_bare = True  # nothing below the header
    while line := _line(stream, path):
        if line.strip():
            lines.append(line)
        if len(lines) == _PIECE_ROWS:
            yield header + b"".join(lines), "application/x-ndjson" if is_json else "text/csv", len(lines)
            lines, is_bare = [], False
    if lines:
        yield header + b"".join(lines), "application/x-ndjson" if is_json else "text/csv", len(lines)
    elif is_bare:
        raise InputError("has no row below its first line", where=path.name, hint="give a header and rows")


def _line(stream: IO[bytes], path: Path) -> bytes:
    line = stream.readline(_MOST_LINE_BYTES)
    if len(line) == _MOST_LINE_BYTES:
        raise InputError("has a line of more than 1 MiB", where=path.name, hint="give CSV or NDJSON, one row a line")
    return line if line.endswith(b"\n") or not line else line + b"\n"


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], int, Callable[[], int]]]:
    """Open a file and give its bytes, decompressed, its size, and what tells how far in it we are."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield (gzip.GzipFile(fileobj=raw) if is_gzip else raw), path.stat().st_size, raw.tell  # type: ignore[misc]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"is no complete gzip file ({error})", where=path.name) from error


def _digest_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error
