"""The audit log: who did what to which version, in rows that only get more, each hashed with the one before.

    with database.write(is_durable=True) as connection:
        connection.execute(...)                                                         # the act
        audit.append(connection, Entry("report.signed", "ann", "report", "r7", "3"))    # stands or falls with it

The database is the log's one writer: SQLite has one write transaction at a time, PostgreSQL takes a lock that lasts
until the commit. So a record belongs to the transaction of its act, which an elected process could not give, and no
election has to be won before somebody may log in. Append last: others wait for the lock until the commit, and whoever
waits for a row while holding it can block itself. `audit_verify.py` finds what was changed, `audit_head.py` signs how
far the log had come.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from trivium.service.audit_chain import GENESIS, HASHED, canonical, chain_hash, one_line, time_text
from trivium.service.database import Database, utc_now
from trivium.service.tables import audit

__all__ = ["Audit", "Entry"]

_GROUP = 50
_LOCK = 0x54726975  # any number of our own; migrations have the next
_POSTGRES_LOCK = text(
    "SELECT pg_advisory_xact_lock(:key), CASE current_setting('synchronous_commit') WHEN 'off' "
    "THEN set_config('synchronous_commit', 'on', true) END"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did.

    Args:
        action: what, as `subject.done`: `job.cancelled`, `report.signed`.
        actor: id of the account or plant, or `operator`; at most 120 characters count.
        subject_kind: what it was done to: `job`, `account`, `report`.
        subject_id: which one.
        subject_version: its version after the act, or the SHA-256 of its content; empty where it has none.
        detail: what else must be known, never a secret; values that JSON can hold.
    """

    action: str
    actor: str
    subject_kind: str
    subject_id: str
    subject_version: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class Audit:
    """The audit log of one database.

    Args:
        database: at this release's schema.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self._now = now
        self._waiting: deque[tuple[Entry, Future[None]]] = deque()
        self._changed = threading.Condition()
        self._is_committing = False

    def append(self, connection: Connection, *entries: Entry) -> None:
        """Add entries within the caller's transaction, which must be durable, as its last statement.

        Raises:
            ValueError: if the transaction was not begun with `database.write(is_durable=True)`.
        """
        if connection.get_execution_options().get("trivium_synchronous") != "FULL":
            raise ValueError("audit entries need database.write(is_durable=True)")
        if not entries:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(_POSTGRES_LOCK, {"key": _LOCK})
        last = connection.execute(_LAST).first()
        seq, prev_hash = (last.seq, last.hash) if last else (0, GENESIS)
        at, rows = time_text(self._now()), []
        for entry in entries:
            seq += 1
            row = {"prev_hash": prev_hash, "seq": seq, "at": at, **_fields(entry)}
            prev_hash = row["hash"] = chain_hash("\n".join(str(row[name]) for name in HASHED))
            rows.append(row)
        connection.execute(insert(audit), rows)

    def record(self, entry: Entry) -> None:
        """Add an entry in a transaction of its own, and return once it is on the disk.

        Threads that record at the same time share a commit, at most 50 entries in one.

        Raises:
            UpstreamError: if the database cannot be reached; nothing is recorded then.
        """
        done: Future[None] = Future()
        with self._changed:
            self._waiting.append((entry, done))
        while not done.done():
            with self._changed:  # one thread commits, for itself and all who came while another did
                self._changed.wait_for(lambda: done.done() or not self._is_committing)
                if done.done():
                    break
                self._is_committing = True
                group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
            self._commit(group)
        done.result()

    def rows(
        self,
        *,
        actor: str = "",
        action: str = "",
        subject_kind: str = "",
        subject_id: str = "",
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Row[Any]]:
        """Read the newest rows, oldest of them first.

        Args:
            action: the whole of it, or its first part: `key` finds `key.created` and `key.revoked`.
            since: none from before.
        """
        query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
        for column, wanted in ((audit.c.actor, actor), (audit.c.subject_kind, subject_kind)):
            query = query.where(column == wanted) if wanted else query
        if subject_id:
            query = query.where(audit.c.subject_id == subject_id)
        if action:
            is_part = audit.c.action.startswith(f"{action}.", autoescape=True)
            query = query.where((audit.c.action == action) | is_part)
        if since is not None:
            query = query.where(audit.c.at >= time_text(since))
        with self.database.read() as connection:
            return connection.execute(query).all()[::-1]

    def _commit(self, group: Sequence[tuple[Entry, Future[None]]]) -> None:
        """Commit a group, and tell those who wait for it and for the next."""
        failure: BaseException | None = None
        try:
            with self.database.write(is_durable=True) as connection:
                self.append(connection, *(entry for entry, _ in group))
        except BaseException as error:  # each of those who wait raises it
            failure = error
        with self._changed:
            for _, done in group:
                done.set_exception(failure) if failure else done.set_result(None)
            self._is_committing = False
            self._changed.notify_all()


_LAST = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)


def _fields(entry: Entry) -> dict[str, Any]:
    """Return an entry's columns; what is too long for one is cut rather than refused, for the act has happened."""
    return {
        "actor": one_line(entry.actor)[:120],
        "action": one_line(entry.action)[:60],
        "subject_kind": one_line(entry.subject_kind)[:40],
        "subject_id": one_line(entry.subject_id),
        "subject_version": one_line(entry.subject_version)[:64],
        "detail": canonical(entry.detail),
    }
