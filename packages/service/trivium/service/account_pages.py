"""A person's own page: roles, language, password, open sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.service.access import Access
from trivium.service.errors import InputError
from trivium.service.forms import FORM
from trivium.service.guard import session_cookie
from trivium.service.login_pages import address_of, begin_session
from trivium.service.pages import page
from trivium.service.passwords import MIN_LENGTH
from trivium.service.people import Account
from trivium.service.people_pages import role_text
from trivium.service.permission import PERSON
from trivium.service.roles import ADMIN, LOCAL_USER, Principal
from trivium.service.runtime import Runtime
from trivium.service.sessions import BREAK_GLASS
from trivium.service.text import catalogue
from trivium.service.visitor import LANGUAGE_COOKIE, language_of, principal_of

__all__ = ["account_pages"]

_Text = Annotated[str, Form(max_length=1024)]


def account_pages(runtime: Runtime, access: Access) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/account", include_in_schema=False, dependencies=[PERSON])

    def show(request: Request, *, problem: str = "", status: int = 200) -> Response:
        visitor, language = principal_of(request), language_of(request)
        account = access.people.get(visitor.id)
        return page(
            request,
            "account.html",
            status=status,
            problem=problem,
            account=account,
            is_first=account.id == LOCAL_USER and not account.is_set_up,
            roles=[role_text(runtime, role, language) for role in _held(visitor, account)],
            sessions=access.sessions.of(visitor.id, own_token=request.state.session_token),
            min_length=MIN_LENGTH,
        )

    @router.get("")
    def account(request: Request) -> Response:
        return show(request)

    @router.post("/password", dependencies=[FORM])
    def password(request: Request, current: _Text = "", password: _Text = "", again: _Text = "") -> Response:
        visitor, texts = principal_of(request), catalogue("trivium.service", language_of(request))
        address = address_of(request)
        wait_s = access.throttle.charge(visitor.name, address)
        if wait_s:
            return show(request, problem=texts.say("login.throttled", seconds=wait_s), status=429)
        try:
            if access.people.authenticate(visitor.name, current) is None:
                access.security.record("password.refused", actor=visitor.id, address=address)
                raise InputError(texts["account.wrong"])
            access.throttle.clear(visitor.name, address)
            if password != again:
                raise InputError(texts["account.differ"])
            access.people.set_password(visitor.id, password, actor=visitor.id)
        except InputError as error:
            return show(request, problem=error.line, status=400)
        access.forget()
        return begin_session(request, runtime, access, visitor.id, via="password", target="/account")

    @router.post("/language", dependencies=[FORM])
    def language(request: Request, language: _Text = "") -> Response:
        access.people.set_language(principal_of(request).id, language)
        access.forget()
        response = RedirectResponse("/account", 303)
        response.delete_cookie(LANGUAGE_COOKIE)  # what is kept with the account counts from now on
        return response

    @router.post("/logout-everywhere", dependencies=[FORM])
    def logout_everywhere(request: Request) -> Response:
        visitor = principal_of(request)
        access.security.record("logout.everywhere", actor=visitor.id)
        access.sessions.end_all(visitor.id)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(session_cookie(runtime.settings.port))
        return response

    return router


def _held(visitor: Principal, account: Account) -> list[str]:
    """Return the roles that count in this session: one that the operator opened holds admin alone."""
    return [role for role in account.roles if visitor.via != BREAK_GLASS or role == ADMIN]
