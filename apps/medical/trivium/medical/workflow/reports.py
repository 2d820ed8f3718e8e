"""What people do to a report: every write under a fence, every act in the audit log with it.

Whoever writes holds the lock and states the version that they saw; an older one is refused as `stale`, and nothing of
theirs is lost on their page. What is submitted or signed is added by `kept.py`; what the model does is in `drafts.py`.
Only `sign` makes a final report, and `states.py` says who may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from trivium.medical import tables
from trivium.medical.workflow import content as words
from trivium.medical.workflow.critical import Critical
from trivium.medical.workflow.kept import bound_by, keep_version, last_signed, need_told
from trivium.medical.workflow.late import left_late
from trivium.medical.workflow.sendings import note_due
from trivium.medical.workflow.states import OPEN, Actor, Event, RefusedError, ReportState, next_state
from trivium.medical.workflow.studies import Study, draft_document, latest_draft, study_of
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError
from trivium.service.text import catalogue

__all__ = ["LOCK_S", "Critical", "Reports", "Working"]

LOCK_S = 120
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Working:
    """A report being written: the study as it stands, and the text."""

    study: Study
    content: dict[str, Any]
    draft_number: int


class Reports:
    """The reports of one database.

    Args:
        hides_drafts: whether a reader must commit to findings of their own before a draft is shown.
        sends_to: title of the archive that gets what is signed or retracted; empty for none.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        *,
        hides_drafts: bool = False,
        sends_to: str = "",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._audit = Audit(database, now=lambda: self._now())
        self.hides_drafts = hides_drafts
        self._sends_to = sends_to
        self._now = now

    # -- one who writes -----------------------------------------------------------------------------------------

    def begin(self, study_id: str, actor: Actor, *, language: str) -> Working:
        """Take a report to write in it: the lock, and the text as far as it has come.

        A report that nobody has begun starts from the draft if there is one to be shown, else blank.

        Raises:
            RefusedError: if somebody else holds the lock, or the state does not allow it.
        """
        with self._acting(study_id, actor, Event.BEGIN) as (connection, study, state):
            found = self._working(connection, study_id)
            if found is None:
                self._write_text(connection, study_id, actor, *self._first_text(connection, study_id, language))
            is_new = found is None or study.state != state or study.lock_owner != actor.id
            if is_new:
                study = self._move(connection, study, state, actor, is_locking=True)
                self._append(connection, "report.begun", actor.id, study)
            else:
                self._keep_lock(connection, study_id, actor)
        return self.working(study_id)

    def keep(self, study_id: str, actor: Actor) -> None:
        """Hold the lock for another while.

        Raises:
            RefusedError: if somebody else has it.
        """
        with self._database.write() as connection:
            study = study_of(connection, study_id, to_write=True)
            self._need_lock(study, actor)
            self._keep_lock(connection, study_id, actor)

    def release(self, study_id: str, actor: Actor) -> None:
        """Let others write."""
        row = tables.study
        free = update(row).where(row.c.id == study_id, row.c.lock_owner == actor.id)
        with self._database.write() as connection:
            connection.execute(free.values(lock_owner="", lock_name="", lock_until=None))

    def save(self, study_id: str, actor: Actor, *, version: int, content: Any) -> int:
        """Keep the text as it is on the page; return the new version.

        Raises:
            RefusedError: `stale` or `locked`, or if the state does not allow it.
            InputError: if the content is malformed.
        """
        content = words.checked(content)
        with self._acting(study_id, actor, Event.EDIT, version) as (connection, study, state):
            found = self._working(connection, study_id)
            self._write_text(connection, study_id, actor, content, found.draft_number if found else 0)
            study = self._move(connection, study, state, actor, is_locking=True)
            told = {"text_sha256": words.sha256_of(self._text(content))}
            self._append(connection, "report.edited", actor.id, study, told)
        return study.version

    def insert_draft(self, study_id: str, actor: Actor, *, version: int) -> Working:
        """Put a draft that came late behind what is written.

        Raises:
            RefusedError: `no_draft`, `second_reader`, or as `save`.
        """
        with self._acting(study_id, actor, Event.EDIT, version) as (connection, study, state):
            draft, found = latest_draft(connection, study_id), self._working(connection, study_id)
            assert found is not None  # the lock came with a text
            document = draft_document(draft, found.content["language"]) if draft else {}
            if draft is None or not document.get("sections"):
                raise RefusedError("no_draft")
            if not self._may_see_draft(connection, study_id):
                raise RefusedError("second_reader")
            text = words.with_draft(found.content, document, draft.number)
            self._write_text(connection, study_id, actor, text, draft.number)
            study = self._move(connection, study, state, actor, is_locking=True)
            self._append(connection, "draft.inserted", actor.id, study, {"draft": draft.number})
        return self.working(study_id)

    def commit_reading(self, study_id: str, actor: Actor, *, version: int) -> int:
        """Keep a reader's own findings, before a draft is shown to them; return the new version.

        Raises:
            RefusedError: `empty`, or as `save`.
        """
        with self._acting(study_id, actor, Event.EDIT, version) as (connection, study, state):
            self._keep(connection, study_id, actor, "committed")
            study = self._move(connection, study, state, actor, is_locking=True)
            self._append(connection, "reading.committed", actor.id, study)
        return study.version

    def submit(self, study_id: str, actor: Actor, *, version: int) -> None:
        """Hand a report to whoever signs it; the text is kept as the resident's.

        Raises:
            RefusedError: `empty`, `undecided`, or as `save`.
        """
        with self._acting(study_id, actor, Event.SUBMIT, version) as (connection, study, state):
            number, _ = self._keep(connection, study_id, actor, "submitted", is_decided=True)
            study = self._move(connection, study, state, actor)
            self._append(connection, "report.submitted", actor.id, study, {"number": number})

    def step(self, study_id: str, actor: Actor, event: Event, *, version: int, reason: str = "") -> None:
        """Do one of what needs no text of its own: send back, reject, reopen, amend, abandon.

        Raises:
            RefusedError: as `save`, or `no_reason` where one is needed.
        """
        assert event in _STEPS
        if event in _NEED_REASON and not reason.strip():
            raise RefusedError("no_reason")
        with self._acting(study_id, actor, event, version, needs_lock=event not in _LOCKLESS) as (
            connection, study, state,
        ):  # fmt: skip
            if event == Event.ABANDON:
                self._restore_signed(connection, study_id, actor)
            study = self._move(connection, study, state, actor, is_locking=event == Event.AMEND)
            self._append(connection, f"report.{_STEPS[event]}", actor.id, study, {"reason": reason[:_LONGEST_REASON]})

    def note_critical(self, study_id: str, actor: Actor, told: Critical) -> None:
        """Record who was told of a critical finding.

        Raises:
            RefusedError: if the actor may not write in reports.
            InputError: if a part is missing, or the time is to come.
        """
        if not actor.can_review:
            raise RefusedError("not_permitted")
        if not told.told.strip() or not told.finding.strip() or max(len(told.told), len(told.finding)) > 60:
            raise InputError("needs the finding and who was told, up to 60 characters each", where="critical")
        if told.told_at > self._now() + timedelta(minutes=1):
            raise InputError("the time is still to come", where="critical")
        with self._database.write(is_durable=True) as connection:
            study = study_of(connection, study_id, to_write=True)
            values = {"finding": told.finding, "told": told.told, "told_at": told.told_at}
            more = {"is_read_back": told.is_read_back, "noted_by": actor.id, "noted_at": self._now()}
            connection.execute(insert(tables.critical).values(study_id=study_id, **values, **more))
            detail = {"finding": told.finding, "told": told.told, "is_read_back": told.is_read_back}
            self._append(connection, "critical.told", actor.id, study, {**detail, "told_at": told.told_at.isoformat()})

    # -- one who signs ------------------------------------------------------------------------------------------

    def sign(self, study_id: str, actor: Actor, *, version: int, text_sha256: str, num_films: int, step_up: str) -> int:
        """Sign what the page showed; return the number of the signed version.

        Args:
            text_sha256: hash of the text that the signer saw; another text is not signed.
            num_films: films that the signer was shown; one that came since was not read, and is not bound.
            step_up: how the signer showed who they are: `password`, `pin` or `grace`.

        Raises:
            RefusedError: `changed`, `films`, `empty`, `undecided`, `critical`, `second_reader`, or as `save`.
        """
        with self._acting(study_id, actor, Event.SIGN, version) as (connection, study, state):
            number, kept = self._keep(connection, study_id, actor, "signed", is_decided=True)
            if kept["text_sha256"] != text_sha256:
                raise RefusedError("changed")
            if not self._may_see_draft(connection, study_id):
                raise RefusedError("second_reader")
            need_told(connection, study_id, kept["content"])
            bound = bound_by(connection, study_id, number, kept)
            if len(bound["images"]) != num_films:
                raise RefusedError("films")
            connection.execute(
                insert(tables.signature).values(
                    study_id=study_id, version_number=number, signer=actor.id, signer_name=actor.name, step_up=step_up,
                    **bound, signed_at=self._now(),
                )
            )  # fmt: skip
            study = self._move(connection, study, state, actor, signed=1)
            self._send(connection, study_id, number, actor)
            detail = {"number": number, "step_up": step_up, **bound}
            self._append(
                connection, f"report.{'signed' if state == ReportState.SIGNED else 'amended'}", actor.id, study, detail
            )
        return number

    def retract(self, study_id: str, actor: Actor, *, version: int, reason: str, step_up: str) -> None:
        """Take a signed report back, for all to see.

        Raises:
            RefusedError: `no_reason`, or as `save`.
        """
        if not reason.strip():
            raise RefusedError("no_reason")
        with self._acting(study_id, actor, Event.RETRACT, version, needs_lock=False) as (connection, study, state):
            self._restore_signed(connection, study_id, actor)
            number, _ = self._keep(connection, study_id, actor, "retracted", reason=reason[:_LONGEST_REASON])
            study = self._move(connection, study, state, actor)
            self._send(connection, study_id, number, actor)
            detail = {"reason": reason[:_LONGEST_REASON], "step_up": step_up}
            self._append(connection, "report.retracted", actor.id, study, detail)

    # -- reading ------------------------------------------------------------------------------------------------

    def working(self, study_id: str) -> Working:
        """Read the report being written; blank while nobody has begun."""
        with self._database.read() as connection:
            study, found = study_of(connection, study_id), self._working(connection, study_id)
        if found is None:
            return Working(study, words.blank("en"), 0)
        return Working(study, found.content, found.draft_number)

    def may_see_draft(self, study_id: str) -> bool:
        """Whether the draft may be shown: always, or once the reader has committed."""
        with self._database.read() as connection:
            return self._may_see_draft(connection, study_id)

    def criticals(self, study_id: str) -> list[Row[Any]]:
        """Read who was told of critical findings, oldest first."""
        row = tables.critical
        with self._database.read() as connection:
            query = select(row).where(row.c.study_id == study_id).order_by(row.c.id)
            return list(connection.execute(query).all())

    # -- within a transaction -----------------------------------------------------------------------------------

    @contextmanager
    def _acting(
        self, study_id: str, actor: Actor, event: Event, version: int | None = None, *, needs_lock: bool = True
    ) -> Iterator[tuple[Connection, Study, ReportState]]:
        """Open the act's transaction when state, actor, version and lock allow it; yield where the event leads."""
        with self._database.write(is_durable=True) as connection:
            study = study_of(connection, study_id, to_write=True)
            state = next_state(study.state, event, actor, signed_versions=study.signed_versions)
            if study.locked_by_other(actor.id, self._now()):
                raise RefusedError("locked")
            if version is not None and version != study.version:
                raise RefusedError("stale")
            if needs_lock and event != Event.BEGIN:
                self._need_lock(study, actor)
            yield connection, study, state

    def _need_lock(self, study: Study, actor: Actor) -> None:
        if study.lock_owner != actor.id:
            raise RefusedError("locked" if study.locked_by_other(actor.id, self._now()) else "not_begun")

    def _move(
        self, connection: Connection, study: Study, state: ReportState, actor: Actor, *, is_locking: bool = False,
        signed: int = 0,
    ) -> Study:  # fmt: skip
        """Write state, version and lock; return the study as it then is."""
        until = self._now() + timedelta(seconds=LOCK_S) if is_locking else None
        changed: dict[str, Any] = {
            "state": state,
            "version": study.version + 1,
            "signed_versions": study.signed_versions + signed,
            "late_films": left_late(study.late_films, state, is_signed=bool(signed)),
            "lock_owner": actor.id if is_locking else "",
            "lock_name": actor.name[:64] if is_locking else "",
            "lock_until": until,
        }
        row = tables.study
        fenced = update(row).where(row.c.id == study.id, row.c.version == study.version)
        is_closed = state not in OPEN and not changed["late_films"]
        if connection.execute(fenced.values(is_closed=is_closed, **changed)).rowcount != 1:
            raise RefusedError("stale")
        return replace(study, **changed)

    def _keep_lock(self, connection: Connection, study_id: str, actor: Actor) -> None:
        row = tables.study
        held = update(row).where(row.c.id == study_id, row.c.lock_owner == actor.id)
        connection.execute(held.values(lock_until=self._now() + timedelta(seconds=LOCK_S)))

    def _working(self, connection: Connection, study_id: str) -> Row[Any] | None:
        row = tables.working
        return connection.execute(select(row).where(row.c.study_id == study_id)).first()

    def _write_text(
        self, connection: Connection, study_id: str, actor: Actor, text: Mapping[str, Any], draft_number: int
    ) -> None:
        row = tables.working
        values = {"content": dict(text), "draft_number": draft_number, "saved_by": actor.id, "saved_at": self._now()}
        if not connection.execute(update(row).where(row.c.study_id == study_id).values(**values)).rowcount:
            connection.execute(insert(row).values(study_id=study_id, **values))

    def _first_text(self, connection: Connection, study_id: str, language: str) -> tuple[dict[str, Any], int]:
        draft = latest_draft(connection, study_id)
        if draft is None or not self._may_see_draft(connection, study_id):
            return words.blank(language), 0
        return words.from_draft(draft_document(draft, language), draft.number), draft.number

    def _may_see_draft(self, connection: Connection, study_id: str) -> bool:
        if not self.hides_drafts:
            return True
        row = tables.version
        own = select(row.c.number).where(row.c.study_id == study_id, row.c.kind == "committed").limit(1)
        return connection.execute(own).first() is not None

    def _keep(
        self, connection: Connection, study_id: str, actor: Actor, kind: str, *, is_decided: bool = False,
        reason: str = "",
    ) -> tuple[int, dict[str, Any]]:  # fmt: skip
        """Add the text as it is to what is only added; return its number and what was kept."""
        found = self._working(connection, study_id)
        text, at = self._text(found.content) if found else "", self._now()
        return keep_version(connection, study_id, actor, kind, found, text, at=at, is_decided=is_decided, reason=reason)

    def _send(self, connection: Connection, study_id: str, number: int, actor: Actor) -> None:
        if self._sends_to:
            note_due(connection, study_id, number, actor, self._sends_to, self._now())

    def _restore_signed(self, connection: Connection, study_id: str, actor: Actor) -> None:
        """Make the last signed text the one being written again."""
        last = last_signed(connection, study_id)
        self._write_text(connection, study_id, actor, last.content, last.draft_number)

    def _text(self, content: Mapping[str, Any]) -> str:
        return words.text_of(dict(content), catalogue("trivium.medical", content["language"]))

    def _append(
        self, connection: Connection, action: str, actor: str, study: Study, detail: Mapping[str, Any] | None = None
    ) -> None:
        told = {"state": str(study.state), **(detail or {})}
        self._audit.append(connection, Entry(action, actor, "study", study.id, str(study.version), told))


_STEPS = {
    Event.SEND_BACK: "sent_back",
    Event.REJECT: "rejected",
    Event.REOPEN: "reopened",
    Event.AMEND: "amendment_begun",
    Event.ABANDON: "amendment_abandoned",
}
_NEED_REASON = frozenset({Event.REJECT, Event.SEND_BACK, Event.AMEND})
_LOCKLESS = frozenset({Event.REJECT, Event.REOPEN, Event.AMEND})
