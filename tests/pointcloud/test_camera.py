"""The camera of the simulator: pixels worked out by hand, what the LiDAR hits, the same alone and in company."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trivium.pointcloud.io.kitti import read_calibration
from trivium.pointcloud.simulator.batch import Scene, SensorState, collate
from trivium.pointcloud.simulator.camera import Camera, photograph
from trivium.pointcloud.simulator.files import CALIBRATION, IMAGE_SIZE
from trivium.pointcloud.simulator.frames import sense
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.shapes import Pose, Shapes
from trivium.pointcloud.simulator.splits import digest
from trivium.pointcloud.simulator.terrain import Terrain

SMALL = Camera(101, 51, 50.0, 50.0, 25.0, (0.0, 0.0, 0.0))


def scene(shapes: Shapes, owners: int = 2) -> Scene:
    """Return a scene on flat ground 2 m under the sensor."""
    height = np.full(len(shapes.places()), -2.0, np.float32)
    return Scene(
        seed=7,
        boxes=np.zeros((owners, 7), np.float32),
        kinds=np.zeros(owners, np.int64),
        speeds=np.zeros(owners, np.float32),
        solids=shapes.solids(height[: shapes.solid_count]),
        rounds=shapes.rounds(height[shapes.solid_count :]),
        terrain=np.array(Terrain(2.0, road_half_width=500.0).row(), np.float32),
        elevations=np.array([0.0], np.float32),
        sensor=SensorState("hdl64", 360, -0.01, 360),
    )


def test_pixels_show_what_geometry_says() -> None:
    shapes = Shapes()
    # The face of the wall is 10 m away, 5 pixels a metre there: 9.5 pixels to each side and up from the middle.
    shapes.box(Pose(11.0, 0.0), (-1.0, 1.0), 1.9, (0.0, 3.9), owner=0)
    shapes.ball(Pose(5.0, 0.0), (0.0, 0.0, 2.0), (0.2, 0.2, 0.2), owner=1)  # hides its middle
    seen = photograph(collate([scene(shapes)]), SMALL)
    assert seen.owner[0, 25, 41:60].tolist() == [0] * 7 + [1] * 5 + [0] * 7  # 50 * 0.2 / 5 = 2 pixels each way
    assert seen.owner[0, :35, 45].nonzero().flatten().tolist() == [*range(16)]  # below them owner 0
    assert float(seen.depth[0, 25, 45]) == pytest.approx(10.0, abs=1e-4)
    assert float(seen.depth[0, 25, 50]) == pytest.approx(4.8, abs=1e-3)
    # 25 rows below the axis: half as deep as far, so the ground 2 m below is 4 m away; the sky has no depth.
    assert float(seen.depth[0, 50, 0]) == pytest.approx(4.0, abs=2e-2)
    assert math.isinf(seen.depth[0, 0, 0])
    assert int(seen.visible[1]) == int((seen.owner == 1).sum()) == 13  # a disc of radius 2


def test_a_wall_beside_the_camera_is_cut_where_the_picture_begins() -> None:
    shapes = Shapes()
    shapes.box(Pose(0.0, 3.0), (-20.0, 20.0), 0.5, (0.0, 8.0), owner=0)  # its face 2.5 m to the left
    seen = photograph(collate([scene(shapes)]), SMALL)
    assert float(seen.depth[0, 25, 0]) == pytest.approx(2.5, abs=1e-3)  # 45 degrees to the left
    assert int(seen.owner[0, 25, 43]) == 0  # 50 * 2.5 / 20 = 6.25 pixels left of the middle the wall ends
    assert int(seen.owner[0, 25, 44]) == -1


def test_the_camera_sees_what_the_lidar_hits_and_knows_the_calibration_that_is_written(tmp_path) -> None:
    (tmp_path / "calib.txt").write_text(CALIBRATION)
    camera = Camera()
    written = read_calibration(tmp_path / "calib.txt")
    full = torch.from_numpy(written.projection @ written.sensor_to_rectified).float()
    torch.testing.assert_close(camera.scaled(2).projection(), full, atol=1e-4, rtol=1e-5)
    assert (camera.scaled(2).width, camera.scaled(2).height) == IMAGE_SIZE
    batch = collate([compose(SimulatorConfig("vlp16", 90.0), 5, 1)])
    frame, seen = sense(batch), photograph(batch, camera)
    mine = frame.owner >= 0
    place = torch.cat((frame.points[mine, :3], torch.ones(int(mine.sum()), 1)), dim=1) @ camera.projection().T
    u, v = (place[:, :2] / place[:, 2:]).round().long().unbind(dim=1)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    same = seen.owner[0, v[inside], u[inside]] == frame.owner[mine][inside]
    assert int(inside.sum()) > 150
    assert float(same.float().mean()) > 0.85  # edges, and glass of which each lets through its own share


def test_a_picture_is_the_same_alone_and_in_company() -> None:
    scenes = [compose(SimulatorConfig("vlp16", 90.0, 0.3), 3, number) for number in range(2)]
    together = photograph(collate(scenes), Camera().scaled(0.25))
    for number, one in enumerate(scenes):
        alone = photograph(collate([one]), Camera().scaled(0.25))
        assert float((alone.colors[0] != together.colors[number]).float().mean()) < 0.002  # sums in another order
    assert not torch.equal(together.colors[0], together.colors[1])


def test_pairs_to_judge_by_are_those_fixed_before_training() -> None:
    names = ("paired_validation", "paired_test", "paired_dense_test")
    assert [digest(name) for name in names] == ["7f9789021699134f", "3588e117c59a8a7d", "21ceb442664bc54c"]
