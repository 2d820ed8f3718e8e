"""The shell's API and files: job state by polling with an ETag, streaming uploads, downloads of results.

Everything here lies behind the guard. Every job is looked up for its owner and its app's permission (`<app>.read` to
look, `<app>.run` to do something): what is someone else's, or for another role, is 404.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from trivium.service.app_spec import AppSpec
from trivium.service.audit import Entry
from trivium.service.errors import NotFoundError
from trivium.service.jobs import Job, JobInput
from trivium.service.pages import error_text, remaining_text, stage_text, state_text
from trivium.service.permission import SIGNED_IN, check_app, own_job, readable_apps
from trivium.service.runtime import Runtime
from trivium.service.visitor import language_of, owner_of, principal_of

__all__ = ["router"]

router = APIRouter(tags=["jobs"], dependencies=[SIGNED_IN])

# A result file is shown as if from a site of its own: its scripts run, and reach neither us nor the network.
_SANDBOX = (
    "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)
_SHOWN = frozenset({"text/html", "application/pdf", "text/plain"})
_HASH = r"^[0-9a-f]{64}$"


class InputBody(BaseModel):
    """One file of a new job: a name, and the hash that the upload answered with."""

    name: str = Field(min_length=1, max_length=255)
    sha256: str = Field(pattern=_HASH)


class JobBody(BaseModel):
    """A new job. `request` is the app's own form."""

    app: str = Field(max_length=40)
    kind: str = Field(max_length=40, pattern=r"^[a-z_]+$")
    request: dict[str, Any] = Field(default_factory=dict)
    inputs: list[InputBody] = Field(default_factory=list, max_length=1000)
    title: str = Field(default="", max_length=200)


@router.post("/api/uploads", status_code=201)
async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=255)]) -> dict[str, Any]:
    """Store the body of the request, as it streams in, and return its hash and size."""
    runtime: Runtime = request.app.state.runtime
    if not principal_of(request).may(*(spec.run_permission for spec in runtime.apps)):
        raise NotFoundError("there is no app here that you may give files to")
    with runtime.store.writer(max_bytes=runtime.settings.max_upload_bytes, name=name) as writer:
        async for chunk in request.stream():
            await run_in_threadpool(writer.write, chunk)
    return {"name": name, "sha256": writer.blob.sha256, "size": writer.blob.size}


@router.post("/api/jobs", status_code=201)
def submit(
    request: Request, body: JobBody, idempotency_key: Annotated[str, Header(max_length=120)] = ""
) -> dict[str, Any]:
    """Queue a job; the same `Idempotency-Key` gives the same job."""
    runtime: Runtime = request.app.state.runtime
    if body.app in {spec.name for spec in runtime.apps}:
        check_app(request, body.app, to_run=True)
    inputs = [JobInput(item.name, item.sha256, runtime.store.keep(item.sha256).size) for item in body.inputs]
    job = runtime.jobs.submit(
        app=body.app,
        kind=body.kind,
        owner=owner_of(request),
        request=body.request,
        inputs=inputs,
        title=body.title,
        idempotency_key=idempotency_key,
    )
    return _state(runtime, job, language_of(request))


@router.get("/api/jobs")
def recent(request: Request, app: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[dict[str, Any]]:
    """List the caller's jobs, newest first, without their files."""
    runtime: Runtime = request.app.state.runtime
    language = language_of(request)
    jobs = runtime.jobs.recent(owner=owner_of(request), app=app, apps=readable_apps(request), limit=limit)
    return [_state(runtime, job, language) for job in jobs]


@router.get("/api/jobs/{job_id}")
def state(request: Request, job_id: str, if_none_match: Annotated[str, Header()] = "") -> Response:
    """Return a job's state; 304 when it is what the caller has already."""
    runtime: Runtime = request.app.state.runtime
    language = language_of(request)
    job = own_job(request, job_id)
    answer = _state(runtime, job, language)
    told = sha256(answer["remaining_text"].encode()).hexdigest()[:8]  # changes by itself, in coarse steps
    headers = {"ETag": f'"{job.version}-{language}-{told}"', "Cache-Control": "no-cache"}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(answer, headers=headers)


@router.post("/api/jobs/{job_id}/cancel")
def cancel(request: Request, job_id: str) -> dict[str, Any]:
    """Ask a job to stop."""
    runtime: Runtime = request.app.state.runtime
    own_job(request, job_id, to_run=True)
    return _state(runtime, runtime.jobs.cancel(job_id, owner=owner_of(request)), language_of(request))


@router.post("/api/jobs/{job_id}/retry")
def retry(request: Request, job_id: str) -> dict[str, Any]:
    """Have a job without a result tried again, with a full count of attempts."""
    runtime: Runtime = request.app.state.runtime
    own_job(request, job_id, to_run=True)
    return _state(runtime, runtime.jobs.retry(job_id, owner=owner_of(request)), language_of(request))


@router.post("/api/jobs/{job_id}/replay", status_code=201)
def replay(
    request: Request, job_id: str, idempotency_key: Annotated[str, Header(max_length=120)] = ""
) -> dict[str, Any]:
    """Do the same work, with the same files, as a new job; the same `Idempotency-Key` gives the same job."""
    runtime: Runtime = request.app.state.runtime
    own_job(request, job_id, to_run=True)
    job = runtime.jobs.replay(job_id, owner=owner_of(request), idempotency_key=idempotency_key)
    return _state(runtime, job, language_of(request))


@router.get("/files/{job_id}/{name}")
def file(request: Request, job_id: str, name: str, inline: bool = False) -> Response:
    """Send a result file: as a download, or shown in a sandbox of its own with `?inline=1`."""
    runtime: Runtime = request.app.state.runtime
    job = own_job(request, job_id)
    found = next((item for item in job.files if item.name == name), None)
    if found is None:
        raise NotFoundError("the job has no such file", where=name[:100])
    is_shown = inline and found.media_type in _SHOWN
    headers = {
        "Content-Disposition": f"{'inline' if is_shown else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": _SANDBOX if found.media_type == "text/html" else "default-src 'none'",
        "Cache-Control": "private, no-cache",
        "ETag": f'"{found.sha256}"',
    }
    about = {"app": job.app, "kind": job.kind, "job_version": job.version}
    action = "file.shown" if is_shown else "file.downloaded"
    runtime.audit.record(Entry(action, owner_of(request), "file", f"{job.id}/{name}", found.sha256, about))
    return FileResponse(runtime.store.path(found.sha256), media_type=found.media_type, headers=headers)


def _state(runtime: Runtime, job: Job, language: str) -> dict[str, Any]:
    spec: AppSpec | None = next((spec for spec in runtime.apps if spec.name == job.app), None)
    estimate = runtime.jobs.estimate(job)
    root = runtime.settings.root_path
    return {
        "id": job.id,
        "app": job.app,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "state_text": state_text(job, language),
        "is_final": job.state.is_final,
        "stage": job.stage,
        "stage_text": stage_text(spec, job.stage, language),
        "progress": round(job.progress, 4),
        "remaining_s": round(estimate.remaining_s, 1) if estimate else None,
        "remaining_text": remaining_text(job, estimate, language),
        "attempts": job.attempts,
        "origin": job.origin,
        "cancel_requested": job.cancel_requested,
        "can_cancel": job.can_cancel,
        "can_retry": job.state.can_retry,
        "error": job.error,
        "error_text": error_text(job.error, spec, language),
        "error_reference": job.error_reference,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "files": [
            {"name": item.name, "media_type": item.media_type, "size": item.size, "url": _url(root, job, item.name)}
            for item in job.files
        ],
        "url": f"{root}/jobs/{job.id}",
    }


def _url(root: str, job: Job, name: str) -> str:
    return f"{root}/files/{job.id}/{quote(name, safe='')}"
