"""The routes of the maintenance pages. A plant is in the path, so that an address can be kept and sent to others.

Forms work without a script; a script only refreshes what is marked as live and draws the curves.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from sqlalchemy import select

from trivium.maintenance import tables, work_orders
from trivium.maintenance.alerts import book, outbox
from trivium.maintenance.alerts.finding import Finding
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.api_parts import open_parts
from trivium.maintenance.ingest import dead_letters, gateways
from trivium.maintenance.ingest.moved import find_drift
from trivium.maintenance.ingest.trend import Curve, read_trend, trend_of_predictions
from trivium.maintenance.inspection import stored
from trivium.maintenance.pages import fleet, health
from trivium.maintenance.pages.view import PACKAGE, View, list_plants
from trivium.maintenance.records import MIN_FAILURES
from trivium.maintenance.report.backtest import lines_of
from trivium.maintenance.retiring import retire_asset
from trivium.service.database import utc_now
from trivium.service.errors import InputError, NotFoundError, UpstreamError
from trivium.service.forms import FORM
from trivium.service.jobs import JobState
from trivium.service.pages import page, state_text
from trivium.service.permission import needs
from trivium.service.phrase import translate
from trivium.service.visitor import owner_of, principal_of

__all__ = ["router"]

_STATIC = Path(__file__).parent.parent / "static"
_MEDIA = {".css": "text/css", ".js": "text/javascript"}
_READS = needs("maintenance.read")
_ACTS = needs("maintenance.alert")
_SHELVES_H = (1, 8, 24, 72, 168)
_MOST_TAGS = 8
_MOST_SPAN_US = 400 * 86_400 * 1_000_000
_Text = Annotated[str, Form(max_length=1000)]

router = APIRouter(dependencies=[_READS])


@router.get("")
@router.get("/")
def start(request: Request) -> Response:
    """Go to the first plant; say how to begin when there is none."""
    plants = list_plants(request)
    if plants:
        return RedirectResponse(f"/maintenance/p/{quote(plants[0], safe='')}", 303)
    return page(request, "maintenance_empty.html", package=PACKAGE)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Send a script or style of these pages."""
    path = _STATIC / name
    if path.parent != _STATIC or path.suffix not in _MEDIA or not path.is_file():
        raise NotFoundError("there is no such file", where=name[:100])
    return FileResponse(path, media_type=_MEDIA[path.suffix], headers={"Cache-Control": "no-cache"})


@router.get("/p/{plant}")
def show_fleet(request: Request, plant: str) -> Response:
    """The fleet by risk."""
    view = View(request, plant)
    found = fleet.read_standings(view.database, view.registry)
    standings = [one for one in found if one.condition != fleet.RETIRED]
    counts = {
        "all": len(standings),
        "alerts": sum(one.alert is not None and one.alert.is_active for one in standings),
        "not_scored": sum(one.condition != "scored" for one in standings),
    }
    retired = [one.asset for one in found if one.condition == fleet.RETIRED]
    return view.page("maintenance_fleet.html", standings=standings, counts=counts, retired=retired)


@router.get("/p/{plant}/asset/{asset:path}")
def show_asset(request: Request, plant: str, asset: str) -> Response:
    """One asset: curves, reasons, alerts, work orders."""
    view = View(request, plant)
    found = [one for one in fleet.read_standings(view.database, view.registry) if one.asset == asset]
    if not found:
        raise NotFoundError("the plant has no such asset", where=asset[:200])
    standing, known = found[0], view.registry.asset_of(asset)
    tags = known.tags
    first = [name for name in standing.why if name in {tag.name for tag in tags}]
    chosen = list(dict.fromkeys([*first, *(tag.name for tag in tags)]))[: _MOST_TAGS // 2]
    alerts = book.find_alerts(view.database, plant, asset=asset, limit=20)
    orders = work_orders.find_orders(view.database, plant)
    return view.page(
        "maintenance_asset.html", one=standing, known=known, tags=tags, chosen=chosen,
        alerts=[(alert, view.reasons(alert)) for alert in alerts],
        orders=[order for order in orders if order.asset == asset][:50],
        num_failures=sum(order.kind == work_orders.FAILURE for order in orders), least_failures=MIN_FAILURES,
        inspections=stored.find_inspected(view.database, plant, asset=asset, limit=10),
        may_retire=asset in view.registry.assets and view.may("maintenance.registry"),
    )  # fmt: skip


@router.post("/p/{plant}/retire", dependencies=[FORM, needs("maintenance.registry")])
def retire(request: Request, plant: str, asset: Annotated[str, Form(max_length=200)], why: _Text = "") -> Response:
    """Take nothing in for an asset any more, and show its page, which stays."""
    view = View(request, plant)
    retire_asset(view.runtime.audit, plant, asset, actor=principal_of(request).id, why=why)
    open_parts(request).registries.forget(plant)
    return RedirectResponse(view.asset_link(asset), 303)


@router.get("/p/{plant}/trend/{asset:path}")
def trend(
    request: Request,
    plant: str,
    asset: str,
    span_s: Annotated[float, Query(gt=0, le=400 * 86_400)] = 86_400.0,
    until_ms: int = 0,
    width: Annotated[int, Query(ge=50, le=4_000)] = 1_000,
    tag: Annotated[list[str], Query(max_length=_MOST_TAGS)] = [],  # noqa: B006
) -> Response:
    """Return the curves of an asset for `chart.js`; times are milliseconds since 1970, `newest_ms` null before any."""
    view = View(request, plant)
    newest_us = _newest(view, asset)
    if newest_us is None:
        return JSONResponse({"newest_ms": None}, headers={"Cache-Control": "no-store"})
    to_us = until_ms * 1000 if until_ms else newest_us
    from_us = to_us - round(span_s * 1e6)
    by_name = view.registry.asset_of(asset).by_name
    curves = read_trend(view.database, plant, asset, [one for one in tag if one in by_name], from_us, to_us, width)
    outputs = trend_of_predictions(
        view.database, plant, asset, ("score", "p_fail", "rul", "rul_low", "rul_high"), from_us, to_us, width
    )
    alerts = book.find_alerts(view.database, plant, asset=asset, limit=200)
    return JSONResponse(
        {
            "from_ms": from_us // 1000,
            "to_ms": to_us // 1000,
            "newest_ms": newest_us // 1000,
            "zone": view.registry.zone or "UTC",
            "outputs": [_curve(one) | _output_text(view, one.name) for one in outputs],
            "tags": [_curve(one) | _tag_text(by_name[one.name]) for one in curves],
            "alerts": [
                {
                    "from_ms": alert.since_us // 1000,
                    "to_ms": (alert.returned_us or newest_us) // 1000,
                    "severity": alert.severity,
                }
                for alert in alerts
            ],
            "orders": [
                {"at_ms": one.from_us // 1000, "kind": one.kind, "text": one.description or one.number}
                for one in work_orders.find_orders(view.database, plant, asset=asset)
            ]
            + [
                {"at_ms": round(one.at.timestamp() * 1000), "kind": one.kind, "text": view.told(one)["verdict"]}
                for one in stored.find_inspected(view.database, plant, asset=asset)
            ],
        },
        headers={"Cache-Control": "no-store"},
    )


@router.get("/p/{plant}/alerts")
def show_alerts(request: Request, plant: str, shown: str = "") -> Response:
    """The inbox: what is open, by urgency; `?shown=closed` what is over."""
    view = View(request, plant)
    states = (book.CLOSED,) if shown == "closed" else fleet.OPEN_STATES
    found = book.find_alerts(view.database, plant, states=states, limit=200)
    if shown != "closed":
        found.sort(key=lambda one: (states.index(one.state), one.severity != "critical", -one.raised_us))
    alerts = [(alert, view.reasons(alert)) for alert in found]
    return view.page("maintenance_alerts.html", alerts=alerts, is_closed=shown == "closed", hours=_SHELVES_H)


@router.get("/p/{plant}/alerts/{alert_id}")
def show_alert(request: Request, plant: str, alert_id: int) -> Response:
    """One alert with its history and what can be done."""
    return _alert_page(View(request, plant), alert_id)


@router.post("/p/{plant}/alerts/{alert_id}/{act}", dependencies=[FORM, _ACTS])
def change_alert(
    request: Request,
    plant: str,
    alert_id: int,
    act: str,
    why: _Text = "",
    hours: Annotated[int, Form(ge=1, le=168)] = 8,
    version: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """Do something with an alert, and show it."""
    view = View(request, plant)
    audit, actor = view.runtime.audit, principal_of(request).id
    try:
        if act == "acknowledge":
            book.acknowledge(audit, plant, alert_id, actor=actor, note=why, version=version)
        elif act == "shelve":
            until = utc_now() + timedelta(hours=hours) - timedelta(seconds=1)
            book.shelve(audit, plant, alert_id, actor=actor, why=why, until=until, version=version)
        elif act == "out-of-service":
            book.take_out_of_service(audit, plant, alert_id, actor=actor, why=why, version=version)
        elif act == "put-back":
            book.put_back(audit, plant, alert_id, actor=actor, note=why, version=version)
        else:
            raise NotFoundError("there is no such act", where=act[:40])
    except InputError as error:
        return _alert_page(view, alert_id, problem=error.line, status=400)
    return RedirectResponse(f"{view.base}/alerts/{alert_id}", 303)


@router.get("/p/{plant}/health")
def show_health(request: Request, plant: str) -> Response:
    """How good the plant's data are."""
    view, parts = View(request, plant), open_parts(request)
    num_batches, verdicts, since = health.count_verdicts(view.database, plant)
    try:
        waiting = {shard: count for shard, count in parts.streams.lengths().items() if shard.split("/", 2)[2] == plant}
        lag_s = max((parts.streams.lag_s(shard) for shard, count in waiting.items() if count), default=0.0)
    except UpstreamError:
        waiting, lag_s = {}, None
    return view.page(
        "maintenance_health.html", num_batches=num_batches, verdicts=verdicts, since=since,
        issues=health.count_issues(view.database, plant, view.language),
        tags=health.read_tags(view.database, view.registry), gateways=gateways.list_gateways(view.database, plant),
        dead=dead_letters.list_dead(view.database, plant), told=lambda text: translate(text, view.language),
        waiting=sum(waiting.values()), lag_s=lag_s, webhooks=outbox.waiting(view.database),
        has_webhooks=bool(view.runtime.settings.webhook_urls), drift=find_drift(view.database, plant), tag_of=view.tag,
        has_model=bool(view.registry.model),
    )  # fmt: skip


@router.get("/p/{plant}/backtest")
def show_backtest(request: Request, plant: str) -> Response:
    """What alerts the stored history would have raised: a form, and the latest runs."""
    view = View(request, plant)
    jobs = [
        job
        for job in view.runtime.jobs.recent(owner=owner_of(request), app="maintenance", apps=["maintenance"], limit=50)
        if job.kind == "backtest" and job.request.get("plant") == plant
    ]
    latest = next((job for job in jobs if job.state == JobState.DONE), None)
    done = view.runtime.jobs.get(latest.id, owner=owner_of(request)) if latest is not None else None
    told: dict[str, Any] = {}
    if done is not None:
        sha256 = next(file.sha256 for file in done.files if file.name == "backtest.json")
        told = json.loads(view.runtime.store.path(sha256).read_text(encoding="utf-8"))
    raised = [
        one | {"reasons": sentences(Finding.from_json(one["finding"]), view.language, view.words.zone, one["asset"])}
        for one in told.get("raised", ())
    ]
    return view.page(
        "maintenance_backtest.html", jobs=jobs[:10], done=done, raised=raised, costs=told.get("costs", ()),
        lines=lines_of(told, view.language) if told else [], may_run=view.may("maintenance.run"),
        has_model=bool(view.registry.model), state_of=lambda job: state_text(job, view.language),
    )  # fmt: skip


@router.post("/p/{plant}/backtest", dependencies=[FORM, needs("maintenance.run")])
def run_backtest(
    request: Request,
    plant: str,
    model: Annotated[str, Form(pattern="^(learn|active)$")] = "learn",
    percent: Annotated[float, Form(ge=5, le=95)] = 40.0,
    horizon_days: Annotated[float, Form(ge=0.01, le=365)] = 30.0,
    cost_failure: Annotated[float, Form(ge=0, le=1e12)] = 0.0,
    cost_alarm: Annotated[float, Form(ge=0, le=1e12)] = 0.0,
) -> Response:
    """Queue a backtest, and show the page again."""
    view = View(request, plant)
    view.runtime.jobs.submit(
        app="maintenance",
        kind="backtest",
        owner=owner_of(request),
        request={
            "plant": plant, "learn": percent / 100 if model == "learn" else 0.0, "horizon_days": horizon_days,
            "cost_failure": cost_failure, "cost_alarm": cost_alarm, "language": view.language,
        },
        inputs=[],
        title=view.words.say("backtest.heading", plant=plant),
    )  # fmt: skip
    return RedirectResponse(f"{view.base}/backtest", 303)


def _alert_page(view: View, alert_id: int, *, problem: str = "", status: int = 200) -> Response:
    alert = book.find_alert(view.database, view.plant, alert_id)
    return view.page(
        "maintenance_alert.html", status=status, alert=alert, reasons=view.reasons(alert), problem=problem,
        events=book.events_of(view.database, alert_id), hours=_SHELVES_H,
    )  # fmt: skip


def _newest(view: View, asset: str) -> int | None:
    """Return the time of an asset's newest reading; None where it has none yet."""
    table = tables.state
    query = select(table.c.watermark_us).where(table.c.plant == view.plant, table.c.asset == asset)
    with view.database.read() as connection:
        found = connection.execute(query).scalar_one_or_none()
    if found is None and asset not in view.registry.assets and asset not in view.registry.retired:
        raise NotFoundError("the plant has no such asset", where=asset[:200])
    return None if found is None else int(found)


def _curve(curve: Curve) -> dict[str, Any]:
    is_thinned = bool((curve.low != curve.high).any())
    return {
        "name": curve.name,
        "t": (curve.times_us // 1000).tolist(),
        "low": [float(f"{value:.6g}") for value in curve.low.tolist()],
        "high": [float(f"{value:.6g}") for value in curve.high.tolist()] if is_thinned else None,
    }


def _output_text(view: View, name: str) -> dict[str, Any]:
    return {"title": view.words.say(f"output.{name}"), "limit": {"score": 1.0, "p_fail": 0.5}.get(name)}


def _tag_text(tag: Any) -> dict[str, Any]:
    return {"title": f"{tag.name} {tag.description}".strip(), "unit": tag.unit}
