"""A patient's earlier films, fetched from the archive for one study: as a job of the light workers.

    job = ask_for_priors(runtime, study_id, actor=account_id)

The archive is asked with the patient's own number, so the job opens the sealed identity, on record. A study that was
asked for is entered as nobody's work (`tables.prior`), and gets no draft. A listener has to run: the films come to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from trivium.medical import tables
from trivium.medical.intake.vault import open_vault
from trivium.medical.network.archive import PriorStudy, fetch, find_priors
from trivium.medical.network.entity import Entity
from trivium.medical.workflow.fetches import Fetched, fetch_of, note_asked
from trivium.medical.workflow.states import RefusedError
from trivium.medical.workflow.studies import sealed_identity, study_of
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError, UpstreamError
from trivium.service.jobs import Job
from trivium.service.phrase import pack
from trivium.service.runtime import Runtime

__all__ = ["PREFETCH", "ask_for_priors", "bring_priors", "is_prior"]

PREFETCH = "prefetch"  # who asks where nobody did
_MOST = 3


def ask_for_priors(runtime: Runtime, study_id: str, *, actor: str) -> None:
    """Have the priors of a study fetched by a job; while one does it, no other is made.

    Args:
        actor: account of whoever asks; it is recorded.

    Raises:
        RefusedError: `no_archive` if none is set, `no_identity` if none of the study is kept.
        NotFoundError: if there is no such study.
    """
    if not runtime.settings.medical_archive:
        raise RefusedError("no_archive")
    with runtime.database.read() as connection:
        study_of(connection, study_id)
        last = fetch_of(connection, study_id)
        if sealed_identity(connection, study_id) is None:
            raise RefusedError("no_identity")
    if last is not None and last.is_on_its_way:
        return
    key = f"priors-{study_id}-after-{last.job_id if last else ''}"
    asked = {"study": study_id}
    job: Job = runtime.jobs.submit(
        app="medical", kind="priors", owner=actor, request=asked, title=study_id, idempotency_key=key
    )
    with runtime.database.write(is_durable=True) as connection:
        study = study_of(connection, study_id, to_write=True)
        if note_asked(connection, study_id, job.id, actor):
            entry = Entry("priors.asked", actor, "study", study_id, str(study.version), {"job": job.id})
            runtime.audit.append(connection, entry)


def bring_priors(
    runtime: Runtime,
    entity: Entity,
    study_id: str,
    *,
    actor: str,
    most: int = _MOST,
    progress: Callable[[str, float], None] = lambda _stage, _share: None,
) -> Fetched:
    """Ask the archive for a patient's newest earlier studies and have them sent; return what came.

    Args:
        actor: account of whoever asks; the reading of the identity is recorded for it.
        most: studies.

    Raises:
        InputError: if no archive is set, or no identity of the study is kept.
        UpstreamError: if the archive cannot be asked, or sends nothing of what it has.
        NotFoundError: if there is no such study.
    """
    if entity.archive is None:
        raise InputError("no archive is set", where="TRIVIUM_MEDICAL_ARCHIVE", hint="set it to TITLE@HOST:PORT")
    vault = open_vault(runtime.settings)
    with runtime.database.read() as connection:
        study, sealed = study_of(connection, study_id), sealed_identity(connection, study_id)
    if sealed is None:
        raise InputError("no identity of this study is kept, so no archive can be asked", where=study_id)
    runtime.audit.record(Entry("identity.read", actor, "study", study_id, str(study.version), {"for": "priors"}))
    known = vault.open(study_id, sealed)
    progress("ask", 0.0)
    found = find_priors(
        entity,
        patient_id=known.get("patient_id", ""),
        issuer=known.get("issuer", ""),
        before=known.get("study_date", ""),
        but_not=known.get("study_uid", ""),
    )[:most]
    days = {vault.digest("study", one.study_uid): _days(one.date, known.get("study_date", "")) for one in found}
    try:
        _expect(runtime, days, study_id, actor)
    except IntegrityError:  # another study of the patient asked at this moment: what it entered is there now
        _expect(runtime, days, study_id, actor)
    return _fetched(entity, found, progress)


def is_prior(runtime: Runtime, study_id: str) -> bool:
    """Whether a study came because it was asked for as a prior."""
    study, prior = tables.study, tables.prior
    query = select(study.c.id).join(prior, prior.c.study_key == study.c.study_key).where(study.c.id == study_id)
    with runtime.database.read() as connection:
        return connection.execute(query).first() is not None


def _fetched(entity: Entity, found: list[PriorStudy], progress: Callable[[str, float], None]) -> Fetched:
    """Fetch one study after the other; what one lacks keeps none of the others away."""
    films, faults = 0, []
    for place, one in enumerate(found):
        progress("fetch", (place + 1) / (len(found) + 1))
        try:
            films += fetch(entity, one.study_uid)
        except UpstreamError as error:
            faults.append(error)
    if faults and not films:
        raise faults[0]
    return Fetched(len(found), films, pack(faults[0].line) if faults else "")


def _days(earlier: str, later: str) -> int | None:
    """Return the days from one date, YYYYMMDD, to another; None where one of them is no date."""
    try:
        return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
    except ValueError:
        return None


def _expect(runtime: Runtime, days: dict[str, int | None], study_id: str, actor: str) -> None:
    """Enter studies as asked for, by their keys; what is here as a study of its own stays that."""
    row, known = tables.prior, tables.study.c.study_key
    with runtime.database.write(is_durable=True) as connection:
        held = set(connection.execute(select(row.c.study_key).where(row.c.study_key.in_(days))).scalars())
        held |= set(connection.execute(select(known).where(known.in_(days))).scalars())
        for key in days.keys() - held:
            values = {"study_key": key, "for_study": study_id, "asked_by": actor, "asked_at": utc_now()}
            connection.execute(insert(row).values(**values, days_before=days[key]))
