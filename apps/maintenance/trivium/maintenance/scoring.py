"""The maintenance app's second door: drain a shard of the stream, and score what is in it.

    parse (unpack) -> merge -> hold -> one model call -> one transaction -> acknowledge

One transaction holds readings, verdicts, predictions, alerts and the state of each asset, under the fence of whoever
drains the shard; only then are entries acknowledged. An entry that comes again is known by its batch and its shard, so
that nothing happens twice. An entry that cannot be read, or that ended three drainers, becomes a dead letter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Connection, insert, select

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.watch import watch_all
from trivium.maintenance.ingest import leases, ledger, shadow, verdicts
from trivium.maintenance.ingest.advance import Advanced, advance
from trivium.maintenance.ingest.codec import AssetRows, pack_block, span_of, unpack
from trivium.maintenance.ingest.dead_letters import bury
from trivium.maintenance.ingest.frames import Reason
from trivium.maintenance.ingest.predict import predict_all
from trivium.maintenance.ingest.state import NEVER_US, AssetState, load_states, save_states
from trivium.maintenance.registry import Registries, Registry
from trivium.maintenance.scorer import Family, Scorer, Scores, scorer_for
from trivium.maintenance.stream import HISTORY, LIVE, Entry, Streams
from trivium.service.database import Database, utc_now
from trivium.service.errors import TriviumError, UpstreamError
from trivium.service.phrase import Phrase, text_of

__all__ = ["Drainer", "Scorer", "Scores"]

log = structlog.get_logger(__name__)

_MOST_DELIVERIES = 3
_MOST_ENTRIES = 256
_MOST_BYTES = 8 * 1024 * 1024  # unpacked at a time
_MOST_CACHED = 5_000  # states of assets
_TOP = 5  # sensors that the newest prediction names


@dataclass
class _Part:
    """One entry, unpacked."""

    entry: Entry
    key: str
    note: dict[str, Any] | None
    blocks: list[AssetRows]


class Drainer:
    """Drains shards, one at a time. One for each process.

    Args:
        scorer_of: gives the scorer of a plant's active model; None when it has none.
        holder: name of this process.
        shadow_of: gives the scorer of the model that scores beside it.
        webhooks: addresses that are told of alerts.
    """

    def __init__(
        self,
        database: Database,
        streams: Streams,
        registries: Registries,
        *,
        scorer_of: Callable[[Registry], Scorer | Family | None],
        holder: str,
        shadow_of: Callable[[Registry], Scorer | Family | None] = lambda registry: None,
        webhooks: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._streams = streams
        self._registries = registries
        self._scorer_of = scorer_of
        self._shadow_of = shadow_of
        self._holder = holder
        self._webhooks = webhooks
        self._cache: dict[str, dict[str, AssetState]] = {}
        self._take = 16

    def drain(self, shard: str, *, budget_s: float = 1.0) -> bool:
        """Drain a shard, live readings before history, until it is empty or the time is over.

        Args:
            shard: `0/north`, without its lane.

        Returns:
            Whether something is left and nobody else is at it.

        Raises:
            UpstreamError: if broker or database cannot be used; what was not acknowledged comes again.
        """
        lease = leases.claim(self._database, shard, self._holder)
        if lease is None:
            return False
        ends_at = time.monotonic() + budget_s
        live = f"{LIVE}/{shard}"
        try:
            with leases.renewing(self._database, lease, lambda: self._streams.stay_awake(live)):
                while time.monotonic() < ends_at:
                    if not any(self._step(f"{lane}/{shard}", lease) for lane in (LIVE, HISTORY)):
                        break
        except leases.LeaseLostError:
            log.warning("shard.lease_lost", shard=shard)
            return False
        finally:
            leases.release(self._database, lease)
        is_empty = [self._streams.rest(f"{lane}/{shard}") for lane in (LIVE, HISTORY)]  # both: each has its mark
        return not all(is_empty)

    def _step(self, stream: str, lease: leases.Lease) -> bool:
        """Work off some entries of one stream; return whether there were any."""
        left = self._streams.left_over(stream)
        if left is not None and left.deliveries > _MOST_DELIVERIES:
            self._bury(stream, lease, left, Phrase("its drainer ended {count} times", count=left.deliveries - 1))
            return True
        entries = [left] if left is not None else self._streams.take(stream, self._take)
        if not entries:
            return False
        self._streams.stay_awake(stream)
        if left is None:
            size = sum(len(entry.payload) for entry in entries)
            self._take = max(1, min(_MOST_ENTRIES, _MOST_BYTES * len(entries) // max(size, 1)))
        parts = [part for entry in entries if (part := self._unpack(stream, lease, entry)) is not None]
        try:
            self._work(stream, lease, parts)
        except (UpstreamError, leases.LeaseLostError):
            self._streams.put_back(stream, [part.entry for part in parts])
            raise
        except Exception as error:  # a batch that our own code cannot take must not stop those behind it
            log.exception("shard.batch_failed", shard=stream, batches=len(parts))
            if len(parts) == 1 and parts[0].entry.deliveries >= _MOST_DELIVERIES:
                self._bury(
                    stream,
                    lease,
                    parts[0].entry,
                    Phrase("{where}: {what}", where=type(error).__name__, what=text_of(error)),
                )
            return True  # the others are left over now: one by one, the bad one shows
        self._streams.acknowledge(stream, [part.entry for part in parts])
        return True

    def _unpack(self, stream: str, lease: leases.Lease, entry: Entry) -> _Part | None:
        try:
            meta, blocks = unpack(entry.payload)
            return _Part(entry, meta["key"], meta.get("note"), blocks)
        except (TriviumError, KeyError) as error:
            self._bury(stream, lease, entry, Phrase("cannot be read: {reason}", reason=text_of(error)))
            return None

    def _bury(self, stream: str, lease: leases.Lease, entry: Entry, reason: str) -> None:
        log.error("shard.dead_letter", shard=stream, entry=entry.id, reason=reason)
        with self._database.write() as connection:
            leases.check(connection, lease)
            bury(connection, stream, entry, reason)
        self._streams.acknowledge(stream, [entry])

    # -- one group of entries -----------------------------------------------------------------------------------

    def _work(self, stream: str, lease: leases.Lease, parts: list[_Part]) -> None:
        lane, _, plant = stream.split("/", 2)
        registry = self._registries.of(plant)
        cache = self._cache.setdefault(plant, {})
        with self._database.read() as connection:
            done = _done(connection, stream, [part.key for part in parts])
            todo = [part for part in parts if part.key not in done]
            by_asset: dict[str, list[tuple[int, AssetRows]]] = {}
            for number, part in enumerate(todo):
                for block in part.blocks:
                    by_asset.setdefault(block.asset, []).append((number, block))
            states = load_states(connection, plant, list(by_asset), cache)
            model = self._scorer_of(registry)
            second = self._shadow_of(registry)
            scorers = {name: scorer_for(model, name) for name in by_asset}
            shadows = {name: scorer_for(second, name) for name in by_asset}
            scored = {
                name: advance(
                    connection, registry, name, states[name], [rows for _, rows in own], scorers[name], shadows[name],
                    is_history=lane == HISTORY,
                )
                for name, own in by_asset.items()
            }  # fmt: skip
        predictions = predict_all(scorers, {name: one.due for name, one in scored.items()})
        noted = watch_all(scorers, registry, scored, predictions) if lane == LIVE else {}
        beside = shadow.score(shadows, registry, scored)
        with self._database.write() as connection:
            leases.check(connection, lease)
            ledger.note_batches(
                connection, [ledger.Note.from_json(part.note) for part in todo if part.note], with_entries=False
            )
            ledger.record_parts(connection, _part_rows(stream, todo, by_asset, scored))
            self._store(connection, plant, scorers, scored, predictions)
            for name, (version, changes) in noted.items():
                book.note(connection, plant, name, version, changes, self._webhooks)
            shadow.store(connection, plant, beside)
        if len(cache) > _MOST_CACHED:
            cache.clear()
        cache.update({name: one.state for name, one in scored.items()})

    def _store(
        self,
        connection: Connection,
        plant: str,
        scorers: Mapping[str, Scorer | None],
        scored: Mapping[str, Advanced],
        predictions: Mapping[str, AssetRows],
    ) -> None:
        changed = {name: one for name, one in scored.items() if one.merged.fresh is not None}
        if not changed:
            return
        rows = []
        for name, one in changed.items():
            fresh = one.merged.fresh
            assert fresh is not None
            rows.append(span_of(plant, fresh) | {"num_rows": len(fresh.times_us), "data": pack_block(fresh)})
            one.state.latest = _latest(one, predictions.get(name), scorers[name])
        connection.execute(insert(tables.block), rows)
        if predictions:
            now = utc_now()
            connection.execute(
                insert(tables.prediction),
                [
                    span_of(plant, one) | {"model": version, "stored_at": now, "data": pack_block(one)}
                    for name, one in predictions.items()
                    if (version := _version(scorers[name]))
                ],
            )
        save_states(connection, plant, {name: one.state for name, one in changed.items()})


def _done(connection: Connection, stream: str, keys: Sequence[str]) -> set[str]:
    """Return the batches whose part of this stream is in the database already."""
    part = tables.part
    query = select(part.c.batch_key).where(part.c.shard == stream, part.c.batch_key.in_(keys))
    return set(connection.execute(query).scalars())


def _version(scorer: Scorer | None) -> str:
    return scorer.version if scorer is not None else ""


def _part_rows(
    stream: str,
    todo: Sequence[_Part],
    by_asset: Mapping[str, Sequence[tuple[int, AssetRows]]],
    scored: Mapping[str, Advanced],
) -> list[dict[str, Any]]:
    """Return one row of the table of parts for each entry."""
    late: list[list[np.ndarray]] = [[] for _ in todo]
    again: list[list[np.ndarray]] = [[] for _ in todo]
    num_readings = [0] * len(todo)
    for name, own in by_asset.items():
        told = scored[name].merged
        for place, (number, _) in enumerate(own):
            late[number].append(told.late[place])
            again[number].append(told.duplicate[place])
            num_readings[number] += told.num_readings[place]
    rows, now = [], utc_now()
    for number, part in enumerate(todo):
        late_rows, again_rows = (np.concatenate(own[number] or [np.zeros(0, np.int32)]) for own in (late, again))
        rows.append(
            {
                "batch_key": part.key, "shard": stream, "num_late": len(late_rows), "num_duplicate": len(again_rows),
                "num_readings": num_readings[number], "verdicts": verdicts.pack_rows(late_rows, again_rows),
                "committed_at": now,
            }
        )  # fmt: skip
    return rows


def _latest(one: Advanced, predicted: AssetRows | None, scorer: Scorer | None) -> dict[str, Any]:
    """Return the newest prediction as pages show it; the one before when this group brought none that is newer."""
    before = one.state.latest | {"stuck": one.stuck}
    if predicted is None or scorer is None or predicted.times_us[-1] < before.get("time_us", NEVER_US):
        return before
    line, num_outputs = predicted.values[-1], len(scorer.outputs)
    weights = np.nan_to_num(line[num_outputs:])
    top = np.argsort(-np.abs(weights))[:_TOP]
    return {
        "time_us": int(predicted.times_us[-1]),
        "model": scorer.version,
        "reason": Reason(int(predicted.quality[-1, 0])).name.lower(),
        "outputs": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(scorer.outputs, line[:num_outputs], strict=True)
        },
        "why": {scorer.sensors[place]: float(weights[place]) for place in top if weights[place]},
        "stuck": one.stuck,
        "life_unit": scorer.life_unit,
    }
