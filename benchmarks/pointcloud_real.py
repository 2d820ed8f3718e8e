"""The shipped detector, trained on simulated frames alone, on 50 real frames of one KITTI drive; scored rarely.

Run: `python benchmarks/pointcloud_real.py`, or with `--fused` for the detector that reads the pictures too and searches
what is ahead. The frames are NonCommercial: they measure, and teach nothing. They are
strongly correlated and show two vans, one cyclist, one pedestrian, so recall of each track stands beside precision.
Vehicle is Car and Van. Every run adds a line to docs/pointcloud-real-log.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict

from trivium.pointcloud.detector.boxes_from_heat import Found
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.detector.fusion import FusedDetector
from trivium.pointcloud.detector.weights import SHIPPED, SHIPPED_FUSED, load_fusion
from trivium.pointcloud.evaluation.detections import Detections, Match, Truth, match_by_distance, match_by_overlap
from trivium.pointcloud.io import read_points
from trivium.pointcloud.io.pictures import read_picture
from trivium.pointcloud.labels import CLASSES

FRAMES = DATA / "pointcloud" / "kitti_raw_0005"
LOG = Path(__file__).resolve().parents[1] / "docs" / "pointcloud-real-log.md"
CLASS_OF = {"Car": "Vehicle", "Van": "Vehicle", "Pedestrian": "Pedestrian", "Cyclist": "Cyclist"}
NEAR_TARGET, OVERLAP_TARGET = 85.0, 55.0
LEAST = 0.05
Rows = list[tuple[int, str, list[float], str, bool]]
Finder = Callable[[torch.Tensor, Path], Found]
"""Takes points and the file of the picture."""


def main() -> int:
    """Detect in every frame, score, log."""
    parser = arguments(__doc__)
    parser.add_argument("--weights", type=Path, help="another checkpoint than the one that ships")
    parser.add_argument("--fused", action="store_true", help="camera and LiDAR")
    parser.add_argument(
        "--why", default="the shipped checkpoint", help="why these frames are looked at now, for the log"
    )
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    print(setting(("torch", "numpy"), options.seed))
    folder = require_data(FRAMES)
    find = _fused(options.weights or SHIPPED_FUSED, folder) if options.fused else _lidar(options.weights or SHIPPED)
    truth, found = score(find, folder)
    figures, lines = {}, []
    for name in CLASSES:
        near = _match(truth, found, name, 2.0, None)
        over = _match(truth, found, name, None, 0.5)
        figures[name] = (near.average_precision(), over.average_precision())
        tracks = ", ".join(
            f"track {track} {share:.2f}" for track, share in near.recall_per_track(min_score=0.3).items()
        )
        objects = len(near.truth.frames)
        lines.append(
            f"{name}: {objects} boxes, AP centre within 2 m {_percent(figures[name][0])}, BEV IoU 0.5 "
            f"{_percent(figures[name][1])}; recall at 2 m and score 0.3: {tracks or '-'}"
        )
    print("\n".join(lines))
    vehicle = figures["Vehicle"]
    _log(options.why, lines)
    is_good = (vehicle[0] or 0) >= NEAR_TARGET and (vehicle[1] or 0) >= OVERLAP_TARGET
    text = f"Vehicle AP {_percent(vehicle[0])} at 2 m (target {NEAR_TARGET:.0f}), {_percent(vehicle[1])} at BEV IoU 0.5"
    return verdict(is_good, f"{text} (target {OVERLAP_TARGET:.0f}); 50 correlated frames of one drive, not KITTI val")


def _lidar(weights: Path) -> Finder:
    detector = Detector.load(weights)
    return lambda points, picture: detector.find(points, min_score=LEAST)


def _fused(weights: Path, folder: Path) -> Finder:
    detector = FusedDetector(load_fusion(weights))
    to_pixels = np.array(json.loads((folder / "calib.json").read_text(encoding="utf-8"))["P_velo_to_image_half"])

    def find(points: torch.Tensor, picture: Path) -> Found:
        pixels, projection = read_picture(picture, to_pixels)
        return detector.find(points, torch.from_numpy(pixels), torch.from_numpy(projection), min_score=LEAST)

    return find


def score(find: Finder, folder: Path) -> tuple[Rows, Rows]:
    """Return truth and detections of every frame: number, class, box, track (or score), in view."""
    truth: Rows = []
    found: Rows = []
    for number, path in enumerate(sorted(folder.glob("0*.npz"))):
        for one in json.loads(path.with_suffix(".json").read_text(encoding="utf-8")):
            box = [one[key] for key in ("x", "y", "z", "l", "w", "h", "yaw")]
            truth.append((number, CLASS_OF[one["cls"]], box, f"{one['track']} ({one['cls']})", bool(one["in_fov"])))
        cloud = read_points(path)
        points = torch.from_numpy(np.column_stack((cloud.xyz, cloud.fields["intensity"])).astype(np.float32))
        said = find(points, path.with_suffix(".jpg"))
        for box, kind, value in zip(said.boxes.tolist(), said.kinds.tolist(), said.scores.tolist(), strict=True):
            found.append((number, CLASSES[kind], box, str(value), True))
    return truth, found


def _match(truth: Rows, found: Rows, name: str, near: float | None, over: float | None) -> Match:
    mine = [row for row in truth if row[1] == name]
    theirs = [row for row in found if row[1] == name]
    wanted = Truth(
        torch.tensor([row[2] for row in mine]).reshape(-1, 7),
        np.array([row[0] for row in mine], np.int64),
        ~np.array([row[4] for row in mine], bool),
        np.array([row[3] for row in mine]),
    )
    given = Detections(
        torch.tensor([row[2] for row in theirs]).reshape(-1, 7),
        np.array([row[0] for row in theirs], np.int64),
        np.array([float(row[3]) for row in theirs]),
    )
    return match_by_distance(wanted, given, limit=near) if near else match_by_overlap(wanted, given, limit=over or 0.5)


def _log(why: str, lines: list[str]) -> None:
    here = Path(__file__).resolve().parents[1]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    row = f"| {datetime.now(UTC):%Y-%m-%d} | {commit.stdout.strip()} | {why} | {'; '.join(lines)} |\n"
    with LOG.open("a", encoding="utf-8") as log:
        log.write(row)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
