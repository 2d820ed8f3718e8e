"""Which model scores a plant, since when, and back to the one before: workers follow within a second, under load too.

A change is in the audit log. What a model is worth before it counts is told by a replay (`backtest.py`), and by letting
it score beside the active one as its shadow (`ingest/shadow.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.tables import model_change as table
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase

__all__ = [
    "SHADOWED",
    "ModelChange",
    "activate",
    "activate_shadow",
    "changes_of",
    "model_before",
    "model_beside",
    "roll_back",
    "set_shadow",
    "shadow_since",
]

ACTIVATED, ROLLED_BACK, SHADOWED = "activated", "rolled_back", "shadowed"


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One change: the model in `folder` (empty: none) scores from `at` on; `what` is one of the three words above.

    Args:
        learned: what it learned from, by name: file and its sha256, rows, failures, or the times.
        measures: by cross-validation, by name.
    """

    folder: str
    model: str
    what: str
    at: datetime
    actor: str
    learned: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)


def activate(audit: Audit, plant: str, folder: str, model: str, *, actor: str) -> None:
    """Score a plant with a model from the next batch on.

    Args:
        folder: of the model; empty for none.
        model: its version.

    Raises:
        NotFoundError: if no such plant is registered.
    """
    with audit.database.write(is_durable=True) as connection:
        _change(connection, audit, plant, folder, model, ACTIVATED, actor)


def activate_shadow(audit: Audit, plant: str, *, model: str, actor: str) -> None:
    """Score a plant from the next batch on with the model that scored beside the active one.

    Args:
        model: version of the shadow that was looked at.

    Raises:
        InputError: if it is not the shadow, or no longer.
    """
    with audit.database.write(is_durable=True) as connection:
        shadow = _beside(connection, plant)
        if shadow is None or shadow[1] != model:
            raise InputError(
                Phrase("{model} is not the shadow now", model=model), where=plant, hint="look at the page again"
            )
        _change(connection, audit, plant, *shadow, ACTIVATED, actor)


def roll_back(audit: Audit, plant: str, *, actor: str, model: str | None = None) -> ModelChange:
    """Score a plant with the model that scored it before the one now; return what scores now.

    Args:
        model: version that it should go back to; None for whichever it is.

    Raises:
        InputError: if there was none before, or another one.
    """
    with audit.database.write(is_durable=True) as connection:
        before = _before(connection, plant)
        if before is None:
            raise InputError("no model scored this plant before", where=plant, hint="see: trivium maintenance models")
        folder, version = before
        if model not in (None, version):
            raise InputError(
                Phrase("{model} is not the model before the active one", model=model),
                where=plant,
                hint="look at the page again",
            )
        _change(connection, audit, plant, folder, version, ROLLED_BACK, actor)
    return ModelChange(folder, version, ROLLED_BACK, utc_now(), actor)


def model_before(database: Database, plant: str) -> str:
    """Return the version of the model that `roll_back` would go back to; empty where there is none."""
    with database.read() as connection:
        _, version = _before(connection, plant) or ("", "")
    return version


def model_beside(database: Database, plant: str) -> str:
    """Return the version of the shadow; empty where there is none."""
    with database.read() as connection:
        _, version = _beside(connection, plant) or ("", "")
    return version


def set_shadow(audit: Audit, plant: str, folder: str, model: str, *, actor: str) -> None:
    """Let a model score beside the active one from the next batch on; what an earlier shadow said is removed.

    Args:
        folder: of the model; empty to end it, which keeps what it said.
        model: its version.

    Raises:
        NotFoundError: if no such plant is registered.
    """
    with audit.database.write(is_durable=True) as connection:
        if folder:
            for kept in (tables.shadow_prediction, tables.shadow_alert):
                connection.execute(delete(kept).where(kept.c.plant == plant, kept.c.model != model))
        _change(connection, audit, plant, folder, model, SHADOWED, actor)


def shadow_since(database: Database, plant: str) -> ModelChange | None:
    """Return the latest beginning of a shadow, also of one that has ended; None where there was none."""
    return next((one for one in changes_of(database, plant) if one.what == SHADOWED and one.folder), None)


def changes_of(database: Database, plant: str) -> list[ModelChange]:
    """Return a plant's changes of model, newest first."""
    with database.read() as connection:
        rows = connection.execute(select(table).where(table.c.plant == plant).order_by(table.c.id.desc()))
        return [
            ModelChange(
                row.folder, row.model, row.what, row.at, row.actor,
                row.about.get("learned", {}), row.about.get("measures", {}),
            )
            for row in rows
        ]  # fmt: skip


def _before(connection: Connection, plant: str) -> tuple[str, str] | None:
    """Return folder and version of the model before the one that scores now."""
    query = select(table).where(table.c.plant == plant, table.c.what != SHADOWED).order_by(table.c.id)
    stack: list[tuple[str, str]] = []  # models that would be gone back to, the one now last
    for row in connection.execute(query):
        if row.what == ROLLED_BACK:
            stack.pop()
        elif not stack or stack[-1][0] != row.folder:
            stack.append((row.folder, row.model))
    return stack[-2] if len(stack) > 1 else None


def _beside(connection: Connection, plant: str) -> tuple[str, str] | None:
    """Return folder and version of the shadow."""
    own = tables.plant
    query = (
        select(table.c.folder, table.c.model)
        .join(own, (own.c.name == table.c.plant) & (own.c.shadow == table.c.folder))
        .where(table.c.plant == plant, table.c.what == SHADOWED, table.c.folder != "")
        .order_by(table.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.folder, row.model)


def _change(connection: Connection, audit: Audit, plant: str, folder: str, model: str, what: str, actor: str) -> None:
    own = tables.plant
    values: dict[str, Any] = {"shadow" if what == SHADOWED else "model": folder, "version": own.c.version + 1}
    if what != SHADOWED:  # a shadow that is activated is none any more
        values["shadow"] = case((own.c.shadow == folder, ""), else_=own.c.shadow)
    if not connection.execute(update(own).where(own.c.name == plant).values(**values)).rowcount:
        raise NotFoundError("no plant is registered under this name", where=plant, hint="import its tags first")
    row = {"plant": plant, "folder": folder, "model": model, "what": what, "at": utc_now(), "actor": actor}
    about = _about(Path(folder)) if folder else {}
    connection.execute(insert(table).values(**row, about=about))
    audit.append(connection, Entry(f"model.{what}", actor, "plant", plant, model, {"folder": folder} | about))


def _about(folder: Path) -> dict[str, Any]:
    """Read what a model's folder says of its data and measures; nothing when it cannot be read."""
    for name in ("model.json", "monitors.json", "monitor.json"):
        try:
            told = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        learned = told.get("data") or told.get("about") or {}
        plain = {key: value for key, value in learned.items() if isinstance(value, (str, int, float)) and value != ""}
        return {"learned": plain, "measures": told.get("measures", {})}
    return {}
