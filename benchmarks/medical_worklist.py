"""The medical worklist over 10,000 studies: milliseconds to a page of it, by filter, search and depth.

Run: `python benchmarks/medical_worklist.py --seed 1`. Studies are invented: most are closed, some are STAT, many
patients have several. Each query is what the page asks for; the figure is the query with its rows read, on SQLite.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from typing import Any

from setting import arguments, setting, verdict
from sqlalchemy import insert

from trivium.medical import tables
from trivium.medical.workflow.states import OPEN, ReportState
from trivium.medical.workflow.studies import ROUTINE, STAT, worklist
from trivium.service import migrate
from trivium.service.database import Database, utc_now

TARGET_MS = 50.0
STATES = (
    (ReportState.SIGNED, 0.7), (ReportState.AMENDED, 0.04), (ReportState.RETRACTED, 0.01), (ReportState.REJECTED, 0.05),
    (ReportState.AMENDING, 0.01), (ReportState.SUBMITTED, 0.03), (ReportState.IN_REVIEW, 0.04),
    (ReportState.DRAFT, 0.12),
)  # fmt: skip


def main() -> int:
    """Fill a worklist, ask for pages of it, and say whether the target is met."""
    parser = arguments(__doc__)
    parser.add_argument("--studies", type=int, default=10_000, help="studies in the database")
    parser.add_argument("--asked", type=int, default=400, help="pages asked for of each kind")
    options = parser.parse_args()
    print(setting(("sqlalchemy",), options.seed))
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/trivium.db")
        migrate.upgrade(database)
        rows = [_study(number, chance) for number in range(options.studies)]
        with database.write() as connection:
            connection.execute(insert(tables.study), rows)
        worst = 0.0
        for name, asked in _kinds(rows, chance).items():
            taken = [_timed(database, asked) for _ in range(options.asked)]
            p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[18]
            print(f"{name:28} median {p50:6.2f} ms  p95 {p95:6.2f} ms  longest {max(taken):6.2f} ms")
            worst = max(worst, p95)
        database.close()
    text = f"worst p95 {worst:.2f} ms over {options.studies:,} studies (target < {TARGET_MS:.0f} ms)"
    return verdict(worst < TARGET_MS, text)


def _kinds(rows: list[dict[str, Any]], chance: random.Random) -> dict[str, Any]:
    """Return what a page asks for, by name; each call gives the arguments of one query."""

    def searched() -> dict[str, Any]:
        row = chance.choice(rows)
        return {"state": "", "search": row[chance.choice(("id", "pseudonym"))][: chance.randint(2, 10)]}

    return {
        "open, first page": lambda: {"state": "open"},
        "open, any page": lambda: {"state": "open", "page": chance.randint(1, 40)},
        "all, first page": lambda: {"state": ""},
        "all, any page": lambda: {"state": "", "page": chance.randint(1, 200)},
        "one state": lambda: {"state": str(chance.choice(STATES)[0])},
        "search": searched,
        "mine": lambda: {"state": "open", "mine": f"reader{chance.randint(1, 9)}"},
    }


def _timed(database: Database, asked: Any) -> float:
    arguments_of_one = asked()
    started = time.perf_counter()
    worklist(database, **arguments_of_one)
    return 1000 * (time.perf_counter() - started)


def _study(number: int, chance: random.Random) -> dict[str, Any]:
    state = chance.choices([one for one, _ in STATES], [share for _, share in STATES])[0]
    is_written = state in (ReportState.IN_REVIEW, ReportState.AMENDING)
    return {
        "id": f"{chance.getrandbits(64):016x}",
        "study_key": f"{number:064x}",
        "pseudonym": f"{chance.randrange(6000) * 2654435761 % 2**64:020x}",
        "received_by": "tom",
        "arrived_at": utc_now() - timedelta(minutes=chance.random() * 60 * 24 * 90),
        "priority": STAT if chance.random() < 0.05 else ROUTINE,
        "modality": "DX",
        "view": chance.choice(("PA", "AP", "LATERAL")),
        "sex": chance.choice("MF"),
        "age_years": float(chance.randint(18, 90)),
        "state": state,
        "is_closed": state not in OPEN,
        "version": 1,
        "signed_versions": int(state not in (ReportState.DRAFT, ReportState.IN_REVIEW, ReportState.SUBMITTED)),
        "draft_state": "ready",
        "lock_owner": f"reader{chance.randint(1, 9)}" if is_written else "",
    }


if __name__ == "__main__":
    sys.exit(main())
