"""The door of the web server, in front of every page, API, upload and file, Gradio's own routes included.

Plain ASGI, so that nothing is parsed before it may be: who it is (session or API key), origin of unsafe requests, size
of the body, the permission of mounted pages, security headers, request id and access log. What a single route needs is
stated beside the route (`permission.py`), and what is open to everybody is what says so there.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.service import root, tracing
from trivium.service.access import Access
from trivium.service.disk import DiskFullError, require_space
from trivium.service.errors import TriviumError
from trivium.service.kept_files import let_keep
from trivium.service.keys import key_in
from trivium.service.phrase import translate
from trivium.service.refusal import refusal
from trivium.service.roles import Principal
from trivium.service.visitor import language_of

__all__ = ["Guard", "session_cookie"]

log = structlog.get_logger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_BODY_BYTES = 16 * 1024 * 1024
_TOO_LARGE = "the request is larger than this server takes; for uploads see TRIVIUM_MAX_UPLOAD_MIB"
# Gradio refuses to fetch from another server, but looks its name up before.
_ELSEWHERE = re.compile(r"/(file|proxy)=\w+:/", re.IGNORECASE)
_UPLOAD_PATHS = ("/api/uploads", "/gradio_api/upload", "/dicomweb/studies")
_UPLOADS_BELOW = "/dicomweb/studies/"


def session_cookie(port: int) -> str:
    """Return the cookie's name; with the port, because browsers share cookies between ports of one host."""
    return f"trivium_session_{port}"


class Guard:
    """ASGI application around another one, which lets nobody in without a session.

    Args:
        app: what is behind the door.
        access: whose a session or a key is.
        cookie: name of the session cookie.
        open_paths: what strangers may ask for; one that ends with `/` stands for all below it.
        mounts: permission by path of each mounted app.
        max_upload_bytes: largest body of an upload; other bodies stop at 16 MiB.
        folder: on the disk that uploads go to; none are taken while it is full.
        root_path: that a proxy serves the suite under; empty for none.
        static_tag: of static files (`kept_files.py`).
        measure: told method, status and seconds of each answer.
        refuse: makes the answer to a stranger (401) or to somebody without the permission (404).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        cookie: str,
        open_paths: Collection[str],
        mounts: Mapping[str, str],
        max_upload_bytes: int,
        folder: Path,
        root_path: str,
        static_tag: str,
        measure: Callable[[str, int, float], None],
        refuse: Callable[[Request, int], Response],
    ) -> None:
        self.app = app
        self._access = access
        self._cookie = cookie
        self._open = frozenset(path for path in open_paths if not path.endswith("/"))
        self._open_below = tuple(path for path in open_paths if path.endswith("/"))
        self._mounts = dict(mounts)
        self._max_upload_bytes = max_upload_bytes
        self._folder = folder
        self._root = root_path
        self._static_tag = static_tag
        self._measure = measure
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request and pass it on, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page uses web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        scope = root.inward(scope, self._root)
        request_id = secrets.token_hex(8)
        # What the client says of a trace is not believed: its ids would be ours.
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.span("request", {"http.request.method": scope["method"], "request.id": request_id}) as span,
        ):
            answer = _Answer(scope, send, request_id, self._root, self._static_tag)
            try:
                await self._handle(scope, receive, answer)
            finally:
                self._measure(scope["method"], answer.status or 500, answer.log())
                if span is not None:
                    span.set_attributes(
                        {"http.response.status_code": answer.status or 500, "http.route": _route_of(scope)}
                    )

    async def _handle(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope)
        request.state.ids = {"request_id": answer.request_id, **tracing.headers()}
        refusal = await self._check(request)
        if refusal is None:
            await self.app(scope, self._counted(scope, receive), answer.send)
        else:
            await refusal(scope, receive, answer.send)

    async def _check(self, request: Request) -> Response | None:
        """Return the refusal, or None when the request may pass."""
        if request.method not in _SAFE and not _is_same_origin(request.headers):
            return _said(request, 403, "this request came from another site")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal():
            return _said(request, 400, "Content-Length is not a number")
        path = request.scope["path"]  # as the router sees it
        if int(length) > self._limit(path):
            return _said(request, 413, _TOO_LARGE)
        try:
            principal = await self._identify(request)
        except TriviumError as error:  # the database is away; the shell, which answers errors, is not asked
            log.warning("guard.failed", error=error.line, reference=error.reference)
            return _said(request, 503, "this cannot be looked up at the moment", error.reference)
        request.state.principal = principal
        if principal is None:
            return None if self._is_open(path) else self._refuse(request, 401)
        structlog.contextvars.bind_contextvars(user=principal.id)
        wanted = self._mounts.get(f"/{path.lstrip('/').partition('/')[0]}")
        if wanted and _ELSEWHERE.search(path):
            return self._refuse(request, 404)
        if wanted and not principal.may(wanted):
            denied = partial(
                self._access.security.record, "access.denied", actor=principal.id, path=path, needed=[wanted]
            )
            await anyio.to_thread.run_sync(denied)
            return self._refuse(request, 404)
        if _is_upload(path):
            try:
                require_space(self._folder, int(length))
            except DiskFullError as error:
                log.warning("guard.disk_full", error=error.line, reference=error.reference)
                return _said(request, 507, error.line, error.reference)
        return None

    async def _identify(self, request: Request) -> Principal | None:
        """Return whose key or session the request brings. A key that is wrong is not saved by a cookie."""
        request.state.session_token = ""
        key = key_in(request.headers)
        if key is not None:
            keys = self._access.keys
            return keys.remembered(key) or await anyio.to_thread.run_sync(keys.principal_of, key)
        token = request.cookies.get(self._cookie, "")
        if not token:
            return None
        sessions, is_action = self._access.sessions, _is_action(request)
        found = sessions.remembered(token, is_action=is_action) or await anyio.to_thread.run_sync(
            partial(sessions.principal_of, token, is_action=is_action)
        )
        request.state.session_token = token if found else ""
        return found

    def _is_open(self, path: str) -> bool:
        return path in self._open or path.startswith(self._open_below)

    def _limit(self, path: str) -> int:
        return self._max_upload_bytes if _is_upload(path) else _MAX_BODY_BYTES

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Count the body as it comes: a chunked request states no length."""
        limit, taken = self._limit(scope["path"]), 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, _TOO_LARGE)
            return message

        return counted


class _Answer:
    """The response on its way out: adds headers, keeps the status for the access log."""

    def __init__(self, scope: Scope, send: Send, request_id: str, root_path: str, static_tag: str) -> None:
        self._scope = scope
        self._root = root_path
        self._static_tag = static_tag
        self._send = send
        self.request_id = request_id
        self._started = time.perf_counter()
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            root.outward(headers, self._root, Headers(scope=self._scope))
            if self.status == 200:
                let_keep(headers, self._scope["path"], self._scope["query_string"], self._static_tag)
            headers.setdefault("x-content-type-options", "nosniff")
            headers.setdefault("referrer-policy", "same-origin")
            headers.setdefault("x-frame-options", "SAMEORIGIN")
        await self._send(message)

    def log(self) -> float:
        """Write the line of the access log; return the seconds that the request took."""
        took_s = time.perf_counter() - self._started
        took_ms = round(1000 * took_s, 1)
        say = log.warning if self.status >= 500 else log.debug
        say("request", method=self._scope["method"], path=self._scope["path"], status=self.status, took_ms=took_ms)
        return took_s


def _route_of(scope: Scope) -> str:
    """Return the route's pattern, without the names and ids that are in an address."""
    return str(getattr(scope.get("route"), "path", ""))


def _is_action(request: Request) -> bool:
    """Whether a person did something: sent a form, opened a page. What a page asks for by itself is none."""
    mode = request.headers.get("sec-fetch-mode")  # programs do not send it
    return request.method not in _SAFE or mode is None or mode == "navigate"


def _is_upload(path: str) -> bool:
    return path.endswith(_UPLOAD_PATHS) or _UPLOADS_BELOW in path


def _is_same_origin(headers: Headers) -> bool:
    """Whether a browser on another site sent this. Programs send neither header, and hold no cookie by accident."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host", "")
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _said(request: Request, status: int, text: str, reference: str = "") -> Response:
    told = translate(text, language_of(request))
    return refusal(status, told, reference=reference)
