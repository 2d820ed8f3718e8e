"""Walk the audit log from its first row to its last and name the first that is not as it was written.

Found are rows changed in any column, missing, put in, or in another order. Not found by the chain alone: the last rows
cut off, or rewritten from some row to the end with new hashes; for these, hold the log against a head that was signed
and kept elsewhere (`audit_head.py`).

A long log is cut into segments that processes walk side by side, each from the hash of the row before it. That hash is
the last one of the segment before, which is held to be it there. Whatever segment is not whole is walked again here,
so that the verdict is the same with any number of processes.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import OperationalError

from trivium.service.audit_chain import GENESIS, NUM_BREAKS, chain_hash
from trivium.service.database import Database
from trivium.service.errors import UpstreamError
from trivium.service.tables import audit

__all__ = ["Fault", "FaultKind", "Mark", "Verdict", "verify"]

_PAGE = 2_000
_BITE = 250
_LEAST_ROWS = 20_000  # of a segment: fewer are walked sooner than a process starts
_COLUMNS = (
    audit.c.seq, audit.c.at, audit.c.actor, audit.c.action, audit.c.subject_kind, audit.c.subject_id,
    audit.c.subject_version, audit.c.detail, audit.c.prev_hash, audit.c.hash,
)  # fmt: skip


class FaultKind(StrEnum):
    """What is wrong with a row."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row that is wrong: its sequence number, what is wrong with it, and the words for it."""

    seq: int
    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A row that is known to have been in the log."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the log is whole: its last good row (sequence number 0 for none), and what follows if that is wrong."""

    seq: int
    hash: str
    fault: Fault | None


def verify(connection: Connection, mark: Mark | None = None, *, processes: int = 1) -> Verdict:
    """Compute every hash again.

    Args:
        connection: one that sees one state from beginning to end.
        mark: a row that must be there.
        processes: how many may walk side by side; more than one only from a process without threads, because each is
            forked from it, and only for what is committed.
    """
    seq, last = _whole_segments(connection, processes)
    if mark is not None and 0 < mark.seq <= seq and _before(connection, mark.seq + 1) != (mark.seq, mark.hash):
        seq, last = _before(connection, mark.seq)  # processes know of no mark; the walk says what is wrong
    for page in _pages(connection, after=seq or None):
        good, last = _walk(page, seq, last, mark)
        if good < len(page):
            return Verdict(seq + good, last, _fault(connection, page[good], seq + good, last, mark))
        seq += good
    if mark is not None and seq < mark.seq:
        text = f"rows {seq + 1} to {mark.seq} are missing at the end: the head names row {mark.seq}"
        return Verdict(seq, last, Fault(seq + 1, FaultKind.MISSING, text))
    return Verdict(seq, last, None)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Rows after `after` up to `upto`; `last` is the hash of row `after` as it stands there."""

    after: int
    last: str
    upto: int


def _whole_segments(connection: Connection, processes: int) -> tuple[int, str]:
    """Return the number and hash of the row up to which processes found the log whole: 0 when none were needed."""
    highest = connection.execute(select(func.max(audit.c.seq))).scalar_one() or 0
    count = min(processes, highest // _LEAST_ROWS)
    if count < 2:
        return 0, GENESIS
    bounds = [highest * index // count for index in range(count + 1)]
    segments = [_Segment(*_before(connection, after + 1), upto) for after, upto in pairwise(bounds)]
    url = connection.engine.url.render_as_string(hide_password=False)
    with multiprocessing.get_context("fork").Pool(count) as pool:
        ends = pool.starmap(_walk_segment, [(url, segment) for segment in segments])
    whole, last = 0, GENESIS
    for segment, end in zip(segments, ends, strict=True):
        if (segment.after, segment.last) != (whole, last) or end is None:
            break
        whole, last = segment.upto, end
    return whole, last


def _walk_segment(url: str, segment: _Segment) -> str | None:
    """Return the hash of a segment's last row; None when one of its rows is not as it was written."""
    gc.disable()  # rows hold no cycles, and looking for some copies the memory shared with the process that forked
    database = Database(url)
    try:
        with database.read() as connection:
            seq, last = segment.after, segment.last
            for page in _pages(connection, after=seq or None, upto=segment.upto):
                good, last = _walk(page, seq, last, None)
                seq += good
                if good < len(page):
                    return None
    except UpstreamError:  # a row that cannot be read, or a database that is away: whoever walks it again tells which
        return None
    finally:
        database.close()
    return last if seq == segment.upto else None


def _before(connection: Connection, seq: int) -> tuple[int, str]:
    """Return the number and hash of the row before one; those of no row where it is not there to be read."""
    try:
        found = connection.execute(select(audit.c.hash).where(audit.c.seq == seq - 1)).scalar()
    except OperationalError:
        found = None
    return (seq - 1, str(found)) if found is not None else (0, GENESIS)


def _walk(page: Sequence[Sequence[Any]], seq: int, last: str, mark: Mark | None) -> tuple[int, str]:
    """Return how many rows of a page follow row `seq` with the hash `last`, and the hash of the last of them."""
    marked_seq, marked_hash = (mark.seq, mark.hash) if mark else (0, "")
    for good, (number, at, actor, action, kind, subject, version, detail, prev_hash, own_hash) in enumerate(page):
        seq += 1
        lines = f"{prev_hash}\n{number}\n{at}\n{actor}\n{action}\n{kind}\n{subject}\n{version}\n{detail}"
        is_whole = sha256(lines.encode()).hexdigest() == own_hash and lines.count("\n") == NUM_BREAKS
        if not is_whole or number != seq or prev_hash != last or (seq == marked_seq and own_hash != marked_hash):
            return good, last
        last = own_hash
    return len(page), last


def _pages(
    connection: Connection, *, after: int | None = None, upto: int | None = None
) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the rows in order, a few hundred at a time: all of them, or those between two numbers."""
    last, found = after, -1
    query = select(*_COLUMNS).order_by(audit.c.seq)
    if connection.dialect.name != "sqlite":  # SQLite gives rows as they are asked for, other drivers all at once
        query = query.limit(_PAGE)
    if upto is not None:
        query = query.where(audit.c.seq <= upto)
    while found != 0:
        found = 0
        rest = query if last is None else query.where(audit.c.seq > last)
        try:
            for rows in _fetched(connection, rest):
                found, last = found + len(rows), rows[-1][0]
                yield rows
        except OperationalError as error:
            if "decode" not in str(error.orig):
                raise
            yield _readable(connection, query if last is None else query.where(audit.c.seq > last))
            return


def _readable(connection: Connection, query: Any) -> Sequence[Sequence[Any]]:
    """Return rows up to the first that cannot be read, and that one as far as its number."""
    readable: list[Sequence[Any]] = []
    for seq in connection.execute(query.with_only_columns(audit.c.seq).limit(_PAGE)).scalars().all():
        try:
            for rows in _fetched(connection, select(*_COLUMNS).where(audit.c.seq == seq)):
                readable += rows
        except OperationalError:
            return [*readable, (seq, *[None] * 9)]
    return readable


def _fetched(connection: Connection, query: Any) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield rows as the driver gives them: no column needs converting, and verifying is mostly fetching.

    A few hundred at a time stay in the processor's cache until they are hashed.
    """
    with connection.execute(query) as result:
        try:
            while rows := result.cursor.fetchmany(_BITE):
                yield rows
        except connection.dialect.loaded_dbapi.Error as error:
            raise OperationalError(str(query), None, error) from error


def _fault(connection: Connection, row: Sequence[Any], seq: int, last: str, mark: Mark | None) -> Fault:
    """Say what is wrong with the first row that does not follow row `seq`."""
    found, expected = row[0], seq + 1
    if found > expected:
        which = f"row {expected} is" if found == expected + 1 else f"rows {expected} to {found - 1} are"
        return Fault(expected, FaultKind.MISSING, f"{which} missing")
    if found < expected:
        return Fault(found, FaultKind.INSERTED, f"row {found} was put in before the first")
    written = _written_as(connection, row)
    true_row = _successor(connection, found, last)
    if written is None and true_row is not None:
        return Fault(found, FaultKind.INSERTED, f"row {found} was put in; what was written there is now row {true_row}")
    if written is None:
        return Fault(found, FaultKind.CHANGED, f"row {found} was changed")
    if written == found and row[8] == last and mark is not None:
        text = f"row {found} is whole, but another than the head names: the log was written anew"
        return Fault(found, FaultKind.CHANGED, text)
    if written == found:
        return Fault(found, FaultKind.CHANGED, f"row {found} does not follow row {seq}: one of them was written anew")
    if written < found:
        return Fault(found, FaultKind.INSERTED, f"row {found} was written as row {written}: one before it was put in")
    if true_row is not None:
        text = f"row {found} was written as row {written}, and row {true_row} in its place: the order was changed"
        return Fault(found, FaultKind.REORDERED, text)
    return Fault(found, FaultKind.MISSING, f"row {found} was written as row {written}: those between are missing")


def _written_as(connection: Connection, row: Sequence[Any]) -> int | None:
    """Return the number under which a row's hash is right; None when there is none."""
    if not all(isinstance(value, str) for value in row[1:]) or "\n".join(row[1:9]).count("\n") != NUM_BREAKS - 1:
        return None
    highest = connection.execute(select(func.max(audit.c.seq))).scalar_one()
    rest = "\n".join(row[1:8])
    tries = range(1, 2 * highest + 2)  # rows before it may be gone
    return next((seq for seq in tries if chain_hash(f"{row[8]}\n{seq}\n{rest}") == row[9]), None)


def _successor(connection: Connection, found: int, last: str) -> int | None:
    """Return the number of another row that says that it follows the row with the hash `last`."""
    query = select(audit.c.seq).where(audit.c.prev_hash == last, audit.c.seq != found).order_by(audit.c.seq).limit(1)
    other: Row[Any] | None = connection.execute(query).first()
    return other[0] if other else None
