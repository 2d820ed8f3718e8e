"""The maintenance app's API for plants: batches in, what became of them, dead letters, the registry.

    curl -H "Authorization: Bearer $KEY" -H "Content-Type: text/csv" --data-binary @rows.csv http://HOST/v1/batches

A key is for one plant; a person with the role `engineer` names the plant with `?plant=`. Every answer is JSON; an error
is `{"error": "what, where, what to do"}`.
"""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.ingest import dead_letters, gateways, ledger, stored
from trivium.maintenance.ingest.door import Door
from trivium.maintenance.ingest.envelope import MAX_BODY_BYTES, decompress
from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.ingest.ledger import NoteTaker
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.sweep import waker
from trivium.maintenance.registry import Registries, write_registry
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.maintenance.stream import Limits, Streams
from trivium.service.disk import require_space
from trivium.service.errors import InputError
from trivium.service.permission import needs
from trivium.service.roles import Principal
from trivium.service.runtime import Runtime
from trivium.service.visitor import language_of

__all__ = ["open_parts", "router"]

router = APIRouter()

_PLANT_PREFIX = "plant:"
_opening = threading.Lock()
_LONGEST = timedelta(days=31)
Ingest = Annotated[Principal, needs("maintenance.ingest")]
Reader = Annotated[Principal, needs("maintenance.ingest", "maintenance.read")]
Registrar = Annotated[Principal, needs("maintenance.registry")]
PlantName = Annotated[str, Query(max_length=120, description="Plant, for people; a key is for one plant already.")]
BatchId = Annotated[str, Path(max_length=200)]
AssetName = Annotated[str, Path(max_length=200)]
_CSV = "asset,time,speed [rpm],temp\\nP-101,2026-03-01T12:00:00Z,2950,71.2\\n"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "example": {
                    "batch_id": "line-3-000017",
                    "gateway": "edge-3",
                    "units": {"temp": "degF"},
                    "rows": [{"asset": "P-101", "time": "2026-03-01T12:00:00Z", "speed": 2950, "temp": 160.2}],
                }
            },
            "application/x-ndjson": {
                "example": '{"tag": "PI-1023", "time": 1772366400, "value": "7,8", "quality": 192}'
            },
            "text/csv": {"example": _CSV},
            "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Durable; kill -9 loses nothing. A loss of power may cost about a second, unless "
        "TRIVIUM_INGEST_DURABILITY is `always`. Sent again, the batch gets the same answer."
    },
    400: {"description": "The batch as a whole cannot be used; nothing of it was kept."},
    409: {"description": "Another batch came under this id."},
    413: {"description": "The body is too large."},
    429: {"description": "Quota or backlog; `Retry-After` says when to send it again. Nothing of it was kept."},
    507: {"description": "The server's disk is full; nothing of it was kept."},
    503: {"description": "Broker or database are away; send it again. Nothing was acknowledged."},
}


class _Parts:
    """What the API works with, opened once for a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self.database = runtime.database
        self.registries = Registries(runtime.database)
        self.streams = Streams.open(settings)
        self.notes = NoteTaker(runtime.database)
        limits = Limits(settings.ingest_rows_per_s, settings.ingest_backlog_mib * 1024 * 1024)
        self.door = Door(
            self.database, self.streams, self.registries, self.notes, wake=waker(settings), limits=limits
        )  # fmt: skip


@router.post("/batches", status_code=202, openapi_extra=_BODY, responses=_RESPONSES)
async def post_batch(
    request: Request,
    who: Ingest,
    plant: PlantName = "",
    idempotency_key: Annotated[
        str, Header(max_length=200, description="Id of the batch; else the one in a JSON body.")
    ] = "",
    x_gateway: Annotated[str, Header(max_length=120, description="Which gateway sends; its clock is watched.")] = "",
    zone: Annotated[str, Query(max_length=64, description="IANA zone of times without an offset.")] = "",
    time_format: Annotated[str, Query(max_length=64, description="As for strptime.")] = "",
    decimal: Annotated[str, Query(max_length=1, description="Decimal sign: , or .")] = "",
    quality: Annotated[str, Query(max_length=8, description="Codes of the quality column: opc-ua or opc-da.")] = "",
    asset: Annotated[str, Query(max_length=200, description="Asset of all rows, when no column says so.")] = "",
) -> Response:
    """Take in a batch of 1 to 10,000 rows, wide or narrow, as JSON, NDJSON, CSV or Arrow IPC, plain, gzip or zstd.

    `202` once it is durable. Counts of the eight verdicts add up to the rows sent; rows that are `accepted` here may
    still turn out `late` or `duplicate`, see `GET /v1/batches/{batch_id}`.
    """
    require_space(request.app.state.runtime.settings.home)
    options = Options(idempotency_key, x_gateway, zone, time_format, decimal, quality, asset)
    body = await _body(request)
    answer = await run_in_threadpool(
        lambda: open_parts(request).door.take(
            _plant(who, plant),
            body,
            content_type=request.headers.get("content-type", ""),
            encoding=request.headers.get("content-encoding", ""),
            options=options,
        )
    )
    headers = {"Retry-After": str(math.ceil(answer.retry_s))} if answer.retry_s else None
    return JSONResponse(answer.body, answer.status, headers=headers)


@router.post("/batches/preview", openapi_extra=_BODY)
async def preview_batch(
    request: Request,
    who: Ingest,
    plant: PlantName = "",
    zone: Annotated[str, Query(max_length=64)] = "",
    time_format: Annotated[str, Query(max_length=64)] = "",
    decimal: Annotated[str, Query(max_length=1)] = "",
    quality: Annotated[str, Query(max_length=8)] = "",
    asset: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Say what would become of a batch: verdicts, and the first 100 rows as they would be stored. Nothing is kept."""
    options = Options("", "", zone, time_format, decimal, quality, asset)
    body = await _body(request)
    return await run_in_threadpool(
        lambda: open_parts(request).door.preview(
            _plant(who, plant),
            body,
            content_type=request.headers.get("content-type", ""),
            encoding=request.headers.get("content-encoding", ""),
            options=options,
        )
    )


@router.get("/batches")
def list_batches(
    request: Request,
    who: Reader,
    plant: PlantName = "",
    state: Annotated[str, Query(pattern="^(accepted|done|dead|lost)?$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List the plant's batches, newest first; `state=lost` are those that were acknowledged and are gone."""
    return ledger.find_batches(open_parts(request).database, _plant(who, plant), state=state, limit=limit)


@router.get("/batches/{batch_id}")
def get_batch(
    request: Request, batch_id: BatchId, who: Reader, plant: PlantName = "", rows: bool = False
) -> dict[str, Any]:
    """Tell what became of a batch; with `rows=true` the verdict of each row."""
    return ledger.find_batch(open_parts(request).database, _plant(who, plant), batch_id, with_rows=rows)


@router.get("/dead-letters")
def list_dead_letters(
    request: Request,
    who: Reader,
    plant: PlantName = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List parts of batches that could not be worked off, with the reason."""
    return dead_letters.list_dead(
        open_parts(request).database, _plant(who, plant), since=_aware(since), until=_aware(until), limit=limit
    )


@router.post("/dead-letters/replay")
def replay_dead_letters(
    request: Request,
    who: Registrar,
    plant: PlantName = "",
    ids: Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]] | None, Body(max_length=1000)] = None,
    since: Annotated[datetime | None, Body()] = None,
    until: Annotated[datetime | None, Body()] = None,
) -> dict[str, int]:
    """Work dead letters off again, by id or by the time at which they failed."""
    parts = open_parts(request)
    count = dead_letters.replay(
        parts.database, parts.streams, _plant(who, plant), ids=ids or (), since=_aware(since), until=_aware(until)
    )
    return {"replayed": count}


@router.get("/gateways")
def list_gateways(request: Request, who: Reader, plant: PlantName = "") -> list[dict[str, Any]]:
    """List the plant's gateways: when they were last heard, and how far their clocks are from ours."""
    return gateways.list_gateways(open_parts(request).database, _plant(who, plant))


@router.get("/lag")
def lag(request: Request, who: Reader, plant: PlantName = "") -> dict[str, Any]:
    """Tell how many entries wait in each of the plant's streams, and the age of the oldest in seconds."""
    streams, name = open_parts(request).streams, _plant(who, plant)
    lengths = {shard: length for shard, length in streams.lengths().items() if shard.split("/", 2)[2] == name}
    oldest = max((streams.lag_s(shard) for shard, length in lengths.items() if length), default=0.0)
    return {"entries": lengths, "oldest_s": round(oldest, 3)}


@router.get("/assets")
def list_assets(request: Request, who: Reader, plant: PlantName = "") -> list[dict[str, Any]]:
    """Tell where each of the plant's assets stands: newest reading, newest prediction, what stands out in it."""
    return stored.read_fleet(open_parts(request).database, _plant(who, plant))


@router.get("/assets/{asset}/predictions")
def get_predictions(
    request: Request, asset: AssetName, who: Reader, since: datetime, until: datetime, plant: PlantName = ""
) -> dict[str, Any]:
    """Return an asset's predictions between two times, at most a month apart; null where it was not scored."""
    span = _span(since, until)
    found = stored.read_predictions(open_parts(request).database, _plant(who, plant), asset, *span)
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
    found = stored.read_readings(open_parts(request).database, _plant(who, plant), asset, *_span(since, until))
    return {
        "time": [stored.to_time(time_us).isoformat() for time_us in found.times_us.tolist()],
        "values": {tag: _listed(found.values[:, place]) for place, tag in enumerate(found.tags)},
        "quality": {tag: found.quality[:, place].tolist() for place, tag in enumerate(found.tags)},
    }


@router.get("/alerts")
def list_alerts(
    request: Request,
    who: Reader,
    plant: PlantName = "",
    state: Annotated[
        str, Query(pattern="^(unacknowledged|acknowledged|returned|shelved|out_of_service|closed)?$")
    ] = "",
    asset: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List the plant's alerts, newest first, with their reasons in words; those in any state when none is named.

    Only people acknowledge and shelve, on the pages.
    """
    language = language_of(request)
    states = (state,) if state else ()
    return [
        {
            "id": one.id, "asset": one.asset, "cause": one.cause, "state": one.state, "severity": one.severity,
            "is_active": one.is_active, "since": stored.to_time(one.since_us).isoformat(),
            "raised": stored.to_time(one.raised_us).isoformat(), "count": one.count, "model": one.model,
            "actor": one.actor, "why": one.why, "until": one.until.isoformat() if one.until else None,
            "outputs": dict(one.finding.outputs),
            "reasons": sentences(one.finding, language, asset=one.asset),
        }
        for one in book.find_alerts(
            open_parts(request).database, _plant(who, plant), states=states, asset=asset, limit=limit
        )
    ]  # fmt: skip


@router.post("/registry")
async def post_registry(
    request: Request,
    who: Registrar,
    plant: PlantName = "",
    zone: Annotated[str | None, Query(max_length=64)] = None,
    preview: bool = False,
) -> dict[str, Any]:
    """Add or replace assets and tags from a CSV: tag, asset, description, unit, low, high, rate, deadband.

    With `preview=true` nothing is kept. The answer shows the first 100 tags as they were understood.
    """
    body = await _body(request)
    return await run_in_threadpool(lambda: _import(request, _plant(who, plant), body, zone, is_preview=preview))


def _import(request: Request, plant: str, body: bytes, zone: str | None, *, is_preview: bool) -> dict[str, Any]:
    content = decompress(body, request.headers.get("content-encoding", ""))
    found = read_registry_csv(content)
    if not is_preview:
        write_registry(open_parts(request).database, plant, found.assets, zone=zone)
    return {
        "plant": plant,
        "assets": len(found.assets),
        "tags": sum(len(asset.tags) for asset in found.assets),
        "unknown_units": found.unknown_units,
        "is_preview": is_preview,
        "first": found.first(),
    }


def open_parts(request: Request) -> _Parts:
    """Return the parts of this server; made at the first request, when the broker is there."""
    state = request.app.state
    with _opening:
        if not hasattr(state, "maintenance_parts"):
            state.maintenance_parts = _Parts(state.runtime)
    found: _Parts = state.maintenance_parts
    return found


def _plant(who: Principal, asked: str) -> str:
    """Return the plant that a request is about.

    Raises:
        InputError: if a person names none, or a key another plant than its own.
    """
    if who.is_person:
        if not asked:
            raise InputError("names no plant", where="plant", hint="add ?plant=NAME")
        return asked
    own = who.id.removeprefix(_PLANT_PREFIX)
    if asked not in ("", own):
        raise InputError(f"this key is for {own}", where="plant")
    return own


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise InputError(f"{moment.isoformat()} has no offset", where="time", hint="as in 2026-03-01T12:00:00Z")
    return moment


def _span(since: datetime, until: datetime) -> tuple[int, int]:
    """Return two times as microseconds, in order and not too far apart.

    Raises:
        InputError: if they are not.
    """
    _aware(since), _aware(until)
    if not since <= until <= since + _LONGEST:
        raise InputError("are not in order, or more than 31 days apart", where="since, until")
    return to_us(since), to_us(until)


def _listed(column: np.ndarray) -> list[float | None]:
    return [None if value != value else value for value in column.tolist()]


async def _body(request: Request) -> bytes:
    """Return the body; one that grows too large is refused while it comes in."""
    whole = bytearray()
    async for piece in request.stream():
        whole += piece
        if len(whole) > MAX_BODY_BYTES:
            raise InputError("the body is too large", where="body", hint="send smaller batches")
    return bytes(whole)
