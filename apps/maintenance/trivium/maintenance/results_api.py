"""What the API gives: where assets stand, predictions, alerts with their reasons, readings, drift.

    curl -H "Authorization: Bearer $KEY" 'http://HOST/v1/predictions?since=2026-03-01T00:00Z&until=2026-03-02T00:00Z&format=csv'

All can be pulled again and again by a historian or a work-order system: JSON or CSV, an ETag, pages by `Link`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query, Request, Response

from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.api_parts import AssetName, PlantName, Reader, open_parts, plant_of, span_of
from trivium.maintenance.ingest import pull, stored
from trivium.maintenance.ingest.moved import find_drift
from trivium.maintenance.report.rows import etag_of, is_same, read_cursor, to_csv, to_json, write_cursor
from trivium.service.visitor import language_of

__all__ = ["router"]

router = APIRouter()

_OUTPUTS = ("rul", "rul_low", "rul_high", "p_fail", "score", "t2", "q")
_CSV = "text/csv"
Format = Annotated[str, Query(pattern="^(json|csv)?$", description="`csv`, or `json`; else by the header Accept.")]
IfNoneMatch = Annotated[
    str, Header(max_length=2_000, description="ETag of an earlier answer; `304` if it is the same.")
]
Cursor = Annotated[str, Query(max_length=1_000, description="Where the page before ended; from its header Link.")]
_PULLED: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON, or CSV with the same columns.", "content": {_CSV: {"schema": {"type": "string"}}}},
    304: {"description": "Nothing has changed since the answer with the ETag in `If-None-Match`."},
}


@router.get("/assets", responses=_PULLED)
def list_assets(
    request: Request,
    who: Reader,
    plant: PlantName = "",
    retired: Annotated[bool, Query(description="Whether to list assets that were retired, too.")] = False,
    format: Format = "",
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Tell where each of the plant's assets stands: newest reading, newest prediction, what stands out in it.

    An asset that never sent anything has null times and the reason `no_readings`.
    """
    parts = open_parts(request)
    found = stored.read_fleet(parts.database, parts.registries.of(plant_of(who, plant)), with_retired=retired)
    columns = ("asset", "newest_reading", "predicted_at", "reason", "life_unit", *_OUTPUTS, "why")
    flat = [one | {name: one["outputs"].get(name) for name in _OUTPUTS} for one in found]
    return _answer(request, found, flat, columns, format, if_none_match)


@router.get("/predictions", responses=_PULLED)
def list_predictions(
    request: Request,
    who: Reader,
    since: datetime,
    until: datetime,
    plant: PlantName = "",
    asset: Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    cursor: Cursor = "",
    format: Format = "",
    if_none_match: IfNoneMatch = "",
) -> Response:
    """List the plant's predictions between two times, by asset and time; times that were not scored say why.

    `rul`, `rul_low` and `rul_high` are in the unit that `GET /v1/assets` names (`life_unit`), `p_fail` is a
    probability, `score` is 1 at the limit of normal operation; `why` are the sensors with the
    largest share, largest first.
    """
    after = read_cursor(cursor, str, int) if cursor else ("", 0)
    found = pull.pull_predictions(
        open_parts(request).database, plant_of(who, plant), asset or (), *span_of(since, until), after, limit
    )
    rows = [
        {"asset": one.asset, "time": stored.to_time(one.time_us).isoformat(), "model": one.model, "reason": one.reason}
        | {name: one.outputs.get(name) for name in _OUTPUTS}
        | {"why": one.why}
        for one in found
    ]
    following = write_cursor(found[-1].asset, found[-1].time_us) if len(found) == limit else ""
    columns = ("asset", "time", "model", "reason", *_OUTPUTS, "why")
    return _answer(request, rows, rows, columns, format, if_none_match, following)


@router.get("/assets/{asset}/predictions")
def get_predictions(
    request: Request, asset: AssetName, who: Reader, since: datetime, until: datetime, plant: PlantName = ""
) -> dict[str, Any]:
    """Return an asset's predictions between two times, at most a month apart; null where it was not scored."""
    span = span_of(since, until)
    found = stored.read_predictions(open_parts(request).database, plant_of(who, plant), asset, *span)
    return {
        "time": [stored.to_time(time_us).isoformat() for time_us in found.times_us.tolist()],
        "reason": [stored.reason_name(code) for code in found.reasons.tolist()],
        "model": found.models,
        "outputs": {name: _listed(column) for name, column in found.outputs.items()},
        "why": {name: _listed(column) for name, column in found.why.items()},
    }


@router.get("/assets/{asset}/readings")
def get_readings(
    request: Request, asset: AssetName, who: Reader, since: datetime, until: datetime, plant: PlantName = ""
) -> dict[str, Any]:
    """Return an asset's readings between two times, at most a month apart, with the quality code of each."""
    found = stored.read_readings(open_parts(request).database, plant_of(who, plant), asset, *span_of(since, until))
    return {
        "time": [stored.to_time(time_us).isoformat() for time_us in found.times_us.tolist()],
        "values": {tag: _listed(found.values[:, place]) for place, tag in enumerate(found.tags)},
        "quality": {tag: found.quality[:, place].tolist() for place, tag in enumerate(found.tags)},
    }


@router.get("/alerts", responses=_PULLED)
def list_alerts(
    request: Request,
    who: Reader,
    plant: PlantName = "",
    state: Annotated[
        str, Query(pattern="^(unacknowledged|acknowledged|returned|shelved|out_of_service|closed)?$")
    ] = "",
    asset: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = "",
    format: Format = "",
    if_none_match: IfNoneMatch = "",
) -> Response:
    """List the plant's alerts, newest first, with their reasons in words; those in any state when none is named.

    Only people acknowledge and shelve, on the pages.
    """
    language = language_of(request)
    found = book.find_alerts(
        open_parts(request).database,
        plant_of(who, plant),
        states=(state,) if state else (),
        asset=asset,
        limit=limit,
        before=read_cursor(cursor, int, int) if cursor else None,
    )
    rows = [_alert(one, language) for one in found]
    following = write_cursor(found[-1].raised_us, found[-1].id) if len(found) == limit else ""
    columns = (
        *("id", "asset", "cause", "state", "severity", "is_active", "since", "raised", "count", "model", "actor"),
        *("why", "until", "outputs", "reasons"),
    )
    return _answer(request, rows, rows, columns, format, if_none_match, following)


@router.get("/drift", responses=_PULLED)
def list_drift(
    request: Request, who: Reader, plant: PlantName = "", format: Format = "", if_none_match: IfNoneMatch = ""
) -> Response:
    """List how far sensors and outputs are from those that the model learned from, furthest first; looked at hourly.

    `psi` is the population stability index that both of the newest days reach, `psi_limit` the most that is usual,
    `is_moved` whether it is above that; `low` and `high` are 5 % and 95 % of what was learned from. An empty asset is
    all of them together.
    """
    rows = [
        {
            "asset": one.asset, "kind": one.kind, "name": one.name, "is_moved": one.is_moved, "psi": one.psi,
            "psi_limit": one.psi_limit, "ks": one.ks, "median": one.median, "low": one.low, "high": one.high,
            "rows": one.num_rows, "since": stored.to_time(one.from_us).isoformat(),
            "until": stored.to_time(one.to_us).isoformat(), "model": one.model,
        }
        for one in find_drift(open_parts(request).database, plant_of(who, plant))
    ]  # fmt: skip
    columns = (
        *("asset", "kind", "name", "is_moved", "psi", "psi_limit", "ks", "median", "low", "high", "rows"),
        *("since", "until", "model"),
    )
    return _answer(request, rows, rows, columns, format, if_none_match)


def _alert(one: book.Alert, language: str) -> dict[str, Any]:
    return {
        "id": one.id, "asset": one.asset, "cause": one.cause, "state": one.state, "severity": one.severity,
        "is_active": one.is_active, "since": stored.to_time(one.since_us).isoformat(),
        "raised": stored.to_time(one.raised_us).isoformat(), "count": one.count, "model": one.model,
        "actor": one.actor, "why": one.why, "until": one.until.isoformat() if one.until else None,
        "outputs": dict(one.finding.outputs),
        "reasons": sentences(one.finding, language, asset=one.asset),
    }  # fmt: skip


def _answer(
    request: Request,
    told: Any,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    asked: str,
    if_none_match: str,
    following: str = "",
) -> Response:
    """Return what is told as JSON, or rows as CSV; `304` if the reader has it; the address of the next page."""
    is_csv = asked == "csv" or (not asked and request.headers.get("accept", "").startswith(_CSV))
    body = to_csv(rows, columns) if is_csv else to_json(told)
    headers = {"ETag": etag_of(body), "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Language"}
    if following:
        headers["Link"] = f'<?{request.url.include_query_params(cursor=following).query}>; rel="next"'  # same path
    if is_same(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=f"{_CSV}; charset=utf-8" if is_csv else "application/json")


def _listed(column: np.ndarray) -> list[float | None]:
    return [None if value != value else value for value in column.tolist()]
