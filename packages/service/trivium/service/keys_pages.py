"""The page of API keys: make one for a plant, rotate it, revoke it. A new key is shown once, in the answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.service.access import Access
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.forms import FORM
from trivium.service.pages import page
from trivium.service.permission import needs
from trivium.service.text import catalogue
from trivium.service.visitor import language_of, principal_of

__all__ = ["keys_pages"]

_Text = Annotated[str, Form(max_length=200)]
_Scopes = Annotated[list[str], Form(max_length=100)]
_Days = Annotated[int, Form(ge=0, le=3650)]
_Hours = Annotated[int, Form(ge=0, le=24 * 90)]


def keys_pages(access: Access) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/keys", include_in_schema=False, dependencies=[needs("service.keys")])
    keys = access.keys

    def show(request: Request, *, status: int = 200, **values: Any) -> Response:
        texts, now = catalogue("trivium.service", language_of(request)), utc_now()
        rows = [
            {"key": key, "state": key.state(now), "state_text": texts[f"keys.{key.state(now)}"]} for key in keys.all()
        ]
        shown: dict[str, Any] = {"problem": "", "secret": "", "made": None, "plant": "", "given": []} | values
        return page(request, "keys.html", status=status, rows=rows, scopes=access.roles.scopes, **shown)

    @router.get("")
    def every_key(request: Request) -> Response:
        return show(request)

    @router.post("", dependencies=[FORM])
    def create(request: Request, plant: _Text = "", scope: _Scopes = [], days: _Days = 365) -> Response:  # noqa: B006
        maker = principal_of(request).id
        try:
            made, secret = keys.create(plant.strip(), scope, actor=maker, account_id=maker, days=days)
        except InputError as error:
            return show(request, status=400, problem=error.line, plant=plant, given=scope)
        return show(request, made=made, secret=secret)

    @router.post("/{key_id}/rotate", dependencies=[FORM])
    def rotate(request: Request, key_id: str, hours: _Hours = 24) -> Response:
        maker = principal_of(request).id
        try:
            made, secret = keys.rotate(key_id, actor=maker, account_id=maker, overlap=timedelta(hours=hours))
        except InputError as error:
            return show(request, status=400, problem=error.line)
        return show(request, made=made, secret=secret)

    @router.post("/{key_id}/revoke", dependencies=[FORM])
    def revoke(request: Request, key_id: str) -> Response:
        keys.revoke(key_id, actor=principal_of(request).id)
        return RedirectResponse("/keys", 303)

    return router
