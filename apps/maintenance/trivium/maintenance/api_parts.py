"""What the routes of the API share: who asks, for which plant, between which times, and what they work with."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path, Query, Request

from trivium.maintenance.ingest.door import Door
from trivium.maintenance.ingest.ledger import NoteTaker
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.sweep import waker
from trivium.maintenance.registry import Registries
from trivium.maintenance.stream import Limits, Streams
from trivium.service.errors import InputError
from trivium.service.permission import needs
from trivium.service.phrase import Phrase
from trivium.service.roles import Principal
from trivium.service.runtime import Runtime

__all__ = ["AssetName", "BatchId", "Ingest", "Parts", "PlantName", "Reader", "Registrar", "aware", "open_parts"]
__all__ += ["plant_of", "span_of"]

_PLANT_PREFIX = "plant:"
_opening = threading.Lock()
_LONGEST = timedelta(days=31)
Ingest = Annotated[Principal, needs("maintenance.ingest")]
Reader = Annotated[Principal, needs("maintenance.ingest", "maintenance.read")]
Registrar = Annotated[Principal, needs("maintenance.registry")]
PlantName = Annotated[str, Query(max_length=120, description="Plant, for people; a key is for one plant already.")]
BatchId = Annotated[str, Path(max_length=200)]
AssetName = Annotated[str, Path(max_length=200)]


class Parts:
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


def open_parts(request: Request) -> Parts:
    """Return the parts of this server; made at the first request, when the broker is there."""
    state = request.app.state
    with _opening:
        if not hasattr(state, "maintenance_parts"):
            state.maintenance_parts = Parts(state.runtime)
    found: Parts = state.maintenance_parts
    return found


def plant_of(who: Principal, asked: str) -> str:
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
        raise InputError(Phrase("this key is for {plant}", plant=own), where="plant")
    return own


def aware(moment: datetime | None) -> datetime | None:
    """Return the time, if it has an offset or is none."""
    if moment is not None and moment.tzinfo is None:
        raise InputError(
            Phrase("{time} has no offset", time=moment.isoformat()), where="time", hint="as in 2026-03-01T12:00:00Z"
        )
    return moment


def span_of(since: datetime, until: datetime) -> tuple[int, int]:
    """Return two times as microseconds, in order and not too far apart.

    Raises:
        InputError: if they are not.
    """
    aware(since), aware(until)
    if not timedelta(0) <= until - since <= _LONGEST:
        raise InputError("are not in order, or more than 31 days apart", where="since, until")
    return to_us(since), to_us(until)
