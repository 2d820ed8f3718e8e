"""From MQTT messages to batches. A message is done, and may be acknowledged, when `take` has returned.

Each message is a batch; its id follows from its content, so that one that the broker sends again is stored once. What
cannot be used is told and counted; what cannot be stored just now is tried again. The connection is `connection.py`'s.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from trivium.maintenance.ingest.door import Door
from trivium.maintenance.ingest.formats import Options
from trivium.maintenance.mqtt.nodes import Message, Nodes, Reading, Taken, read_topic
from trivium.maintenance.mqtt.payload import read_payload
from trivium.maintenance.mqtt.topics import Pattern, rows_of
from trivium.maintenance.registry import Registries
from trivium.maintenance.stream import HISTORY, LIVE
from trivium.service.errors import InputError, UpstreamError

__all__ = ["Bridge"]

log = structlog.get_logger(__name__)

_REBIRTH_EVERY_S = 30.0
_RETRY_S = 2.0
_MOST_WAIT_S = 5.0  # so that the end is not long in coming
_GOOD = 192


class Bridge:
    """Takes messages of one plant in. Not for several threads.

    Args:
        patterns: of plain topics.
        nodes: of Sparkplug B, as they were when the bridge ended.
        rebirth: asks a node to be born anew.
        is_ending: told between two tries; what was not stored then stays with the broker.
    """

    def __init__(
        self,
        door: Door,
        registries: Registries,
        plant: str,
        *,
        patterns: Sequence[Pattern] = (),
        nodes: Nodes | None = None,
        rebirth: Callable[[Message], None] = lambda message: None,
        is_ending: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door = door
        self._registries = registries
        self._plant = plant
        self._patterns = patterns
        self._rebirth = rebirth
        self._is_ending = is_ending
        self._sleep = sleep
        self._asked: dict[str, float] = {}
        self.nodes = nodes or Nodes()
        self.counts: Counter[str] = Counter()

    def take(self, topic: str, payload: bytes, arrival: datetime) -> bool:
        """Take one message in; return whether it is done, which it is not only when the bridge ends.

        Args:
            arrival: when the broker gave it to us.
        """
        self.counts["messages"] += 1
        try:
            message = read_topic(topic)
            if message is not None:
                return self._take_node(message, payload, arrival)
            for pattern in self._patterns:
                places = pattern.places(topic)
                if places is not None:
                    options = Options(asset=places.get("asset", ""), gateway=f"mqtt {topic.split('/')[0]}")
                    return self._post(rows_of(payload, places, arrival), options, LIVE)
        except InputError as error:
            self._refuse(topic, error.line)
        return True

    def _take_node(self, message: Message, payload: bytes, arrival: datetime) -> bool:
        taken = self.nodes.take(message, read_payload(payload), round(arrival.timestamp() * 1000))
        if taken.problem:
            self._ask(message, taken)
        self.counts["metrics without a name"] += taken.num_unknown
        return all(
            self._post(_body(some), self._options(message), lane)
            for lane, is_old in ((LIVE, False), (HISTORY, True))
            if (some := [one for one in taken.readings if one.is_historical == is_old])
        )

    def _options(self, message: Message) -> Options:
        """A device, or the node itself, is the asset where the registry has one of this name; else tags tell."""
        name = message.device or message.node
        is_asset = name in self._registries.of(self._plant).assets
        return Options(asset=name if is_asset else "", gateway=message.key[:120], quality="opc-da")

    def _ask(self, message: Message, taken: Taken) -> None:
        now = time.monotonic()
        if now - self._asked.get(message.key, -_REBIRTH_EVERY_S) < _REBIRTH_EVERY_S:
            return
        self._asked[message.key] = now
        self.counts["rebirths asked for"] += 1
        log.warning("mqtt.rebirth", node=message.key, why=taken.problem)
        self._rebirth(message)

    def _post(self, body: bytes, options: Options, lane: str) -> bool:
        """Put a batch through the door, however long that takes."""
        while True:
            try:
                answer = self._door.take(self._plant, body, content_type="application/json", options=options, lane=lane)
                if answer.status == 202:
                    self.counts["batches"] += 1
                    return True
                wait_s, why = answer.retry_s or _RETRY_S, str(answer.body.get("error", ""))
            except UpstreamError as error:
                wait_s, why = _RETRY_S, error.line
            log.warning("mqtt.waits", why=why, seconds=wait_s)
            if self._is_ending():
                return False
            self._sleep(min(wait_s, _MOST_WAIT_S))

    def _refuse(self, topic: str, why: str) -> None:
        self.counts["refused"] += 1
        log.warning("mqtt.refused", topic=topic[:200], why=why[:500])


def _body(readings: Sequence[Reading]) -> bytes:
    rows = [
        {
            "tag": one.name, "timestamp": one.time_ms, "value": one.value,
            "quality": _GOOD if one.quality is None else one.quality,
        }
        for one in readings
    ]  # fmt: skip
    return json.dumps(rows, sort_keys=True).encode()
