"""The web server: one FastAPI shell on one port that carries every app's page, API, uploads and files.

`create_web` puts the guard in front of everything, mounts the apps' Gradio pages under their names, and serves the
home page, the list of jobs and a permanent page per job. Pages ask for a job's state by plain polling with an ETag;
nothing here waits for a job. Run by `trivium up` and `trivium demo`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from trivium.service import api, migrate
from trivium.service.app_spec import AppSpec, resolve
from trivium.service.broker import broker_url, connect
from trivium.service.errors import InputError, NotFoundError, TriviumError, UpstreamError
from trivium.service.guard import Guard, session_cookie
from trivium.service.jobs import Job
from trivium.service.pages import history, page, remaining_text, stage_text, state_text, tiles
from trivium.service.runtime import Runtime
from trivium.service.sessions import Sessions
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, owner_of

__all__ = ["create_web", "language_of", "owner_of"]

log = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "static"
_SESSION_S = 30 * 24 * 3600


def create_web(runtime: Runtime) -> Guard:
    """Make the server's ASGI application, door included.

    Raises:
        InputError: if the database's schema is not this release's.
    """
    migrate.check(runtime.database)
    sessions = Sessions(runtime.database)
    shell = FastAPI(title="Trivium", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    shell.state.runtime = runtime
    _add_pages(shell, runtime, sessions)
    _add_health(shell, runtime)
    shell.include_router(api.router)
    shell.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _add_error_answers(shell)
    for spec in runtime.apps:
        _add_app(shell, spec, runtime)
    return Guard(
        shell,
        sessions=sessions,
        cookie=session_cookie(runtime.settings.port),
        max_upload_bytes=runtime.settings.max_upload_bytes,
        refuse=_refuse,
    )


def _add_pages(shell: FastAPI, runtime: Runtime, sessions: Sessions) -> None:
    specs = {spec.name: spec for spec in runtime.apps}

    @shell.get("/", include_in_schema=False)
    def home(request: Request) -> Response:
        return page(request, "home.html", tiles=tiles(runtime.apps, language_of(request)))

    @shell.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return FileResponse(_STATIC / "trivium.svg", media_type="image/svg+xml")

    @shell.get("/bar", include_in_schema=False)
    def bar(request: Request) -> Response:
        """The bar at the top, for the apps' pages, which fetch it (`static/bar.js`)."""
        return page(request, "bar.html")

    @shell.get("/login", include_in_schema=False)
    def login(request: Request, token: str = "") -> Response:
        say = catalogue("trivium.service", language_of(request)).say
        session_token = sessions.log_in(token) if token else None
        if session_token is None:
            text = say("login.expired") if token else say("login.needed")
            return _message(request, say("login.heading"), text, status=401, command="trivium login")
        # A page that forwards, not a redirect: the browser then sends the strict cookie along.
        response = _message(request, say("login.heading"), say("login.welcome"), forward="/")
        name = session_cookie(runtime.settings.port)
        secure = request.url.scheme == "https"
        response.set_cookie(name, session_token, _SESSION_S, httponly=True, samesite="strict", secure=secure)
        return response

    @shell.get("/jobs", include_in_schema=False)
    def jobs(request: Request) -> Response:
        language = language_of(request)
        rows = [
            {
                "job": job,
                "app": _app_title(specs.get(job.app), job.app, language),
                "state": state_text(job, language),
                "stage": stage_text(specs.get(job.app), job.stage, language),
                "remaining": remaining_text(job, runtime.jobs.estimate(job), language),
            }
            for job in runtime.jobs.recent(owner=owner_of(request))
        ]
        return page(request, "jobs.html", rows=rows)

    @shell.get("/jobs/{job_id}", include_in_schema=False)
    def job_page(request: Request, job_id: str) -> Response:
        job = runtime.jobs.get(job_id, owner=owner_of(request))
        return page(request, "job.html", **_job_values(runtime, specs.get(job.app), job, language_of(request)))

    @shell.post("/jobs/{job_id}/cancel", include_in_schema=False)
    def cancel(request: Request, job_id: str) -> Response:
        return _see(runtime.jobs.cancel(job_id, owner=owner_of(request)))

    @shell.post("/jobs/{job_id}/retry", include_in_schema=False)
    def retry(request: Request, job_id: str) -> Response:
        return _see(runtime.jobs.retry(job_id, owner=owner_of(request)))

    @shell.post("/jobs/{job_id}/replay", include_in_schema=False)
    def replay(request: Request, job_id: str, key: Annotated[str, Form(max_length=64)] = "") -> Response:
        return _see(runtime.jobs.replay(job_id, owner=owner_of(request), idempotency_key=key))


def _see(job: Job) -> Response:
    """Answer a form: go to the job's page, so that a reload sends nothing twice."""
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


def _job_values(runtime: Runtime, spec: AppSpec | None, job: Job, language: str) -> dict[str, Any]:
    return {
        "job": job,
        "app": _app_title(spec, job.app, language),
        "state": state_text(job, language),
        "stage": stage_text(spec, job.stage, language),
        "has_page": spec is not None and bool(spec.ui) and not spec.missing,
        "remaining": remaining_text(job, runtime.jobs.estimate(job), language),
        "history": history(runtime.jobs.events(job.id), spec, language),
        "replay_key": secrets.token_hex(16),  # of this page: a second click gives the same job
    }


def _app_title(spec: AppSpec | None, name: str, language: str) -> str:
    """Return the app's title; its name when the app has no page or is switched off."""
    return catalogue(spec.package, language)["app.title"] if spec is not None and spec.ui else name


def _add_health(shell: FastAPI, runtime: Runtime) -> None:
    @shell.get("/healthz")
    def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @shell.get("/readyz")
    def readyz(response: Response) -> dict[str, str]:
        """Say whether database and broker can be used; 503 when one cannot."""
        states = {"database": _state(lambda: migrate.check(runtime.database)), "broker": _state(_ping(runtime))}
        response.status_code = 200 if set(states.values()) == {"ok"} else 503
        return states


def _ping(runtime: Runtime) -> Callable[[], Any]:
    return lambda: connect(broker_url(runtime.settings)).ping()


def _state(check: Callable[[], Any]) -> str:
    try:
        check()
    except (TriviumError, OSError, ValueError) as error:
        log.warning("readyz.failed", error=str(error))
        return "not available"
    return "ok"


def _add_app(shell: FastAPI, spec: AppSpec, runtime: Runtime) -> None:
    """Mount what the app has; one whose extra is missing stays a grey tile."""
    if spec.missing:
        log.warning("app.not_installed", app=spec.name, missing=spec.missing)
        return
    if spec.api:
        shell.include_router(resolve(spec.api), prefix=f"/api/{spec.name}", tags=[spec.name])
    if spec.ui:
        import gradio

        from trivium.service.theme import CSS_FILE, gradio_theme

        blocks = resolve(spec.ui)(runtime)
        gradio.mount_gradio_app(
            shell,
            blocks,
            path=f"/{spec.name}",
            auth_dependency=owner_of,
            theme=gradio_theme(),
            css=getattr(blocks, "trivium_css", None),
            css_paths=[CSS_FILE],
            head='<script src="/static/bar.js" defer></script>',
            max_file_size=runtime.settings.max_upload_bytes,
            show_error=False,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
        )


def _add_error_answers(shell: FastAPI) -> None:
    @shell.exception_handler(TriviumError)
    async def ours(request: Request, error: TriviumError) -> Response:
        kinds = {InputError: 400, NotFoundError: 404, UpstreamError: 503}
        status = next((code for kind, code in kinds.items() if isinstance(error, kind)), 500)
        log.info("request.failed", status=status, error=error.line, reference=error.reference)
        return _problem(request, status, error.line, error.reference)

    @shell.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return _problem(request, 404, catalogue("trivium.service", language_of(request))["problem.missing"])
        return _problem(request, error.status_code, str(error.detail))

    @shell.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _problem(request, 422, f"{where}: {first['msg']}")

    @shell.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("request.crashed", path=request.url.path, reference=reference, exc_info=error)
        text = catalogue("trivium.service", language_of(request))["problem.internal"]
        return _problem(request, 500, text, reference)


def _refuse(request: Request) -> Response:
    """Answer a visitor without a session: a page for people, JSON for programs."""
    text = catalogue("trivium.service", language_of(request))["login.needed"]
    if not _wants_page(request):
        return JSONResponse({"error": text}, 401)
    heading = catalogue("trivium.service", language_of(request))["login.heading"]
    return _message(request, heading, text, status=401, command="trivium login")


def _problem(request: Request, status: int, text: str, reference: str = "") -> Response:
    if not _wants_page(request):
        return JSONResponse({"error": text, "reference": reference}, status)
    heading = catalogue("trivium.service", language_of(request))["problem.title"]
    return _message(request, heading, text, status=status, reference=reference)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def _message(
    request: Request,
    heading: str,
    text: str,
    *,
    status: int = 200,
    command: str = "",
    forward: str = "",
    reference: str = "",
) -> Response:
    values = {"heading": heading, "text": text, "command": command, "forward": forward, "reference": reference}
    return page(request, "message.html", status=status, **values)
