"""Dead letters: parts of batches that could not be worked off, kept in the database with the reason until replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import unpack
from trivium.maintenance.ingest.ledger import ACCEPTED, DEAD, Note, note_batches
from trivium.maintenance.stream import Entry, Streams, plant_of
from trivium.service import phrase
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError

__all__ = ["bury", "list_dead", "replay"]


def bury(connection: Connection, shard: str, entry: Entry, reason: str) -> None:
    """Keep an entry as a dead letter, on the caller's transaction."""
    try:
        meta, _ = unpack(entry.payload)
    except InputError:
        meta = {}
    key, batch_id = str(meta.get("key", "")), str(meta.get("batch_id", ""))
    if meta.get("note"):
        note_batches(connection, [Note.from_json(meta["note"])], with_entries=False)
    values = {
        "plant": plant_of(shard),
        "batch_id": batch_id,
        "batch_key": key,
        "shard": shard,
        "reason": phrase.pack(reason) if len(reason) < 1000 else reason[:2000],
    }
    connection.execute(insert(tables.dead_letter).values(**values, payload=entry.payload, failed_at=utc_now()))
    connection.execute(update(tables.batch).where(tables.batch.c.key == key).values(state=DEAD))


def list_dead(
    database: Database,
    plant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return a plant's dead letters that were not replayed, newest first."""
    table = tables.dead_letter
    query = select(table).where(*_chosen(plant, (), since, until)).order_by(table.c.id.desc()).limit(limit)
    with database.read() as connection:
        return [
            {
                "id": row.id,
                "batch_id": row.batch_id,
                "shard": row.shard,
                "reason": phrase.unpack(row.reason),
                "bytes": len(row.payload),
                "failed_at": row.failed_at.isoformat(),
            }
            for row in connection.execute(query)
        ]


def replay(
    database: Database,
    streams: Streams,
    plant: str,
    *,
    ids: Sequence[int] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Put dead letters back into their streams, by id or by the time at which they failed; return how many.

    A part that comes twice is worked off once, so that a replay that is interrupted can be done again.

    Raises:
        InputError: if neither ids nor a time are given.
        NotFoundError: if there are none.
    """
    if not ids and since is None and until is None:
        raise InputError("says neither which dead letters nor of what time", where="replay", hint="give ids or since")
    table, batch = tables.dead_letter, tables.batch
    with database.read() as connection:
        rows = connection.execute(select(table).where(*_chosen(plant, ids, since, until)).order_by(table.c.id)).all()
    if not rows:
        raise NotFoundError("no such dead letter waits", where=plant)
    for row in rows:
        entry = streams.append(row.shard, row.payload)
        with database.write() as connection:
            connection.execute(update(table).where(table.c.id == row.id).values(replayed_at=utc_now()))
            query = select(batch.c.entries).where(batch.c.key == row.batch_key).with_for_update()
            known = connection.execute(query).scalar_one_or_none() or []
            entries = [one for one in known if one[0] != row.shard] + [[row.shard, entry]]
            values = {"state": ACCEPTED, "entries": entries, "received_at": utc_now()}
            connection.execute(
                update(batch).where(batch.c.key == row.batch_key, batch.c.state == DEAD).values(**values)
            )
    return len(rows)


def _chosen(plant: str, ids: Sequence[int], since: datetime | None, until: datetime | None) -> list[Any]:
    table = tables.dead_letter
    where = [table.c.plant == plant, table.c.replayed_at.is_(None)]
    where += [table.c.id.in_(ids)] if ids else []
    where += [table.c.failed_at >= since] if since else []
    where += [table.c.failed_at <= until] if until else []
    return where
