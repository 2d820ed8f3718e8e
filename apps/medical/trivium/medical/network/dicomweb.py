"""DICOMweb (PS3.18): STOW-RS takes films, QIDO-RS finds them, WADO-RS gives them out; see docs/dicom-conformance.md.

    curl -H "Authorization: Bearer $KEY" http://HOST/api/medical/dicomweb/studies

What comes in goes through the same door as an upload, and what goes out is the de-identified copy, with its own UIDs.
Storing needs `medical.run`, the rest `medical.read`; keys may hold both. Each retrieval is in the audit log.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pydicom
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Row
from starlette.exceptions import HTTPException

from trivium.medical.intake.door import receive
from trivium.medical.network.multipart import parts_of, related, written
from trivium.medical.network.search import matching, search
from trivium.medical.pages.desk import door_of, runtime_of, vault_of
from trivium.medical.parse.dicom import open_header, read_dicom
from trivium.medical.parse.reader import MAX_BYTES
from trivium.service.audit import Entry
from trivium.service.errors import InputError, NotFoundError
from trivium.service.permission import needs
from trivium.service.visitor import language_of, principal_of

__all__ = ["router"]

router = APIRouter(prefix="/dicomweb")
_JSON, _DICOM, _RAW = "application/dicom+json", "application/dicom", "application/octet-stream"
_MOST_FILMS = 500
_SYNTAX = re.compile(r'transfer-syntax="?([\d.]+|\*)')
_UID = re.compile(r"[0-9.]{1,64}")
_CANNOT_UNDERSTAND, _OTHER_STUDY = 0xC000, 0xA900
_READ, _STORE = needs("medical.read"), needs("medical.run")
_LEVELS = (("study_uid", "StudyInstanceUID"), ("series_uid", "SeriesInstanceUID"))
_RENDERED = {"image/jpeg": "JPEG", "image/png": "PNG"}


@router.post("/studies", dependencies=[_STORE])
@router.post("/studies/{study_uid}", dependencies=[_STORE])
async def store(request: Request, study_uid: str = "") -> Response:
    """Take films (STOW-RS): 200 when all were stored, 202 when some were, 409 when none was."""
    stored: list[Dataset] = []
    failed: list[Dataset] = []
    content_type = request.headers.get("content-type", "")
    parts = parts_of(content_type, request.stream(), wanted=_DICOM, max_part_bytes=MAX_BYTES, max_parts=_MOST_FILMS)
    async for part in parts:
        take = partial(_store_one, request, part, study_uid)
        answer, is_stored = await to_thread.run_sync(take, limiter=door_of(request))
        (stored if is_stored else failed).append(answer)
    told = Dataset()
    if stored:
        told.ReferencedSOPSequence = stored
    if failed:
        told.FailedSOPSequence = failed
    status = 200 if not failed else 202 if stored else 409
    return JSONResponse(told.to_json_dict(), status, media_type=_JSON)


def _store_one(request: Request, data: bytes, study_uid: str) -> tuple[Dataset, bool]:
    """Return what is told of one film: by the UIDs that it was sent with, and where it lies under new ones."""
    told, vault = Dataset(), vault_of(request)
    try:
        if study_uid and study_uid not in _sent_uids(data):
            told.FailureReason, told.ErrorComment = _OTHER_STUDY, "the film belongs to another study"
            return told, False
        receive(runtime_of(request), vault, data, brought_by=principal_of(request).id, language=language_of(request))
    except InputError as error:
        told.FailureReason, told.ErrorComment = _CANNOT_UNDERSTAND, error.line[:64].replace("\\", "/")
        return told, False
    sop_class, sop, series, study = _sent_uids(data)
    url = f"{_base(request)}/studies/{vault.uid(study)}/series/{vault.uid(series)}/instances/{vault.uid(sop)}"
    told.ReferencedSOPClassUID, told.ReferencedSOPInstanceUID, told.RetrieveURL = sop_class, sop, url
    return told, True


def _sent_uids(data: bytes) -> tuple[str, str, str, str]:
    """Return class, instance, series and study as the sender calls them.

    Raises:
        InputError: if the film cannot be read.
    """
    dataset = open_header("the film", data)
    found = (dataset.get(one) for one in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"))
    sop_class, sop, series, study = (str(one or "") for one in found)
    return sop_class, sop, series, study


@router.get("/studies", dependencies=[_READ])
def find_studies(request: Request) -> Response:
    """Find studies (QIDO-RS)."""
    return _found(request, "studies", {})


@router.get("/series", dependencies=[_READ])
@router.get("/studies/{study_uid}/series", dependencies=[_READ])
def find_series(request: Request, study_uid: str = "") -> Response:
    """Find series, of one study or all."""
    return _found(request, "series", {"study_uid": study_uid})


@router.get("/instances", dependencies=[_READ])
@router.get("/studies/{study_uid}/instances", dependencies=[_READ])
@router.get("/studies/{study_uid}/series/{series_uid}/instances", dependencies=[_READ])
def find_instances(request: Request, study_uid: str = "", series_uid: str = "") -> Response:
    """Find films, of one series, one study or all."""
    return _found(request, "instances", {"study_uid": study_uid, "series_uid": series_uid})


@router.get("/studies/{study_uid}", dependencies=[_READ])
@router.get("/studies/{study_uid}/series/{series_uid}", dependencies=[_READ])
@router.get("/studies/{study_uid}/series/{series_uid}/instances/{sop_uid}", dependencies=[_READ])
def retrieve(request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "") -> Response:
    """Give films out as DICOM files (WADO-RS)."""
    films, store = _films(request, study_uid, series_uid, sop_uid), runtime_of(request).store
    if sop_uid and _accepts(request, _DICOM, only=True):
        return Response(store.read(films[0].sha256), media_type=_DICOM)
    _require_related(request, _DICOM)
    return _streamed(_DICOM, films, lambda film: store.read(film.sha256))


@router.get("/studies/{study_uid}/metadata", dependencies=[_READ])
@router.get("/studies/{study_uid}/series/{series_uid}/metadata", dependencies=[_READ])
@router.get("/studies/{study_uid}/series/{series_uid}/instances/{sop_uid}/metadata", dependencies=[_READ])
def metadata(request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "") -> Response:
    """Give the headers of films out as DICOM JSON, without their pixels."""
    _require(request, _JSON, "application/json")
    runtime, told = runtime_of(request), []
    for film in _films(request, study_uid, series_uid, sop_uid):
        header = pydicom.dcmread(io.BytesIO(runtime.store.read(film.sha256)), stop_before_pixels=True)
        told.append(header.to_json_dict())
    return JSONResponse(told, media_type=_JSON)


@router.get("/studies/{study_uid}/series/{series_uid}/instances/{sop_uid}/frames/{frames}", dependencies=[_READ])
def frame(request: Request, study_uid: str, series_uid: str, sop_uid: str, frames: str) -> Response:
    """Give the pixels of a film out as they are stored, little-endian; a film has one frame."""
    if frames != "1":
        raise NotFoundError("a film has one frame", where=frames[:20])
    _require_related(request, _RAW)
    films, store = _films(request, study_uid, series_uid, sop_uid), runtime_of(request).store

    def pixels(film: Row[Any]) -> bytes:
        data: bytes = pydicom.dcmread(io.BytesIO(store.read(film.sha256))).PixelData
        return data

    return _streamed(_RAW, films, pixels)


@router.get("/studies/{study_uid}/series/{series_uid}/instances/{sop_uid}/rendered", dependencies=[_READ])
def rendered(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    """Give a film out as a picture, windowed as its header says: JPEG, or PNG where that is asked for."""
    kind = next((one for one in _RENDERED if _accepts(request, one, only=True)), "image/jpeg")
    _require(request, "image/jpeg", "image/png")
    (film,) = _films(request, study_uid, series_uid, sop_uid)
    shown, *_ = read_dicom("the film", runtime_of(request).store.read(film.sha256))
    out = io.BytesIO()
    Image.fromarray(np.rint(shown * 255).astype(np.uint8)).save(out, _RENDERED[kind])
    return Response(out.getvalue(), media_type=kind)


def _found(request: Request, level: str, within: dict[str, str]) -> Response:
    _require(request, _JSON, "application/json")
    named = {keyword: within[name] for name, keyword in _LEVELS if within.get(name)}
    with runtime_of(request).database.read() as connection:
        found = search(connection, level, request.query_params.multi_items(), within=named, base=_base(request))
    headers = {"cache-control": "no-store"}
    if found.ignored:
        keys = ", ".join(re.sub(r"[^A-Za-z0-9.]", "?", one[:40]) for one in found.ignored[:20])
        headers["warning"] = f'299 trivium "not looked at: {keys}"'
    if not found.answers:
        return Response(status_code=204, headers=headers)
    return JSONResponse(found.answers, headers=headers, media_type=_JSON)


def _films(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Sequence[Row[Any]]:
    """Return the films that an address names, with their retrieval on record.

    Raises:
        NotFoundError: if there are none.
    """
    uids = {"study_uid": study_uid, "series_uid": series_uid, "sop_uid": sop_uid}
    runtime, films = runtime_of(request), []
    if all(_UID.fullmatch(uid) for uid in uids.values() if uid):
        with runtime.database.read() as connection:
            films = list(matching(connection, **{name: uid for name, uid in uids.items() if uid}))
    if not films:
        raise NotFoundError("there is no such film")  # without the UID: it may be the original one, and this is logged
    about = {"films": len(films), "by": "dicomweb"}
    runtime.audit.record(Entry("study.retrieved", principal_of(request).id, "study", films[0].study_id, "", about))
    return films


def _streamed(kind: str, films: Sequence[Row[Any]], content: Any) -> Response:
    boundary, content_type = related(kind)
    return StreamingResponse(written(boundary, kind, (content(one) for one in films)), media_type=content_type)


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/api/medical/dicomweb"


def _accepts(request: Request, kind: str, *, only: bool = False) -> bool:
    """Whether the client takes a type; `only`: it names this one, not just anything."""
    accepted = request.headers.get("accept", "*/*").lower()
    first = accepted.split(",")[0].split(";")[0].strip()
    return first == kind if only else kind in accepted or "*/*" in accepted


def _require_related(request: Request, kind: str) -> None:
    """Refuse a client that wants another type of parts, or another transfer syntax than the one there is."""
    accepted = request.headers.get("accept", "*/*").lower()
    is_wanted = "*/*" in accepted or kind in accepted or ("multipart/related" in accepted and "type=" not in accepted)
    syntaxes = _SYNTAX.findall(accepted)
    if not is_wanted or (syntaxes and not {"*", str(ExplicitVRLittleEndian)} & set(syntaxes)):
        raise HTTPException(406, f'this is given out as multipart/related; type="{kind}" in {ExplicitVRLittleEndian}')


def _require(request: Request, *kinds: str) -> None:
    if not any(_accepts(request, one) for one in kinds):
        raise HTTPException(406, f"this is given out as {' or '.join(kinds)}")
