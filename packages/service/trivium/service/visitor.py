"""What a request says about its visitor: who they are, and which language they read.

Takes a FastAPI request or a `gradio.Request` alike, so that pages and apps ask in the same way.
"""

from __future__ import annotations

from typing import Any

import structlog

from trivium.service import tracing
from trivium.service.errors import NotFoundError
from trivium.service.phrase import Phrase
from trivium.service.roles import Principal
from trivium.service.text import LANGUAGES

__all__ = ["LANGUAGE_COOKIE", "language_of", "owner_of", "principal_of", "require", "visitor_of"]

LANGUAGE_COOKIE = "trivium_lang"


def visitor_of(request: Any) -> Principal | None:
    """Return who is there, as the door found out; None for a stranger."""
    found = getattr(getattr(request, "state", None), "principal", None)
    return found if isinstance(found, Principal) else None


def principal_of(request: Any) -> Principal:
    """Return who is there.

    Raises:
        NotFoundError: if nobody is logged in; the guard lets no such request through.
    """
    found = visitor_of(request)
    if found is None:
        raise NotFoundError("nobody is logged in")
    return found


def require(request: Any, permission: str) -> None:
    """Refuse a visitor without the permission; for handlers of Gradio pages, which have no routes of their own.

    Gradio runs them outside of their request, so its ids are taken up here, for the log and for the jobs they submit.

    Raises:
        NotFoundError: if the visitor lacks it.
    """
    ids = getattr(request.state, "ids", {})
    structlog.contextvars.bind_contextvars(request_id=ids.get("request_id", ""))
    tracing.take_up(ids)
    if not principal_of(request).may(permission):
        raise NotFoundError(
            Phrase("this needs the permission {permission}", permission=permission), hint="an administrator can give it"
        )


def owner_of(request: Any) -> str:
    """Return the name that the visitor's jobs belong to.

    Raises:
        NotFoundError: if nobody is logged in; the guard lets no such request through.
    """
    found = visitor_of(request)
    name = getattr(request, "username", None) or (found.id if found else "")
    if not name:
        raise NotFoundError("nobody is logged in")
    return str(name)


def language_of(request: Any) -> str:
    """Return the visitor's language: `?lang=`, the cookie, the account's, what the browser accepts, English."""
    found = visitor_of(request)
    chosen = (request.query_params.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, ""))
    for asked in (*chosen, found.language if found else ""):
        if asked in LANGUAGES:
            return str(asked)
    for part in request.headers.get("accept-language", "").split(","):
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
