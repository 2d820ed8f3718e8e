"""How long a month of one asset takes to draw: 30 days at one reading a second, eight tags, thinned out to a screen.

The readings are stored as live batches store them (five rows a block), packed as a worker packs them, and asked for as
the page asks: 1,200 columns, least and greatest value of each. One second of a spike has to be in what comes back.
Run: `python benchmarks/trend.py --seed 1`. Exits with 1 above one second (median of five).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from setting import arguments, setting, verdict
from sqlalchemy import func, insert, select

from trivium.maintenance import tables
from trivium.maintenance.ingest import packing
from trivium.maintenance.ingest.codec import AssetRows, pack_block
from trivium.maintenance.ingest.trend import read_trend
from trivium.service import migrate
from trivium.service.database import Database

MOST_S = 1.0
DAY_S = 86_400
BEGIN_S = 1_767_225_600
TAGS = tuple(f"t{number}" for number in range(8))
BLOCK_ROWS = 5
WIDTH = 1_200


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    print(setting(("sqlalchemy",), options.seed))
    with tempfile.TemporaryDirectory(prefix="trend-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'trivium.db'}")
        migrate.upgrade(database)
        _store(database, options.days, options.seed)
        span = (BEGIN_S * 10**6, (BEGIN_S + options.days * DAY_S) * 10**6)
        before = time.perf_counter()
        packed = 0
        while packing.is_due(database):
            packed += packing.pack_due(database, "benchmark")
        print(f"  packed {packed:,} blocks into {_count(database):,} in {time.perf_counter() - before:.1f} s")
        seconds = []
        for _ in range(5):
            before = time.perf_counter()
            curves = read_trend(database, "north", "P1", TAGS, *span, WIDTH)
            seconds.append(time.perf_counter() - before)
        database.close()
    median = statistics.median(seconds)
    has_spike = float(curves[3].high.max()) == 1000.0
    points = sum(len(one.times_us) for one in curves)
    print(f"  {options.days} days, {options.days * DAY_S:,} rows of {len(TAGS)} tags to {points:,} points")
    return verdict(
        median <= MOST_S and has_spike,
        f"{options.days} days at 1 s, {len(TAGS)} tags: median {median:.2f} s (target {MOST_S:.0f}), largest "
        f"{max(seconds):.2f} s; the spike of one second is {'there' if has_spike else 'lost'}",
    )


def _store(database: Database, days: int, seed: int) -> None:
    """Store readings in small blocks, with one spike."""
    rng = np.random.default_rng(seed)
    count = days * DAY_S
    spike = int(rng.integers(0, count))
    nothing = np.zeros((BLOCK_ROWS, 0), np.int32)
    good = np.zeros((BLOCK_ROWS, len(TAGS)), np.uint8)
    for start in range(0, count, DAY_S):
        values = np.round(50 + np.cumsum(rng.normal(size=(DAY_S, len(TAGS))), axis=0) * 0.01, 2)
        if start <= spike < start + DAY_S:
            values[spike - start, 3] = 1000.0
        times = (BEGIN_S + start + np.arange(DAY_S)) * 10**6
        rows = []
        for place in range(0, DAY_S, BLOCK_ROWS):
            some = slice(place, place + BLOCK_ROWS)
            block = AssetRows("P1", times[some], TAGS, values[some], good, nothing)
            rows.append(
                {
                    "plant": "north", "asset": "P1", "from_us": int(times[place]),
                    "to_us": int(times[place + BLOCK_ROWS - 1]), "num_rows": BLOCK_ROWS, "data": pack_block(block),
                }
            )  # fmt: skip
        with database.write() as connection:
            connection.execute(insert(tables.block), rows)


def _count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.block)).scalar_one()


if __name__ == "__main__":
    sys.exit(main())
