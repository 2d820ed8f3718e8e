"""Studies as pages read them: the worklist, one study with its images, the drafts, the priors of a patient.

Reading only; what changes a study is in `reports.py` and in `intake/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from trivium.medical import tables
from trivium.medical.workflow.states import OPEN, ReportState
from trivium.service.database import Database
from trivium.service.errors import NotFoundError
from trivium.service.jobs import JobState
from trivium.service.tables import job

__all__ = [
    "ROUTINE",
    "STAT",
    "Evidence",
    "Prior",
    "Study",
    "Worklist",
    "draft_document",
    "evidence_of",
    "images",
    "latest_draft",
    "priors",
    "sealed_identity",
    "settled",
    "study_of",
    "versions",
    "worklist",
]

PAGE = 50
_MOST_OF_A_PATIENT = 200
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
STAT, ROUTINE = 0, 2


@dataclass(frozen=True, slots=True)
class Study:
    """One study, under its pseudonym; columns of `tables.study`."""

    id: str
    pseudonym: str
    received_by: str
    arrived_at: datetime
    priority: int
    modality: str
    view: str
    sex: str
    age_years: float | None
    moved_day: int | None
    state: ReportState
    version: int
    signed_versions: int
    late_films: int
    draft_state: str
    job_id: str
    lock_owner: str
    lock_name: str
    lock_until: datetime | None

    @property
    def is_stat(self) -> bool:
        """Whether somebody asked for it at once."""
        return self.priority == STAT

    def locked_by_other(self, account_id: str, now: datetime) -> str:
        """Return the name of somebody else who is writing in the report now, or nothing."""
        is_held = self.lock_until is not None and self.lock_until > now and self.lock_owner != account_id
        return self.lock_name if is_held else ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence maps of a draft: hash of a gray PNG in the store, and whose map lies where in it.

    The picture is a column of squares, one a finding, in the order of `findings`; each lies over the whole film.
    """

    sha256: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier study of the patient; `days_before` is None where the day of one of the two is not known."""

    study: Study
    days_before: int | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of the worklist; `has_more` says whether another follows."""

    studies: tuple[Study, ...]
    has_more: bool


def worklist(
    database: Database,
    *,
    state: str = "",
    search: str = "",
    page: int = 1,
    mine: str = "",
    among: Select[tuple[str]] | None = None,
    size: int = PAGE,
) -> Worklist:
    """Read a page of the worklist.

    Open work first; STAT before all others; then whoever has waited longest; what is over, the newest first. Nothing
    that a model says moves a study.

    Args:
        state: only studies in this state; empty for all, `open` for those that are somebody's work.
        search: beginning of a study's id or of a patient's pseudonym, in any case of letters.
        page: from 1.
        mine: only those that this account is writing in.
        among: only those whose ids it selects.
    """
    row = tables.study
    query = select(row)
    if state == "open":
        query = query.where(row.c.is_closed.is_(False))
    elif state:
        query = query.where(row.c.state == state)
    if among is not None:
        query = query.where(row.c.id.in_(among))
    if mine:
        query = query.where(row.c.lock_owner == mine)
    if term := search.strip().lower():
        following = term[:-1] + chr(ord(term[-1]) + 1)  # a range of the index, where LIKE would read every row
        query = query.where(
            (row.c.id.between(term, following) & (row.c.id != following))
            | (row.c.pseudonym.between(term, following) & (row.c.pseudonym != following))
        )
    newest_first = state not in ("", "open", *OPEN)  # nobody waits for these
    order = (row.c.is_closed, row.c.priority, row.c.arrived_at, row.c.id)
    query = query.order_by(*((row.c.arrived_at.desc(), row.c.id) if newest_first else order))
    query = query.limit(size + 1).offset((max(page, 1) - 1) * size)
    with database.read() as connection:
        rows = connection.execute(query).all()
        studies = settled(connection, [_study(one) for one in rows[:size]])
    return Worklist(tuple(studies), len(rows) > size)


def study_of(connection: Connection, study_id: str, *, to_write: bool = False) -> Study:
    """Read one study; `to_write` keeps others from writing to it until the transaction ends.

    Raises:
        NotFoundError: if there is none.
    """
    query: Select[Any] = select(tables.study).where(tables.study.c.id == study_id)
    row = connection.execute(query.with_for_update() if to_write else query).first()
    if row is None:
        raise NotFoundError("there is no such study", where=study_id[:32])
    return _study(row)


def settled(connection: Connection, studies: Sequence[Study]) -> list[Study]:
    """Return the studies, without a draft on its way where its job has ended without one, or is no longer known."""
    asked = {one.job_id for one in studies if one.draft_state == "waiting" and one.job_id}
    query = select(job.c.id, job.c.state).where(job.c.id.in_(asked))
    states = {found.id: JobState(found.state) for found in connection.execute(query)} if asked else {}
    coming = {key for key, state in states.items() if state == JobState.DONE or not state.is_final}
    return [replace(one, draft_state="failed") if one.job_id in asked - coming else one for one in studies]


def images(connection: Connection, study_id: str) -> Sequence[Row[Any]]:
    """Read a study's images in their order."""
    row = tables.image
    return connection.execute(select(row).where(row.c.study_id == study_id).order_by(row.c.position)).all()


def sealed_identity(connection: Connection, study_id: str) -> tuple[str, bytes, bytes] | None:
    """Read what the vault sealed of a study's patient; None where nothing is kept. Opening it is to be recorded."""
    row = tables.identity
    found = connection.execute(select(row).where(row.c.study_id == study_id)).first()
    return None if found is None else (found.key_id, found.nonce, found.sealed)


def latest_draft(connection: Connection, study_id: str) -> Row[Any] | None:
    """Read the newest draft; None while there is none."""
    row = tables.draft
    query = select(row).where(row.c.study_id == study_id).order_by(row.c.number.desc()).limit(1)
    return connection.execute(query).first()


def evidence_of(connection: Connection, study_id: str, draft_number: int) -> Evidence | None:
    """Read where a draft's scores come from; None where nothing was placed."""
    row = tables.evidence
    its = (row.c.study_id == study_id) & (row.c.draft_number == draft_number)
    found = connection.execute(select(row).where(its)).first()
    return None if found is None else Evidence(found.sha256, tuple(found.findings))


def draft_document(draft: Row[Any], language: str) -> dict[str, Any]:
    """Return a draft in a language, or in the one that it was written in."""
    found: dict[str, Any] = draft.documents.get(language) or next(iter(draft.documents.values()))
    return found


def versions(connection: Connection, study_id: str) -> Sequence[Row[Any]]:
    """Read what was submitted, signed or retracted, oldest first, each with its signature where there is one."""
    made, by = tables.version, tables.signature
    is_its = (by.c.study_id == made.c.study_id) & (by.c.version_number == made.c.number)
    told = (
        by.c.signer_name,
        by.c.signed_at,
        by.c.bound_sha256,
        by.c.step_up,
        by.c.model,
        by.c.weights_sha256,
        by.c.images,
    )
    query = select(made, *told).select_from(made.outerjoin(by, is_its)).where(made.c.study_id == study_id)
    return connection.execute(query.order_by(made.c.number)).all()


def priors(connection: Connection, study: Study, *, most: int = 5) -> list[Prior]:
    """Read the patient's earlier studies, the nearest first.

    Dates are sealed. Two studies whose days are known are placed by these; else one that was fetched for another is
    placed by the days that the archive told, and any other by its arrival; fetched and without a date, it comes last.
    """
    row, fetched, wanting = tables.study, tables.prior, tables.study.alias()
    told = (fetched.c.study_key.label("fetched"), fetched.c.days_before, wanting.c.arrived_at.label("wanted_at"))
    beside = row.outerjoin(fetched, fetched.c.study_key == row.c.study_key)
    query = select(row, *told).select_from(beside.outerjoin(wanting, wanting.c.id == fetched.c.for_study))
    is_its = (row.c.pseudonym == study.pseudonym) | (fetched.c.for_study == study.id)
    query = query.where(is_its).order_by(row.c.arrived_at.desc()).limit(_MOST_OF_A_PATIENT)
    every = connection.execute(query).all()
    own = next((_taken_at(one) for one in every if one.id == study.id), None) or study.arrived_at
    found = []
    for one in every:
        days, taken_at = _days_apart(study, one), _taken_at(one)
        if days is not None:
            taken_at = own - timedelta(days=days)
            is_later = days < 0 or (days == 0 and not one.fetched and one.arrived_at > study.arrived_at)
        else:
            is_later = taken_at is not None and (taken_at > own or (taken_at == own and not one.fetched))
            days = (own - taken_at).days if one.fetched and taken_at is not None else None
        if one.id != study.id and not is_later:
            found.append((taken_at or _LONG_AGO, Prior(_study(one), days)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [prior for _, prior in found[:most]]


def _days_apart(study: Study, other: Row[Any]) -> int | None:
    """Return by how many days another study of the patient is the earlier one; None where a day is not known."""
    if study.moved_day is None or other.moved_day is None or study.pseudonym != other.pseudonym:
        return None
    days: int = study.moved_day - other.moved_day
    return days


def _taken_at(row: Row[Any]) -> datetime | None:
    """Return about when a study was made; None for one that an archive has no date of."""
    if not row.fetched:
        found: datetime = row.arrived_at
        return found
    return None if row.days_before is None else row.wanted_at - timedelta(days=row.days_before)


def _study(row: Row[Any]) -> Study:
    fields = {name: getattr(row, name) for name in Study.__dataclass_fields__}
    return Study(**fields | {"state": ReportState(row.state)})
