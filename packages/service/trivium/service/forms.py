"""Forms that only our own pages can send: a token in each, bound to the visitor's session, or to a cookie before login.

The door refuses what a browser says comes from another site; this holds where a browser says nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response
from starlette.exceptions import HTTPException

from trivium.service.text import catalogue
from trivium.service.visitor import language_of

__all__ = ["FORM", "form_token", "keep_form_cookie", "local_path"]

_COOKIE = "trivium_form"
_COOKIE_S = 12 * 3600


def form_token(request: Request) -> str:
    """Return the token for this visitor's forms."""
    return hashlib.sha256(f"form:{_secret(request)}".encode()).hexdigest()


def keep_form_cookie(request: Request, response: Response) -> None:
    """Give a visitor without a session the cookie that their form's token belongs to."""
    is_secure = request.url.scheme == "https"
    response.set_cookie(_COOKIE, _secret(request), _COOKIE_S, httponly=True, samesite="strict", secure=is_secure)


async def _check(request: Request, form: Annotated[str, Form(max_length=64)] = "") -> None:
    expected = form_token(request) if getattr(request.state, "session_token", "") or _COOKIE in request.cookies else ""
    if not expected or not hmac.compare_digest(expected.encode(), form.encode()):
        raise HTTPException(403, catalogue("trivium.service", language_of(request))["form.stale"])


FORM: Any = Depends(_check)
"""The dependency of every route that a form of ours is sent to."""


def local_path(path: str) -> str:
    """Return a path of this server to go on to, `/` for anything that could lead elsewhere."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local and "\\" not in path and not path.startswith("/login") else "/"


def _secret(request: Request) -> str:
    """Return what the token is made from: the session, the cookie, or a new value that becomes the cookie."""
    own = getattr(request.state, "session_token", "") or request.cookies.get(_COOKIE, "")
    if not own:
        if not hasattr(request.state, "form_secret"):
            request.state.form_secret = secrets.token_urlsafe(24)
        own = request.state.form_secret
    return str(own)
