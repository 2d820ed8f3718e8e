"""Which model scores a plant, since when, and back to the one before: workers follow within a second, under load too.

A change is in the audit log. What a model was worth before it scores anything live is told by a replay (`backtest.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.tables import model_change as table
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError

__all__ = ["ModelChange", "activate", "changes_of", "roll_back"]


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One change: the model in `folder` (empty: none) scores from `at` on; `what` is `activated` or `rolled_back`."""

    folder: str
    model: str
    what: str
    at: datetime
    actor: str


def activate(audit: Audit, plant: str, folder: str, model: str, *, actor: str) -> None:
    """Score a plant with a model from the next batch on.

    Args:
        folder: of the model; empty for none.
        model: its version.

    Raises:
        NotFoundError: if no such plant is registered.
    """
    with audit.database.write(is_durable=True) as connection:
        _change(connection, audit, plant, folder, model, "activated", actor)


def roll_back(audit: Audit, plant: str, *, actor: str) -> ModelChange:
    """Score a plant with the model that scored it before the one now; return what scores now.

    Raises:
        InputError: if there was none before.
    """
    with audit.database.write(is_durable=True) as connection:
        query = select(table).where(table.c.plant == plant).order_by(table.c.id)
        stack: list[tuple[str, str]] = []  # models that would be gone back to, the one now last
        for row in connection.execute(query):
            if row.what == "rolled_back":
                stack.pop()
            elif not stack or stack[-1][0] != row.folder:
                stack.append((row.folder, row.model))
        if len(stack) < 2:
            raise InputError("no model scored this plant before", where=plant, hint="see: trivium maintenance models")
        folder, model = stack[-2]
        _change(connection, audit, plant, folder, model, "rolled_back", actor)
    return ModelChange(folder, model, "rolled_back", utc_now(), actor)


def changes_of(database: Database, plant: str) -> list[ModelChange]:
    """Return a plant's changes of model, newest first."""
    with database.read() as connection:
        rows = connection.execute(select(table).where(table.c.plant == plant).order_by(table.c.id.desc()))
        return [ModelChange(row.folder, row.model, row.what, row.at, row.actor) for row in rows]


def _change(connection: Connection, audit: Audit, plant: str, folder: str, model: str, what: str, actor: str) -> None:
    own = tables.plant
    values = {"model": folder, "version": own.c.version + 1}
    if not connection.execute(update(own).where(own.c.name == plant).values(**values)).rowcount:
        raise NotFoundError("no plant is registered under this name", where=plant, hint="import its tags first")
    row = {"plant": plant, "folder": folder, "model": model, "what": what, "at": utc_now(), "actor": actor}
    connection.execute(insert(table).values(**row))
    audit.append(connection, Entry(f"model.{what}", actor, "plant", plant, model, {"folder": folder}))
