"""The gateway of the demo's plant: posts a day of history, then live readings, through the client that plants use."""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from trivium.maintenance.client import PlantClient
from trivium.maintenance.seed import BEGUN, KEY
from trivium.maintenance.simulator.plant import HISTORY_S, batches
from trivium.service.errors import NotFoundError
from trivium.service.settings import Settings

__all__ = ["run_gateway"]

log = structlog.get_logger(__name__)

_SENT = "demo.sent"
_STEP_S = 2
_HISTORY_STEP_S = 10
_BEHIND_S = 600  # more than this behind, the past is sent in coarser steps


def run_gateway(settings: Settings, *, every_s: int) -> None:
    """Post for ever.

    Raises:
        NotFoundError: if the demo was not set up.
    """
    folder = settings.home / "samples" / "maintenance"
    try:
        key = (folder / KEY).read_text(encoding="ascii").strip()
        begun_s = int((folder / BEGUN).read_text(encoding="ascii"))
    except FileNotFoundError:
        raise NotFoundError("the demo's plant is not there", where=str(folder), hint="run: trivium demo") from None
    url = f"http://127.0.0.1:{settings.port}"
    client = PlantClient(url, key, buffer=folder / "buffer", gateway="edge-1", most_bytes=64 * 1024 * 1024)
    sent_s = _sent(folder / _SENT, begun_s - HISTORY_S)
    while True:
        until_s = int(time.time()) // _STEP_S * _STEP_S
        step_s = _HISTORY_STEP_S if until_s - sent_s > _BEHIND_S else _STEP_S
        for rows in batches(max(sent_s, until_s - HISTORY_S), until_s, begun_s, step_s=step_s):
            client.send(rows)
            sent_s = rows[-1]["time"] + step_s
            (folder / _SENT).write_text(str(sent_s), encoding="ascii")
        time.sleep(max(every_s - time.time() % every_s, 0.1))


def _sent(path: Path, otherwise: int) -> int:
    """Return up to when readings were sent."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return otherwise
