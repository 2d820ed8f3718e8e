"""Points on a vehicle by range: simulated frames of 64 beams beside 50 real frames of one KITTI drive.

Run: `python benchmarks/pointcloud_points.py`. The real frames show two vans only, so vans (by size) are simulated ones'
fairest company; hidden ones count in both. Nothing passes or fails: it shows how far the simulator is from that drive.
"""

from __future__ import annotations

import json
import statistics
import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting

from trivium.pointcloud.geometry.containment import points_in_boxes
from trivium.pointcloud.io import read_points
from trivium.pointcloud.labels import CLASSES, label_of
from trivium.pointcloud.simulator.frames import simulate
from trivium.pointcloud.simulator.splits import SPLITS

RANGES = ((5, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 70))
Rows = list[tuple[float, int, str]]
"""Distance, points, label of each vehicle."""


def main() -> int:
    """Print the median number of points by range."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100, help="simulated frames, of the test split's streets")
    options = parser.parse_args()
    print(setting(("torch", "numpy"), options.seed))
    torch.set_num_threads(1)
    real, simulated = real_rows(), simulated_rows(options.count)
    columns = {
        "real vans": real,
        "simulated vans": [row for row in simulated if row[2] == "Van"],
        "simulated vehicles": simulated,
    }
    print(f"{'range, m':10}" + "".join(f"{name:>32}" for name in columns))
    for near, far in RANGES:
        cells = []
        for rows in columns.values():
            points = [count for distance, count, _ in rows if near <= distance < far]
            cells.append(_quartiles(points))
        print(f"{f'{near} to {far}':10}" + "".join(f"{cell:>32}" for cell in cells))
    print("median (quarter to three quarters) of points on a vehicle, and how many vehicles; none without a point")
    middle = {
        name: statistics.median([count for distance, count, _ in rows if 30 <= distance < 40] or [0])
        for name, rows in columns.items()
    }
    shown = ", ".join(f"{name} {value:.0f}" for name, value in middle.items())
    print(f"at 30 to 40 m: {shown}; the two real vans are in full view, simulated ones may be half hidden")
    return 0


def real_rows() -> Rows:
    """Return the vehicles of the real frames that are in the camera's view, with the points in their boxes."""
    rows: Rows = []
    for path in sorted(require_data(DATA / "pointcloud" / "kitti_raw_0005").glob("0*.npz")):
        xyz = torch.from_numpy(np.asarray(read_points(path).xyz, np.float32))
        for one in json.loads(path.with_suffix(".json").read_text(encoding="utf-8")):
            if one["cls"] not in ("Car", "Van") or not one["in_fov"]:
                continue
            box = torch.tensor([[one[key] for key in ("x", "y", "z", "l", "w", "h", "yaw")]])
            count = int(points_in_boxes(xyz, box).sum())
            if count:
                rows.append((float(box[0, :2].norm()), count, one["cls"]))
    return rows


def simulated_rows(count: int) -> Rows:
    """Return the vehicles of the test split's first streets that were hit."""
    split, rows = SPLITS["test"], []
    for frame in simulate(split.configs[0], split.seed, 0, count):
        mine = ((frame.kinds == CLASSES.index("Vehicle")) & (frame.visible > 0)).nonzero()[:, 0]
        for box, points in zip(frame.boxes[mine].tolist(), frame.visible[mine].tolist(), strict=True):
            rows.append((float(np.hypot(box[0], box[1])), points, label_of("Vehicle", box[3], box[5])))
    return rows


def _quartiles(points: list[int]) -> str:
    if len(points) < 4:
        return f"- (n {len(points)})"
    low, middle, high = statistics.quantiles(points, n=4)
    return f"{middle:.0f} ({low:.0f} to {high:.0f}; n {len(points)})"


if __name__ == "__main__":
    sys.exit(main())
