"""The one box convention of this package, and the way to and from KITTI's.

A box is seven numbers, `(..., 7)`:

    x, y, z                  its centre, metres
    length, width, height    along its own axes, metres, never negative
    yaw                      turn about z from the x axis to its length, radians, counterclockwise seen from above

in one right-handed frame with z up. For a LiDAR that frame is the sensor's: x forward, y left. Nothing else in
`trivium.pointcloud` holds boxes in another form; files that do are converted where they are read.
"""

from __future__ import annotations

import math

import torch

from trivium.pointcloud.io.kitti import Calibration, Labels

__all__ = ["BOX_DIM", "corners", "from_kitti", "kitti_in_camera", "to_kitti", "transform_boxes", "wrap_angle"]

BOX_DIM = 7
_UNIT = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))  # counterclockwise


def wrap_angle(angle: torch.Tensor) -> torch.Tensor:
    """Return the same angle in [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def corners(boxes: torch.Tensor) -> torch.Tensor:
    """Return the corners of boxes.

    Args:
        boxes: (..., 7).

    Returns:
        (..., 8, 3): the floor counterclockwise seen from above, front left corner first; then the roof likewise.
    """
    unit = boxes.new_tensor(_UNIT)
    local = unit * boxes[..., None, 3:5]  # (..., 4, 2)
    cos, sin = boxes[..., None, 6].cos(), boxes[..., None, 6].sin()
    x = boxes[..., None, 0] + local[..., 0] * cos - local[..., 1] * sin
    y = boxes[..., None, 1] + local[..., 0] * sin + local[..., 1] * cos
    half = boxes[..., None, 5] / 2
    floor = torch.stack((x, y, (boxes[..., None, 2] - half).expand_as(x)), dim=-1)
    roof = torch.stack((x, y, (boxes[..., None, 2] + half).expand_as(x)), dim=-1)
    return torch.cat((floor, roof), dim=-2)


def transform_boxes(boxes: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Move boxes by a rigid motion that keeps z up (a turn about z and a shift).

    Args:
        boxes: (..., 7).
        pose: (4, 4).

    Raises:
        ValueError: if the motion tilts z by more than 1e-4.
    """
    if abs(float(pose[2, 2]) - 1) > 1e-4:
        raise ValueError("boxes stand upright; this motion would tilt them")
    centre = boxes[..., :3] @ pose[:3, :3].T + pose[:3, 3]
    yaw = wrap_angle(boxes[..., 6] + torch.atan2(pose[1, 0], pose[0, 0]))
    return torch.cat((centre, boxes[..., 3:6], yaw[..., None]), dim=-1)


def from_kitti(labels: Labels, calibration: Calibration) -> torch.Tensor:
    """Return the boxes of labels in the LiDAR's frame, (N, 7) float64.

    The centre is exact. The camera stands a little askew to the LiDAR; the box is set upright, and its yaw is that of
    its length seen from above.
    """
    to_rectified = torch.from_numpy(calibration.sensor_to_rectified)
    to_sensor = torch.linalg.inv(to_rectified)
    height, width, length = torch.from_numpy(labels.dimensions).unbind(dim=1)
    centre = torch.from_numpy(labels.locations).clone()
    centre[:, 1] -= height / 2  # y points down, and the location is the floor's
    centre = centre @ to_sensor[:3, :3].T + to_sensor[:3, 3]
    turn = torch.from_numpy(labels.rotations)
    heading = torch.stack((turn.cos(), -turn.sin()), dim=1) @ _ground_part(to_sensor).T
    yaw = torch.atan2(heading[:, 1], heading[:, 0])
    return torch.cat((centre, torch.stack((length, width, height, yaw), dim=1)), dim=1)


def to_kitti(
    boxes: torch.Tensor,
    types: tuple[str, ...],
    calibration: Calibration,
    *,
    image_size: tuple[int, int],
    scores: torch.Tensor | None = None,
) -> Labels:
    """Return boxes as KITTI labels, the inverse of `from_kitti`.

    The image box is that of the corners before the camera; truncation and occlusion are not known.

    Args:
        boxes: (N, 7) in the LiDAR's frame.
        types: N class names.
        image_size: width and height of the image, pixels.
        scores: (N,), for result files.
    """
    boxes = boxes.detach().double().cpu()
    to_rectified = torch.from_numpy(calibration.sensor_to_rectified)
    centre = boxes[:, :3] @ to_rectified[:3, :3].T + to_rectified[:3, 3]
    ahead = torch.stack((boxes[:, 6].cos(), boxes[:, 6].sin()), dim=1)
    heading = torch.linalg.solve(_ground_part(torch.linalg.inv(to_rectified)), ahead.T).T
    turn = torch.atan2(-heading[:, 1], heading[:, 0])
    location = centre.clone()
    location[:, 1] += boxes[:, 5] / 2
    alpha = wrap_angle(turn - torch.atan2(centre[:, 0], centre[:, 2]))
    table = torch.cat((location.new_tensor([[-1.0, -1.0]]).expand(len(boxes), 2), alpha[:, None]), dim=1)
    image_boxes = _image_boxes(boxes, calibration, image_size)
    dimensions = boxes[:, [5, 4, 3]]
    table = torch.cat((table, image_boxes, dimensions, location, turn[:, None]), dim=1)
    if scores is not None:
        table = torch.cat((table, scores.detach().double().cpu()[:, None]), dim=1)
    return Labels.from_table(types, table.numpy(), has_scores=scores is not None)


def kitti_in_camera(labels: Labels) -> torch.Tensor:
    """Return the boxes of labels in the camera's own frame turned so that z is up, (N, 7) float64; no calibration.

    Axes: x right, y forward (KITTI's z), z up (KITTI's minus y). Overlaps do not depend on the frame, so evaluation
    uses this one.
    """
    height, width, length = torch.from_numpy(labels.dimensions).unbind(dim=1)
    right, down, forward = torch.from_numpy(labels.locations).unbind(dim=1)
    yaw = wrap_angle(-torch.from_numpy(labels.rotations))
    return torch.stack((right, forward, height / 2 - down, length, width, height, yaw), dim=1)


def _ground_part(to_sensor: torch.Tensor) -> torch.Tensor:
    """Return (2, 2): a direction (x, z) of the rectified camera as (x, y) of the LiDAR."""
    return to_sensor[:2][:, [0, 2]]


def _image_boxes(boxes: torch.Tensor, calibration: Calibration, image_size: tuple[int, int]) -> torch.Tensor:
    projection = torch.from_numpy(calibration.projection @ calibration.sensor_to_rectified)
    points = corners(boxes)  # (N, 8, 3)
    seen = points @ projection[:, :3].T + projection[:, 3]
    depth = seen[..., 2].clamp(min=0.1)
    limit = torch.tensor(image_size, dtype=torch.float64) - 1
    pixels = torch.minimum((seen[..., :2] / depth[..., None]).clamp(min=0), limit)
    return torch.cat((pixels.amin(dim=1), pixels.amax(dim=1)), dim=1)
