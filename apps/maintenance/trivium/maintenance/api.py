"""The maintenance app's API for plants: batches in, what became of them, dead letters, the registry.

What comes out (assets, predictions, alerts, drift) is in `results_api.py`.

    curl -H "Authorization: Bearer $KEY" -H "Content-Type: text/csv" --data-binary @rows.csv http://HOST/v1/batches

A key is for one plant; a person with the role `engineer` names the plant with `?plant=`. Every answer is JSON; an error
is `{"error": "what, where, what to do", "code": "invalid"}`, whose code stays as it is.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from trivium.maintenance import results_api
from trivium.maintenance.api_parts import (
    AssetName,
    BatchId,
    Ingest,
    PlantName,
    Reader,
    Registrar,
    aware,
    open_parts,
    plant_of,
)
from trivium.maintenance.ingest import dead_letters, gateways, ledger
from trivium.maintenance.ingest.envelope import MAX_BODY_BYTES, decompress
from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.registry import write_registry
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.maintenance.retiring import retire_asset
from trivium.service.disk import require_space
from trivium.service.errors import InputError

__all__ = ["router"]

router = APIRouter()
router.include_router(results_api.router)

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
            plant_of(who, plant),
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
            plant_of(who, plant),
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
    return ledger.find_batches(open_parts(request).database, plant_of(who, plant), state=state, limit=limit)


@router.get("/batches/{batch_id}")
def get_batch(
    request: Request, batch_id: BatchId, who: Reader, plant: PlantName = "", rows: bool = False
) -> dict[str, Any]:
    """Tell what became of a batch; with `rows=true` the verdict of each row."""
    return ledger.find_batch(open_parts(request).database, plant_of(who, plant), batch_id, with_rows=rows)


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
        open_parts(request).database, plant_of(who, plant), since=aware(since), until=aware(until), limit=limit
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
        parts.database, parts.streams, plant_of(who, plant), ids=ids or (), since=aware(since), until=aware(until)
    )
    return {"replayed": count}


@router.get("/gateways")
def list_gateways(request: Request, who: Reader, plant: PlantName = "") -> list[dict[str, Any]]:
    """List the plant's gateways: when they were last heard, and how far their clocks are from ours."""
    return gateways.list_gateways(open_parts(request).database, plant_of(who, plant))


@router.get("/lag")
def lag(request: Request, who: Reader, plant: PlantName = "") -> dict[str, Any]:
    """Tell how many entries wait in each of the plant's streams, and the age of the oldest in seconds."""
    streams, name = open_parts(request).streams, plant_of(who, plant)
    lengths = {shard: length for shard, length in streams.lengths().items() if shard.split("/", 2)[2] == name}
    oldest = max((streams.lag_s(shard) for shard, length in lengths.items() if length), default=0.0)
    return {"entries": lengths, "oldest_s": round(oldest, 3)}


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
    return await run_in_threadpool(lambda: _import(request, plant_of(who, plant), body, zone, is_preview=preview))


@router.delete("/assets/{asset}")
def retire(
    request: Request,
    asset: AssetName,
    who: Registrar,
    plant: PlantName = "",
    why: Annotated[str, Query(max_length=1000, description="Kept in the audit log.")] = "",
) -> dict[str, Any]:
    """Take nothing in for an asset any more. Its history stays and is answered as before; open alerts are closed.

    Rows that come for it later are `unknown_sensor`. Its tags, sent to `POST /v1/registry` again, bring it back.
    """
    name = plant_of(who, plant)
    closed = retire_asset(request.app.state.runtime.audit, name, asset, actor=who.id, why=why)
    open_parts(request).registries.forget(name)
    return {"plant": name, "asset": asset, "alerts_closed": closed}


def _import(request: Request, plant: str, body: bytes, zone: str | None, *, is_preview: bool) -> dict[str, Any]:
    content = decompress(body, request.headers.get("content-encoding", ""))
    found = read_registry_csv(content)
    if not is_preview:
        write_registry(open_parts(request).database, plant, found.assets, zone=zone)
        open_parts(request).registries.forget(plant)
    return {
        "plant": plant,
        "assets": len(found.assets),
        "tags": sum(len(asset.tags) for asset in found.assets),
        "unknown_units": found.unknown_units,
        "is_preview": is_preview,
        "first": found.first(),
    }


async def _body(request: Request) -> bytes:
    """Return the body; one that grows too large is refused while it comes in."""
    whole = bytearray()
    async for piece in request.stream():
        whole += piece
        if len(whole) > MAX_BODY_BYTES:
            raise InputError("the body is too large", where="body", hint="send smaller batches")
    return bytes(whole)
