"""Reports on their way to the archive: one row a version that was signed or retracted, until the archive has it.

    note_due(...)        in the act's own transaction: signed, changed or retracted, it is due
    submit_due(runtime)  what is due becomes a job of `medical.send`, about once a second
    begun, note_answer   the job asks what it is to send, and says what became of it

What fails for a reason that passes is sent again after a wait that doubles; what the archive refuses waits for somebody
to send it again. A newer version takes the place of one that is still due. This module opens no connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from trivium.medical import tables
from trivium.medical.workflow.states import PUBLISHED, Actor, RefusedError, ReportState
from trivium.medical.workflow.studies import Study, sealed_identity, study_of
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.jobs import JobState
from trivium.service.phrase import pack, unpack
from trivium.service.runtime import Runtime
from trivium.service.settings import Settings
from trivium.service.tables import job

__all__ = [
    "IDENTITY", "Sending", "begun", "can_send", "destination_title", "note_answer", "note_due", "note_uid",
    "send_again", "sending_of", "sent_uids", "submit_due", "unsent",
]  # fmt: skip

IDENTITY = "medical.identity"
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=15)
_GIVEN_UP_AFTER = timedelta(days=3)  # a weekend on which nobody looks after the archive
_MOST_AT_ONCE = 20
_NO_IDENTITY = "no identity of this study is kept, so the archive could not tell whose report it is"


@dataclass(frozen=True, slots=True)
class Sending:
    """Where sending a version stands.

    Args:
        number: of the version, or of its retraction.
        destination: title of the archive.
        state: `waiting`, `sent`, `refused`, or `replaced` by a newer version before it was sent.
        attempts: how often it was tried.
        next_at: when it is tried again, of one that waits.
        problem: what the archive said last, or why it was not reached.
    """

    study_id: str
    number: int
    destination: str
    state: str
    attempts: int
    asked_by: str
    asked_at: datetime
    next_at: datetime
    sent_at: datetime | None
    problem: str


def destination_title(settings: Settings) -> str:
    """Return the title of the archive that reports are sent to; empty for none."""
    return settings.medical_destination.rpartition("@")[0]


def note_due(connection: Connection, study_id: str, number: int, actor: Actor, destination: str, now: datetime) -> None:
    """Have a version sent: within the transaction of its signature or retraction.

    The report goes out with the patient's identity, so nothing is due where the actor may not see that. A retraction is
    due where the archive may hold what it takes back.
    """
    row = tables.sending
    before = update(row).where(row.c.study_id == study_id, row.c.state.in_(("waiting", "refused")))
    connection.execute(before.values(state="replaced"))
    is_retracted = study_of(connection, study_id).state == ReportState.RETRACTED
    if IDENTITY not in actor.permissions or (is_retracted and not sent_uids(connection, study_id)):
        return
    is_known = sealed_identity(connection, study_id) is not None
    values = {
        "state": "waiting" if is_known else "refused", "problem": "" if is_known else _NO_IDENTITY,
        "destination": destination, "asked_by": actor.id, "asked_at": now, "next_at": now, "attempts": 0, "job_id": "",
    }  # fmt: skip
    connection.execute(insert(row).values(study_id=study_id, number=number, sop_uid="", **values))


def send_again(runtime: Runtime, study_id: str, actor: Actor) -> None:
    """Have the version that stands sent now, whether it was refused, waits, was sent before or never was; on record.

    Raises:
        RefusedError: `not_permitted`, `no_destination`, `not_from_here` if there is nothing to send, `no_identity`.
    """
    destination, now = destination_title(runtime.settings), utc_now()
    if not actor.can_review or IDENTITY not in actor.permissions:
        raise RefusedError("not_permitted")
    if not destination:
        raise RefusedError("no_destination")
    row = tables.sending
    with runtime.database.write(is_durable=True) as connection:
        study = study_of(connection, study_id, to_write=True)
        number = _last_number(connection, study)
        if number is None:
            raise RefusedError("not_from_here")
        if sealed_identity(connection, study_id) is None:
            raise RefusedError("no_identity")
        its = update(row).where(row.c.study_id == study_id, row.c.number == number)
        values = {"state": "waiting", "asked_by": actor.id, "asked_at": now, "next_at": now}
        if not connection.execute(its.values(**values)).rowcount:
            note_due(connection, study_id, number, actor, destination, now)
        detail = {"number": number, "destination": destination}
        entry = Entry("report.sending_asked", actor.id, "study", study_id, str(study.version), detail)
        runtime.audit.append(connection, entry)


def can_send(connection: Connection, study: Study) -> bool:
    """Whether there is something to send: a signed version, or the retraction of one that went out."""
    return _last_number(connection, study) is not None


def sending_of(connection: Connection, study_id: str) -> Sending | None:
    """Read where the newest version stands that was to be sent; None where none was."""
    row = tables.sending
    query = select(row).where(row.c.study_id == study_id).order_by(row.c.number.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else _sending(found)


def unsent() -> Select[tuple[str]]:
    """Return the query of studies whose report the archive has refused, or has not taken though it was tried."""
    row = tables.sending
    return select(row.c.study_id).where(
        (row.c.state == "refused") | ((row.c.state == "waiting") & (row.c.attempts > 0))
    )


def sent_uids(connection: Connection, study_id: str, *, before: int | None = None) -> list[str]:
    """Read the UIDs of the structured reports of a study that the archive has, or may have: those that were tried.

    Args:
        before: only those of versions under this number.
    """
    row = tables.sending
    query = select(row.c.sop_uid).where(row.c.study_id == study_id, row.c.sop_uid != "")
    query = query if before is None else query.where(row.c.number < before)
    return list(connection.execute(query.order_by(row.c.number)).scalars())


def begun(connection: Connection, study_id: str, number: int) -> Sending | None:
    """Read what a job is to send; None where that is no longer due."""
    row = tables.sending
    query = select(row).where(row.c.study_id == study_id, row.c.number == number, row.c.state == "waiting")
    found = connection.execute(query).first()
    return None if found is None else _sending(found)


def note_uid(connection: Connection, sending: Sending, destination: str, sop_uid: str) -> None:
    """Keep what is about to be sent: from now on the archive may have it."""
    connection.execute(_this(sending).values(sop_uid=sop_uid, destination=destination))


def note_answer(
    connection: Connection, sending: Sending, now: datetime, *, is_taken: bool, is_final: bool, problem: str
) -> str:
    """Keep what became of an attempt, and when the next one is due; return the state that it leads to.

    Args:
        is_taken, is_final: as the archive answered (`network/sending.py`).
    """
    attempts = sending.attempts + 1
    is_over = is_final or now - sending.asked_at > _GIVEN_UP_AFTER
    state = "sent" if is_taken else "refused" if is_over else "waiting"
    wait = min(_FIRST_WAIT * 2 ** min(attempts - 1, 16), _LONGEST_WAIT)
    values = {"state": state, "attempts": attempts, "problem": pack(problem), "job_id": "", "next_at": now + wait}
    row = tables.sending
    changed = _this(sending)
    if not is_taken:  # a newer version may have taken its place meanwhile
        changed = changed.where(row.c.state == "waiting")
    connection.execute(changed.values(**values, sent_at=now if is_taken else row.c.sent_at))
    return state


def submit_due(runtime: Runtime) -> None:
    """Make jobs of what is due. An attempt whose job ended without a word counts as one that failed."""
    destination = destination_title(runtime.settings)
    if not destination:
        return
    row, now = tables.sending, utc_now()
    query = select(row, job.c.state.label("job_state"), job.c.error).select_from(
        row.outerjoin(job, job.c.id == row.c.job_id)
    )
    due = query.where(row.c.state == "waiting", row.c.next_at <= now).order_by(row.c.next_at).limit(_MOST_AT_ONCE)
    with runtime.database.read() as connection:
        found = connection.execute(due).all()
    for one in found:
        if one.job_id and one.job_state is not None and not JobState(one.job_state).is_final:
            continue
        if one.job_id:
            with runtime.database.write() as connection:
                problem = unpack(one.error or "")
                note_answer(connection, _sending(one), now, is_taken=False, is_final=False, problem=problem)
            continue
        _submit(runtime, _sending(one))


def _submit(runtime: Runtime, sending: Sending) -> None:
    key = f"send-{sending.study_id}-{sending.number}-{sending.attempts}-{sending.asked_at.timestamp():.0f}"
    asked = {"study": sending.study_id, "number": sending.number}
    made = runtime.jobs.submit(
        app="medical", kind="send", owner=sending.asked_by, request=asked, title=sending.study_id, idempotency_key=key
    )
    row = tables.sending
    still = (row.c.state == "waiting") & (row.c.attempts == sending.attempts)  # the job may have been quicker than this
    with runtime.database.write() as connection:
        connection.execute(_this(sending).where(still).values(job_id=made.id))


def _last_number(connection: Connection, study: Study) -> int | None:
    """Return the number of the version that stands, or of its retraction; None where there is nothing to send."""
    is_retracted = study.state == ReportState.RETRACTED
    if not (sent_uids(connection, study.id) if is_retracted else study.state in PUBLISHED):
        return None
    row, kind = tables.version, "retracted" if is_retracted else "signed"
    of_kind = select(row.c.number).where(row.c.study_id == study.id, row.c.kind == kind)
    found: int | None = connection.execute(of_kind.order_by(row.c.number.desc()).limit(1)).scalar()
    return found


def _this(sending: Sending) -> Any:
    row = tables.sending
    return update(row).where(row.c.study_id == sending.study_id, row.c.number == sending.number)


def _sending(row: Row[Any]) -> Sending:
    fields = {name: getattr(row, name) for name in Sending.__dataclass_fields__}
    return Sending(**fields | {"problem": unpack(row.problem)})
