"""Truth of simulated frames as `simulate` writes it: rows like those of `detect`, KITTI labels of what is ahead."""

from __future__ import annotations

import torch

from trivium.pointcloud.boxes import to_kitti
from trivium.pointcloud.io.kitti import Calibration, Labels
from trivium.pointcloud.labels import CLASSES, label_of
from trivium.pointcloud.simulator.frames import Frames

__all__ = ["CALIBRATION", "IMAGE_SIZE", "kitti_labels", "truth_of"]

IMAGE_SIZE = (1240, 376)
CALIBRATION = """P2: 720 0 620 0 0 720 188 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27
"""
"""A camera that looks straight ahead from 8 cm below the LiDAR and 27 cm ahead of it."""

_KEYS = ("x", "y", "z", "length", "width", "height", "yaw")

Row = dict[str, str | float | int]


def truth_of(frame: Frames) -> list[Row]:
    """Return the objects of one frame that were hit, with the number of points on each."""
    rows: list[Row] = []
    for box, kind, count in zip(frame.boxes.tolist(), frame.kinds.tolist(), frame.visible.tolist(), strict=True):
        if count:
            label = label_of(CLASSES[kind], box[3], box[5])
            rows.append({"label": label, **dict(zip(_KEYS, box, strict=True)), "points": count})
    return rows


def kitti_labels(rows: list[Row], calibration: Calibration) -> Labels:
    """Return those whose centre lies ahead of the camera and in its image, as KITTI labels."""
    boxes = torch.tensor([[float(row[key]) for key in _KEYS] for row in rows], dtype=torch.float64).reshape(-1, 7)
    place = boxes[:, :3] @ torch.from_numpy(calibration.sensor_to_rectified[:3, :3]).T
    place = place + torch.from_numpy(calibration.sensor_to_rectified[:3, 3])
    pixel = place @ torch.from_numpy(calibration.projection[:, :3]).T
    across = pixel[:, 0] / pixel[:, 2].clamp(min=0.1)
    ahead = ((pixel[:, 2] > 0.5) & (across >= 0) & (across < IMAGE_SIZE[0])).nonzero()[:, 0].tolist()
    scores = None
    if any("score" in row for row in rows):
        scores = torch.tensor([float(rows[at]["score"]) for at in ahead], dtype=torch.float64)
    names = tuple(str(rows[at]["label"]) for at in ahead)
    return to_kitti(boxes[ahead], names, calibration, image_size=IMAGE_SIZE, scores=scores)
