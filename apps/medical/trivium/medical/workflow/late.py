"""Films that come when a study's report is over: signed, being changed, rejected or retracted.

The report stays as it was signed. The study is somebody's work again, in the list of open work, until it is signed with
all of its films, reopened, or somebody who may sign has looked at them and says that nothing is to be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from trivium.medical import tables
from trivium.medical.workflow.states import (
    OPEN,
    PUBLISHED,
    SIGN,
    Actor,
    ActorKind,
    RefusedError,
    ReportState,
)
from trivium.medical.workflow.studies import images, study_of
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.runtime import Runtime

__all__ = ["Look", "came_late", "last_look", "left_late", "look"]

_OVER = frozenset(ReportState) - OPEN | {ReportState.AMENDING}


@dataclass(frozen=True, slots=True)
class Look:
    """That somebody has looked at the films that came late: their name, when, and the films of the study by then."""

    name: str
    at: datetime
    num_films: int


def came_late(connection: Connection, study: Row) -> bool:
    """Note a film that was added to a study just now; return whether its report was over."""
    if study.state not in _OVER:
        return False
    row = tables.study
    changed = update(row).where(row.c.id == study.id).values(late_films=row.c.late_films + 1, is_closed=False)
    connection.execute(changed)
    return True


def left_late(late_films: int, state: ReportState, *, is_signed: bool) -> int:
    """Return how many films that came late nobody has looked at, once a report goes on into a state.

    A signature binds all films, a reopened report speaks of all, and a retracted one of none.
    """
    return late_films if state in PUBLISHED and not is_signed else 0


def look(runtime: Runtime, study_id: str, actor: Actor, *, num_films: int) -> None:
    """Say that one has looked at the films that came late, and that nothing is to be changed; on record.

    Args:
        num_films: films that the page showed; one that came since was not looked at.

    Raises:
        RefusedError: `not_permitted` unless it is a person who may sign, `not_from_here` if none came late, `films`.
    """
    if actor.kind != ActorKind.PERSON or SIGN not in actor.permissions:
        raise RefusedError("not_permitted")
    row = tables.study
    with runtime.database.write(is_durable=True) as connection:
        study = study_of(connection, study_id, to_write=True)
        if not study.late_films:
            raise RefusedError("not_from_here")
        if len(images(connection, study_id)) != num_films:
            raise RefusedError("films")
        connection.execute(
            insert(tables.look).values(
                study_id=study_id, num_films=num_films, looked_by=actor.id, name=actor.name[:64], looked_at=utc_now()
            )
        )
        closed = update(row).where(row.c.id == study_id)
        connection.execute(closed.values(late_films=0, is_closed=study.state not in OPEN))
        entry = Entry("films.looked_at", actor.id, "study", study_id, str(study.version), {"films": num_films})
        runtime.audit.append(connection, entry)


def last_look(connection: Connection, study_id: str) -> Look | None:
    """Read who looked last at films that came late; None for nobody."""
    row = tables.look
    query = select(row).where(row.c.study_id == study_id).order_by(row.c.id.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else Look(found.name, found.looked_at, found.num_films)
