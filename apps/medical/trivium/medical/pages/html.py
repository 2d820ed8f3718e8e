"""Pages as HTML: the platform's frame and bar, this app's templates and texts, in the visitor's language."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from trivium.service.forms import form_token
from trivium.service.pages import in_browser
from trivium.service.text import catalogue
from trivium.service.visitor import LANGUAGE_COOKIE, language_of, visitor_of

__all__ = ["STATIC", "page", "script_texts"]

STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_YEAR_S = 365 * 24 * 3600


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a template; `say` is the platform's text, `t` this app's."""
    language = language_of(request)
    other = "zh" if language == "en" else "en"
    html = (
        _environment()
        .get_template(template)
        .render(
            say=catalogue("trivium.service", language).say,
            t=catalogue("trivium.medical", language).say,
            texts=script_texts(language),
            visitor=visitor_of(request),
            form=form_token(request),
            language=language,
            html_language="zh-CN" if language == "zh" else "en",
            other_language=other,
            other_url=f"{request.url.path}?lang={other}",
            **values,
        )
    )
    response = HTMLResponse(
        in_browser(request, html), status, {"content-security-policy": _POLICY, "cache-control": "no-store"}
    )
    if request.query_params.get("lang") == language:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="lax", path="/")
    return response


def script_texts(language: str) -> str:
    """Return the texts that scripts use, as JSON that may stand inside a script element."""
    wanted = (
        "ui.",
        "state.",
        "draft_state.",
        "refused.",
        "section.",
        "finding.",
        "mark.",
        "status.",
        "spacing.",
        "view.",
    )
    texts = {key: text for key, text in catalogue("trivium.medical", language).items() if key.startswith(wanted)}
    return json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("trivium.medical", "pages/templates"), jinja2.PackageLoader("trivium.service")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
