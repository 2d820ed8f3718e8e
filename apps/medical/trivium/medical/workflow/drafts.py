"""What the model does to a report: its draft is kept beside it, or that there is none.

It touches neither text, lock nor version. A draft that comes late waits to be inserted by whoever writes, in
`reports.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from trivium.medical import tables
from trivium.medical.workflow.content import sha256_of
from trivium.medical.workflow.states import Actor, Event, RefusedError, next_state
from trivium.medical.workflow.studies import Evidence, Study, settled, study_of
from trivium.service.audit import Audit, Entry
from trivium.service.audit_chain import canonical
from trivium.service.database import Database, utc_now

__all__ = ["Drafts"]


class Drafts:
    """The drafts of one database.

    Args:
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._audit = Audit(database, now=lambda: self._now())
        self._now = now

    def record(
        self,
        connection: Connection,
        study_id: str,
        actor: Actor,
        documents: Mapping[str, Mapping[str, Any]],
        *,
        image_position: int,
        evidence: Evidence | None = None,
    ) -> None:
        """Keep a draft within the job's transaction. Lock, version and text of the report stay as they are.

        Args:
            documents: by language, as `draft.json` has it.
            evidence: where the scores come from, if any finding is placed.
        """
        study = study_of(connection, study_id, to_write=True)
        next_state(study.state, Event.DRAFT_MADE, actor)
        row, document = tables.draft, next(iter(documents.values()))
        last = select(func.coalesce(func.max(row.c.number), 0)).where(row.c.study_id == study_id)
        number = connection.execute(last).scalar_one() + 1
        model = document["model"]
        connection.execute(
            insert(row).values(
                study_id=study_id, number=number, image_position=image_position,
                documents=dict(documents), sha256=sha256_of(canonical(documents)), model=model["name"],
                weights_sha256=model["weights_sha256"], limits_sha256=sha256_of(canonical(model)),
                job_id=actor.id, made_at=self._now(),
            )
        )  # fmt: skip
        if evidence is not None:
            place = {"study_id": study_id, "draft_number": number}
            connection.execute(
                insert(tables.evidence).values(**place, findings=list(evidence.findings), sha256=evidence.sha256)
            )
        state = "refused" if document.get("refused") else "ready"
        _set_state(connection, study_id, state)
        detail = {"draft": number, "weights_sha256": model["weights_sha256"], "refused": document.get("refused") or ""}
        self._note(connection, "draft.made", f"model:{actor.id}", study, detail)

    def record_none(self, connection: Connection, study_id: str, actor: Actor, reason: str) -> None:
        """Say within the job's transaction that there will be no draft; the report opens blank."""
        study = study_of(connection, study_id, to_write=True)
        next_state(study.state, Event.DRAFT_FAILED, actor)
        _set_state(connection, study_id, "failed")
        self._note(connection, "draft.failed", f"model:{actor.id}", study, {"reason": reason})

    def expect_again(self, study_id: str, actor: Actor) -> str:
        """Wait for a draft again where the last job ended without one; return that job's id.

        Raises:
            RefusedError: `not_permitted`, or `not_failed` if a draft is there or on its way.
        """
        if not actor.can_review:
            raise RefusedError("not_permitted")
        with self._database.write(is_durable=True) as connection:
            (study,) = settled(connection, [study_of(connection, study_id, to_write=True)])
            if study.draft_state != "failed":
                raise RefusedError("not_failed")
            _set_state(connection, study_id, "waiting")
            self._note(connection, "draft.asked_again", actor.id, study, {"after": study.job_id})
        return study.job_id

    def _note(self, connection: Connection, action: str, actor: str, study: Study, detail: Mapping[str, Any]) -> None:
        told = {"state": str(study.state), **detail}
        self._audit.append(connection, Entry(action, actor, "study", study.id, str(study.version), told))


def _set_state(connection: Connection, study_id: str, state: str) -> None:
    row = tables.study
    connection.execute(update(row).where(row.c.id == study_id).values(draft_state=state))
