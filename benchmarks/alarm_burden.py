"""How many alerts a normal plant raises at default thresholds, and how early those with a fault raise one.

Machines of the simulator learn from some days without a fault, each its own monitor, as `trivium maintenance learn`
does. Then they run on without a fault, with load, weather and noise going on as before, and every alert is a false one.
Faults of three kinds are grown on other machines; the lead is from the alert to the time at which the fault is fully
grown. SKAB's recording without anomalies (real, 1 Hz) is judged beside it where it is there: learned on its first half.

Run: `python benchmarks/alarm_burden.py --seed 1`. Exits with 1 above one alert per 100 assets a day. Thresholds were
chosen with seeds 100 and 101, which are therefore no result.
"""

from __future__ import annotations

import sys

import numpy as np
from setting import DATA, arguments, setting, verdict

from trivium.maintenance.alerts.rules import rules_of
from trivium.maintenance.alerts.tracker import Tracker
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.monitor import Monitor, fit_monitor
from trivium.maintenance.simulator.machines import FAULTS, Fault, Machine

MOST_A_DAY = 1.0  # per 100 assets
DAY_S = 86_400
STEP_S = 10
BEGIN_S = 1_767_225_600  # 2026-01-01
GROW_S = 12 * 3600


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--machines", type=int, default=60)
    parser.add_argument("--learn-days", type=int, default=14)
    parser.add_argument("--days", type=int, default=14, help="without a fault, after what was learned from")
    options = parser.parse_args()
    print(setting(("numpy",), options.seed))
    alerts, asset_days, leads, missed = 0, 0, {kind: [] for kind in _kinds()}, 0
    for number in range(options.machines):
        machine = Machine(f"M-{number}", 0.6 + 0.2 * (number % 6), 1000 * options.seed + number)
        monitor = _learn(machine, options.learn_days)
        begin = BEGIN_S + options.learn_days * DAY_S
        alerts += len(_raised(monitor, machine, begin, options.days))
        asset_days += options.days
        kind = _kinds()[number % len(leads)]
        fault = Fault(kind, begin + DAY_S, GROW_S, begin + 3 * DAY_S)
        raised = [at for at in _raised(monitor, machine, begin, 3, fault) if fault.start_s <= at]
        if raised and raised[0] < fault.start_s + GROW_S:
            leads[kind].append((fault.start_s + GROW_S - raised[0]) / 3600)
        else:
            missed += 1
    burden = 100 * alerts / asset_days
    print(f"  {alerts} alerts in {asset_days} asset-days without a fault: {burden:.2f} per 100 assets a day")
    for kind, hours in leads.items():
        median = np.median(hours) if hours else float("nan")
        print(f"  {kind:9} {len(hours):3} seen, median {median:.1f} h before it is fully grown")
    everything = [one for hours in leads.values() for one in hours]
    lead_h = float(np.median(everything)) if everything else 0.0
    print(f"  missed before fully grown: {missed} of {options.machines}")
    skab = _skab()
    print(f"  SKAB without anomalies, second half: {skab}")
    return verdict(
        burden <= MOST_A_DAY,
        f"{burden:.2f} alerts per 100 assets a day on normal data (target {MOST_A_DAY:.0f}); median lead {lead_h:.1f}"
        f" h of a fault that grows for {GROW_S / 3600:.0f} h, {missed} of {options.machines} missed; SKAB {skab}",
    )


def _kinds() -> list[str]:
    return [kind for kind, change in FAULTS.items() if change]


def _learn(machine: Machine, days: int) -> Monitor:
    times = np.arange(BEGIN_S, BEGIN_S + days * DAY_S, STEP_S)
    values = machine.readings(times)
    nothing = np.zeros((len(times), 0), np.int32)
    rows = AssetRows(
        machine.name, times * 1_000_000, machine.tag_names, values, np.zeros(values.shape, np.uint8), nothing
    )
    found = learn_asset(machine.asset(), rows, step_s=STEP_S)
    if found.monitor is None:
        raise RuntimeError(found.problem)
    return found.monitor


def _raised(monitor: Monitor, machine: Machine, begin: int, days: int, *faults: Fault) -> list[float]:
    """Return when alerts were raised, in seconds since 1970."""
    times = np.arange(begin, begin + days * DAY_S, STEP_S)
    values = machine.readings(times, faults)
    places = [machine.tag_names.index(name) for name in monitor.sensors]
    return _alerts(monitor, times * 1_000_000, values[:, places])


def _alerts(monitor: Monitor, times_us: np.ndarray, values: np.ndarray) -> list[float]:
    (scores,) = monitor.score([Frame("", times_us, values, 0)])
    (rule,) = rules_of(monitor.outputs, monitor.step_s)
    changes = Tracker(rule, monitor.version).follow(times_us, scores.outputs[:, 0])
    return [float(times_us[one.row]) / 1e6 for one in changes if one.what == "raised"]


def _skab() -> str:
    path = DATA / "maintenance" / "skab" / "anomaly-free" / "anomaly-free.csv"
    if not path.is_file():
        return "not here"
    names, *lines = path.read_text().splitlines()
    values = np.array([[float(cell) for cell in line.split(";")[1:9]] for line in lines])
    half = len(values) // 2
    monitor = fit_monitor(values[:half], names.split(";")[1:9], step_s=1.0)
    raised = _alerts(monitor, np.arange(half, len(values)) * 1_000_000, values[half:])
    return f"{len(raised)} alerts in {(len(values) - half) / 3600:.1f} h"


if __name__ == "__main__":
    sys.exit(main())
