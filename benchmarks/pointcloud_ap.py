"""Our average precision against that of the official KITTI C++ evaluator on three cases of random boxes, and its speed.

Run: `python benchmarks/pointcloud_ap.py`. Passes when no AP (R40 or R11, in percent) differs by more than 1e-4.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from setting import arguments, setting, verdict

from trivium.pointcloud.evaluation.folders import evaluate_folders

SHARED = Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
GOLDEN = SHARED / "data" / "pointcloud" / "golden_ap"
TARGET = 1e-4


def main() -> int:
    """Compare every entry of every case."""
    options = arguments(__doc__).parse_args()
    if not GOLDEN.is_dir():
        sys.exit(f"no figures of the official evaluator at {GOLDEN}; docs/data.md says where to get them")
    print(setting(("torch", "numpy"), options.seed))
    worst, entries = 0.0, 0
    for case in sorted(path for path in GOLDEN.glob("case*") if path.is_dir()):
        expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))["results"]
        start = time.perf_counter()
        figures = evaluate_folders(case / "gt", case / "det").figures
        spent = time.perf_counter() - start
        differences = [
            abs(figures["results"][key][level][name] - value[name])
            for key, levels in expected.items()
            for level, value in levels.items()
            for name in ("ap_r40", "ap_r11")
        ]
        worst, entries = max(worst, *differences), entries + len(differences)
        print(f"{case.name}: {len(differences)} figures, largest difference {max(differences):.1e}, "
              f"{figures['frames']} frames in {spent:.2f} s")  # fmt: skip
    return verdict(worst <= TARGET, f"largest difference {worst:.1e} of {entries} figures, target {TARGET:.0e}")


if __name__ == "__main__":
    sys.exit(main())
