"""What the ingest benchmarks share: a suite of their own with a plant in it, batches to send, and a client that counts.

`running_plant` starts `trivium up` on a free port and a home folder of its own, registers a plant with its assets,
fits a monitor on normal operation and activates it, and makes an API key.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from chaos import children_of, descendants, free_port, is_alive
from sqlalchemy import text

from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.registry import Asset, Tag, activate_model, write_registry
from trivium.service.database import Database

PLANT = "north"
SENSORS = tuple(f"s{number}" for number in range(8))
START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
_LINK = re.compile(rb"Open this link")


@dataclass
class Plant:
    """A running suite with one plant."""

    home: Path
    port: int
    key: str
    database: Database
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def rows(self, query: str) -> list[tuple]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def number(self, query: str) -> float:
        return self.rows(query)[0][0] or 0

    def await_parts(self, count: int, *, seconds: float) -> None:
        """Wait until so many parts of batches are committed."""
        deadline = time.monotonic() + seconds
        while self.number("SELECT count(*) FROM maintenance_part") < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {self.number('SELECT count(*) FROM maintenance_part')} of {count} parts came")
            time.sleep(0.02)


class Client:
    """One connection that posts batches, kept open."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._connection = http.client.HTTPConnection("127.0.0.1", plant.port, timeout=10)

    def post(self, body: bytes, content_type: str, batch_id: str = "") -> tuple[int, dict]:
        headers = {"Authorization": f"Bearer {self._plant.key}", "Content-Type": content_type}
        if batch_id:
            headers["Idempotency-Key"] = batch_id
        try:
            self._connection.request("POST", "/v1/batches", body, headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            raise


def asset_names(count: int) -> list[str]:
    return [f"P{number:03}" for number in range(count)]


def normal(count: int, rng: np.random.Generator) -> np.ndarray:
    """Normal operation of one asset: sensors that follow a load; (count, S)."""
    load = np.sin(np.arange(count) / 50)[:, None] + 0.05 * rng.normal(size=(count, 1))
    return 50 + 10 * load * np.linspace(0.5, 2, len(SENSORS)) + rng.normal(size=(count, len(SENSORS)))


def columns(assets: list[str], start: int, count: int, rng: np.random.Generator) -> dict[str, list | np.ndarray]:
    """Return wide rows: `count` seconds of each asset from `start` seconds on, in order of time."""
    values = np.stack([normal(count, rng) for _ in assets], axis=1).reshape(-1, len(SENSORS))
    times = np.repeat(START_S + start + np.arange(count), len(assets))
    return {"asset": assets * count, "time": times} | {name: values[:, place] for place, name in enumerate(SENSORS)}


def arrow_batch(assets: list[str], start: int, count: int, rng: np.random.Generator) -> bytes:
    table = pa.table(columns(assets, start, count, rng))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def json_batch(assets: list[str], start: int, count: int, rng: np.random.Generator) -> bytes:
    data = columns(assets, start, count, rng)
    rows = zip(
        *(column if isinstance(column, list) else np.round(column, 3).tolist() for column in data.values()), strict=True
    )
    return json.dumps([dict(zip(data, row, strict=True)) for row in rows]).encode()


ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"


@contextmanager
def running_plant(assets: list[str], *, seed: int, processes: int = 2, home: Path | None = None) -> Iterator[Plant]:
    """Run the suite for the length of the block; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="ingest-", ignore_cleanup_errors=True) as folder:
        home = home or Path(folder) / "home"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
        environment |= {
            "TRIVIUM_HOME": str(home),
            "TRIVIUM_APPS": "maintenance",
            "TRIVIUM_LIGHT_PROCESSES": str(processes),
            "TRIVIUM_LOG_LEVEL": "WARNING",
            "OMP_NUM_THREADS": "1",
        }
        port = free_port()
        command = [sys.executable, "-m", "trivium.service.cli", "up", "--port", str(port)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        seen: set[int] = set()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the suite ends with us
        try:
            _await(process)
            database = Database(f"sqlite:///{home / 'trivium.db'}")
            _register(database, home, assets, seed)
            scopes = ("--scope", "maintenance.ingest")
            made = subprocess.run(
                [sys.executable, "-m", "trivium.service.cli", "keys", "create", PLANT, *scopes],
                env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            yield Plant(home, port, made.stdout.strip(), database, process, environment)
            database.close()
        finally:
            seen |= descendants(process.pid, children_of())
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            for pid in [pid for pid in (process.pid, *seen) if is_alive(pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
            process.wait()


def _await(process: subprocess.Popen[bytes]) -> None:
    output = b""
    assert process.stdout is not None
    for line in process.stdout:
        output += line
        if _LINK.search(line):
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop the supervisor
            return
    raise RuntimeError(f"the suite did not start: {output.decode(errors='replace')}")


def _register(database: Database, home: Path, assets: list[str], seed: int) -> None:
    made = [
        Asset(name, tuple(Tag(sensor, name, unit="degC", low=-1000, high=1000, rate_s=1) for sensor in SENSORS))
        for name in assets
    ]
    write_registry(database, PLANT, made, zone="UTC")
    monitor = fit_monitor(normal(5000, np.random.default_rng(seed)), SENSORS, step_s=1.0, window=30)
    monitor.save(home / "model")
    activate_model(database, PLANT, str(home / "model"))
