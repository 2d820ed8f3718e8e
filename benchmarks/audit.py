"""Rows a second into the audit log and out of it: group commits on the disk, single commits, verifying every hash.

Run: `python benchmarks/audit.py --seed 1`. SQLite with synchronous FULL in `--folder`, which must be on the disk that
counts; the database is made there and removed. Rows are what the platform writes: submitted jobs, logins, downloads.
Verifying is held to what it cannot do without: fetching the rows, and one SHA-256 for each.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF

from setting import arguments, setting, verdict
from sqlalchemy import text

from trivium.service import migrate
from trivium.service.audit import Audit, Entry
from trivium.service.audit_chain import chain_hash
from trivium.service.audit_verify import verify
from trivium.service.database import Database

GROUP = 50
REPEATS = 5
WRITE_TARGET, VERIFY_TARGET = 5_000, 300_000


def main() -> int:
    """Fill a log in three ways, verify it, and say whether the targets are met."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows written in group commits")
    parser.add_argument("--single", type=int, default=1_000, help="rows written in commits of their own")
    parser.add_argument("--threads", type=int, default=16, help="threads that record at the same time")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where the database is made")
    options = parser.parse_args()
    print(setting(("sqlalchemy",), options.seed))
    entries = _entries(options.rows, random.Random(options.seed))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        database = Database(f"sqlite:///{folder}/trivium.db")
        migrate.upgrade(database)
        grouped = _grouped(database, entries)
        single = _single(database, entries[: options.single])
        shared = _shared(database, entries[: options.single], options.threads)
        verified, num_rows = _verified(database)
        database.close()
    is_good = grouped >= WRITE_TARGET and verified >= VERIFY_TARGET
    figures = (
        f"{grouped:,.0f} rows/s in commits of {GROUP} (target {WRITE_TARGET:,}), {single:,.0f} commits/s of one row, "
    )
    figures += f"{shared:,.0f} rows/s from {options.threads} threads that share commits, "
    return verdict(is_good, f"{figures}verify {verified:,.0f} rows/s of {num_rows:,} (target {VERIFY_TARGET:,})")


def _entries(count: int, chance: random.Random) -> list[Entry]:
    """Return entries as the platform makes them."""
    made = []
    for _ in range(count):
        who, job = f"person-{chance.randrange(50)}", f"{chance.getrandbits(64):016x}"
        file = f"{chance.getrandbits(256):064x}"
        made.append(
            chance.choice(
                (
                    Entry(
                        "job.submitted", who, "job", job, "1", {"app": "finance", "kind": "compare", "inputs": [file]}
                    ),
                    Entry("login.done", who, "account", who, "", {"via": "password", "address": "10.0.0.9"}),
                    Entry("file.downloaded", who, "file", f"{job}/report.html", file, {"app": "finance"}),
                )
            )
        )
    return made


def _grouped(database: Database, entries: list[Entry]) -> float:
    """Return rows a second in group commits, the median of ten parts."""
    audit, rates = Audit(database), []
    part = max(len(entries) // 10 // GROUP * GROUP, GROUP)
    for start in range(0, len(entries), part):
        began = time.perf_counter()
        for first in range(start, min(start + part, len(entries)), GROUP):
            with database.write(is_durable=True) as connection:
                audit.append(connection, *entries[first : first + GROUP])
        rates.append(len(entries[start : start + part]) / (time.perf_counter() - began))
    print(f"group commits of {GROUP}: {', '.join(f'{rate:,.0f}' for rate in rates)} rows/s in parts of {part:,}")
    return statistics.median(rates)


def _single(database: Database, entries: list[Entry]) -> float:
    audit, took_s = Audit(database), []
    for entry in entries:
        began = time.perf_counter()
        audit.record(entry)
        took_s.append(time.perf_counter() - began)
    cuts = statistics.quantiles(took_s, n=100)
    print(f"single commits: p50 {1000 * cuts[49]:.2f} ms, p99 {1000 * cuts[98]:.2f} ms")
    return len(entries) / sum(took_s)


def _shared(database: Database, entries: list[Entry], num_threads: int) -> float:
    audit = Audit(database)

    def work(own: list[Entry]) -> None:
        for entry in own:
            audit.record(entry)

    threads = [threading.Thread(target=work, args=(entries[index::num_threads],)) for index in range(num_threads)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(entries) / (time.perf_counter() - began)


def _verified(database: Database) -> tuple[float, int]:
    """Return the best rate of verifying, and the number of rows; print the floor that it stands on."""
    with database.read() as connection:
        walked = verify(connection)
    assert walked.fault is None, walked.fault
    num_rows, processes = walked.seq, os.cpu_count() or 1

    def walk(processes: int = 1) -> None:
        with database.read() as connection:
            assert verify(connection, processes=processes).seq == num_rows

    for count in (1, processes):
        wall_s, cpu_s = _best(lambda count=count: walk(count))
        each = f"{1e6 * wall_s / num_rows:.2f} us a row, {1e6 * cpu_s / num_rows:.2f} us of CPU"
        print(f"verifying, {count} {'process' if count == 1 else 'processes'}: {each}")
    _print_floor(database)  # last: processes are forked, and the command's own holds no rows either
    return num_rows / wall_s, num_rows


def _print_floor(database: Database) -> None:
    """Print what fetching the rows takes, and one SHA-256 for each."""
    with database.read() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM service_audit ORDER BY seq"))]
    lines = ["\n".join((row[8], str(row[0]), *row[1:8])) for row in rows]

    def fetch() -> None:
        with database.read() as connection, connection.execute(text("SELECT * FROM service_audit")) as result:
            while result.cursor.fetchmany(2_000):
                pass

    def digest() -> None:
        for line in lines:
            chain_hash(line)

    for name, act in (("fetching", fetch), ("hashing", digest)):
        wall_s, cpu_s = _best(act)
        print(f"floor, {name}: {1e6 * wall_s / len(rows):.2f} us a row, {1e6 * cpu_s / len(rows):.2f} us of CPU")


def _processor_s() -> float:
    """Return what this process and those that it has waited for took of the processor."""
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def _best(act: Callable[[], None]) -> tuple[float, float]:
    """Return the least wall and CPU seconds of some repeats."""
    walls, cpus = [], []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), _processor_s()
        act()
        walls.append(time.perf_counter() - wall)
        cpus.append(_processor_s() - cpu)
    return min(walls), min(cpus)


if __name__ == "__main__":
    sys.exit(main())
