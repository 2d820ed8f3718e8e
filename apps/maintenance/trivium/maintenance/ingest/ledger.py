"""The ledger of batches: in the database for good, beside the stream that may be lost.

The door notes what it acknowledged a tenth of a second later, many batches at a time (`NoteTaker`); the worker adds
what the note-taker did not get to. So a batch whose stream is lost is still known, by id, and is told as lost.
"""

from __future__ import annotations

import base64
import hashlib
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from trivium.maintenance import tables
from trivium.maintenance.ingest import verdicts
from trivium.service.database import Database, utc_now
from trivium.service.errors import NotFoundError, TriviumError

__all__ = [
    "Note",
    "NoteTaker",
    "batch_key",
    "find_batch",
    "find_batches",
    "known_batch",
    "note_batches",
    "record_parts",
]

log = structlog.get_logger(__name__)

ACCEPTED, DONE, DEAD, LOST = "accepted", "done", "dead", "lost"
_EVERY_S = 0.1
_MOST_NOTES = 500


def batch_key(plant: str, batch_id: str) -> str:
    """Return the short key of a batch."""
    return hashlib.sha256(f"{plant}\0{batch_id}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Note:
    """One acknowledged batch.

    Args:
        answer: what its sender was told.
        verdicts: packed, of each row at the door.
        entries: `(shard, entry)`; empty in the copy that travels with the batch.
        skew_s: its newest reading against our clock; None when it holds none.
    """

    plant: str
    batch_id: str
    body_sha256: str
    lane: str
    gateway: str
    received_at: datetime
    num_rows: int
    num_parts: int
    answer: Mapping[str, Any]
    verdicts: bytes
    entries: tuple[tuple[str, str], ...] = ()
    skew_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form that travels in the stream."""
        packed = base64.b85encode(self.verdicts).decode()
        return {**vars(self), "received_at": self.received_at.isoformat(), "verdicts": packed, "entries": []}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Note:
        """Read what `to_json` wrote."""
        received = datetime.fromisoformat(data["received_at"])
        packed = base64.b85decode(data["verdicts"])
        return cls(**{**data, "received_at": received, "verdicts": packed, "entries": ()})


class NoteTaker:
    """Writes notes in the background, many in one transaction. Threads may share it.

    Args:
        database: at this release's schema.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[Note | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def take(self, note: Note) -> None:
        """Note a batch soon."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
                self._thread.start()
        self._waiting.put(note)

    def close(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(10)

    def _work(self) -> None:
        ended = threading.Event()
        kept: list[Note] = []
        while not ended.is_set():
            first = self._waiting.get()
            if first is not None:
                kept.append(first)
                ended.wait(_EVERY_S)  # let others come along
            else:
                ended.set()
            while not self._waiting.empty():
                note = self._waiting.get()
                if note is None:
                    ended.set()
                else:
                    kept.append(note)
            kept = self._write(kept)

    def _write(self, notes: list[Note]) -> list[Note]:
        """Write notes; return those that could not be written, to try again with the next."""
        for start in range(0, len(notes), _MOST_NOTES):
            try:
                with self._database.write() as connection:
                    note_batches(connection, notes[start : start + _MOST_NOTES], with_entries=True)
                    _note_gateways(connection, notes[start : start + _MOST_NOTES])
            except TriviumError as error:
                log.warning("ledger.not_written", batches=len(notes) - start, error=error.line)
                return notes[start:][-100 * _MOST_NOTES :]
        return []


def note_batches(connection: Connection, notes: Sequence[Note], *, with_entries: bool) -> None:
    """Add batches that are not there yet; one that was lost and came again counts anew.

    Args:
        with_entries: whether the notes say which entries of which streams hold the batch.
    """
    if not notes:
        return
    table = tables.batch
    query = _dialect(connection).insert(table)
    names = ["received_at", "body_sha256", "answer", "verdicts", *(["entries"] if with_entries else [])]
    again = {name: query.excluded[name] for name in names}
    again["state"] = case((table.c.state == LOST, ACCEPTED), else_=table.c.state)
    query = query.on_conflict_do_update(index_elements=["key"], set_=again)
    connection.execute(query, [_values(note) for note in notes])


def record_parts(connection: Connection, parts: Sequence[Mapping[str, Any]]) -> None:
    """Record what was done of batches, and which of them are done with it.

    Args:
        parts: rows of the table `maintenance_part`.
    """
    if not parts:
        return
    connection.execute(insert(tables.part), list(parts))
    keys = sorted({part["batch_key"] for part in parts})
    batch, part = tables.batch, tables.part
    locked = connection.execute(
        select(batch.c.key, batch.c.num_parts).where(batch.c.key.in_(keys)).order_by(batch.c.key).with_for_update()
    ).all()
    counts: dict[str, int] = dict(
        connection.execute(
            select(part.c.batch_key, func.count()).where(part.c.batch_key.in_(keys)).group_by(part.c.batch_key)
        ).all()
    )
    done = [row.key for row in locked if counts[row.key] >= row.num_parts]
    if done:
        connection.execute(update(batch).where(batch.c.key.in_(done)).values(state=DONE, finished_at=utc_now()))


def known_batch(database: Database, plant: str, batch_id: str) -> tuple[str, str, dict[str, Any]] | None:
    """Return hash, state and first answer of a batch that the ledger knows; None when it does not."""
    table = tables.batch
    query = select(table.c.body_sha256, table.c.state, table.c.answer).where(table.c.key == batch_key(plant, batch_id))
    with database.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row.body_sha256, row.state, row.answer)


def find_batch(database: Database, plant: str, batch_id: str, *, with_rows: bool = False) -> dict[str, Any]:
    """Return what became of a batch.

    Args:
        with_rows: also the verdict of each row.

    Raises:
        NotFoundError: if the plant has sent no such batch.
    """
    key = batch_key(plant, batch_id)
    with database.read() as connection:
        row = connection.execute(select(tables.batch).where(tables.batch.c.key == key)).first()
        parts = connection.execute(select(tables.part).where(tables.part.c.batch_key == key)).all()
    if row is None:
        raise NotFoundError("this plant has sent no such batch", where=batch_id[:200])
    found = _told(row, sum(part.num_late for part in parts), sum(part.num_duplicate for part in parts))
    found["stored_readings"] = sum(part.num_readings for part in parts)
    if with_rows:
        each = verdicts.unpack_verdicts(row.verdicts)
        for part in parts:
            late, duplicate = verdicts.unpack_rows(part.verdicts)
            each[late], each[duplicate] = verdicts.Verdict.LATE, verdicts.Verdict.DUPLICATE
        found["row_verdicts"] = [verdicts.NAMES[code] for code in each]
    return found


def find_batches(database: Database, plant: str, *, state: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Return a plant's batches, newest first, with the counts of the door.

    Args:
        state: only those; empty for all.
    """
    table = tables.batch
    query = select(table).where(table.c.plant == plant).order_by(table.c.received_at.desc(), table.c.key).limit(limit)
    if state:
        query = query.where(table.c.state == state)
    with database.read() as connection:
        rows = connection.execute(query).all()
        part = tables.part
        sums = connection.execute(
            select(part.c.batch_key, func.sum(part.c.num_late), func.sum(part.c.num_duplicate))
            .where(part.c.batch_key.in_([row.key for row in rows]))
            .group_by(part.c.batch_key)
        ).all()
    moved = {key: (int(late), int(duplicate)) for key, late, duplicate in sums}
    return [_told(row, *moved.get(row.key, (0, 0))) for row in rows]


def _dialect(connection: Connection) -> Any:
    return sqlite if connection.dialect.name == "sqlite" else postgresql


def _told(row: Any, num_late: int, num_duplicate: int) -> dict[str, Any]:
    return {
        "batch_id": row.batch_id,
        "state": row.state,
        "is_final": row.state == DONE,
        "received_at": row.received_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "gateway": row.gateway,
        "lane": row.lane,
        "rows": row.num_rows,
        "verdicts": verdicts.settle(row.answer["verdicts"], num_late, num_duplicate),
        "issues": row.answer["issues"],
    }


def _values(note: Note) -> dict[str, Any]:
    return {
        "key": batch_key(note.plant, note.batch_id), "plant": note.plant, "batch_id": note.batch_id,
        "body_sha256": note.body_sha256, "lane": note.lane, "gateway": note.gateway, "received_at": note.received_at,
        "num_rows": note.num_rows, "num_parts": note.num_parts, "answer": dict(note.answer),
        "verdicts": note.verdicts, "entries": [list(entry) for entry in note.entries], "state": ACCEPTED,
        "finished_at": None,
    }  # fmt: skip


def _note_gateways(connection: Connection, notes: Sequence[Note]) -> None:
    """Note when each gateway was last heard and how its clock stands."""
    table = tables.gateway
    latest: dict[tuple[str, str], list[Note]] = {}
    for note in notes:
        if note.skew_s is not None and note.lane == "live":
            latest.setdefault((note.plant, note.gateway), []).append(note)
    for (plant, name), own in sorted(latest.items()):
        values = {"seen_at": own[-1].received_at, "skew_s": max(note.skew_s or 0.0 for note in own)}
        query = (
            _dialect(connection)
            .insert(table)
            .values(
                plant=plant, gateway=name, **values, num_batches=len(own), num_rows=sum(note.num_rows for note in own)
            )
        )
        added = {name: table.c[name] + query.excluded[name] for name in ("num_batches", "num_rows")}
        connection.execute(query.on_conflict_do_update(index_elements=["plant", "gateway"], set_=values | added))
