"""The pages of jobs: the list in all apps, and a permanent page per job with its history, files and buttons."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.service.app_spec import AppSpec
from trivium.service.jobs import Job
from trivium.service.pages import app_title, error_text, history, page, remaining_text, stage_text, state_text
from trivium.service.permission import PERSON, own_job, readable_apps
from trivium.service.runtime import Runtime
from trivium.service.visitor import language_of, owner_of

__all__ = ["job_pages"]


def job_pages(runtime: Runtime) -> APIRouter:
    """Make the routes."""
    router = APIRouter(include_in_schema=False, dependencies=[PERSON])
    specs = {spec.name: spec for spec in runtime.apps}

    @router.get("/jobs")
    def jobs(request: Request) -> Response:
        language = language_of(request)
        rows = [
            {
                "job": job,
                "app": app_title(specs.get(job.app), job.app, language),
                "state": state_text(job, language),
                "stage": stage_text(specs.get(job.app), job.stage, language),
                "remaining": remaining_text(job, runtime.jobs.estimate(job), language),
            }
            for job in runtime.jobs.recent(owner=owner_of(request), apps=readable_apps(request))
        ]
        return page(request, "jobs.html", rows=rows)

    @router.get("/jobs/{job_id}")
    def job_page(request: Request, job_id: str) -> Response:
        job = own_job(request, job_id)
        return page(request, "job.html", **_values(runtime, specs.get(job.app), job, language_of(request)))

    @router.post("/jobs/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> Response:
        own_job(request, job_id, to_run=True)
        return _see(runtime.jobs.cancel(job_id, owner=owner_of(request)))

    @router.post("/jobs/{job_id}/retry")
    def retry(request: Request, job_id: str) -> Response:
        own_job(request, job_id, to_run=True)
        return _see(runtime.jobs.retry(job_id, owner=owner_of(request)))

    @router.post("/jobs/{job_id}/replay")
    def replay(request: Request, job_id: str, key: Annotated[str, Form(max_length=64)] = "") -> Response:
        own_job(request, job_id, to_run=True)
        return _see(runtime.jobs.replay(job_id, owner=owner_of(request), idempotency_key=key))

    return router


def _see(job: Job) -> Response:
    """Answer a form: go to the job's page, so that a reload sends nothing twice."""
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


def _values(runtime: Runtime, spec: AppSpec | None, job: Job, language: str) -> dict[str, Any]:
    return {
        "job": job,
        "error": error_text(job.error, spec, language),
        "app": app_title(spec, job.app, language),
        "state": state_text(job, language),
        "stage": stage_text(spec, job.stage, language),
        "has_page": spec is not None and spec.has_page and not spec.missing,
        "remaining": remaining_text(job, runtime.jobs.estimate(job), language),
        "history": history(runtime.jobs.events(job.id), spec, language),
        "replay_key": secrets.token_hex(16),  # of this page: a second click gives the same job
    }
