"""The page on which an admin sees everybody, adds people, and changes roles; with a page per person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.service.access import Access
from trivium.service.errors import InputError
from trivium.service.forms import FORM
from trivium.service.pages import app_title, page
from trivium.service.people import Account
from trivium.service.permission import needs
from trivium.service.phrase import Phrase, joined, translate
from trivium.service.roles import ADMIN, LOCAL_USER
from trivium.service.runtime import Runtime
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["people_pages", "role_text"]

_MANAGES = needs("service.people")
_Text = Annotated[str, Form(max_length=200)]
_Roles = Annotated[list[str], Form(max_length=100)]


def people_pages(runtime: Runtime, access: Access) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/people", include_in_schema=False, dependencies=[_MANAGES])
    _add_everybody(router, runtime, access)
    _add_person(router, runtime, access)
    return router


def role_text(runtime: Runtime, role: str, language: str) -> str:
    """Return a role in words: the app's title and, where its catalogue names it, the role."""
    if role == ADMIN:
        return catalogue("trivium.service", language)["role.admin"]
    name, _, short = role.partition(":")
    spec = next((spec for spec in runtime.apps if spec.name == name), None)
    if spec is None:
        return role
    # a spec without a page need not have a catalogue
    text = catalogue(spec.package, language).get(f"role.{short}", short) if spec.has_page else short
    return translate(Phrase("{where}: {what}", where=app_title(spec, name, language), what=text), language)


def state_text(account: Account, language: str) -> str:
    """Return in words whether a person can log in."""
    texts = catalogue("trivium.service", language)
    if account.is_disabled:
        return texts["people.disabled"]
    if account.is_external:
        return texts["people.external"]
    if account.has_password:
        return texts["people.active"]
    return texts["people.local" if account.id == LOCAL_USER else "people.invited"]


def _add_everybody(router: APIRouter, runtime: Runtime, access: Access) -> None:
    people = access.people

    def show(request: Request, *, status: int = 200, **values: Any) -> Response:
        language = language_of(request)
        rows = [
            {
                "account": account,
                "roles": translate(
                    joined((role_text(runtime, role, language) for role in account.roles), ", "), language
                ),
                "state": state_text(account, language),
            }
            for account in people.all()
        ]
        shown: dict[str, Any] = {"problem": "", "link": "", "invited": "", "name": "", "given": []} | values
        choices = _choices(runtime, access, language)
        return page(request, "people.html", status=status, rows=rows, choices=choices, **shown)

    @router.get("")
    def everybody(request: Request) -> Response:
        return show(request)

    @router.post("", dependencies=[FORM])
    def add(request: Request, name: _Text = "", role: _Roles = [], language: _Text = "") -> Response:  # noqa: B006
        try:
            made = people.add(name, role, actor=principal_of(request).id, language=language)
        except InputError as error:
            return show(request, status=400, problem=error.line, name=name, given=role)
        return show(request, link=_link(request, runtime, access, made), invited=made.name)


def _add_person(router: APIRouter, runtime: Runtime, access: Access) -> None:
    people = access.people

    def show(request: Request, account_id: str, *, status: int = 200, **values: Any) -> Response:
        account, language = people.get(account_id), language_of(request)
        shown: dict[str, Any] = {"problem": "", "link": ""} | values
        return page(
            request,
            "person.html",
            status=status,
            account=account,
            state=state_text(account, language),
            choices=_choices(runtime, access, language),
            keys=[key for key in access.keys.all() if key.maker == account.name and key.revoked_at is None],
            is_self=account.id == principal_of(request).id,
            **shown,
        )

    def changed(request: Request, account_id: str, change: Callable[[str], object]) -> Response:
        """Make a change, show what is wrong with it, else the person as they are now."""
        try:
            change(principal_of(request).id)
        except InputError as error:
            return show(request, account_id, status=400, problem=error.line)
        access.forget()
        return RedirectResponse(f"/people/{account_id}", 303)

    @router.get("/{account_id}")
    def person(request: Request, account_id: str) -> Response:
        return show(request, account_id)

    @router.post("/{account_id}/roles", dependencies=[FORM])
    def roles(request: Request, account_id: str, role: _Roles = []) -> Response:  # noqa: B006
        return changed(request, account_id, lambda actor: people.set_roles(account_id, role, actor=actor))

    @router.post("/{account_id}/disable", dependencies=[FORM])
    def disable(request: Request, account_id: str) -> Response:
        return changed(request, account_id, lambda actor: people.set_disabled(account_id, True, actor=actor))

    @router.post("/{account_id}/enable", dependencies=[FORM])
    def enable(request: Request, account_id: str) -> Response:
        return changed(request, account_id, lambda actor: people.set_disabled(account_id, False, actor=actor))

    @router.post("/{account_id}/invite", dependencies=[FORM])
    def invite(request: Request, account_id: str) -> Response:
        try:
            account = people.invite(account_id, actor=principal_of(request).id)
        except InputError as error:
            return show(request, account_id, status=400, problem=error.line)
        access.forget()
        return show(request, account_id, link=_link(request, runtime, access, account))


def _choices(runtime: Runtime, access: Access, language: str) -> list[tuple[str, str]]:
    return [(role, role_text(runtime, role, language)) for role in access.roles.names]


def _link(request: Request, runtime: Runtime, access: Access, account: Account) -> str:
    token = access.sessions.make_link_token(account.id, via="invite")
    return f"{request.url.scheme}://{request.url.netloc}{runtime.settings.root_path}/login?token={token}"
