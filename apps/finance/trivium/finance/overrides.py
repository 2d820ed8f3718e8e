"""The concepts that a user chose in place of the mapping policy's, kept per company and metric in the database.

A comparison takes them from its request, so that a report says which it was made with; the page puts them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select

from trivium.finance import tables
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["Override", "choose", "chosen", "clear", "overrides_of"]

_LONGEST = {"company": 120, "metric": 80, "concept": 300}


@dataclass(frozen=True, slots=True)
class Override:
    """One choice: the company's key, the metric, the concept as printed (`us-gaap:Revenues`), and who chose it when."""

    company: str
    metric: str
    concept: str
    set_at: datetime
    set_by: str


def chosen(database: Database, owner: str) -> list[Override]:
    """Read an owner's choices, by company and metric."""
    row = tables.override
    query = select(row).where(row.c.owner == owner).order_by(row.c.company, row.c.metric)
    with database.read() as connection:
        found = connection.execute(query).all()
    return [Override(one.company, one.metric, one.concept, one.set_at, one.set_by) for one in found]


def overrides_of(database: Database, owner: str) -> dict[str, dict[str, str]]:
    """Return an owner's choices as a request takes them: company to metric to concept."""
    overrides: dict[str, dict[str, str]] = {}
    for one in chosen(database, owner):
        overrides.setdefault(one.company, {})[one.metric] = one.concept
    return overrides


def choose(database: Database, owner: str, company: str, metric: str, concept: str, *, by: str) -> None:
    """Keep a choice; it replaces an earlier one.

    Raises:
        InputError: if a part of it is empty or too long.
    """
    for name, text in (("company", company), ("metric", metric), ("concept", concept)):
        if not 0 < len(text) <= _LONGEST[name]:
            raise InputError(
                Phrase("{name} has {count} characters", name=name, count=len(text)),
                hint=Phrase("give 1 to {most}", most=_LONGEST[name]),
            )
    row = tables.override
    with database.write() as connection:
        connection.execute(delete(row).where(*_is(owner, company, metric)))
        connection.execute(
            insert(row).values(
                owner=owner, company=company, metric=metric, concept=concept, set_at=utc_now(), set_by=by
            )
        )


def clear(database: Database, owner: str, company: str, metric: str) -> bool:
    """Go back to the policy's choice. Returns whether there was another one."""
    with database.write() as connection:
        return bool(connection.execute(delete(tables.override).where(*_is(owner, company, metric))).rowcount)


def _is(owner: str, company: str, metric: str) -> tuple[ColumnElement[bool], ...]:
    row = tables.override
    return row.c.owner == owner, row.c.company == company, row.c.metric == metric
