"""What `trivium demo` shows of maintenance: a simulated plant with its tags, a model that has learned it, and a key.

Called when the suite is ready; the companion (`trivium maintenance simulate`) then posts the plant's readings to the
API, first those of the day before. A second start goes on where the first one was.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from trivium.maintenance import models
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.learn import Learned, learn_asset
from trivium.maintenance.ingest.monitor import load_monitor, save_family
from trivium.maintenance.inspection.samples import write_samples as write_parts
from trivium.maintenance.registry import write_registry
from trivium.maintenance.simulator.machines import Machine
from trivium.maintenance.simulator.plant import MACHINES, PLANT, demo_orders
from trivium.maintenance.work_orders import write_orders
from trivium.service.access import open_access
from trivium.service.runtime import LOCAL_USER, Runtime

__all__ = ["BEGUN", "KEY", "seed", "write_samples"]

log = structlog.get_logger(__name__)

KEY, BEGUN = "demo.key", "demo.begun"
_STEP_S = 10
_LEARN_S = 7 * 86_400


def write_samples(folder: Path) -> list[Path]:
    """Write the demo's tags as a CSV, as an example for one's own, and files to inspect."""
    path = folder / "tags.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["tag", "asset", "description", "unit", "low", "high", "rate", "deadband", "running", "startup"])
        for machine in MACHINES:
            asset = machine.asset()
            for tag in asset.tags:
                limits = (tag.low, tag.high, tag.rate_s, tag.deadband)
                out.writerow([tag.name, asset.name, tag.description, tag.unit, *limits, asset.running, asset.startup_s])
    return [path, *write_parts(folder)]


def seed(runtime: Runtime, samples: Sequence[Path]) -> None:
    """Register the plant, learn what is normal, and make the key of its gateway; once.

    Args:
        samples: as `write_samples` returns them.
    """
    folder = samples[0].parent
    if (folder / KEY).is_file() and (folder / BEGUN).is_file():
        return
    begun_s = int(time.time())
    write_registry(runtime.database, PLANT, [machine.asset() for machine in MACHINES], zone="UTC")
    learned = {machine.name: learn_machine(machine, begun_s - 86_400) for machine in MACHINES}
    about = {"learned from": "seven simulated days without faults", "step_s": _STEP_S}
    monitors = {name: one.monitor for name, one in learned.items() if one.monitor is not None}
    references = [reference for one in learned.values() for reference in one.references]
    save_family(monitors, folder / "model", about, references)
    version = load_monitor(folder / "model").version
    models.activate(runtime.audit, PLANT, str(folder / "model"), version, actor=LOCAL_USER)
    write_orders(runtime.database, PLANT, demo_orders(begun_s))
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    _, secret = access.keys.create(PLANT, ["maintenance.ingest"], actor=LOCAL_USER)
    with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
    (folder / BEGUN).write_text(str(begun_s), encoding="ascii")
    log.info("demo.plant_registered", plant=PLANT, assets=len(learned))


def learn_machine(machine: Machine, until_s: int) -> Learned:
    """Learn a machine's normal operation from seven days before a time."""
    times = np.arange(until_s - _LEARN_S, until_s, _STEP_S)
    values = machine.readings(times)
    rows = AssetRows(
        machine.name, times * 1_000_000, machine.tag_names, values, np.zeros(values.shape, np.uint8),
        np.zeros((len(times), 0), np.int32),
    )  # fmt: skip
    return learn_asset(machine.asset(), rows, step_s=_STEP_S)
