"""The door: from the bytes of a batch to an answer that is only `accepted` once the batch is in the log.

    decompress -> read -> judge -> one Lua call -> answer

The same batch id with the same content gets the same answer, whenever it comes again; with other content it is refused.
What the door refuses it has not kept, and says why in one line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from trivium.maintenance.ingest import ledger, verdicts
from trivium.maintenance.ingest.assess import Assessment, assess
from trivium.maintenance.ingest.codec import AssetRows, pack
from trivium.maintenance.ingest.envelope import decompress, format_of
from trivium.maintenance.ingest.formats import Options, Sheet, read_sheet
from trivium.maintenance.ingest.ledger import Note, NoteTaker, batch_key
from trivium.maintenance.ingest.moments import find_zone, to_us
from trivium.maintenance.registry import Registries, Registry
from trivium.maintenance.stream import HISTORY, LIVE, Admission, Limits, Outcome, Streams, shard_of
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError
from trivium.service.refusal import CODES

__all__ = ["FUTURE_TOLERANCE", "Answer", "Door"]

FUTURE_TOLERANCE = timedelta(minutes=5)
_MOST_ID = 200
_NO_LIMIT_S = 1e9
# Puts a message for the drainer of a shard on the road; a broker that is away is the sweeper's business.
Wake = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told.

    Args:
        status: 202 new or sent again, 409 other content under this id, 429 try again after `retry_s`.
        body: JSON.
    """

    status: int
    body: dict[str, Any]
    retry_s: float = 0.0


class Door:
    """Takes batches in. Threads may share it.

    Args:
        wake: called with each shard that nobody is on the way to.
        limits: of the deployment.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        streams: Streams,
        registries: Registries,
        notes: NoteTaker,
        *,
        wake: Wake,
        limits: Limits,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._streams = streams
        self._registries = registries
        self._notes = notes
        self._wake = wake
        self._limits = limits
        self._now = now

    def take(
        self,
        plant: str,
        body: bytes,
        *,
        content_type: str = "",
        encoding: str = "",
        options: Options | None = None,
        lane: str = LIVE,
    ) -> Answer:
        """Take one batch in.

        Args:
            plant: that the sender's key is for.
            body: as it came.
            lane: `live`, or `history` for what raises no alert and waits for everything else.

        Raises:
            InputError: if the batch as a whole cannot be used; nothing of it was kept.
            UpstreamError: if broker or database cannot be used; nothing of it was kept, or it was not acknowledged.
        """
        content = decompress(body, encoding)
        received_at = self._now()
        registry = self._registries.of(plant)
        sheet, given = self._read(content, content_type, options or Options(), registry, received_at, lane)
        digest = _digest(content, given)
        batch_id = given.batch_id or f"sha256-{digest[:32]}"
        if len(batch_id) > _MOST_ID or not batch_id.isprintable():
            raise InputError("is no usable id", where="batch_id", hint=f"use up to {_MOST_ID} printable characters")
        known = self._known(plant, batch_id, digest)
        if known is not None:
            return known
        latest_us = to_us(received_at + FUTURE_TOLERANCE)
        found = assess(sheet, registry, given, latest_us=latest_us)
        note = _note(plant, batch_id, digest, lane, given, received_at, sheet, found)
        return self._admit(note, found, registry)

    def preview(
        self, plant: str, body: bytes, *, content_type: str = "", encoding: str = "", options: Options | None = None
    ) -> dict[str, Any]:
        """Say what would become of the first hundred rows of a batch; nothing is kept."""
        received_at = self._now()
        registry = self._registries.of(plant)
        content = decompress(body, encoding)
        sheet, given = self._read(content, content_type, options or Options(), registry, received_at, LIVE)
        found = assess(sheet, registry, given, latest_us=to_us(received_at + FUTURE_TOLERANCE))
        return {
            "rows": sheet.num_rows,
            "verdicts": verdicts.counts_of(found.verdicts),
            "issues": found.issues,
            "readings": _first_readings(found.blocks, registry, 100),
        }

    def _read(
        self, content: bytes, content_type: str, options: Options, registry: Registry, arrival: datetime, lane: str
    ) -> tuple[Sheet, Options]:
        def zone_of(name: str) -> tzinfo | None:
            return find_zone(name or registry.zone)

        format_ = format_of(content_type, content)
        return read_sheet(content, format_, options, zone_of, arrival=arrival if lane == LIVE else None)

    def _known(self, plant: str, batch_id: str, digest: str) -> Answer | None:
        """Answer a batch that the ledger knows: the broker may have forgotten it."""
        known = ledger.known_batch(self._database, plant, batch_id)
        if known is None:
            return None
        body_sha256, state, answer = known
        if body_sha256 != digest:
            return _conflict(batch_id)
        if state == ledger.LOST:
            self._streams.forget(plant, batch_id)
            return None
        return Answer(202, answer)

    def _admit(self, note: Note, found: Assessment, registry: Registry) -> Answer:
        parts = _parts(note, found.blocks)
        note = replace(note, num_parts=len(parts))
        limits = replace(self._limits, rows_per_s=registry.rows_per_s or self._limits.rows_per_s)
        if note.lane == HISTORY:
            limits = replace(limits, rows_per_s=0, lag_s=_NO_LIMIT_S)
        payloads = [
            (shard, pack(_meta(note, with_note=number == 0), blocks)) for number, (shard, blocks) in enumerate(parts)
        ]
        outcome = self._streams.admit(
            Admission(
                note.plant,
                note.batch_id,
                note.body_sha256,
                json.dumps(note.answer),
                note.num_rows,
                note.lane,
                payloads,
            ),
            limits,
        )
        if outcome.kind == "new":
            self._notes.take(replace(note, entries=outcome.entries))
            for shard in outcome.wake:
                self._wake(shard)
        return _answer(note, outcome)


def _answer(note: Note, outcome: Outcome) -> Answer:
    if outcome.kind == "new":
        return Answer(202, dict(note.answer))
    if outcome.kind == "same":
        return Answer(202, json.loads(outcome.answer))
    if outcome.kind == "conflict":
        return _conflict(note.batch_id)
    why = "sends more rows than its quota" if outcome.kind == "quota" else "has too much waiting to be stored"
    seconds = max(outcome.retry_s, 0.1)
    text = f"{note.plant}: {why}; send the batch again after {seconds:.1f} s"
    return Answer(429, {"error": text, "code": CODES[429], "batch_id": note.batch_id}, seconds)


def _conflict(batch_id: str) -> Answer:
    text = f"{batch_id}: another batch came under this id; give each batch an id of its own"
    return Answer(409, {"error": text, "code": CODES[409], "batch_id": batch_id})


def _digest(content: bytes, options: Options) -> str:
    """Return the hash of a batch: its bytes, and what was said beside them that changes their meaning."""
    said = [options.gateway, options.zone, options.time_format, options.decimal, options.quality, options.asset]
    extra = json.dumps([said, sorted(options.units.items())]).encode()
    return hashlib.sha256(hashlib.sha256(content).digest() + extra).hexdigest()


def _note(
    plant: str,
    batch_id: str,
    digest: str,
    lane: str,
    options: Options,
    received_at: datetime,
    sheet: Sheet,
    found: Assessment,
) -> Note:
    answer = {
        "batch_id": batch_id,
        "state": ledger.ACCEPTED,
        "is_final": False,
        "rows": sheet.num_rows,
        "verdicts": verdicts.counts_of(found.verdicts),
        "issues": found.issues,
        "received_at": received_at.isoformat(),
        "ambiguous_times": sheet.moments.num_ambiguous,
        "skipped_times": sheet.moments.num_skipped,
    }
    skew_s = (int(sheet.moments.us.max()) - to_us(received_at)) / 1e6
    return Note(
        plant, batch_id, digest, lane, options.gateway[:120], received_at, sheet.num_rows, 1, answer,
        verdicts.pack_verdicts(found.verdicts), skew_s=skew_s,
    )  # fmt: skip


def _parts(note: Note, blocks: Sequence[AssetRows]) -> list[tuple[str, list[AssetRows]]]:
    """Sort blocks into shards; a batch of which nothing is stored goes through one, too, for the ledger's sake."""
    parts: dict[str, list[AssetRows]] = {}
    for block in blocks:
        parts.setdefault(shard_of(note.plant, block.asset, note.lane), []).append(block)
    return list(parts.items()) or [(shard_of(note.plant, note.batch_id, note.lane), [])]


def _meta(note: Note, *, with_note: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {"key": batch_key(note.plant, note.batch_id), "batch_id": note.batch_id}
    return meta | ({"note": note.to_json()} if with_note else {})


def _first_readings(blocks: Sequence[AssetRows], registry: Registry, most: int) -> list[dict[str, Any]]:
    """Return the first readings as they would be stored, in the registry's units."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        tags = registry.assets[block.asset].by_name
        for line, time_us in enumerate(block.times_us.tolist()):
            values = {
                name: {"value": None if value != value else value, "unit": tags[name].unit, "quality": int(mark)}
                for name, value, mark in zip(
                    block.tags, block.values[line].tolist(), block.quality[line].tolist(), strict=True
                )
                if mark != 255
            }
            moment = datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(microseconds=time_us)
            found.append({"asset": block.asset, "time": moment.isoformat(), "values": values})
            if len(found) == most:
                return found
    return found
