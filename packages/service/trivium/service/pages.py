"""The shell's own pages as HTML, and those of apps: Jinja templates with escaping on, in the visitor's language."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from trivium.service.app_spec import AppSpec
from trivium.service.estimate import Estimate
from trivium.service.forms import form_token
from trivium.service.jobs import Job, JobEvent, JobState
from trivium.service.kept_files import tagged
from trivium.service.phrase import Phrase, translate
from trivium.service.roles import Principal
from trivium.service.root import in_links
from trivium.service.text import Catalogue, catalogue
from trivium.service.visitor import LANGUAGE_COOKIE, language_of, visitor_of

__all__ = [
    "Line",
    "Tile",
    "app_title",
    "error_text",
    "history",
    "in_browser",
    "message",
    "page",
    "remaining_text",
    "stage_text",
    "state_text",
    "tiles",
]

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Tile:
    """One app on the home page; `install` is what to type when its extra is missing, empty when it is there."""

    name: str
    title: str
    summary: str
    install: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a job's history in words."""

    at: datetime
    what: str
    stage: str
    worker: str
    detail: str


def tiles(specs: Sequence[AppSpec], language: str, visitor: Principal) -> list[Tile]:
    """Describe the apps that have a page which the visitor may open, in the visitor's language."""
    described = []
    for spec in specs:
        if spec.has_page and visitor.may(spec.read_permission):
            texts = catalogue(spec.package, language)
            install = spec.install_line if spec.missing else ""
            described.append(Tile(spec.name, texts["app.title"], texts["app.summary"], install))
    return described


def page(request: Request, template: str, *, status: int = 200, package: str = "", **values: Any) -> Response:
    """Render a template; the visitor's choice of language, if `?lang=` made one, is kept in a cookie.

    Args:
        values: what the template shows; a `Phrase` among them is told in the visitor's language.
        package: of an app whose templates and catalogue are used besides the shell's; its texts are `words(key)`.
    """
    language = language_of(request)
    texts = catalogue("trivium.service", language)
    other = "zh" if language == "en" else "en"
    told = {key: translate(value, language) if isinstance(value, Phrase) else value for key, value in values.items()}
    html = (
        _environment(package)
        .get_template(template)
        .render(
            say=texts.say,
            words=catalogue(package, language).say if package else None,
            visitor=visitor_of(request),
            form=form_token(request),
            language=language,
            html_language="zh-CN" if language == "zh" else "en",
            other_language=other,
            other_url=str(request.url.include_query_params(lang=other).path) + f"?lang={other}",
            **told,
        )
    )
    response = HTMLResponse(
        in_browser(request, html), status, {"content-security-policy": _POLICY, "cache-control": "no-store"}
    )
    if request.query_params.get("lang") == language:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="lax", path="/")
    return response


def in_browser(request: Request, html: str) -> str:
    """Return a page with its addresses as browsers ask for them: static files by content, all below the root."""
    state = request.app.state
    return in_links(tagged(html, state.static_tag), state.runtime.settings.root_path)


def message(
    request: Request,
    heading: str,
    text: str,
    *,
    status: int = 200,
    forward: str = "",
    reference: str = "",
) -> Response:
    """Render a page that says one thing, and goes on to `forward` by itself."""
    return page(
        request, "message.html", status=status, heading=heading, text=text, forward=forward, reference=reference
    )


def app_title(spec: AppSpec | None, name: str, language: str) -> str:
    """Return the app's title; its name when the app has no page or is switched off."""
    return catalogue(spec.package, language)["app.title"] if spec is not None and spec.has_page else name


def state_text(job: Job, language: str) -> str:
    """Return a job's state in words."""
    return catalogue("trivium.service", language)[f"state.{job.state}"]


def remaining_text(job: Job, estimate: Estimate | None, language: str) -> str:
    """Say in coarse steps how long a job still takes; empty when nobody can tell."""
    if estimate is None:
        return ""
    texts = catalogue("trivium.service", language)
    time = _about(estimate.remaining_s, texts)
    if job.state == JobState.QUEUED:
        return texts.say("estimate.queued", time=time)
    return texts.say("estimate.late" if estimate.is_late else "estimate.running", time=time)


def history(events: Sequence[JobEvent], spec: AppSpec | None, language: str) -> list[Line]:
    """Put a job's history into the visitor's language."""
    texts = catalogue("trivium.service", language)
    lines = []
    for event in events:
        what = texts[f"state.{event.what}"] if event.what in set(JobState) else texts[f"event.{event.what}"]
        detail = texts.get(f"recovered.{event.detail}", error_text(event.detail, spec, language))
        lines.append(Line(event.at, what, stage_text(spec, event.stage, language), event.worker, detail))
    return lines


def error_text(error: str, spec: AppSpec | None, language: str) -> str:
    """Return why a job has no result; a stage that it names, in the words of its app."""
    if isinstance(error, Phrase) and "stage" in error.values:
        words = stage_text(spec, error.values["stage"], language)
        error = Phrase(error.template, **{**error.values, "stage": words})
    return translate(error, language)


def stage_text(spec: AppSpec | None, stage: str, language: str) -> str:
    """Return a stage in words, from its app's catalogue; its key when the app has no text for it."""
    if spec is None or not stage:
        return stage
    return catalogue(spec.package, language).get(f"stage.{stage}", stage)


def _about(seconds: float, texts: Catalogue) -> str:
    """Return a length of time in words: steps of 10 seconds, of minutes, of hours, always rounded up."""
    for unit, step, most in (("seconds", 10, 60), ("minutes", 60, 3600)):
        if seconds <= most:
            count = max(math.ceil(seconds / step), 1) * (step if unit == "seconds" else 1)
            return texts.say(f"estimate.{unit}", count=count)
    return texts.say("estimate.hours", count=math.ceil(seconds / 3600))


@functools.cache
def _environment(package: str) -> jinja2.Environment:
    own = [jinja2.PackageLoader(package)] if package else []
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*own, jinja2.PackageLoader("trivium.service")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
