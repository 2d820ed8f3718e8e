"""Legal holds: jobs of a person, of an app, or single ones that retention leaves alone until somebody releases them.

Placing and releasing are in the audit log, with the reason. Held jobs keep their history, files and blobs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.runtime import Runtime
from trivium.service.tables import hold, job

__all__ = ["SCOPES", "active", "held", "place", "release"]

SCOPES = ("job", "owner", "app")
_COLUMNS = {"job": job.c.id, "owner": job.c.owner, "app": job.c.app}


def place(runtime: Runtime, scope: str, subject: str, *, reason: str, actor: str) -> tuple[str, int]:
    """Hold jobs, those to come included.

    Args:
        scope: `job`, `owner` or `app`.
        subject: id of the job or account, or name of the app.

    Returns:
        Id of the hold, and how many jobs it holds now.

    Raises:
        InputError: if the scope is unknown, or no reason is given.
        NotFoundError: if there is no such job.
    """
    if scope not in SCOPES:
        raise InputError(f"{scope!r} is no scope of a hold", hint=f"use {', '.join(SCOPES)}")
    if not reason.strip():
        raise InputError("a hold needs a reason", hint="name the case or the letter that asks for it")
    hold_id = secrets.token_hex(4)
    values = {"id": hold_id, "scope": scope, "subject": subject, "reason": reason.strip(), "placed_by": actor}
    with runtime.database.write(is_durable=True) as connection:
        connection.execute(insert(hold).values(**values, placed_at=utc_now()))
        # Locked, so that a purge at this moment either waits and then finds the hold, or was first and is counted out.
        matching = select(job.c.id).where(_COLUMNS[scope] == subject).with_for_update()
        num_jobs = len(connection.execute(matching).all())
        if scope == "job" and not num_jobs:
            raise NotFoundError("no such job", where=subject[:32])
        detail = {"reason": reason.strip(), "hold": hold_id, "jobs": num_jobs}
        runtime.audit.append(connection, Entry("hold.placed", actor, scope, subject, "", detail))
    return hold_id, num_jobs


def release(runtime: Runtime, hold_id: str, *, actor: str) -> None:
    """End a hold.

    Raises:
        NotFoundError: if there is none, or it was released already.
    """
    with runtime.database.write(is_durable=True) as connection:
        row = connection.execute(select(hold).where(hold.c.id == hold_id, hold.c.released_at.is_(None))).first()
        if row is None:
            raise NotFoundError("no such hold", where=hold_id[:32], hint="see: trivium jobs holds")
        connection.execute(update(hold).where(hold.c.id == hold_id).values(released_at=utc_now()))
        runtime.audit.append(connection, Entry("hold.released", actor, row.scope, row.subject, "", {"hold": hold_id}))


def active(runtime: Runtime) -> Sequence[Row[Any]]:
    """Read the holds that are in force, oldest first, each with `num_jobs`."""
    counts = [
        select(func.count()).where(hold.c.scope == scope, column == hold.c.subject).scalar_subquery()
        for scope, column in _COLUMNS.items()
    ]
    query = select(hold, (counts[0] + counts[1] + counts[2]).label("num_jobs")).where(hold.c.released_at.is_(None))
    with runtime.database.read() as connection:
        return connection.execute(query.order_by(hold.c.placed_at)).all()


def held() -> ColumnElement[bool]:
    """Return the condition that a job is held."""
    pairs = [and_(hold.c.scope == scope, hold.c.subject == column) for scope, column in _COLUMNS.items()]
    return select(hold.c.id).where(hold.c.released_at.is_(None), or_(*pairs)).correlate(job).exists()
