"""Legal holds: jobs of a person, of an app, or single ones that retention leaves alone until somebody releases them.

Placing and releasing are in the audit log, with the reason. Held jobs keep their history, files and blobs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, literal, or_, select, update

from trivium.service.app_spec import installed_apps
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.people import account_id_of
from trivium.service.runtime import Runtime
from trivium.service.tables import account, api_key, hold, job

__all__ = ["SCOPES", "active", "held", "place", "release"]

SCOPES = ("job", "owner", "app")
_COLUMNS = {"job": job.c.id, "owner": job.c.owner, "app": job.c.app}
_MISSING = {
    "job": ("no such job", "see: trivium jobs list"),
    "owner": ("no such account", "see: trivium people list; a plant is written plant:NAME"),
    "app": ("no such app", "see: trivium doctor"),
}


def place(runtime: Runtime, scope: str, subject: str, *, reason: str, actor: str) -> tuple[str, int]:
    """Hold jobs, those to come included.

    Args:
        scope: `job`, `owner` or `app`.
        subject: id of the job, name or id of the account (`plant:<name>` for a plant's key), or name of the app.

    Returns:
        Id of the hold, and how many jobs it holds now.

    Raises:
        InputError: if the scope is unknown, or no reason is given.
        NotFoundError: if there is no such job, account or app, so that the hold would keep nothing.
    """
    if scope not in SCOPES:
        raise InputError(f"{scope!r} is no scope of a hold", hint=f"use {', '.join(SCOPES)}")
    if not reason.strip():
        raise InputError("a hold needs a reason", hint="name the case or the letter that asks for it")
    hold_id = secrets.token_hex(4)
    values = {"id": hold_id, "scope": scope, "reason": reason.strip(), "placed_by": actor}
    with runtime.database.write(is_durable=True) as connection:
        account_id = account_id_of(connection, subject) if scope == "owner" else None
        subject = account_id or subject  # names change, and jobs keep the id
        connection.execute(insert(hold).values(**values, subject=subject, placed_at=utc_now()))
        # Locked, so that a purge at this moment either waits and then finds the hold, or was first and is counted out.
        matching = select(job.c.id).where(_COLUMNS[scope] == subject).with_for_update()
        num_jobs = len(connection.execute(matching).all())
        if not num_jobs and account_id is None and not _may_have_jobs(connection, scope, subject):
            what, hint = _MISSING[scope]
            raise NotFoundError(what, where=subject[:64], hint=hint)
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
    """Read the holds that are in force, oldest first, each with `num_jobs` and the `name` of an account."""
    counts = [
        select(func.count()).where(hold.c.scope == scope, column == hold.c.subject).scalar_subquery()
        for scope, column in _COLUMNS.items()
    ]
    name = select(account.c.name).where(hold.c.scope == "owner", account.c.id == hold.c.subject).scalar_subquery()
    query = select(hold, sum(counts[1:], counts[0]).label("num_jobs"), name.label("name"))
    with runtime.database.read() as connection:
        return connection.execute(query.where(hold.c.released_at.is_(None)).order_by(hold.c.placed_at)).all()


def _may_have_jobs(connection: Connection, scope: str, subject: str) -> bool:
    """Whether jobs may come that a hold without any would keep: of a plant with a key, of an app."""
    if scope == "app":
        return any(spec.name == subject for spec in installed_apps())
    is_plant = (literal("plant:") + api_key.c.plant) == subject
    return scope == "owner" and connection.execute(select(api_key.c.id).where(is_plant)).first() is not None


def held() -> ColumnElement[bool]:
    """Return the condition that a job is held."""
    pairs = [and_(hold.c.scope == scope, hold.c.subject == column) for scope, column in _COLUMNS.items()]
    return select(hold.c.id).where(hold.c.released_at.is_(None), or_(*pairs)).correlate(job).exists()
