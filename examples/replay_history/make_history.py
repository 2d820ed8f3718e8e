"""Make forty days of history of three simulated pumps, two of which fail, with their tags and work orders.

Run: `python examples/replay_history/make_history.py FOLDER`
"""

from __future__ import annotations

import csv
import gzip
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from trivium.maintenance.simulator.machines import Fault, Machine

DAY_S = 86_400
BEGIN_S = 1_767_225_600  # 2026-01-01
STEP_S = 60
PUMPS = (
    (Machine("P-1", 1.0, 11), Fault("bearing", BEGIN_S + 20 * DAY_S, 2 * DAY_S, BEGIN_S + 22 * DAY_S)),
    (Machine("P-2", 0.8, 12), Fault("impeller", BEGIN_S + 30 * DAY_S, 2 * DAY_S, BEGIN_S + 32 * DAY_S)),
    (Machine("P-3", 1.2, 13), None),
)
ORDERS = (
    ("4711", "P-1", 22, "Breakdown", "Bearing replaced"),
    ("4712", "P-2", 32, "Breakdown", "Impeller replaced"),
    ("4713", "P-3", 33, "Preventive", "Seal changed as planned"),
)


def main() -> None:
    """Write tags.csv, history.csv.gz and orders.csv into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tags.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["tag", "asset", "description", "unit", "low", "high", "rate", "running", "startup"])
        for machine, _ in PUMPS:
            asset = machine.asset()
            for tag in asset.tags:
                limits = (tag.low, tag.high, STEP_S)
                out.writerow([tag.name, asset.name, tag.description, tag.unit, *limits, asset.running, asset.startup_s])
    times = np.arange(BEGIN_S, BEGIN_S + 40 * DAY_S, STEP_S)
    with gzip.open(folder / "history.csv.gz", "wt", newline="", compresslevel=1) as file:
        out = csv.writer(file)
        out.writerow(["tag", "timestamp", "value"])  # narrow, as historians give it
        for machine, fault in PUMPS:
            values = machine.readings(times, [fault] if fault else [])
            for place, name in enumerate(machine.tag_names):
                column = zip(times.tolist(), values[:, place].tolist(), strict=True)
                out.writerows((name, time_s, value) for time_s, value in column)
    with (folder / "orders.csv").open("w", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Order", "Equipment", "Reported", "Type", "Text"])
        for number, asset_name, day, kind, text in ORDERS:
            reported = datetime.fromtimestamp(BEGIN_S + day * DAY_S, UTC).isoformat()
            out.writerow([number, asset_name, reported, kind, text])


if __name__ == "__main__":
    main()
