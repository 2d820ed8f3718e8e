"""How often drift is told of normal machines, and how often a sensor that moved is found.

Simulated machines of seeds that nothing was chosen with: a reference from 7, 14 or 28 days at one reading in five
minutes, and the fourteen days after it, each of which counts when the day before is off as well. A sensor that moved is
one with an offset of so many standard deviations of its own. Run: `python benchmarks/drift.py --seed 1`. Exits with 1
when after 14 days of learning more than 2 % of tag-days of normal machines are told, or fewer than 75 % of those off by
two standard deviations.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
from setting import arguments, setting, verdict

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.reference import SENSOR
from trivium.maintenance.simulator.machines import Machine

DAY_S = 86_400
BEGIN_S = 1_770_000_000 // 60 * 60
STEP_S = 300
DAYS = 14
OFFSETS = (0.0, 0.5, 1.0, 2.0, 3.0)
MOST_FALSE, LEAST_FOUND = 0.02, 0.75


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--machines", type=int, default=10)
    options = parser.parse_args()
    print(setting(("numpy",), options.seed))
    told: dict[int, np.ndarray] = {}
    for days in (7, 14, 28):
        shares = [told_of(Machine("P-1", 1.0, 1000 * options.seed + place), days) for place in range(options.machines)]
        told[days] = np.mean(shares, axis=0)
        found = ", ".join(
            f"{share:.1%} off by {offset:g} sd" for offset, share in zip(OFFSETS, told[days], strict=True)
        )
        print(f"  learned from {days} days: told of tag-days: {found}", flush=True)
    false, found_two = told[14][0], told[14][OFFSETS.index(2.0)]
    return verdict(
        false <= MOST_FALSE and found_two >= LEAST_FOUND,
        f"14 days of learning: {false:.1%} of normal tag-days told, {found_two:.0%} of those off by 2 sd",
    )


def told_of(machine: Machine, days: int) -> list[float]:
    """Return the share of tag-days that is told, for each offset."""
    learned = learn_asset(machine.asset(), rows_of(machine, -days, 0), step_s=STEP_S)
    references = {one.name: one for one in learned.references if one.kind == SENSOR}
    rows = rows_of(machine, 0, DAYS)
    day = (rows.times_us // 10**6 - BEGIN_S) // DAY_S
    shares = []
    for offset in OFFSETS:
        is_told = []
        for name, reference in references.items():
            values = rows.values[:, rows.tags.index(name)]
            values = values + offset * values.std()
            index = [reference.psi(values[day == number]) for number in range(DAYS)]
            is_told += [min(pair) > reference.psi_limit for pair in itertools.pairwise(index)]
        shares.append(float(np.mean(is_told)))
    return shares


def rows_of(machine: Machine, from_day: int, to_day: int) -> AssetRows:
    times = np.arange(BEGIN_S + from_day * DAY_S, BEGIN_S + to_day * DAY_S, STEP_S)
    values = machine.readings(times, ())
    nothing = np.zeros((len(times), 0), np.int32)
    return AssetRows(machine.name, times * 10**6, machine.tag_names, values, np.zeros(values.shape, np.uint8), nothing)


if __name__ == "__main__":
    sys.exit(main())
