"""The report as text, PDF, FHIR, HL7 or DICOM SR; with the patient's name for whoever may see it; each on record.

Without the name, what somebody typed is compared with the sealed identity, and what repeats it does not leave.
"""

from __future__ import annotations

import json
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from trivium.medical.out import fhir, hl7, text
from trivium.medical.out.outgoing import Outgoing, outgoing, without_identifiers
from trivium.medical.pages.desk import reports_of, runtime_of
from trivium.medical.pages.films import shown_identity
from trivium.medical.workflow.sendings import sent_uids
from trivium.medical.workflow.states import ReportState
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.permission import needs
from trivium.service.phrase import Phrase
from trivium.service.runtime import Runtime
from trivium.service.visitor import language_of, principal_of

__all__ = ["router"]

router = APIRouter()
_KINDS = {
    "txt": "text/plain; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/fhir+json",
    "hl7": "x-application/hl7-v2+er7",
    "dcm": "application/dicom",
}


@router.get("/studies/{study_id}/report.{kind}", dependencies=[needs("medical.read")])
def export(request: Request, study_id: str, kind: str, identity: bool = False) -> Response:
    """Return the report in one of the formats; `?identity=1` with the patient's name, for those who may see it."""
    if kind not in _KINDS:
        names = Phrase("use {names}", names=", ".join(_KINDS))
        raise InputError(Phrase("no format is called {name}", name=repr(kind[:10])), hint=names)
    runtime, principal = runtime_of(request), principal_of(request)
    is_named = identity and principal.may("medical.identity")
    known = shown_identity(request, study_id, purpose=f"export {kind}") if is_named else None
    with runtime.database.read() as connection:
        report = outgoing(connection, study_id, identity=known, language=language_of(request))
    if not reports_of(request).may_see_draft(study_id):
        report = _without_draft(report)
    if not is_named and (report.sections or report.reason):
        sealed = shown_identity(request, study_id, purpose=f"scrub {kind}")
        report = report if sealed is None else without_identifiers(report, sealed)
    content = _rendered(runtime, report, kind)
    about = {
        "kind": kind, "mark": report.mark, "number": report.number, "with_identity": bool(known),
        "removed": report.removed,
    }  # fmt: skip
    runtime.audit.record(Entry("report.exported", principal.id, "study", study_id, str(report.study.version), about))
    name = f"{study_id}-{report.mark or report.state}.{kind}"
    headers = {
        "content-disposition": f'{"attachment" if kind in ("json", "hl7", "dcm") else "inline"}; filename="{name}"',
        "content-security-policy": "default-src 'none'",
        "cache-control": "no-store",
    }
    return Response(content, media_type=_KINDS[kind], headers=headers)


def _rendered(runtime: Runtime, report: Outgoing, kind: str) -> bytes:
    if kind == "txt":
        return text.render(report).encode()
    if kind == "json":
        return json.dumps(fhir.render(report), ensure_ascii=False, indent=2).encode()
    if kind == "hl7":
        return hl7.render(report, now=utc_now()).encode()
    if kind == "dcm":
        from trivium.medical.out import structured  # highdicom: a second to load

        films = [runtime.store.read(one) for one in report.image_hashes]
        return structured.render(report, films, previous=_previous(runtime, report)).content
    from trivium.medical.out import pdf  # reportlab, which the other pages need not load

    return pdf.render(report)


def _previous(runtime: Runtime, report: Outgoing) -> list[str]:
    """Return the UIDs that it takes the place of where it is sent: with the name it is the same object as there."""
    if not report.identity or not report.number:
        return []
    with runtime.database.read() as connection:
        return sent_uids(connection, report.study.id, before=None if report.retracted_by else report.number)


def _without_draft(report: Outgoing) -> Outgoing:
    """Return the report without what a reader who has not committed may not see."""
    is_untouched = report.study.state == ReportState.DRAFT
    bare = replace(report, findings=(), model=("", ""))
    return replace(bare, sections=(), text="") if is_untouched else bare
