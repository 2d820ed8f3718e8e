"""A client for gateways and plant systems: posts batches, and keeps them on disk while nobody answers. Nothing else
than the standard library, so that the file can be copied to a gateway as it is.

    client = PlantClient("http://trivium:7860", key, buffer="/var/lib/gateway/batches")
    client.send([{"asset": "P-101", "time": "2026-03-01T12:00:00Z", "speed": 2950, "temp": 71.2}])
    client.flush()

A batch is on disk before `send` returns and leaves it when it is acknowledged. Batches go in the order in which they
came; each has an id of its own, so that one that was sent but not acknowledged is not stored twice. What the server
refuses for good moves to `refused/` with the reason beside it, and is not sent again.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

__all__ = ["BufferFullError", "PlantClient"]

_TIMEOUT_S = 30.0
_RETRY_S = 5.0
_SUFFIX = ".json.gz"


class BufferFullError(OSError):
    """The buffer holds as much as it may: the oldest batches stay, and this one was not taken."""


class PlantClient:
    """Sends batches of one plant or gateway. Not for several threads or processes on one buffer.

    Args:
        url: of the server, `http://host:port`.
        key: API key of the plant.
        buffer: folder for batches that wait; made when it is not there.
        gateway: name under which the clock of this machine is watched.
        most_bytes: of the buffer.
    """

    def __init__(
        self, url: str, key: str, *, buffer: str | Path, gateway: str = "", most_bytes: int = 1024 * 1024 * 1024
    ) -> None:
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url!r} is no address such as https://host:port")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._headers |= {"Content-Encoding": "gzip"} | ({"X-Gateway": gateway} if gateway else {})
        self._folder = Path(buffer)
        self._refused = self._folder / "refused"
        self._refused.mkdir(parents=True, exist_ok=True)
        self._most_bytes = most_bytes
        self._connection: http.client.HTTPConnection | None = None
        self._has_answered = False  # on this connection; the server closes one that was idle for some seconds
        self._not_before = 0.0
        for part in self._folder.glob("*.part"):  # was being written when the machine went down
            part.unlink()

    def send(self, rows: Sequence[dict[str, Any]], *, units: dict[str, str] | None = None) -> str:
        """Keep a batch and try to send what waits; return the batch's id.

        Args:
            rows: 1 to 10,000, wide or narrow.
            units: by column or tag, where they are not the registry's.

        Raises:
            BufferFullError: if there is no room.
        """
        batch_id = f"{time.time_ns():020}-{secrets.token_hex(4)}"
        content = gzip.compress(json.dumps({"units": units or {}, "rows": list(rows)}).encode(), 1)
        if sum(path.stat().st_size for path in self.waiting()) + len(content) > self._most_bytes:
            raise BufferFullError(f"{self._folder} holds {self._most_bytes:,} bytes; nobody takes them")
        part = self._folder / f"{batch_id}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / f"{batch_id}{_SUFFIX}")
        self.flush()
        return batch_id

    def waiting(self) -> list[Path]:
        """Return the batches that are not acknowledged, oldest first."""
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def flush(self) -> int:
        """Send what waits, oldest first, until the server does not take it; return how many are left.

        Never raises for a server that is away or busy: what waits stays, and goes with the next call.
        """
        left = self.waiting()
        while left and time.monotonic() >= self._not_before:
            path = left[0]
            try:
                status, answer, retry_s = self._post(path)
            except (OSError, http.client.HTTPException):
                was_idle = self._has_answered
                self.close()
                if was_idle:
                    continue
                self._not_before = time.monotonic() + _RETRY_S
                break
            if status in (200, 202):
                path.unlink()
            elif status in (400, 409, 413, 415, 422):
                (self._refused / f"{path.name}.txt").write_text(f"{status} {answer}\n", encoding="utf-8")
                path.replace(self._refused / path.name)
            else:  # busy, away, or a key that is to be renewed: the batch itself is all right
                self._not_before = time.monotonic() + max(retry_s, 0.1)
                break
            left = left[1:]
        return len(self.waiting())

    def status(self, batch_id: str) -> dict[str, Any]:
        """Ask what became of a batch.

        Raises:
            OSError: if nobody answers.
            LookupError: if the server does not know it.
        """
        self.close()
        connection = self._connect()
        connection.request("GET", f"{self._parts.path}/v1/batches/{quote(batch_id)}", headers=self._headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status != 200:
            raise LookupError(text)
        found: dict[str, Any] = json.loads(text)
        return found

    def close(self) -> None:
        """Close the connection; the next call makes a new one. What waits stays in the buffer."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._has_answered = False

    def _post(self, path: Path) -> tuple[int, str, float]:
        headers = self._headers | {"Idempotency-Key": path.name.removesuffix(_SUFFIX)}
        connection = self._connect()
        connection.request("POST", f"{self._parts.path}/v1/batches", path.read_bytes(), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        self._has_answered = True
        try:
            retry_s = float(answer.headers.get("Retry-After", _RETRY_S))
        except ValueError:
            retry_s = _RETRY_S
        return answer.status, text, retry_s

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(str(self._parts.hostname), self._parts.port, timeout=_TIMEOUT_S)
        return self._connection
