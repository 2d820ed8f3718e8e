"""Pixels for the viewer, and the patient's identity for the header: each reading of it is recorded."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from trivium.medical.out.text import identity_lines
from trivium.medical.pages.desk import reports_of, runtime_of, vault_of
from trivium.medical.workflow.studies import evidence_of, images, sealed_identity, study_of
from trivium.service.audit import Entry
from trivium.service.errors import NotFoundError
from trivium.service.permission import needs
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["router", "shown_identity"]

router = APIRouter()
_SHOWN = ("patient_name", "patient_id", "birth_date", "accession", "study_date", "referrer")


@router.get("/studies/{study_id}/films/{position}", dependencies=[needs("medical.read")])
def film(request: Request, study_id: str, position: int) -> Response:
    """Return a film's values row by row, little-endian, as stored: packed. The address names the content."""
    runtime = runtime_of(request)
    with runtime.database.read() as connection:
        found = [one for one in images(connection, study_id) if one.position == position]
    if not found:
        raise NotFoundError("the study has no such film", where=study_id[:32])
    return FileResponse(
        runtime.store.path(found[0].pixels_sha256),
        media_type="application/octet-stream",
        headers={"content-encoding": "gzip", "cache-control": "private, max-age=86400, immutable"},
    )


@router.get("/studies/{study_id}/evidence/{draft_number}", dependencies=[needs("medical.read")])
def evidence(request: Request, study_id: str, draft_number: int) -> Response:
    """Return where a draft's scores come from, as `Evidence` lays it out, to those who may see the draft."""
    runtime = runtime_of(request)
    with runtime.database.read() as connection:
        found = evidence_of(connection, study_id, draft_number)
    if found is None or not reports_of(request).may_see_draft(study_id):
        raise NotFoundError("there is no evidence map", where=study_id[:32])
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return FileResponse(runtime.store.path(found.sha256), media_type="image/png", headers=headers)


@router.get("/studies/{study_id}/identity", dependencies=[needs("medical.identity")])
def identity(request: Request, study_id: str) -> dict[str, Any]:
    """Return who the patient is, for the header of the page; recorded each time."""
    found = shown_identity(request, study_id, purpose="header")
    lines = identity_lines(found or {}, catalogue("trivium.medical", language_of(request)))
    return {"is_kept": found is not None, "lines": lines, **{key: (found or {}).get(key, "") for key in _SHOWN}}


def shown_identity(request: Request, study_id: str, *, purpose: str) -> dict[str, str] | None:
    """Open a study's sealed identity for the visitor, on record; None when none is kept."""
    runtime = runtime_of(request)
    with runtime.database.read() as connection:
        study, sealed = study_of(connection, study_id), sealed_identity(connection, study_id)
    if sealed is None:
        return None
    entry = Entry("identity.read", principal_of(request).id, "study", study.id, str(study.version), {"for": purpose})
    runtime.audit.record(entry)  # before it is opened: what cannot be recorded is not shown
    return vault_of(request).open(study_id, sealed)
