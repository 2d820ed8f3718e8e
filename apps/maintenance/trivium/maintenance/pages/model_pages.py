"""The page of a plant's models: which scores, what its shadow says beside it, at which levels alerts are raised."""

from __future__ import annotations

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


@router.get("/p/{plant}/models")
def show_models(request: Request, plant: str) -> Response:
    """The models of a plant: which scores, which scores beside it and how both compare, thresholds, what was before."""
    return _models_page(View(request, plant))


@router.post("/p/{plant}/thresholds", dependencies=[FORM, needs("maintenance.registry")])
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
            own = {(one.asset_class, one.cause): one.levels for one in thresholds.find_thresholds(view.database, plant)}
            given = {"raise_at": raise_at, "critical_at": critical_at, "clear_at": clear_at}
            levels = thresholds.checked(cause, given, own.get((asset_class, cause)) or own.get(("", cause)))
            chosen = thresholds.Threshold(asset_class, cause, levels)
            thresholds.set_threshold(audit, plant, chosen, actor=actor)
    except (InputError, NotFoundError) as error:
        return _models_page(view, problem=error.line, status=400)
    return RedirectResponse(f"{view.base}/models#levels", 303)


def _models_page(view: View, *, problem: str = "", status: int = 200) -> Response:
    changes = models.changes_of(view.database, view.plant)
    shadow = models.shadow_since(view.database, view.plant)
    own = {(one.asset_class, one.cause): one.levels for one in thresholds.find_thresholds(view.database, view.plant)}
    return view.page(
        "maintenance_models.html", status=status, problem=problem, changes=changes[:50],
        active=next((one for one in changes if one.what != models.SHADOWED), None),
        found=compare(view.database, view.registry, shadow) if shadow is not None else None,
        is_on=bool(view.registry.shadow), levels={("", cause): one for cause, one in DEFAULTS.items()} | own, own=own,
        classes=sorted({one.asset_class for one in view.registry.assets.values() if one.asset_class}),
        may_set=view.may("maintenance.registry"),
    )  # fmt: skip
