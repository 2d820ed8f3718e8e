"""The simulator: exact ranges worked out by hand, the same frame anywhere, truth that fits the points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trivium.pointcloud.geometry.containment import points_in_boxes
from trivium.pointcloud.simulator.batch import Scene, SensorState, collate
from trivium.pointcloud.simulator.casting import cast
from trivium.pointcloud.simulator.frames import sense, simulate
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.shapes import NOBODY, Pose, Shapes
from trivium.pointcloud.simulator.splits import SPLITS, digest
from trivium.pointcloud.simulator.terrain import Terrain

COLUMNS = 3600  # the first azimuth is chosen so that column 0 looks straight ahead
DEPTH = Terrain(sensor_height=2.0, road_half_width=500.0)


def scene(shapes: Shapes, elevations: tuple[float, ...] = (0.0,), **sensor: float) -> Scene:
    """Return a scene on flat ground 2 m under the sensor."""
    places = len(shapes.places())
    height = np.full(places, -2.0, np.float32)
    step = 2 * math.pi / COLUMNS
    return Scene(
        seed=7,
        boxes=np.zeros((1, 7), np.float32),
        kinds=np.zeros(1, np.int64),
        speeds=np.zeros(1, np.float32),
        solids=shapes.solids(height[: shapes.solid_count]),
        rounds=shapes.rounds(height[shapes.solid_count :]),
        terrain=np.array(DEPTH.row(), np.float32),
        elevations=np.array(elevations, np.float32),
        sensor=SensorState("hdl64", COLUMNS, -step / 2, COLUMNS, **sensor),
    )


def ahead(shapes: Shapes, elevation: float = 0.0, **sensor: float) -> tuple[float, int]:
    """Return distance and owner of the beam straight ahead."""
    hits = cast(collate([scene(shapes, (elevation,), **sensor)]))
    return float(hits.distance[0, 0, 0]), int(hits.owner[0, 0, 0])


def test_beams_end_where_geometry_says() -> None:
    shapes = Shapes()
    shapes.box(Pose(20.0, 0.0), (-1.0, 1.0), 1.0, (0.0, 3.0), owner=0)
    assert ahead(shapes) == (pytest.approx(19.0, abs=1e-4), 0)
    shapes.ball(Pose(12.0, 0.0), (0.0, 0.0, 2.0), (0.5, 0.5, 0.5))  # hides the box
    assert ahead(shapes) == (pytest.approx(11.5, abs=1e-4), NOBODY)
    # 30 degrees down, 2 m high: sin 30 = 1/2, so the ground is 4 m away.
    assert ahead(Shapes(), -math.pi / 6)[0] == pytest.approx(4.0, abs=1e-3)
    assert ahead(Shapes(), 0.1)[0] == math.inf


def test_a_leaning_windscreen_is_met_farther_up() -> None:
    shapes = Shapes()
    # The front leans back from x = 11 at 0 m to x = 9 at 4 m; the sensor is 2 m up: met half way, at x = 10 - seen
    # from behind, where the wall stands upright at x = 8, nothing leans.
    shapes.box(Pose(0.0, 0.0, math.pi), (-11.0, -8.0), 1.0, (0.0, 4.0), roof_x=(-11.0, -10.0))
    assert ahead(shapes)[0] == pytest.approx(9.0, abs=1e-4)


def test_glass_lets_its_share_through_and_what_moves_is_met_where_it_was() -> None:
    shapes = Shapes()
    shapes.box(Pose(10.0, 0.0), (-0.1, 0.1), 50.0, (0.0, 4.0), sides_pass=0.5)
    hits = cast(collate([scene(shapes)]))
    front = hits.distance[0, 0, torch.arange(-300, 300)]  # within 30 degrees
    passed = float(torch.isinf(front).float().mean())
    assert 0.15 < passed < 0.35  # both faces must let it pass: 1 / 4
    moving = Shapes()
    moving.box(Pose(0.0, 20.0, math.pi / 2, 10.0), (-1.0, 1.0), 1.0, (0.0, 3.0))
    # To the left the sensor looks a quarter turn, 25 ms, before it looks ahead: the box was 0.25 m nearer.
    left = cast(collate([scene(moving)])).distance[0, 0, COLUMNS // 4]
    assert float(left) == pytest.approx(18.75, abs=1e-3)


def test_a_frame_is_the_same_alone_and_in_company() -> None:
    config = SimulatorConfig("vlp16", 90.0, 0.3)
    alone = [next(simulate(config, 3, number, 1)) for number in range(3)]
    together = sense(collate([compose(config, 3, number) for number in range(3)]))
    for number, one in enumerate(alone):
        torch.testing.assert_close(together.points[together.frame == number], one.points)
        torch.testing.assert_close(together.visible[together.box_frame == number], one.visible)
    assert not torch.equal(alone[0].points[:50], alone[1].points[:50])


def test_points_of_an_object_lie_in_its_box_and_counts_are_theirs() -> None:
    frame = next(simulate(SimulatorConfig("hdl64_coarse", 120.0), 4, 0, 1))
    counts = torch.bincount(frame.owner[frame.owner >= 0], minlength=len(frame.boxes))
    assert torch.equal(counts, frame.visible)
    assert int((frame.visible >= 20).sum()) >= 3
    own = frame.owner >= 0
    inside = points_in_boxes(frame.points[own], frame.boxes, margin=0.15)
    share = inside.gather(1, frame.owner[own][:, None]).float().mean()
    assert float(share) > 0.93  # mirrors and swinging arms stick out


def test_scenes_to_judge_by_are_those_fixed_before_training() -> None:
    assert (digest("validation"), digest("test")) == ("309d6d82c00e6c28", "3b5d3ed09979a1e4")
    boxes = compose(SPLITS["test"].configs[0], SPLITS["test"].seed, 0).boxes
    assert boxes.shape == (35, 7)
    assert boxes[0].tolist() == pytest.approx([52.71, -5.22, -0.55, 1.83, 0.81, 1.78, 3.01], abs=0.02)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="no beam pattern 'hdl6'; known: hdl64"):
        SimulatorConfig("hdl6")
    with pytest.raises(ValueError, match="10 to 360"):
        SimulatorConfig(view=400.0)
