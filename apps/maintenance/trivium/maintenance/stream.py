"""The streams: a write-ahead log on the broker, from the moment a batch is acknowledged until it is in the database.

A plant's assets are spread over a few shards; each shard is one stream and has one drainer at a time, so that the rows
of an asset stay in order. `admit` is one Lua call: batch id, quota, share of the backlog, append, wake-up mark. Entries
leave by `acknowledge`, after their transaction. The server must not evict (`noeviction`); not for Redis Cluster,
because one call touches the streams of several shards.

    live/0/north      shard 0 of the plant north         history/0/north    its years of history, drained when idle
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from trivium.service.broker import broker_url, connect
from trivium.service.errors import UpstreamError
from trivium.service.settings import Settings

__all__ = ["HISTORY", "LIVE", "Admission", "Entry", "Limits", "Outcome", "Streams", "plant_of", "shard_of"]

LIVE, HISTORY = "live", "history"
SHARDS_PER_PLANT = 2  # so many workers can be at one plant; each batch costs a transaction in each shard it touches
AWAKE_MS = 3_000
_PREFIX = "trivium:maintenance:"
_GROUP = "drain"
_REMEMBER_S = 15 * 60  # until the ledger knows a batch; then that is asked first

_ADMIT = """
local known = redis.call('HMGET', KEYS[1], 'body', 'answer')
if known[1] then
  if known[1] == ARGV[1] then return {'same', known[2]} end
  return {'conflict'}
end
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local rows, rate, burst = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local plant, most_bytes, most_lag_ms = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local num_parts, size = tonumber(ARGV[10]), 0
for i = 1, num_parts do size = size + #ARGV[10 + 2 * i] end

local own, active = 0, 1
local all = redis.call('HGETALL', KEYS[3])
for i = 1, #all, 2 do
  if all[i] == plant then own = tonumber(all[i + 1]) elseif tonumber(all[i + 1]) > 0 then active = active + 1 end
end
local oldest = now_ms
for i = 1, num_parts do
  local first = redis.call('XRANGE', KEYS[3 + 2 * i], '-', '+', 'COUNT', 1)[1]
  if first then oldest = math.min(oldest, tonumber(string.match(first[1], '^%d+'))) end
end
local lag_ms = now_ms - oldest
if own > 0 and (own + size > most_bytes / (active + 1) or lag_ms > most_lag_ms) then
  return {'backlog', math.min(math.max(lag_ms, 1000), 30000)}
end
if rate > 0 then
  local bucket = redis.call('HMGET', KEYS[2], 'tokens', 'at')
  local tokens = tonumber(bucket[1] or burst)
  tokens = math.min(burst, tokens + (now_ms - tonumber(bucket[2] or now_ms)) * rate / 1000)
  if tokens < math.min(rows, burst) then
    return {'quota', math.ceil((math.min(rows, burst) - tokens) * 1000 / rate)}
  end
  redis.call('HSET', KEYS[2], 'tokens', tostring(tokens - rows), 'at', now_ms)
  redis.call('PEXPIRE', KEYS[2], 3600000)
end
local ids, wake = {}, {}
for i = 1, num_parts do
  local shard, payload = ARGV[9 + 2 * i], ARGV[10 + 2 * i]
  ids[i] = redis.call('XADD', KEYS[3 + 2 * i], '*', 'p', payload)
  redis.call('SADD', KEYS[4], shard)
  if redis.call('SET', KEYS[4 + 2 * i], '1', 'NX', 'PX', ARGV[11 + 2 * num_parts]) then wake[#wake + 1] = shard end
end
if size > 0 then redis.call('HINCRBY', KEYS[3], plant, size) end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'answer', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {'new', ids, wake}
"""
_ACKNOWLEDGE = """
local freed = 0
for i = 3, #ARGV, 2 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then freed = freed + tonumber(ARGV[i + 1]) end
end
if freed > 0 and redis.call('HINCRBY', KEYS[2], ARGV[2], -freed) <= 0 then redis.call('HDEL', KEYS[2], ARGV[2]) end
return freed
"""
_REST = """
if redis.call('XLEN', KEYS[1]) > 0 then return 0 end
redis.call('DEL', KEYS[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the door lets in.

    Args:
        rows_per_s: a plant's quota; 0 for none. It may save up ten seconds of it.
        backlog_bytes: of all plants together; one may fill its fair share, and the first never all of it.
        lag_s: a plant whose oldest waiting batch is older than this sends no more.
    """

    rows_per_s: int = 0
    backlog_bytes: int = 512 * 1024 * 1024
    lag_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Admission:
    """A batch at the door.

    Args:
        body_sha256: of its content.
        answer: what the sender is told, now and whenever it sends the same again.
        parts: payload by shard.
    """

    plant: str
    batch_id: str
    body_sha256: str
    answer: str
    num_rows: int
    lane: str
    parts: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: `new`, `same`, `conflict`, `quota` or `backlog`.

    Args:
        answer: the first answer, when it is the same batch again.
        retry_s: when to try again, for `quota` and `backlog`.
        entries: `(shard, entry id)` of a new batch.
        wake: shards that nobody is on the way to.
    """

    kind: str
    answer: str = ""
    retry_s: float = 0.0
    entries: tuple[tuple[str, str], ...] = ()
    wake: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Entry:
    """One part of a batch in its stream; `deliveries` counts this one."""

    id: str
    payload: bytes
    deliveries: int = 1


def shard_of(plant: str, asset: str, lane: str = LIVE) -> str:
    """Return the shard that an asset's readings go through."""
    return f"{lane}/{zlib.crc32(asset.encode()) % SHARDS_PER_PLANT}/{plant}"


def plant_of(shard: str) -> str:
    """Return the plant of a shard."""
    return shard.split("/", 2)[2]


class Streams:
    """The streams on one broker. Every call raises `UpstreamError` when the broker cannot be asked.

    Args:
        client: a connection of its own, or shared by threads.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # its annotations cannot tell bytes from text
        self._admit = client.register_script(_ADMIT)
        self._acknowledge = client.register_script(_ACKNOWLEDGE)
        self._rest = client.register_script(_REST)

    @classmethod
    def open(cls, settings: Settings) -> Streams:
        """Open the streams of a deployment.

        Raises:
            UpstreamError: if there is no broker, or it does not keep what the settings promise.
        """
        streams = cls(connect(broker_url(settings)))
        if settings.ingest_durability == "always":
            streams._require_always()
        return streams

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # -- the door -----------------------------------------------------------------------------------------------

    def admit(self, batch: Admission, limits: Limits) -> Outcome:
        """Let a batch in, once; when this returns `new`, it is in the log."""
        keys = [_key("batch", batch.plant, batch.batch_id), _key("quota", batch.plant), _backlog(batch.lane), _SHARDS]
        values: list[Any] = [
            batch.body_sha256, batch.answer, _REMEMBER_S, batch.num_rows, limits.rows_per_s, 10 * limits.rows_per_s,
            batch.plant, limits.backlog_bytes, int(1000 * limits.lag_s), len(batch.parts),
        ]  # fmt: skip
        for shard, payload in batch.parts:
            keys += [_stream(shard), _awake(shard)]
            values += [shard, payload]
        with _answering():
            kind, *rest = self._admit(keys=keys, args=[*values, AWAKE_MS])
        name = kind.decode()
        if name == "same":
            return Outcome(name, answer=rest[0].decode())
        if name in ("quota", "backlog"):
            return Outcome(name, retry_s=rest[0] / 1000)
        if name == "conflict":
            return Outcome(name)
        shards = [shard for shard, _ in batch.parts]
        entries = tuple((shard, entry.decode()) for shard, entry in zip(shards, rest[0], strict=True))
        return Outcome(name, entries=entries, wake=tuple(shard.decode() for shard in rest[1]))

    def forget(self, plant: str, batch_id: str) -> None:
        """Forget that a batch was here, so that it can be sent again: its entries were lost."""
        with _answering():
            self._client.delete(_key("batch", plant, batch_id))

    def append(self, shard: str, payload: bytes) -> str:
        """Append one part again (replay of a dead letter) and return its entry; the sweeper wakes the shard."""
        plant = plant_of(shard)
        with _answering(), self._client.pipeline() as pipe:
            pipe.xadd(_stream(shard), {"p": payload})
            pipe.sadd(_SHARDS, shard)
            pipe.hincrby(_backlog(shard), plant, len(payload))
            return str(pipe.execute()[0].decode())

    # -- the drainer --------------------------------------------------------------------------------------------

    def left_over(self, shard: str) -> Entry | None:
        """Return the oldest entry that a drainer took and did not finish, counting one more delivery."""
        stream = _stream(shard)
        with _answering():
            try:
                waiting = self._client.xpending_range(stream, _GROUP, "-", "+", 1)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                return None
            if not waiting:
                return None
            entry_id = waiting[0]["message_id"].decode()
            found = self._client.xclaim(stream, _GROUP, _GROUP, 0, [entry_id])  # counts the delivery
            if not found:  # it is in no stream any more: only its mark was left
                self._client.xack(stream, _GROUP, entry_id)
                return self.left_over(shard)
        return Entry(entry_id, found[0][1][b"p"], waiting[0]["times_delivered"] + 1)

    def take(self, shard: str, most: int) -> list[Entry]:
        """Take up to `most` entries that nobody has taken yet, oldest first."""
        stream = _stream(shard)
        with _answering():
            try:
                answer = self._client.xreadgroup(_GROUP, _GROUP, {stream: ">"}, count=most)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                with _existing_group():
                    self._client.xgroup_create(stream, _GROUP, id="0", mkstream=True)
                answer = self._client.xreadgroup(_GROUP, _GROUP, {stream: ">"}, count=most)
        return [Entry(entry_id.decode(), fields[b"p"]) for entry_id, fields in _entries(answer, stream)]

    def put_back(self, shard: str, entries: Iterable[Entry]) -> None:
        """Uncount the delivery of entries that could not be worked off through no fault of theirs."""
        with _answering():
            for entry in entries:
                times = max(entry.deliveries - 1, 0)
                self._client.xclaim(_stream(shard), _GROUP, _GROUP, 0, [entry.id], retrycount=times, justid=True)

    def acknowledge(self, shard: str, entries: Iterable[Entry]) -> None:
        """Remove entries whose transaction is committed."""
        pairs = [item for entry in entries for item in (entry.id, len(entry.payload))]
        if pairs:
            with _answering():
                self._acknowledge(keys=[_stream(shard), _backlog(shard)], args=[_GROUP, plant_of(shard), *pairs])

    def stay_awake(self, shard: str) -> None:
        """Say that somebody drains the shard, so that nobody is sent there."""
        with _answering():
            self._client.set(_awake(shard), "1", px=AWAKE_MS)

    def rest(self, shard: str) -> bool:
        """Say that nobody drains the shard any more, if it is empty; return whether it is."""
        with _answering():
            return bool(self._rest(keys=[_stream(shard), _awake(shard)]))

    # -- those who look after it --------------------------------------------------------------------------------

    def asleep(self) -> list[str]:
        """Mark the shards that have entries and nobody on the way, and return them."""
        shards = self.lengths()
        waiting = [shard for shard, length in shards.items() if length]
        with _answering(), self._client.pipeline(transaction=False) as pipe:
            for shard in waiting:
                pipe.set(_awake(shard), "1", nx=True, px=AWAKE_MS)
            return [shard for shard, is_set in zip(waiting, pipe.execute(), strict=True) if is_set]

    def lengths(self) -> dict[str, int]:
        """Return the number of waiting entries by shard."""
        with _answering(), self._client.pipeline(transaction=False) as pipe:
            shards = sorted(shard.decode() for shard in self._client.smembers(_SHARDS))
            for shard in shards:
                pipe.xlen(_stream(shard))
            return dict(zip(shards, pipe.execute(), strict=True))

    def lag_s(self, shard: str) -> float:
        """Return the age of the oldest entry of a shard in seconds; 0 when it is empty."""
        with _answering():
            first = self._client.xrange(_stream(shard), count=1)
            seconds, micros = self._client.time()
        return max(seconds + micros / 1e6 - int(first[0][0].partition(b"-")[0]) / 1000, 0.0) if first else 0.0

    def holds(self, shard: str, entry_id: str) -> bool:
        """Tell whether an entry is still in its stream."""
        with _answering():
            return bool(self._client.xrange(_stream(shard), entry_id, entry_id))

    def _require_always(self) -> None:
        with _answering():
            mode = self._client.config_get("appendfsync").get("appendfsync", "unknown")
        if mode != "always":
            raise UpstreamError(
                f"the broker's appendfsync is {mode}, and TRIVIUM_INGEST_DURABILITY is always",
                where="broker",
                hint="set appendfsync always on the server",
            )


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise UpstreamError(f"the broker did not answer ({error})", where="broker", hint="try again") from error


@contextmanager
def _existing_group() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _entries(answer: Any, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries in an answer of XREADGROUP, whose shape depends on the protocol (RESP2, RESP3)."""
    if not answer:
        return []
    if isinstance(answer, dict):
        (found,) = answer.values()
        return list(found[0])
    return list(answer[0][1])


def _key(*parts: str) -> str:
    return _PREFIX + ":".join(parts)


_SHARDS = _key("shards")


@functools.lru_cache(maxsize=1024)
def _stream(shard: str) -> str:
    return _key("stream", shard)


@functools.lru_cache(maxsize=1024)
def _awake(shard: str) -> str:
    return _key("awake", shard)


def _backlog(shard_or_lane: str) -> str:
    return _key("backlog", shard_or_lane.partition("/")[0])
