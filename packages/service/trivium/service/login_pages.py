"""In and out: the login form, one-time links, the way over an identity provider, making an account, logging out."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.service.access import Access, Throttled
from trivium.service.errors import InputError, NotFoundError
from trivium.service.forms import FORM, keep_form_cookie, local_path
from trivium.service.guard import session_cookie
from trivium.service.oidc import Attempt, IdentityProvider
from trivium.service.pages import message, page
from trivium.service.passwords import MIN_LENGTH
from trivium.service.permission import OPEN, PERSON, SIGNED_IN
from trivium.service.roles import LOCAL_USER
from trivium.service.runtime import Runtime
from trivium.service.sessions import BREAK_GLASS
from trivium.service.text import Catalogue, catalogue
from trivium.service.visitor import language_of, principal_of, visitor_of

__all__ = ["address_of", "begin_session", "login_form", "login_pages"]

_OIDC_COOKIE = "trivium_oidc"
_OIDC_S = 600
_LINKS, _PROVIDER = "(links)", "(provider)"  # no account can be called so
_Text = Annotated[str, Form(max_length=1024)]


def login_pages(runtime: Runtime, access: Access, provider: IdentityProvider | None) -> APIRouter:
    """Make the routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login", dependencies=[OPEN])
    def login(request: Request, token: str = "") -> Response:
        if not token:
            return RedirectResponse("/", 303) if visitor_of(request) else login_form(request, status=200)
        address = address_of(request)
        if refusal := _throttled(request, access, _LINKS, actor="link"):
            return refusal
        used = access.sessions.use_link(token)
        if used is None:
            access.security.record("login.failed", actor="link", address=address)
            return login_form(request, status=401, problem=_texts(request)["login.expired"])
        access.throttle.clear(_LINKS, address)
        account_id, via = used
        is_set_up = access.people.get(account_id).is_set_up or via not in ("first", "invite")
        return begin_session(request, runtime, access, account_id, via=via, target="/" if is_set_up else "/welcome")

    @router.post("/login", dependencies=[OPEN, FORM])
    def try_login(request: Request, name: _Text = "", password: _Text = "", target: _Text = "/") -> Response:
        texts = _texts(request)
        result = access.log_in(name, password, address=address_of(request))
        if isinstance(result, Throttled):
            text = texts.say("login.throttled", seconds=result.wait_s)
            answer = login_form(request, status=429, problem=text, target=target, name=name)
            answer.headers["retry-after"] = str(result.wait_s)
            return answer
        if result is None:
            return login_form(request, status=401, problem=texts["login.wrong"], target=target, name=name)
        return _with_session(request, runtime, access, result, target=local_path(target))

    @router.post("/logout", dependencies=[SIGNED_IN, FORM])
    def logout(request: Request) -> Response:
        access.security.record("logout", actor=principal_of(request).id)
        access.sessions.end(request.state.session_token)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(session_cookie(runtime.settings.port))
        return response

    @router.get("/welcome", dependencies=[PERSON])
    def welcome(request: Request) -> Response:
        visitor = principal_of(request)
        if visitor.has_password or visitor.via in (BREAK_GLASS, "oidc"):
            return RedirectResponse("/", 303)
        return _welcome(request)

    @router.post("/welcome", dependencies=[PERSON, FORM])
    def make_account(
        request: Request, name: _Text = "", password: _Text = "", again: _Text = "", language: _Text = ""
    ) -> Response:
        visitor = principal_of(request)
        if visitor.has_password or visitor.via in (BREAK_GLASS, "oidc"):
            return RedirectResponse("/", 303)
        is_first = visitor.id == LOCAL_USER
        try:
            if password != again:
                raise InputError(_texts(request)["account.differ"])
            if is_first and not name.strip():
                raise InputError(_texts(request)["welcome.no_name"])
            access.people.set_password(visitor.id, password, actor=visitor.id, name=name if is_first else "")
        except InputError as error:
            return _welcome(request, problem=error.line, name=name, status=400)
        access.people.set_language(visitor.id, language)
        access.forget()
        return begin_session(request, runtime, access, visitor.id, via="password", target="/")

    if provider is not None:
        _add_provider(router, runtime, access, provider)
    return router


def _add_provider(router: APIRouter, runtime: Runtime, access: Access, provider: IdentityProvider) -> None:
    @router.get("/login/oidc", dependencies=[OPEN])
    def leave(request: Request, target: str = "/") -> Response:
        attempt = Attempt.new(local_path(target))
        response = RedirectResponse(provider.address(attempt, _callback(request, runtime)), 303)
        is_secure = request.url.scheme == "https"
        # Lax, not strict: the browser comes back from another site.
        response.set_cookie(
            _OIDC_COOKIE, attempt.packed(), _OIDC_S, path="/login/oidc", httponly=True, samesite="lax", secure=is_secure
        )
        return response

    @router.get("/login/oidc/callback", dependencies=[OPEN])
    def come_back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        texts = _texts(request)
        # Each way back may cost a question to the provider, and anybody can make up a way.
        if refusal := _throttled(request, access, _PROVIDER, actor="oidc"):
            return refusal
        attempt = Attempt.unpacked(request.cookies.get(_OIDC_COOKIE, ""))
        try:
            if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
                raise InputError(texts["login.oidc_state"])
            if error or not code:
                raise InputError(texts.say("login.oidc_error", error=error[:60] or "no code"))
            identity = provider.identify(attempt, code, _callback(request, runtime))
            account = access.people.external(identity.subject, identity.name, identity.roles)
        except (InputError, NotFoundError) as problem:
            access.security.record("login.failed", actor="oidc", address=address_of(request), error=problem.line)
            is_unknown = isinstance(problem, NotFoundError)
            line = problem.line_in(language_of(request))
            text = texts.say("login.oidc_no_role", problem=line) if is_unknown else line
            response = message(request, texts["login.oidc_heading"], text, status=403)
            response.delete_cookie(_OIDC_COOKIE, path="/login/oidc")
            return response
        access.throttle.clear(_PROVIDER, address_of(request))
        access.forget()
        response = begin_session(request, runtime, access, account.id, via="oidc", target=attempt.target)
        response.delete_cookie(_OIDC_COOKIE, path="/login/oidc")
        return response


def begin_session(
    request: Request, runtime: Runtime, access: Access, account_id: str, *, via: str, target: str
) -> Response:
    """Start a session for an account and go on; whatever session the browser had before ends."""
    token = access.start(account_id, via=via, address=address_of(request))
    return _with_session(request, runtime, access, token, target=target)


def login_form(request: Request, *, status: int, problem: str = "", target: str = "", name: str = "") -> Response:
    """Show the login form: as a page of its own, and in place of any page that needs a login."""
    runtime: Runtime = request.app.state.runtime
    texts = _texts(request)
    values: dict[str, Any] = {
        "problem": problem,
        "needed": texts["login.needed"] if status == 401 and not problem else "",
        "target": local_path(target or _here(request)),
        "name": name[:64],
        "has_provider": bool(runtime.settings.oidc_issuer),
    }
    response = page(request, "login.html", status=status, **values)
    keep_form_cookie(request, response)
    return response


def _throttled(request: Request, access: Access, kind: str, *, actor: str) -> Response | None:
    """Charge an attempt that is no password's as one of those is; return the refusal when it comes too early."""
    address = address_of(request)
    wait_s = access.throttle.charge(kind, address)
    if not wait_s:
        return None
    access.security.record("login.throttled", actor=actor, address=address, wait_s=wait_s)
    answer = login_form(request, status=429, problem=_texts(request).say("login.throttled", seconds=wait_s))
    answer.headers["retry-after"] = str(wait_s)
    return answer


def _with_session(request: Request, runtime: Runtime, access: Access, token: str, *, target: str) -> Response:
    cookie = session_cookie(runtime.settings.port)
    if before := request.cookies.get(cookie, ""):
        access.sessions.end(before)
    texts = _texts(request)
    # A page that forwards, not a redirect: the browser then sends the strict cookie along.
    response = message(request, texts["login.heading"], texts["login.welcome"], forward=target)
    life_s = runtime.settings.session_hours * 3600
    is_secure = request.url.scheme == "https"
    response.set_cookie(cookie, token, life_s, httponly=True, samesite="strict", secure=is_secure)
    return response


def _welcome(request: Request, *, problem: str = "", name: str = "", status: int = 200) -> Response:
    visitor = principal_of(request)
    is_first = visitor.id == LOCAL_USER
    values: dict[str, Any] = {"problem": problem, "is_first": is_first, "name": name if is_first else visitor.name}
    return page(request, "welcome.html", status=status, min_length=MIN_LENGTH, **values)


def _here(request: Request) -> str:
    """Return the page that was asked for, to go on to after the login."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}" if request.method == "GET" else "/"


def _callback(request: Request, runtime: Runtime) -> str:
    return str(request.url.replace(path=f"{runtime.settings.root_path}/login/oidc/callback", query=""))


def address_of(request: Request) -> str:
    """Return the address that a request came from; behind a proxy on this machine, the one that it states."""
    return request.client.host if request.client else "unknown"


def _texts(request: Request) -> Catalogue:
    return catalogue("trivium.service", language_of(request))
