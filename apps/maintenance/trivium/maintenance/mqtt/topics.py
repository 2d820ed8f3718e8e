"""Plain topics: `site/{asset}/{tag}` says what a level of the topic is; the payload is JSON, or a number by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trivium.maintenance.csv_text import TIME
from trivium.service.errors import InputError

__all__ = ["Pattern", "rows_of"]


@dataclass(frozen=True)
class Pattern:
    """A topic with `{asset}` and `{tag}` in place of levels; `+` and `#` are those of MQTT.

    Args:
        text: as it was given.
    """

    text: str

    def __post_init__(self) -> None:
        levels = self.text.split("/")
        places = [level[1:-1] for level in levels if level.startswith("{") and level.endswith("}")]
        stray = re.sub(r"\{(asset|tag)\}", "", self.text)
        has_wild = any("#" in level and (level != "#" or place + 1 < len(levels)) for place, level in enumerate(levels))
        if not self.text or len(set(places)) < len(places) or set("{}") & set(stray) or has_wild:
            raise InputError(
                f"{self.text!r} is no topic",
                where="--topic",
                hint="as in site/{asset}/{tag}, site/+/readings or site/#",
            )

    @property
    def subscription(self) -> str:
        """What is subscribed to."""
        return re.sub(r"\{(asset|tag)\}", "+", self.text)

    def places(self, topic: str) -> dict[str, str] | None:
        """Return what stands in a topic; None when it is another one."""
        own, given = self.text.split("/"), topic.split("/")
        if own[-1] == "#":
            own, given = own[:-1], given[: len(own) - 1]
        if len(own) != len(given):
            return None
        found = {}
        for level, name in zip(own, given, strict=True):
            if level.startswith("{"):
                found[level[1:-1]] = name
            elif level not in ("+", name):
                return None
        return found


def rows_of(payload: bytes, places: Mapping[str, str], arrival: datetime) -> bytes:
    """Return the payload as a JSON body of `POST /v1/batches`.

    Args:
        places: what the topic says, `tag` if it does.
        arrival: time of a reading that has none.

    Raises:
        InputError: if the payload is no JSON, or says too little.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})", where="payload") from error
    if isinstance(told, bool) or told is None or isinstance(told, (int, float, str)):
        told = {"value": told}
    if isinstance(told, dict) and "rows" not in told:
        told = [told]
    rows = told if isinstance(told, list) else told["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("holds no rows", where="payload", hint="send an object, a list of objects, or a number")
    whole = [_row(row, places, arrival) for row in rows]
    return json.dumps(whole if isinstance(told, list) else told | {"rows": whole}, sort_keys=True).encode()


def _row(row: dict[str, Any], places: Mapping[str, str], arrival: datetime) -> dict[str, Any]:
    names = {name.lower() for name in row}
    if "value" in names and not names & {"tag", "sensor", "point"}:
        if "tag" not in places:
            raise InputError(
                "is a value without a tag", where="payload", hint="name it in the topic: site/{asset}/{tag}"
            )
        row = row | {"tag": places["tag"]}
    if not names & set(TIME):
        row = row | {"time": arrival.isoformat()}
    return row
