"""SKAB, valve 1: a monitor that learns from the first 400 rows of each experiment; no label, no point adjustment.

The first 400 rows are normal by the benchmark's own protocol; limits and threshold come from them alone. Plain T2 and
Q, the peer, is the same monitor without smoothing. Rows of the learning period count, as they do there.
"""

from __future__ import annotations

import sys

import numpy as np
from setting import DATA, arguments, setting, verdict

from trivium.maintenance.analyze.measures import average_precision
from trivium.maintenance.analyze.monitor import Monitor
from trivium.maintenance.parse.reader import read_file

NORMAL_ROWS = 400


def main() -> int:
    options = arguments(__doc__).parse_args()
    folder = DATA / "maintenance" / "skab" / "valve1"
    if not folder.is_dir():
        sys.exit(f"no SKAB files at {folder}; docs/data.md says where to get them")
    print(setting(("numpy",), options.seed))
    smooth, plain, label = [], [], []
    for path in sorted(folder.glob("*.csv")):
        fleet = read_file(path)
        assert fleet.label is not None
        rows = np.arange(NORMAL_ROWS)
        label.append(fleet.label > 0)
        smooth.append(Monitor.fit(fleet, rows, options.seed).score(fleet))
        plain.append(Monitor.fit(fleet, rows, options.seed, smooth=False).score(fleet))
    truth = np.concatenate(label)
    ours = report("smoothed T2 and Q", np.concatenate(smooth), truth)
    peer = report("plain T2 and Q", np.concatenate(plain), truth)
    text = f"F1 {ours:.3f} against {peer:.3f} of plain T2 and Q, {len(label)} files"
    return verdict(ours > peer, text)


def report(name: str, score: np.ndarray, truth: np.ndarray) -> float:
    alarm = score > 1
    precision, recall = (alarm & truth).sum() / max(alarm.sum(), 1), (alarm & truth).sum() / truth.sum()
    f1 = float(2 * precision * recall / (precision + recall))
    print(
        f"{name}: F1 {f1:.3f}, precision {precision:.3f}, false alarms {alarm[~truth].mean():.3f}, "
        f"missed {1 - recall:.3f}, PR-AUC {average_precision(score, truth.astype(float)):.3f}"
    )
    return f1


if __name__ == "__main__":
    sys.exit(main())
