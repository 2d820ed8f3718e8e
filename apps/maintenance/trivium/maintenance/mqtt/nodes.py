"""What a Sparkplug B host keeps of each edge node: births with their aliases, the sequence, and whether it is alive.

A node numbers its messages from its birth on, 0 to 255 and again; where a number is missing something was lost, and the
host asks the node to be born anew, which tells the current value of everything. A birth also gives metrics aliases, by
which they are known until the next. What is kept here can be stored, so that a bridge that starts again still knows
them. Eclipse Sparkplug specification 3.0.0, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trivium.maintenance.mqtt.payload import BOOLEAN, DOUBLE, INT64, UINT64, Metric, Payload

__all__ = ["PREFIX", "Message", "Nodes", "Reading", "Taken", "read_topic"]

PREFIX = "spBv1.0"
_KINDS = ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA")
_CONTROL = ("Node Control/", "Device Control/")
_BD_SEQ = "bdSeq"


@dataclass(frozen=True, slots=True)
class Message:
    """A topic of the namespace, taken apart; `device` is empty for what is of the node itself."""

    group: str
    kind: str
    node: str
    device: str = ""

    @property
    def key(self) -> str:
        """Names the node."""
        return f"{self.group}/{self.node}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of a message, resolved.

    Args:
        value: None for null.
        quality: as sent: 192 good, 0 bad, 500 stale; None when it is not told.
    """

    name: str
    time_ms: int
    value: float | None
    quality: int | None
    is_historical: bool


@dataclass
class _Node:
    is_alive: bool = False
    seq: int | None = None
    bd_seq: float | None = None
    aliases: dict[str, dict[int, str]] = field(default_factory=dict)  # by device
    types: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        aliases = {device: [[alias, name] for alias, name in own.items()] for device, own in self.aliases.items()}
        return {
            "is_alive": self.is_alive, "seq": self.seq, "bd_seq": self.bd_seq, "aliases": aliases, "types": self.types,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Node:
        aliases = {device: {int(alias): name for alias, name in own} for device, own in data["aliases"].items()}
        types = {device: dict(own) for device, own in data["types"].items()}
        return cls(data["is_alive"], data["seq"], data["bd_seq"], aliases, types)


@dataclass(frozen=True)
class Taken:
    """What came of a message.

    Args:
        readings: resolved, in order.
        problem: why the node has to be born anew; empty when all is well.
        num_unknown: metrics whose alias no birth has told.
    """

    readings: list[Reading]
    problem: str = ""
    num_unknown: int = 0


class Nodes:
    """All edge nodes that were heard.

    Args:
        stored: what `to_json` gave.
    """

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        self._nodes = {key: _Node.from_json(data) for key, data in (stored or {}).items()}

    def to_json(self) -> dict[str, Any]:
        """Return what another host goes on from."""
        return {key: node.to_json() for key, node in self._nodes.items()}

    def is_alive(self, key: str) -> bool:
        """Tell whether a node was born and has not died since."""
        return key in self._nodes and self._nodes[key].is_alive

    def take(self, message: Message, payload: Payload, arrival_ms: int) -> Taken:
        """Take a message in.

        Args:
            arrival_ms: time of what has none.
        """
        node = self._nodes.setdefault(message.key, _Node())
        if message.kind == "NDEATH":
            _die(node, payload)
            return Taken([])
        problem = _numbered(node, message, payload)
        if message.kind == "DDEATH":
            node.aliases.pop(message.device, None)
            node.types.pop(message.device, None)
            return Taken([], problem)
        if message.kind in ("NBIRTH", "DBIRTH"):
            _be_born(node, message, payload)
        elif not node.is_alive:
            problem = problem or "sends without a birth"
        elif message.device not in node.types:
            problem = problem or f"device {message.device} sends without a birth"
        readings, num_unknown = _resolved(node, message, payload, arrival_ms)
        if num_unknown:
            problem = problem or "uses an alias that no birth has told"
        return Taken(readings, problem, num_unknown)


def read_topic(topic: str) -> Message | None:
    """Take a topic apart; None for what is no message of a node."""
    parts = topic.split("/")
    if len(parts) not in (4, 5) or parts[0] != PREFIX or parts[2] not in _KINDS:
        return None
    is_of_device = parts[2].startswith("D")
    if is_of_device != (len(parts) == 5):
        return None
    return Message(parts[1], parts[2], parts[3], *parts[4:])


def _numbered(node: _Node, message: Message, payload: Payload) -> str:
    """Follow the sequence; return what is wrong with it."""
    before, node.seq = node.seq, payload.seq
    if message.kind == "NBIRTH" or before is None or payload.seq is None:
        return ""
    expected = (before + 1) % 256
    return "" if payload.seq == expected else f"message {payload.seq} came in place of {expected}"


def _die(node: _Node, payload: Payload) -> None:
    """A death counts for the session that it names: one that comes late, after a new birth, does not."""
    told = _bd_seq(payload)
    if told is None or node.bd_seq is None or told == node.bd_seq:
        node.is_alive, node.seq = False, None


def _bd_seq(payload: Payload) -> float | None:
    """Return the number of the session that a birth or death names."""
    named = (metric for metric in payload.metrics if metric.name == _BD_SEQ)
    return next((metric.as_type(metric.datatype or INT64) for metric in named), None)


def _be_born(node: _Node, message: Message, payload: Payload) -> None:
    if message.kind == "NBIRTH":
        node.is_alive, node.aliases, node.types = True, {}, {}
        told = _bd_seq(payload)
        node.bd_seq = node.bd_seq if told is None else told
    named = [metric for metric in payload.metrics if metric.name]
    node.types[message.device] = {metric.name: metric.datatype for metric in named}
    node.aliases[message.device] = {metric.alias: metric.name for metric in named if metric.alias is not None}


def _resolved(node: _Node, message: Message, payload: Payload, arrival_ms: int) -> tuple[list[Reading], int]:
    aliases, types = node.aliases.get(message.device, {}), node.types.get(message.device, {})
    found, num_unknown = [], 0
    for metric in payload.metrics:
        name = metric.name or (aliases.get(metric.alias, "") if metric.alias is not None else "")
        if not name:
            num_unknown += 1
            continue
        datatype = metric.datatype or types.get(name) or _guess(metric)
        if not _is_reading(metric, name, datatype):
            continue
        time_ms = metric.time_ms or payload.time_ms or arrival_ms
        found.append(Reading(name, time_ms, metric.as_type(datatype), metric.quality, metric.is_historical))
    return found, num_unknown


def _guess(metric: Metric) -> int:
    """Return a data type for a value that nobody has told the type of."""
    return UINT64 if metric.raw is not None else DOUBLE


def _is_reading(metric: Metric, name: str, datatype: int) -> bool:
    if metric.is_transient or metric.has_other or name == _BD_SEQ or name.startswith(_CONTROL):
        return False
    return 0 < datatype <= BOOLEAN
