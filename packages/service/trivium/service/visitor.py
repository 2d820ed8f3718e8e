"""What a request says about its visitor: who they are, and which language they read.

Takes a FastAPI request or a `gradio.Request` alike, so that pages and apps ask in the same way.
"""

from __future__ import annotations

from typing import Any

from trivium.service.errors import NotFoundError
from trivium.service.text import LANGUAGES

__all__ = ["LANGUAGE_COOKIE", "language_of", "owner_of"]

LANGUAGE_COOKIE = "trivium_lang"


def owner_of(request: Any) -> str:
    """Return the name that the visitor's jobs belong to.

    Raises:
        NotFoundError: if nobody is logged in; the guard lets no such request through.
    """
    name = getattr(request, "username", None) or getattr(getattr(request, "state", None), "user", "")
    if not name:
        raise NotFoundError("nobody is logged in")
    return str(name)


def language_of(request: Any) -> str:
    """Return the visitor's language: `?lang=`, else the cookie, else what the browser accepts, else English."""
    asked = request.query_params.get("lang", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if asked in LANGUAGES:
        return str(asked)
    for part in request.headers.get("accept-language", "").split(","):
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
