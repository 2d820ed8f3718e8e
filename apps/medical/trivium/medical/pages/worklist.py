"""The worklist: who waits, what is STAT, who writes in what; and the door for films on the same page."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import Row, select
from starlette.exceptions import HTTPException

from trivium.medical import tables
from trivium.medical.intake.door import receive
from trivium.medical.pages.desk import door_of, runtime_of, vault_of
from trivium.medical.pages.html import STATIC, page
from trivium.medical.parse.reader import MAX_BYTES
from trivium.medical.workflow.sendings import destination_title, unsent
from trivium.medical.workflow.states import ReportState
from trivium.medical.workflow.studies import Study, worklist
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.permission import needs
from trivium.service.phrase import Phrase, translate, unpack
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["router"]

router = APIRouter()
_MEDIA = {".js": "text/javascript", ".css": "text/css"}
_FILTERS = ("open", "", *ReportState)
UNSENT = "unsent"  # whose signed report is not in the archive, though it was tried
_QUARANTINED_SHOWN = 20


class PatientNumber(BaseModel):
    """A patient's number, as in the header of their films; in a body, for addresses are logged."""

    number: str = Field(min_length=1, max_length=140)


@router.get("/", dependencies=[needs("medical.read")])
def show(request: Request) -> Response:
    """Show the page; its rows come by `/worklist`."""
    may = principal_of(request).may
    texts = catalogue("trivium.medical", language_of(request))
    sends = destination_title(runtime_of(request).settings)
    filters = [(one, texts[f"filter.{one or 'all'}"]) for one in (*_FILTERS, *([UNSENT] if sends else []))]
    allowed = {"may_upload": may("medical.run"), "may_identify": may("medical.identity")}
    return page(request, "worklist.html", filters=filters, quarantined=_set_aside(request), **allowed)


@router.get("/worklist", dependencies=[needs("medical.read")])
def rows(
    request: Request,
    state: Annotated[str, Query(max_length=12)] = "open",
    q: Annotated[str, Query(max_length=40)] = "",
    number: Annotated[int, Query(ge=1, le=10_000, alias="page")] = 1,
    mine: bool = False,
) -> Response:
    """Return a page of the worklist."""
    if state not in (*_FILTERS, UNSENT):
        names = Phrase("use {names}", names=", ".join((*filter(None, _FILTERS), UNSENT)))
        raise InputError(Phrase("no state is called {name}", name=repr(state)), where="state", hint=names)
    account_id, database = principal_of(request).id, runtime_of(request).database
    among, state = (unsent(), "") if state == UNSENT else (None, state)
    whose = account_id if mine else ""
    found = worklist(database, state=state, search=q, page=number, mine=whose, among=among)
    with database.read() as connection:
        num_unsent = len(set(connection.execute(unsent()).scalars()))
    listed = [_row(one, account_id) for one in found.studies]
    told = {"studies": listed, "has_more": found.has_more, "unsent": num_unsent}
    return JSONResponse(told, headers={"cache-control": "no-store"})


@router.post("/patients", dependencies=[needs("medical.identity")])
def find_patient(request: Request, body: PatientNumber) -> dict[str, str]:
    """Return what the patient of a number is called here, on record; the number itself goes nowhere.

    A number is looked for as a whole, of its issuer where the films name one: `MRN-1^^^CLINIC`, as HL7 writes it.
    """
    number, _, issuer = body.number.partition("^^^")
    pseudonym = vault_of(request).pseudonym(number, issuer)
    runtime_of(request).audit.record(Entry("identity.searched", principal_of(request).id, "patient", pseudonym))
    return {"pseudonym": pseudonym}


@router.post("/api/uploads", status_code=201, dependencies=[needs("medical.run")])
async def upload(request: Request, stat: bool = False) -> dict[str, Any]:
    """Take one film, the body of the request as it is. Names of files are not asked for: they name people."""
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            limit = Phrase("the film is larger than the {limit} bytes allowed", limit=f"{MAX_BYTES:,}")
            raise HTTPException(413, limit)
        parts.append(chunk)
    take = partial(
        receive,
        runtime_of(request),
        vault_of(request),
        b"".join(parts),
        brought_by=principal_of(request).id,
        language=language_of(request),
        is_stat=stat,
    )
    found = await to_thread.run_sync(take, limiter=door_of(request))
    return {"study": found.study_id, "is_new_image": found.is_new_image, "is_new_study": found.is_new_study}


@router.get("/static/{name}", dependencies=[needs("medical.read")])
def static(name: str) -> Response:
    """Serve a script or style of these pages."""
    path = STATIC / name
    if path.parent != STATIC or path.suffix not in _MEDIA or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=_MEDIA[path.suffix], headers={"cache-control": "no-cache"})


def _row(study: Study, account_id: str) -> dict[str, Any]:
    now = utc_now()
    return {
        "id": study.id,
        "patient": study.pseudonym,
        "is_stat": study.is_stat,
        "state": study.state,
        "draft_state": study.draft_state,
        "modality": study.modality,
        "view": study.view,
        "sex": study.sex,
        "age_years": study.age_years,
        "late_films": study.late_films,
        "arrived_at": study.arrived_at.isoformat(),
        "waits_s": int((now - study.arrived_at).total_seconds()),
        "locked_by": study.locked_by_other(account_id, now),
    }


def _set_aside(request: Request) -> list[tuple[Row[Any], str]]:
    """Return what was set aside last, each with the reason in the visitor's language."""
    row = tables.quarantine
    query = select(row).order_by(row.c.at.desc(), row.c.id.desc()).limit(_QUARANTINED_SHOWN)
    with runtime_of(request).database.read() as connection:
        found = connection.execute(query).all()
    return [(one, translate(unpack(one.reason), language_of(request))) for one in found]
