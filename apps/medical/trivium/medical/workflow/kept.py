"""What is only added: versions of a report as they were submitted or signed, and what a signature binds.

Each function works within the act's transaction (`reports.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from trivium.medical import tables
from trivium.medical.workflow.content import sha256_of, undecided
from trivium.medical.workflow.critical import critical_findings
from trivium.medical.workflow.states import Actor, RefusedError
from trivium.medical.workflow.studies import images
from trivium.service.audit_chain import canonical

__all__ = ["bound_by", "keep_version", "last_signed", "need_told"]

_NO_MODEL = "none"


def keep_version(
    connection: Connection, study_id: str, actor: Actor, kind: str, working: Row[Any] | None, text: str, *,
    at: datetime, is_decided: bool = False, reason: str = "",
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Add the text as it is; return its number and what was kept.

    Args:
        working: row of the report being written, whose text this is.
        is_decided: whether no sentence of the draft may be undecided.

    Raises:
        RefusedError: `empty` or `undecided`.
    """
    if working is None or not text:
        raise RefusedError("empty")
    if is_decided and undecided(working.content):
        raise RefusedError("undecided")
    row = tables.version
    last = select(func.coalesce(func.max(row.c.number), 0)).where(row.c.study_id == study_id)
    number = connection.execute(last).scalar_one() + 1
    kept = {"content": working.content, "text": text, "text_sha256": sha256_of(text)}
    kept["draft_number"] = working.draft_number
    by = {"author": actor.id, "author_name": actor.name[:64], "reason": reason, "made_at": at}
    connection.execute(insert(row).values(study_id=study_id, number=number, kind=kind, **kept, **by))
    return number, kept


def last_signed(connection: Connection, study_id: str) -> Row[Any]:
    """Read the version that was signed last, of a report that has one."""
    row = tables.version
    signed = select(row).where(row.c.study_id == study_id, row.c.kind == "signed")
    return connection.execute(signed.order_by(row.c.number.desc()).limit(1)).one()


def need_told(connection: Connection, study_id: str, content: dict[str, Any]) -> None:
    """Refuse a report with a critical finding that nobody is recorded to have been told of.

    Raises:
        RefusedError: `critical`.
    """
    row = tables.critical
    told = set(connection.execute(select(row.c.finding).where(row.c.study_id == study_id)).scalars())
    if set(critical_findings(content)) - told:
        raise RefusedError("critical")


def bound_by(connection: Connection, study_id: str, number: int, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the signature of a version binds, and the hash of it all."""
    row = tables.draft
    its = select(row).where(row.c.study_id == study_id, row.c.number == kept["draft_number"])
    draft = connection.execute(its).first()
    bound = {
        "text_sha256": kept["text_sha256"],
        "images": [one.sha256 for one in images(connection, study_id)],
        "model": draft.model if draft else _NO_MODEL,
        "weights_sha256": draft.weights_sha256 if draft else "",
        "limits_sha256": draft.limits_sha256 if draft else "",
    }
    return {**bound, "bound_sha256": sha256_of(canonical({"study": study_id, "number": number, **bound}))}
