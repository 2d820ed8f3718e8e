"""The review page, and the state of a study as it asks for it: everything to show, and what the visitor may do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Row

from trivium.medical.pages.checking import told_marks
from trivium.medical.pages.desk import actor_of, reports_of, runtime_of, session_of, step_up_of
from trivium.medical.pages.html import page
from trivium.medical.reading import Mark, check_report
from trivium.medical.workflow import content as words
from trivium.medical.workflow.critical import critical_findings
from trivium.medical.workflow.fetches import Fetch, fetch_of
from trivium.medical.workflow.late import last_look
from trivium.medical.workflow.sendings import IDENTITY, Sending, can_send, destination_title, sending_of
from trivium.medical.workflow.states import PUBLISHED, REVIEW, SIGN, ActorKind, ReportState, allowed_events
from trivium.medical.workflow.studies import (
    Evidence,
    Study,
    draft_document,
    evidence_of,
    images,
    latest_draft,
    priors,
    settled,
    study_of,
    versions,
)
from trivium.service.audit import Entry
from trivium.service.audit_chain import canonical
from trivium.service.database import utc_now
from trivium.service.permission import needs
from trivium.service.phrase import translate
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["router", "state_of"]

router = APIRouter()


@router.get("/studies/{study_id}", dependencies=[needs("medical.read")])
def show(request: Request, study_id: str) -> Response:
    """Show the review page; that it was opened is recorded."""
    study = _opened(request, study_id)
    may = principal_of(request).may
    return page(
        request, "study.html", study=study, may_identify=may("medical.identity"), may_review=may("medical.review")
    )


@router.post("/studies/{study_id}/opened", status_code=204, dependencies=[needs("medical.read")])
def opened(request: Request, study_id: str) -> None:
    """Record that the page was turned to this study."""
    _opened(request, study_id)


@router.get("/studies/{study_id}/state", dependencies=[needs("medical.read")])
def state(request: Request, study_id: str, if_none_match: Annotated[str, Header()] = "") -> Response:
    """Return the state; 304 when it is what the caller has already."""
    found = state_of(request, study_id)
    tag = f'"{sha256(canonical(found).encode()).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    return Response(status_code=304, headers=headers) if if_none_match == tag else JSONResponse(found, headers=headers)


def state_of(request: Request, study_id: str) -> dict[str, Any]:
    """Return everything that the review page shows of a study."""
    reports, actor = reports_of(request), actor_of(request)
    working = reports.working(study_id)
    study, content = working.study, working.content
    with runtime_of(request).database.read() as connection:
        films, draft = images(connection, study_id), latest_draft(connection, study_id)
        maps = evidence_of(connection, study_id, draft.number) if draft is not None else None
        (study,) = settled(connection, [study])
        made, earlier = versions(connection, study_id), priors(connection, study)
        prior_films = {one.study.id: images(connection, one.study.id) for one in earlier}
        asked, sending = fetch_of(connection, study_id), sending_of(connection, study_id)
        seen = last_look(connection, study_id)
        is_sendable = can_send(connection, study)
    is_shown = reports.may_see_draft(study_id)
    if study.state == ReportState.DRAFT and draft is not None and is_shown:  # to look at before anybody begins
        content = words.from_draft(draft_document(draft, language_of(request)), draft.number)
    text = words.text_of(content, catalogue("trivium.medical", content["language"]))
    told = reports.criticals(study_id)
    can = allowed_events(study.state, actor, signed_versions=study.signed_versions)
    step_up, principal = step_up_of(request), principal_of(request)
    since = _films_since(made, len(films)) if study.state in PUBLISHED else 0
    seen = seen if since and seen is not None and seen.num_films == len(films) else None
    may_sign = actor.kind == ActorKind.PERSON and SIGN in actor.permissions
    return {
        "study": _study(study, actor.id),
        "is_mine": study.lock_owner == actor.id and study.lock_until is not None and study.lock_until > utc_now(),
        "is_published": study.state in PUBLISHED,
        "can": sorted(can),
        "content": content,
        "draft_number": working.draft_number,
        "undecided": words.undecided(content),
        "text": text,
        "text_sha256": words.sha256_of(text),
        "marks": told_marks(_marks(content, text, study, draft if is_shown else None, films), language_of(request)),
        "draft": _draft(draft, language_of(request), maps) if draft is not None and is_shown else None,
        "is_draft_hidden": not is_shown,
        "images": [_image(study_id, one) for one in films],
        "films_since": since,
        "late": {
            "count": study.late_films,
            "may_look": may_sign and study.late_films > 0,
            "looked": None if seen is None else {"name": seen.name, "at": seen.at.isoformat()},
        },
        "versions": [_version(one) for one in made],
        "difference": _difference(made, text, study),
        "critical": critical_findings(content),
        "told": [
            {"finding": one.finding, "told": one.told, "at": one.told_at.isoformat(), "is_read_back": one.is_read_back}
            for one in told
        ],
        "priors": [
            {"id": one.study.id, "arrived_at": one.study.arrived_at.isoformat(), "days_before": one.days_before,
             "state": one.study.state, "is_published": one.study.state in PUBLISHED,
             "images": [_image(one.study.id, film) for film in prior_films[one.study.id]]}
            for one in earlier
        ],
        "archive": _archive(request, asked),
        "sending": _sending(request, sending, is_sendable=is_sendable),
        "step_up": {
            "has_grace": step_up.has_grace(principal.id, session_of(request)),
            "has_proof": principal.has_password or step_up.has_pin(principal.id),
        },
    }  # fmt: skip


def _marks(
    content: dict[str, Any], text: str, study: Study, draft: Row[Any] | None, films: Sequence[Row[Any]]
) -> list[Mark]:
    """Return what in the report does not fit, with the sides of the draft's evidence that its sentences rest on."""
    placed = {}
    if draft is not None:
        claims = {claim for one in words.spoken(content) for claim in one["claims"]}
        middle = films[draft.image_position - 1].columns / 2
        for one in draft_document(draft, content["language"])["findings"]:
            region = one["region"]
            if region and not one.get("outside_chest") and f"finding/{one['name']}" in claims:
                is_right = region["x"] + region["width"] / 2 < middle  # the left of the picture is the patient's right
                placed[one["name"]] = "right" if is_right else "left"
    return check_report(text, sex=study.sex, language=content["language"], placed=placed)


def _opened(request: Request, study_id: str) -> Study:
    """Return a study that the visitor opens, on record."""
    runtime = runtime_of(request)
    with runtime.database.read() as connection:
        study = study_of(connection, study_id)
    runtime.audit.record(Entry("study.opened", principal_of(request).id, "study", study.id, str(study.version)))
    return study


def _study(study: Study, account_id: str) -> dict[str, Any]:
    return {
        "id": study.id,
        "patient": study.pseudonym,
        "state": study.state,
        "version": study.version,
        "draft_state": study.draft_state,
        "is_stat": study.is_stat,
        "sex": study.sex,
        "age_years": study.age_years,
        "modality": study.modality,
        "arrived_at": study.arrived_at.isoformat(),
        "locked_by": study.locked_by_other(account_id, utc_now()),
    }


def _draft(draft: Row[Any], language: str, maps: Evidence | None) -> dict[str, Any]:
    document = draft_document(draft, language)
    named = ("findings", "measurements", "quality", "refused")
    return {
        **{key: document.get(key) for key in named},
        "warnings": document.get("quality_details", {}).get("warnings", []),
        "maps": maps
        and {
            "url": f"/medical/studies/{draft.study_id}/evidence/{draft.number}?v={maps.sha256[:12]}",
            "findings": maps.findings,
        },
        "limits": _limits(document["model"]),
        "number": draft.number,
        "image_position": draft.image_position,
        "model": draft.model,
        "weights_sha256": draft.weights_sha256,
        "made_at": draft.made_at.isoformat(),
    }


def _limits(model: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return from which probabilities each finding is named; pneumonia on small films has limits of its own."""
    small, names = model.get("pneumonia", {}), ("present_from", "uncertain_from")
    of_small = {"Pneumonia": {name: small[name] for name in names}} if small else {}
    return {**of_small, **model["limits"]}


def _image(study_id: str, film: Row[Any]) -> dict[str, Any]:
    return {
        "position": film.position,
        "url": f"/medical/studies/{study_id}/films/{film.position}?v={film.pixels_sha256[:12]}",
        "rows": film.rows,
        "columns": film.columns,
        "bits": film.bits,
        "is_inverted": film.is_inverted,
        "center": film.window_center,
        "width": film.window_width,
        "row_mm": film.row_mm,
        "column_mm": film.column_mm,
        "spacing": film.spacing,
        "view": film.view,
        "side": film.side,
        "texts_covered": film.texts_covered,
    }


def _archive(request: Request, fetch: Fetch | None) -> dict[str, Any]:
    """Tell whether there is an archive, and where asking it stands; what did not come has its reason."""
    runtime = runtime_of(request)
    is_set = bool(runtime.settings.medical_archive)
    if fetch is None:
        return {"is_set": is_set, "asked": None}
    came = fetch.fetched
    error = runtime.jobs.get(fetch.job_id).error if fetch.state == "failed" else ""
    asked = {
        "state": fetch.state,
        "progress": round(fetch.progress, 2),
        "studies": came.studies if came else None,
        "films": came.films if came else None,
        "problem": translate(came.problem if came else error, language_of(request)),
    }
    return {"is_set": is_set, "asked": asked}


def _sending(request: Request, sending: Sending | None, *, is_sendable: bool) -> dict[str, Any]:
    """Tell where the report stands on its way to the archive, and whether the visitor may have it sent."""
    may, title = actor_of(request).permissions, destination_title(runtime_of(request).settings)
    told = (
        None
        if sending is None
        else {
            "state": sending.state,
            "destination": sending.destination,
            "attempts": sending.attempts,
            "next_at": sending.next_at.isoformat(),
            "sent_at": sending.sent_at.isoformat() if sending.sent_at else None,
            "problem": translate(sending.problem, language_of(request)),
        }
    )
    return {"destination": title, "may": bool(title) and is_sendable and {REVIEW, IDENTITY} <= may, "told": told}


def _films_since(made: Sequence[Row[Any]], num_films: int) -> int:
    """Return how many films came after the report was signed, and so are not what it was written on."""
    bound: list[str] = next((one.images for one in reversed(made) if one.signer_name), [])
    return num_films - len(bound)


def _version(made: Row[Any]) -> dict[str, Any]:
    return {
        "number": made.number,
        "kind": made.kind,
        "author": made.author_name,
        "made_at": made.made_at.isoformat(),
        "reason": made.reason,
        "text": made.text,
        "signer": made.signer_name or "",
        "bound_sha256": made.bound_sha256 or "",
    }


def _difference(made: Sequence[Row[Any]], text: str, study: Study) -> dict[str, Any] | None:
    """Compare the text with what was submitted or signed before it, line by line; None where nothing was."""
    compared = [one for one in made if one.kind in ("submitted", "signed")]
    if study.state in PUBLISHED and compared and compared[-1].kind == "signed" and compared[-1].text == text:
        compared = compared[:-1]
    if not compared or compared[-1].text == text:
        return None
    before = compared[-1]
    lines = [
        {"op": {"-": "removed", "+": "added"}.get(line[0], "same"), "text": line[2:]}
        for line in difflib.ndiff(before.text.splitlines(), text.splitlines())
        if line[0] in "-+ " and line[2:].strip()
    ]
    return {"author": before.author_name, "kind": before.kind, "lines": lines}
