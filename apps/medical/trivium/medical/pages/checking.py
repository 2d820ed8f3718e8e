"""Check my report: a pasted report comes back with what does not fit marked in it. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from trivium.medical.pages.html import page
from trivium.medical.reading import Mark, check_report
from trivium.service.permission import needs
from trivium.service.text import catalogue
from trivium.service.visitor import language_of

__all__ = ["router", "told_marks"]

router = APIRouter()


class Pasted(BaseModel):
    """A report as text, and the patient's sex where it is known."""

    text: str = Field(max_length=20_000)
    sex: str = Field(default="", pattern=r"^[MF]?$")


@router.get("/check", dependencies=[needs("medical.read")])
def show(request: Request) -> Response:
    """Show the page."""
    return page(request, "check.html")


@router.post("/check", dependencies=[needs("medical.read")])
def check(request: Request, body: Pasted) -> dict[str, Any]:
    """Return what does not fit, in the order of the text."""
    return {"marks": told_marks(check_report(body.text, sex=body.sex), language_of(request))}


def told_marks(marks: Iterable[Mark], language: str) -> list[dict[str, Any]]:
    """Return marks with their words in the visitor's language, as the pages show them."""
    texts = catalogue("trivium.medical", language)
    return [
        {
            "kind": one.kind,
            "start": one.start,
            "end": one.end,
            "text": texts.say(f"mark.{one.kind}", what=_named(one.what, texts), other=one.other),
            "other": one.other,
        }
        for one in marks
    ]


def _named(what: str, texts: Any) -> str:
    return str(texts.get(f"finding.{what.replace(' ', '_')}", what))
