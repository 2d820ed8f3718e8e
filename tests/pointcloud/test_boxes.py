"""The box convention, and KITTI's labels to and fro."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.shared_data import SHARED

from trivium.pointcloud.boxes import (
    corners,
    from_kitti,
    kitti_in_camera,
    to_kitti,
    transform_boxes,
    wrap_angle,
)
from trivium.pointcloud.geometry.containment import count_in_boxes
from trivium.pointcloud.geometry.transforms import rotation_about_z
from trivium.pointcloud.io import kitti, read_points
from trivium.service.errors import InputError

KITTI = SHARED / "data" / "pointcloud" / "kitti_object"
needs_kitti = pytest.mark.skipif(not KITTI.is_dir(), reason=f"no frames at {KITTI}")
IMAGE = (1242, 375)


def one_car(*numbers: float) -> kitti.Labels:
    """Make a label of height, width, length, location and rotation."""
    return kitti.Labels.from_table(("Car",), np.array([[0, 0, 0, 0, 0, 9, 9, *numbers]]), has_scores=False)


def test_corners_by_hand():
    """A box 4 long, 2 wide, 2 high turned a quarter to the left: its front left corner is at (-1, 2)."""
    box = torch.tensor([[10.0, 0, 1, 4, 2, 2, math.pi / 2]])
    assert torch.allclose(corners(box)[0, 0], torch.tensor([9.0, 2, 0]), atol=1e-6)
    assert torch.allclose(corners(box)[0, 6], torch.tensor([11.0, -2, 2]), atol=1e-6)


def test_boxes_move_with_their_corners():
    box = torch.tensor([[3.0, 1, 0, 4, 2, 1, 3.0]], dtype=torch.float64)
    pose = rotation_about_z(torch.tensor(0.5, dtype=torch.float64))
    pose[:3, 3] = torch.tensor([1.0, -2, 0.5])
    moved = transform_boxes(box, pose)
    assert torch.allclose(corners(moved), corners(box) @ pose[:3, :3].T + pose[:3, 3])
    assert float(moved[0, 6]) == pytest.approx(3.5 - 2 * math.pi)
    tilted = torch.eye(4, dtype=torch.float64).flip(0)
    with pytest.raises(ValueError, match="tilt"):
        transform_boxes(box, tilted)


def test_angles_wrap_to_the_half_open_turn():
    assert wrap_angle(torch.tensor([math.pi, -math.pi, 7.0])).tolist() == pytest.approx(
        [-math.pi, -math.pi, 7 - 2 * math.pi]
    )


@needs_kitti
def test_a_real_label_holds_its_points():
    """Frame 000000 shows a pedestrian 8 m ahead to the right (location in its label file)."""
    calibration = kitti.read_calibration(KITTI / "000000.calib.txt")
    labels = kitti.read_labels(KITTI / "000000.label.txt")
    boxes = from_kitti(labels, calibration)
    assert labels.types == ("Pedestrian",)
    assert 7 < float(boxes[0, 0]) < 10
    assert float(boxes[0, 1]) < 0
    xyz = torch.from_numpy(read_points(KITTI / "000000.bin").xyz).double()
    assert int(count_in_boxes(xyz, boxes)[0]) > 300


@needs_kitti
def test_kitti_and_back():
    calibration = kitti.read_calibration(KITTI / "000001.calib.txt")
    labels = kitti.read_labels(KITTI / "000001.label.txt")
    real = [row for row, name in enumerate(labels.types) if name != "DontCare"]
    boxes = from_kitti(labels, calibration)[real]
    names = tuple(labels.types[row] for row in real)
    back = to_kitti(boxes, names, calibration, image_size=IMAGE, scores=torch.tensor([0.9, 0.8, 0.7]))
    np.testing.assert_allclose(back.locations, labels.locations[real], atol=1e-6)
    np.testing.assert_allclose(back.dimensions, labels.dimensions[real], atol=1e-9)
    np.testing.assert_allclose(back.rotations, labels.rotations[real], atol=1e-6)
    np.testing.assert_allclose(back.alpha, labels.alpha[real], atol=0.02)
    np.testing.assert_allclose(back.image_boxes, labels.image_boxes[real], atol=6)  # labels were drawn by hand
    # The camera looks ahead: a car driving away from it (rotation -pi/2) has yaw 0 in the LiDAR's frame.
    ahead = one_car(1.5, 1.6, 4, 0, 1.7, 20, -math.pi / 2)
    assert float(from_kitti(ahead, calibration)[0, 6]) == pytest.approx(0, abs=0.02)


def test_the_cameras_own_frame_needs_no_calibration():
    """Location is the floor's: a box 2 high at depth 20, 1.5 below the camera, has its centre 0.5 below."""
    labels = one_car(2, 1.6, 4, 3, 1.5, 20, 0.3)
    assert kitti_in_camera(labels)[0].tolist() == pytest.approx([3, 20, -0.5, 4, 1.6, 2, -0.3])


def test_label_files_come_back(tmp_path):
    table = np.array([[0.5, 1, -1.5, 10, 20, 30.5, 40, 1.5, 1.6, 4, 3, 1.5, 20, 0.3, 0.75]])
    labels = kitti.Labels.from_table(("Car",), table, has_scores=True)
    kitti.write_labels(tmp_path / "a.txt", labels)
    back = kitti.read_labels(tmp_path / "a.txt", has_scores=True)
    assert back.types == ("Car",)
    for name in ("truncation", "occlusion", "alpha", "image_boxes", "dimensions", "locations", "rotations", "scores"):
        np.testing.assert_allclose(getattr(back, name), getattr(labels, name))
    assert kitti.read_labels(tmp_path / "a.txt").scores is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Car 0 0 0 1 2 3 4 1 1 1 0 0 9", "line 1: 14 values, not 16; results end in a score"),
        ("\nCar 0 0 0 1 2 3 4 1 1 1 0 0 9 0", "line 2: 15 values, not 16"),
        ("Car 0 0 0 1 2 3 4 1 1 x 0 0 9 0 1", "line 1: a value is not a number"),
        ("Car 0 0 0 1 2 3 4 1 1 1 0 0 9 0 nan", "line 1: a value is not finite"),
    ],
)
def test_wrong_results_name_their_line(tmp_path, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        kitti.read_labels(tmp_path / "a.txt", has_scores=True)


def test_a_calibration_lacks_an_entry(tmp_path):
    (tmp_path / "c.txt").write_text("P2: 1 2 3\n")
    with pytest.raises(InputError, match="needs P2 with 12 numbers"):
        kitti.read_calibration(tmp_path / "c.txt")
