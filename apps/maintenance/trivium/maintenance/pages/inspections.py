"""Inspections of a plant: a form that sends scan and CAD, a permanent page each, and what there was before.

The page of an inspection shows its job while that runs, to whom it belongs; what came out is the plant's, and stays.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from trivium.maintenance.app import SPEC
from trivium.maintenance.inspection import stored
from trivium.maintenance.pages.view import View
from trivium.service.audit import Entry
from trivium.service.errors import InputError, NotFoundError
from trivium.service.forms import FORM
from trivium.service.jobs import Job, JobInput
from trivium.service.pages import error_text, stage_text, state_text
from trivium.service.permission import needs, own_job
from trivium.service.visitor import owner_of

__all__ = ["router"]

_KINDS = ("inspect", "wear", "people")
_UNITS = "^(mm|cm|m|inch)$"
_HASH = "^([0-9a-f]{64})?$"
_SHOWN = frozenset({"text/html", "application/pdf", "image/svg+xml"})
_POLICIES = {
    # As for results of jobs (`trivium.service.api`): a report runs in a sandbox of its own, and reaches nobody.
    "text/html": "sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'self'",
    "image/svg+xml": "default-src 'none'; img-src data:",
}
_Unit = Annotated[str, Form(pattern=_UNITS)]
_Name = Annotated[str, Form(max_length=255)]
_Sha = Annotated[str, Form(pattern=_HASH)]

router = APIRouter(dependencies=[needs("maintenance.read")])


@router.get("/p/{plant}/inspections")
def show_all(request: Request, plant: str, asset: str = "") -> Response:
    """The form, what runs, and what there was, of the plant or of one asset."""
    return _list(View(request, plant), asset)


@router.post("/p/{plant}/inspections", dependencies=[FORM, needs("maintenance.run")])
def begin(
    request: Request,
    plant: str,
    unit: _Unit,
    tolerance_mm: Annotated[float, Form(gt=0, le=1e6)],
    kind: Annotated[str, Form(pattern="^(inspect|wear)$")] = "inspect",
    scan_name: _Name = "",
    scan: _Sha = "",
    cad_name: _Name = "",
    cad: _Sha = "",
    extra_name: _Name = "",
    extra: _Sha = "",
    cad_unit: Annotated[str, Form(pattern="^(mm|cm|m|inch|)$")] = "",
    zone: Annotated[str, Form(pattern="^(plus_minus|total)$")] = "plus_minus",
    min_coverage: Annotated[float, Form(ge=0, le=100)] = 80.0,
    smallest_defect_mm: Annotated[float, Form(ge=0.1, le=1e6)] = 6.0,
    scanner_uncertainty_mm: Annotated[float, Form(ge=0, le=1e6)] = 0.0,
    asset: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Queue an inspection of files that were uploaded, and show its page."""
    view = View(request, plant)
    if asset and asset not in view.registry.assets:
        raise NotFoundError("the plant has no such asset", where=asset)
    files = [("scan", scan_name, scan), ("cad", cad_name, cad), *([("extra", extra_name, extra)] if extra else [])]
    try:
        inputs = [_input(view, *file) for file in files]
        if kind == "wear" and not extra:
            raise InputError(view.words.say("inspection.page.missing_extra"))
    except InputError as error:
        return _list(view, asset, problem=error.line, status=400)
    job = view.runtime.jobs.submit(
        app="maintenance",
        kind=kind,
        owner=owner_of(request),
        request={
            "plant": plant, "asset": asset, "unit": unit, "cad_unit": cad_unit or unit, "tolerance_mm": tolerance_mm,
            "zone": zone, "min_coverage": min_coverage / 100, "smallest_defect_mm": smallest_defect_mm,
            "scanner_uncertainty_mm": scanner_uncertainty_mm, "language": view.language,
        },
        inputs=inputs,
        title=view.words.say(f"inspection.page.job_{kind}", part=cad_name),
    )  # fmt: skip
    return RedirectResponse(f"{view.base}/inspections/{job.id}", 303)


@router.post("/p/{plant}/people", dependencies=[FORM, needs("maintenance.run")])
def look_for_people(
    request: Request,
    plant: str,
    machine: Annotated[str, Form(max_length=120)],
    corners: Annotated[str, Form(max_length=4000)],
    margin_m: Annotated[float, Form(ge=0, le=100)],
    cloud_name: _Name = "",
    cloud: _Sha = "",
    asset: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Queue a look for people near a machine, which is information only, and show its page."""
    view = View(request, plant)
    if asset and asset not in view.registry.assets:
        raise NotFoundError("the plant has no such asset", where=asset)
    try:
        if not (cloud and cloud_name):
            raise InputError(view.words.say("inspection.people.missing_cloud"))
        found = _corners(view, corners)
        inputs = [JobInput(cloud_name, cloud, view.runtime.store.keep(cloud).size)]
    except (InputError, NotFoundError) as error:
        return _list(view, asset, problem=error.line, status=400)
    job = view.runtime.jobs.submit(
        app="maintenance",
        kind="people",
        owner=owner_of(request),
        request={
            "plant": plant, "asset": asset, "machine": machine, "corners_m": found, "margin_m": margin_m,
            "language": view.language,
        },
        inputs=inputs,
        title=view.words.say("inspection.people.title", machine=machine),
    )  # fmt: skip
    return RedirectResponse(f"{view.base}/inspections/{job.id}", 303)


@router.get("/p/{plant}/inspections/{name}")
def show_one(request: Request, plant: str, name: str) -> Response:
    """What came out of an inspection; while its job runs, how far it is."""
    view = View(request, plant)
    one = stored.find_one(view.database, plant, name)
    if one is None:
        return _running(view, own_job(request, name))
    told = view.told(one)
    others = stored.find_inspected(view.database, plant, asset=one.asset, limit=11) if one.asset else []
    names = {file.name for file in one.files}
    return view.page(
        "maintenance_inspection.html", one=one, told=told, others=[other for other in others if other.id != one.id],
        views=[(f"{view.base}/inspections/{one.id}/files/{file}", alt) for file, alt in (
            ("view-1.svg", "inspection.view_alt"), ("view-2.svg", "inspection.view_alt_back")) if file in names],
        has_scale="scale.svg" in names, downloads=[file for file in one.files if not file.name.endswith(".svg")],
        files=f"{view.base}/inspections/{one.id}/files", report=next((n for n in names if n.endswith(".html")), ""),
    )  # fmt: skip


@router.get("/p/{plant}/inspections/{name}/files/{file_name}")
def send_file(request: Request, plant: str, name: str, file_name: str, inline: bool = False) -> Response:
    """Send a file of an inspection: pictures as they are, reports shown in a sandbox, the rest as a download."""
    view = View(request, plant)
    one = stored.find_one(view.database, plant, name)
    if one is None:
        raise NotFoundError("there is no such inspection", where=name[:40])
    file = stored.file_of(one, file_name)
    is_picture = file.media_type == "image/svg+xml"
    is_shown = is_picture or (inline and file.media_type in _SHOWN)
    if not is_picture:
        action = "file.shown" if is_shown else "file.downloaded"
        about = {"plant": plant, "inspection": one.id}
        view.runtime.audit.record(Entry(action, owner_of(request), "file", f"{one.id}/{file.name}", file.sha256, about))
    policy = _POLICIES.get(file.media_type, "default-src 'none'")
    shown = "inline" if is_shown else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": policy,
        "Cache-Control": "private, no-cache",
        "ETag": f'"{file.sha256}"',
    }
    return FileResponse(view.runtime.store.path(file.sha256), media_type=file.media_type, headers=headers)


def _list(view: View, asset: str, *, problem: str = "", status: int = 200) -> Response:
    done = stored.find_inspected(view.database, view.plant, asset=asset or None)
    finished = {one.id for one in done}
    jobs = [
        job
        for job in view.runtime.jobs.recent(
            owner=owner_of(view.request), app="maintenance", apps=["maintenance"], limit=50
        )
        if job.kind in _KINDS and job.request.get("plant") == view.plant and job.id not in finished
        and asset in ("", job.request.get("asset", ""))
    ]  # fmt: skip
    return view.page(
        "maintenance_inspections.html", status=status, asset=asset, assets=list(view.registry.assets), done=done,
        jobs=jobs[:10], may_run=view.may("maintenance.run"), problem=problem,
        missing=", ".join(SPEC.missing_for("inspect")), install=SPEC.install_line, units=("mm", "cm", "m", "inch"),
        most=view.runtime.settings.max_upload_bytes,
        state_of=lambda job: state_text(job, view.language),
        error_of=lambda job: error_text(job.error, SPEC, view.language),
    )  # fmt: skip


def _running(view: View, job: Job) -> Response:
    if job.app != "maintenance" or job.kind not in _KINDS or job.request.get("plant") != view.plant:
        raise NotFoundError("there is no such inspection", where=job.id)
    return view.page(
        "maintenance_inspection_running.html", job=job, state=state_text(job, view.language),
        stage=stage_text(SPEC, job.stage, view.language), again=f"{view.base}/inspections",
        error=error_text(job.error, SPEC, view.language),
    )  # fmt: skip


def _input(view: View, field: str, name: str, sha256: str) -> JobInput:
    if not sha256 or not name:
        raise InputError(view.words.say(f"inspection.page.missing_{field}"))
    try:
        return JobInput(name, sha256, view.runtime.store.keep(sha256).size)
    except NotFoundError:
        raise InputError(view.words.say(f"inspection.page.missing_{field}"), where=name) from None


def _corners(view: View, text: str) -> list[list[float]]:
    """Return the corners of an outline, a line each."""
    try:
        found = [[float(word) for word in line.replace(",", " ").split()] for line in text.splitlines() if line.strip()]
    except ValueError:
        found = []
    if len(found) < 3 or any(len(corner) != 2 for corner in found):
        raise InputError(view.words.say("inspection.people.bad_corners"))
    return found
