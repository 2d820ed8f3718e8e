"""What a reader does with a report, one route an act. Each states the version it saw and answers with the new state."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from trivium.medical.intake.door import ask_for_draft
from trivium.medical.network.priors import ask_for_priors
from trivium.medical.pages.desk import (
    actor_of,
    address_of,
    drafts_of,
    logged_in_at,
    reports_of,
    runtime_of,
    session_of,
    step_up_of,
)
from trivium.medical.pages.study import state_of
from trivium.medical.workflow.critical import Critical
from trivium.medical.workflow.late import look
from trivium.medical.workflow.sendings import send_again
from trivium.medical.workflow.states import SIGN, Event, RefusedError
from trivium.medical.workflow.step_up import Proof
from trivium.service.permission import needs
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["router"]

router = APIRouter()
_STATUS = {
    "stale": 409,
    "locked": 409,
    "not_begun": 409,
    "films": 409,
    "not_permitted": 403,
    "step_up": 403,
    "nameless": 403,
}
_STEPS = {"send-back": Event.SEND_BACK, "reject": Event.REJECT, "reopen": Event.REOPEN, "amend": Event.AMEND,
          "abandon": Event.ABANDON}  # fmt: skip
Writer = needs("medical.review")
Signer = needs(SIGN)
StudyId = Annotated[str, Path(max_length=16)]


class Seen(BaseModel):
    """The version that the page showed."""

    version: int = Field(ge=1)


class Reasoned(Seen):
    """With a reason, where one is needed."""

    reason: str = Field(default="", max_length=500)


class Saved(Seen):
    """The text as it is on the page."""

    content: dict[str, Any]


class Signing(Seen):
    """What is signed: this text, as the hash of what the page showed, and so many films; PIN or password unless a
    grace holds.
    """

    text_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    films: int = Field(ge=0)
    attested: bool
    secret: str = Field(default="", max_length=256)


class Looked(BaseModel):
    """How many films the page showed."""

    films: int = Field(ge=1)


class Retracting(Reasoned):
    """A signed report taken back."""

    secret: str = Field(default="", max_length=256)


class Told(BaseModel):
    """Who was told of a critical finding."""

    finding: str = Field(max_length=60)
    told: str = Field(max_length=60)
    told_at: AwareDatetime
    is_read_back: bool


class NewPin(BaseModel):
    """A new PIN, and the present PIN or password."""

    pin: str = Field(max_length=12)
    secret: str = Field(default="", max_length=256)


@router.post("/studies/{study_id}/begin", dependencies=[Writer])
def begin(request: Request, study_id: StudyId) -> Response:
    """Take a report to write in it; a draft that nobody asked for yet is asked for."""

    def act() -> None:
        reports_of(request).begin(study_id, actor_of(request), language=language_of(request))

    answer = _done(request, study_id, act)
    if answer.status_code == 200 and reports_of(request).working(study_id).study.draft_state == "waiting":
        ask_for_draft(runtime_of(request), study_id, language=language_of(request))
    return answer


@router.post("/studies/{study_id}/keep", dependencies=[Writer])
def keep(request: Request, study_id: StudyId) -> Response:
    """Hold the lock for another while."""
    return _done(request, study_id, lambda: reports_of(request).keep(study_id, actor_of(request)))


@router.post("/studies/{study_id}/release", status_code=204, dependencies=[Writer])
def release(request: Request, study_id: StudyId) -> None:
    """Let others write."""
    reports_of(request).release(study_id, actor_of(request))


@router.post("/studies/{study_id}/save", dependencies=[Writer])
def save(request: Request, study_id: StudyId, body: Saved) -> Response:
    """Keep the text."""

    def act() -> None:
        reports_of(request).save(study_id, actor_of(request), version=body.version, content=body.content)

    return _done(request, study_id, act)


@router.post("/studies/{study_id}/insert-draft", dependencies=[Writer])
def insert_draft(request: Request, study_id: StudyId, body: Seen) -> Response:
    """Put a draft that came late behind what is written."""
    return _done(
        request, study_id, lambda: reports_of(request).insert_draft(study_id, actor_of(request), version=body.version)
    )


@router.post("/studies/{study_id}/retry-draft", dependencies=[Writer])
def retry_draft(request: Request, study_id: StudyId) -> Response:
    """Ask for a draft once more where the last job ended without one."""

    def act() -> None:
        after = drafts_of(request).expect_again(study_id, actor_of(request))
        ask_for_draft(runtime_of(request), study_id, language=language_of(request), after=after)

    return _done(request, study_id, act)


@router.post("/studies/{study_id}/priors", dependencies=[Writer])
def ask_archive(request: Request, study_id: StudyId) -> Response:
    """Ask the archive for the patient's earlier films; a job fetches them while the report is written."""

    def act() -> None:
        ask_for_priors(runtime_of(request), study_id, actor=principal_of(request).id)

    return _done(request, study_id, act)


@router.post("/studies/{study_id}/send", dependencies=[Writer])
def send(request: Request, study_id: StudyId) -> Response:
    """Have the signed report, or its retraction, sent to the archive now."""
    return _done(request, study_id, lambda: send_again(runtime_of(request), study_id, actor_of(request)))


@router.post("/studies/{study_id}/commit", dependencies=[Writer])
def commit(request: Request, study_id: StudyId, body: Seen) -> Response:
    """Commit to findings of one's own before the draft is shown."""
    return _done(
        request, study_id, lambda: reports_of(request).commit_reading(study_id, actor_of(request), version=body.version)
    )


@router.post("/studies/{study_id}/submit", dependencies=[Writer])
def submit(request: Request, study_id: StudyId, body: Seen) -> Response:
    """Hand the report to whoever signs it."""
    return _done(
        request, study_id, lambda: reports_of(request).submit(study_id, actor_of(request), version=body.version)
    )


@router.post("/studies/{study_id}/step/{step}", dependencies=[Writer])
def step(request: Request, study_id: StudyId, step: str, body: Reasoned) -> Response:
    """Send back, reject, reopen, amend or abandon."""
    if step not in _STEPS:
        return JSONResponse({"error": f"no step is called {step[:20]!r}; use {', '.join(_STEPS)}"}, 404)

    def act() -> None:
        reports_of(request).step(study_id, actor_of(request), _STEPS[step], version=body.version, reason=body.reason)

    return _done(request, study_id, act)


@router.post("/studies/{study_id}/critical", dependencies=[Writer])
def critical(request: Request, study_id: StudyId, body: Told) -> Response:
    """Record who was told of a critical finding, when, and whether they read it back."""
    told_at: datetime = body.told_at
    told = Critical(body.finding, body.told, told_at, body.is_read_back)
    return _done(request, study_id, lambda: reports_of(request).note_critical(study_id, actor_of(request), told))


@router.post("/studies/{study_id}/sign", dependencies=[Signer])
def sign(request: Request, study_id: StudyId, body: Signing) -> Response:
    """Sign one report: this text, seen in this version, by the person who shows again who they are."""
    if not body.attested:
        return _refused(request, "not_attested")
    if actor_of(request).is_nameless:
        return _refused(request, "nameless")
    proof = _proof(request, body.secret)
    if not proof.how:
        return _refused(request, "throttled" if proof.wait_s else "step_up", wait_s=proof.wait_s)

    def act() -> None:
        actor = actor_of(request, has_stepped_up=True)
        reports_of(request).sign(
            study_id, actor, version=body.version, text_sha256=body.text_sha256, num_films=body.films,
            step_up=proof.how,
        )  # fmt: skip

    return _done(request, study_id, act)


@router.post("/studies/{study_id}/looked", dependencies=[Signer])
def looked(request: Request, study_id: StudyId, body: Looked) -> Response:
    """Say that one has looked at the films that came after the signature, and that the report stands."""
    return _done(
        request, study_id, lambda: look(runtime_of(request), study_id, actor_of(request), num_films=body.films)
    )


@router.post("/studies/{study_id}/retract", dependencies=[Signer])
def retract(request: Request, study_id: StudyId, body: Retracting) -> Response:
    """Take a signed report back."""
    proof = _proof(request, body.secret)
    if not proof.how:
        return _refused(request, "throttled" if proof.wait_s else "step_up", wait_s=proof.wait_s)

    def act() -> None:
        actor = actor_of(request, has_stepped_up=True)
        reports_of(request).retract(study_id, actor, version=body.version, reason=body.reason, step_up=proof.how)

    return _done(request, study_id, act)


@router.post("/pin", status_code=204, dependencies=[Signer])
def set_pin(request: Request, body: NewPin) -> None:
    """Set the PIN that one signs with."""
    principal = principal_of(request)
    step_up = step_up_of(request)
    step_up.set_pin(
        principal.id, principal.name, body.pin, secret=body.secret, logged_in_at=logged_in_at(request),
        address=address_of(request),
    )  # fmt: skip


def _proof(request: Request, secret: str) -> Proof:
    principal = principal_of(request)
    return step_up_of(request).prove(
        principal.id, principal.name, session_of(request), secret, address=address_of(request)
    )


def _done(request: Request, study_id: str, act: Any) -> Response:
    """Do it, and answer with the state after it, or with why not."""
    try:
        act()
    except RefusedError as refusal:
        return _refused(request, refusal.reason)
    return JSONResponse(state_of(request, study_id))


def _refused(request: Request, reason: str, *, wait_s: int = 0) -> Response:
    texts = catalogue("trivium.medical", language_of(request))
    text = texts.say(f"refused.{reason}", seconds=wait_s)
    return JSONResponse({"error": text, "reason": reason}, _STATUS.get(reason, 400))
