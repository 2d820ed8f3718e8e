"""The web server: one FastAPI shell on one port that carries every app's page, API, uploads and files.

`create_web` puts the guard in front of everything, mounts the apps' Gradio pages under their names, and serves the
home page, the list of jobs and a permanent page per job. Pages ask for a job's state by plain polling with an ETag;
nothing here waits for a job. Run by `trivium up` and `trivium demo`.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from trivium.service import api, footprint, migrate, root
from trivium.service.access import open_access, open_provider
from trivium.service.account_pages import account_pages
from trivium.service.app_spec import AppSpec, resolve
from trivium.service.broker import broker_url, connect
from trivium.service.disk import DiskFullError
from trivium.service.errors import InputError, NotFoundError, TriviumError, UpstreamError
from trivium.service.guard import Guard, session_cookie
from trivium.service.invalid import invalid_text
from trivium.service.job_pages import job_pages
from trivium.service.kept_files import content_tag, tagged
from trivium.service.keys_pages import keys_pages
from trivium.service.login_pages import login_form, login_pages
from trivium.service.metrics import Measures
from trivium.service.pages import message, page, tiles
from trivium.service.people_pages import people_pages
from trivium.service.permission import OPEN, PERSON, SIGNED_IN, NeedsNothing, doors, needs
from trivium.service.phrase import translate
from trivium.service.refusal import refusal
from trivium.service.runtime import Runtime
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, owner_of, principal_of

__all__ = ["create_web", "language_of", "owner_of"]

log = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = '<script src="/static/bar.js" defer></script><script src="/static/polling.js" defer></script>'


def create_web(runtime: Runtime) -> Guard:
    """Make the server's ASGI application, door included.

    Raises:
        InputError: if the database's schema is not this release's, or a setting cannot be used.
    """
    migrate.check(runtime.database)
    settings = runtime.settings
    access = open_access(settings, runtime.apps, runtime.database)
    provider = open_provider(settings, runtime.apps)
    shell = FastAPI(title="Trivium", docs_url=None, redoc_url=None, openapi_url=None)
    shell.state.runtime = runtime
    shell.state.static_tag = content_tag(["trivium.service", *(spec.package for spec in runtime.apps)])
    _add_home(shell, runtime)
    measures = Measures(runtime)
    _add_health(shell, runtime, measures)
    for router in (
        login_pages(runtime, access, provider),
        account_pages(runtime, access),
        people_pages(runtime, access),
        keys_pages(access),
        job_pages(runtime),
        api.router,
    ):
        shell.include_router(router)
    shell.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _add_error_answers(shell)
    mounts = {}
    for spec in runtime.apps:
        _add_app(shell, spec, runtime)
        mounts[f"/{spec.name}"] = spec.read_permission
    return Guard(
        shell,
        access=access,
        cookie=session_cookie(settings.port),
        open_paths=_open_paths(shell),
        mounts=mounts,
        max_upload_bytes=settings.max_upload_bytes,
        folder=settings.home,
        root_path=settings.root_path,
        static_tag=shell.state.static_tag,
        measure=measures.count_request,
        refuse=functools.partial(_refuse, shell),
    )


def _open_paths(shell: FastAPI) -> list[str]:
    """Return what strangers may ask for: routes that say so, and static files.

    Raises:
        RuntimeError: if a route does not say what it needs.
    """
    listed = doors(shell)
    silent = [f"{'/'.join(door.methods)} {door.path}" for door in listed if door.needs is None]
    if silent:
        raise RuntimeError(f"routes that state no permission (trivium.service.permission): {', '.join(silent)}")
    return ["/static/", *(door.path for door in listed if isinstance(door.needs, NeedsNothing))]


def _add_home(shell: FastAPI, runtime: Runtime) -> None:
    @shell.get("/", include_in_schema=False, dependencies=[PERSON])
    def home(request: Request) -> Response:
        return page(request, "home.html", tiles=tiles(runtime.apps, language_of(request), principal_of(request)))

    @shell.get("/favicon.ico", include_in_schema=False, dependencies=[OPEN])
    def icon() -> Response:
        return FileResponse(_STATIC / "trivium.svg", media_type="image/svg+xml")

    @shell.get("/bar", include_in_schema=False, dependencies=[PERSON])
    def bar(request: Request) -> Response:
        """The bar at the top, for the apps' pages, which fetch it (`static/bar.js`)."""
        return page(request, "bar.html")

    @shell.get("/api/openapi.json", include_in_schema=False, dependencies=[SIGNED_IN])
    def description() -> Response:
        return JSONResponse(shell.openapi() | {"servers": [{"url": runtime.settings.root_path or "/"}]})


def _add_health(shell: FastAPI, runtime: Runtime, measures: Measures) -> None:
    @shell.get("/healthz", dependencies=[OPEN])
    def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @shell.get("/readyz", dependencies=[OPEN])
    def readyz(response: Response) -> dict[str, Any]:
        """Say whether database and broker can be used; 503 when one cannot. Memory is told beside it, in MiB."""
        states = {"database": _state(lambda: migrate.check(runtime.database)), "broker": _state(_ping(runtime))}
        response.status_code = 200 if set(states.values()) == {"ok"} else 503
        return {**states, "memory_mib": _memory_mib(runtime)}

    @shell.get("/metrics", include_in_schema=False, dependencies=[needs("service.metrics")])
    def metrics() -> Response:
        """Tell Prometheus, which comes with a key of the scope `service.metrics`."""
        return Response(measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _memory_mib(runtime: Runtime) -> dict[str, dict[str, int | None]]:
    """Return, for each kind of process, what one may take and what the largest takes; null where none runs here."""
    told: dict[str, dict[str, int | None]] = {
        kind: {"planned": planned, "largest": None} for kind, planned in footprint.planned_mib(runtime.apps).items()
    }
    for part in footprint.running(runtime.settings.home, runtime.apps):
        told[part.kind]["largest"] = max(round(part.largest_mib), told[part.kind]["largest"] or 0)
    return told


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
        prefix = spec.api_prefix.rstrip("/") or f"/api/{spec.name}"
        shell.include_router(resolve(spec.api), prefix=prefix, tags=[spec.name])
    if spec.pages:
        shell.include_router(resolve(spec.pages), prefix=f"/{spec.name}", include_in_schema=False)
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
            head=root.in_links(tagged(_SCRIPTS, shell.state.static_tag), runtime.settings.root_path),
            max_file_size=runtime.settings.max_upload_bytes,
            show_error=False,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
        )
        mounted = shell.routes[-1]
        assert isinstance(mounted, Mount)
        mounted.app = root.told(mounted.app, runtime.settings.root_path)


def _add_error_answers(shell: FastAPI) -> None:
    @shell.exception_handler(TriviumError)
    async def ours(request: Request, error: TriviumError) -> Response:
        kinds = {InputError: 400, NotFoundError: 404, DiskFullError: 507, UpstreamError: 503}
        status = next((code for kind, code in kinds.items() if isinstance(error, kind)), 500)
        log.info("request.failed", status=status, error=error.line, reference=error.reference)
        return _problem(request, status, error.line_in(language_of(request)), error.reference)

    @shell.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return _problem(request, 404, catalogue("trivium.service", language_of(request))["problem.missing"])
        return _problem(request, error.status_code, translate(str(error.detail), language_of(request)))

    @shell.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _problem(request, 422, translate(invalid_text(error.errors()[0]), language_of(request)))

    @shell.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("request.crashed", path=request.url.path, reference=reference, exc_info=error)
        text = catalogue("trivium.service", language_of(request))["problem.internal"]
        return _problem(request, 500, text, reference)


def _refuse(shell: FastAPI, request: Request, status: int) -> Response:
    """Answer in the door's place: the login form for strangers who look at pages, JSON for programs, 404 for roles."""
    texts = catalogue("trivium.service", language_of(request))
    request.scope["app"] = shell
    if status == 404:
        return _problem(request, 404, texts["problem.missing"])
    if not _wants_page(request):
        return refusal(401, texts["login.needed"], headers={"www-authenticate": "Bearer"})
    return login_form(request, status=401)


def _problem(request: Request, status: int, text: str, reference: str = "") -> Response:
    if not _wants_page(request):
        return refusal(status, text, reference=reference)
    heading = catalogue("trivium.service", language_of(request))["problem.title"]
    return message(request, heading, text, status=status, reference=reference)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
