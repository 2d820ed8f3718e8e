"""The peer of `ingest_throughput.py`: one Celery task for each row, which scores it with the same monitor.

Kinder to the peer than to us: its row is scored, and counted, but neither judged nor stored.
"""

from __future__ import annotations

import functools
import json
import os
from collections import deque
from pathlib import Path

import numpy as np
import redis
from celery import Celery

from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.ingest.monitor import Monitor, load_monitor

URL, MODEL = os.environ.get("ROW_URL", ""), os.environ.get("ROW_MODEL", "")
COUNT = "rows-done"

app = Celery("row", broker=URL)
app.conf.update(
    task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=4, worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)  # fmt: skip


@functools.cache
def _parts(pid: int) -> tuple[redis.Redis, Monitor, dict[str, deque]]:
    return redis.Redis.from_url(URL), load_monitor(Path(MODEL)), {}


@app.task(name="row")
def score(row: str) -> None:
    """Score one row."""
    client, monitor, windows = _parts(os.getpid())
    data = json.loads(row)
    window = windows.setdefault(data["asset"], deque(maxlen=monitor.window))
    window.append([data[sensor] for sensor in monitor.sensors])
    values = np.array(window)
    times = np.arange(len(values)) * 1_000_000
    monitor.score([Frame(data["asset"], times, values, len(values) - 1)])
    client.incr(COUNT)
