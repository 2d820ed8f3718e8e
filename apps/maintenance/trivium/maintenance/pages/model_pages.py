"""The page of a plant's models: which scores, what its shadow says beside it, at which levels alerts are raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from trivium.maintenance import models
from trivium.maintenance.alerts import thresholds
from trivium.maintenance.alerts.rules import DEFAULTS
from trivium.maintenance.pages.comparison import compare
from trivium.maintenance.pages.view import View
from trivium.service.errors import InputError, NotFoundError
from trivium.service.forms import FORM
from trivium.service.permission import needs
from trivium.service.visitor import principal_of

__all__ = ["router"]

router = APIRouter(dependencies=[needs("maintenance.read")])
_CHANGES = [FORM, needs("maintenance.registry")]
_Version = Annotated[str, Form(min_length=1, max_length=200)]


@router.get("/p/{plant}/models")
def show_models(request: Request, plant: str) -> Response:
    """The models of a plant: which scores, which scores beside it and how both compare, thresholds, what was before."""
    return _models_page(View(request, plant))


@router.post("/p/{plant}/models/activate", dependencies=_CHANGES)
def activate_shadow(request: Request, plant: str, model: _Version) -> Response:
    """Let the shadow score the plant, and show the page."""
    return _changed(request, plant, models.activate_shadow, model)


@router.post("/p/{plant}/models/rollback", dependencies=_CHANGES)
def roll_back(request: Request, plant: str, model: _Version) -> Response:
    """Let the model before score the plant again, and show the page."""
    return _changed(request, plant, models.roll_back, model)


@router.post("/p/{plant}/thresholds", dependencies=_CHANGES)
def change_threshold(
    request: Request,
    plant: str,
    cause: Annotated[str, Form(max_length=40)],
    asset_class: Annotated[str, Form(max_length=80)] = "",
    raise_at: Annotated[float | None, Form()] = None,
    critical_at: Annotated[float | None, Form()] = None,
    clear_at: Annotated[float | None, Form()] = None,
    reset: str = Form(""),
) -> Response:
    """Set levels of alerts, or go back to those before there were any, and show the page."""
    view = View(request, plant)
    audit, actor = view.runtime.audit, principal_of(request).id
    try:
        if reset:
            thresholds.reset_threshold(audit, plant, asset_class, cause, actor=actor)
        else:
            given = {"raise_at": raise_at, "critical_at": critical_at, "clear_at": clear_at}
            thresholds.change_threshold(audit, plant, asset_class, cause, given, actor=actor)
    except (InputError, NotFoundError) as error:
        return _models_page(view, wrong_levels=error.line, status=400)
    return RedirectResponse(f"{view.base}/models#levels", 303)


def _changed(request: Request, plant: str, change: Callable[..., object], model: str) -> Response:
    """Change which model scores, to the one that the form named."""
    view = View(request, plant)
    try:
        change(view.runtime.audit, plant, model=model, actor=principal_of(request).id)
    except InputError as error:  # somebody else was quicker
        return _models_page(view, problem=error.line, status=400)
    return RedirectResponse(f"{view.base}/models", 303)


def _models_page(view: View, *, problem: str = "", wrong_levels: str = "", status: int = 200) -> Response:
    changes = models.changes_of(view.database, view.plant)
    shadow = models.shadow_since(view.database, view.plant)
    own = thresholds.own_levels(view.database, view.plant)
    return view.page(
        "maintenance_models.html", status=status, problem=problem, wrong_levels=wrong_levels, changes=changes[:50],
        active=next((one for one in changes if one.what != models.SHADOWED), None),
        found=compare(view.database, view.registry, shadow) if shadow is not None else None,
        beside=models.model_beside(view.database, view.plant), before=models.model_before(view.database, view.plant),
        levels={("", cause): one for cause, one in DEFAULTS.items()} | own, own=own,
        classes=sorted({one.asset_class for one in view.registry.assets.values() if one.asset_class}),
        may_set=view.may("maintenance.registry"),
    )  # fmt: skip
