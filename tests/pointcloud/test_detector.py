"""The detector: pillars lose no point, codes go back and forth, folded norms change nothing, odd clouds give no NaN."""

from __future__ import annotations

import math

import pytest
import torch

from trivium.pointcloud.detector.boxes_from_heat import boxes_from_heat
from trivium.pointcloud.detector.codes import cell_centres, encode, teach
from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.detector.loss import losses
from trivium.pointcloud.detector.network import DetectorNetwork, fold_norms
from trivium.pointcloud.detector.pillars import Grid, sort_into_pillars
from trivium.pointcloud.detector.stream import alter
from trivium.pointcloud.detector.weights import load_network, save_network
from trivium.pointcloud.geometry.containment import points_in_boxes
from trivium.pointcloud.labels import label_of
from trivium.pointcloud.simulator.frames import simulate
from trivium.pointcloud.simulator.scenes import SimulatorConfig
from trivium.service.errors import ModelError

GRID = Grid((0.0, -12.8), (80, 80), 0.32)
SMALL = DetectorConfig(points=8, fine=8, middle=8, coarse=8, depth=(1, 1, 1))
BOXES = torch.tensor([[10.0, 2.0, -0.9, 4.2, 1.8, 1.5, 2.5], [5.0, -4.0, -0.8, 0.8, 0.7, 1.75, -1.0]])
KINDS = torch.tensor([0, 1])


def lesson_for(boxes: torch.Tensor, visible: tuple[int, int] = (100, 100)):
    return teach(boxes, KINDS, torch.tensor([0, 1]), torch.tensor(visible), 2, GRID)


def small_network(seed: int = 0) -> DetectorNetwork:
    torch.manual_seed(seed)
    network = DetectorNetwork(SMALL)
    for module in network.modules():  # norms that do something
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def test_pillars_keep_every_point_near_the_ground_and_know_its_height() -> None:
    torch.manual_seed(0)
    flat = torch.rand(5000, 4) * torch.tensor([25.6, 25.6, 0.0, 1.0]) + torch.tensor([0.0, -12.8, -1.7, 0.0])
    odd = torch.tensor([[5.0, 0.0, 6.0, 0.5], [5.0, 0.0, -9.0, 0.5], [math.nan, 0, 0, 0], [90.0, 0, 0, 0]])
    pillars = sort_into_pillars(torch.cat((flat, odd)), torch.zeros(5004, dtype=torch.int64), 1, GRID)
    assert int(pillars.count.sum()) == len(pillars.points) == 5000  # a crown, a mirrored beam, NaN, far: left out
    torch.testing.assert_close(pillars.ground_map, torch.full((1, 40, 40), -1.7))


def test_what_is_taught_comes_back_as_the_same_boxes() -> None:
    lesson = lesson_for(BOXES)
    ground = torch.full((2, 40, 40), -1.7)
    code = torch.zeros(2, 10, 40, 40)
    at = lesson.slot // 1600, lesson.slot % 1600 // 40, lesson.slot % 40
    centres = cell_centres(lesson.slot, (40, 40), GRID)
    said = encode(lesson.box, centres, torch.full((len(lesson.slot),), -1.7), 0.64)
    code[at[0], :8, at[1], at[2]] = said
    code[at[0], 8, at[1], at[2]] = lesson.box[:, 6].cos().sign()
    code[:, 9] = 9.0
    found = boxes_from_heat(torch.logit(lesson.heat, 1e-4), code, ground, GRID, min_score=0.5)
    order = found.frame.argsort()
    torch.testing.assert_close(found.boxes[order], BOXES, atol=1e-4, rtol=0)
    assert found.kinds[order].tolist() == [0, 1]


def test_objects_with_hardly_a_point_are_neither_wanted_nor_wrong() -> None:
    lesson = lesson_for(BOXES, visible=(2, 100))
    assert lesson.heat[0].max() == 0
    assert lesson.weight[0].min() == 0
    assert lesson.weight[1].min() == 1
    assert set((lesson.slot // 1600).tolist()) == {1}


def test_a_step_down_the_loss_makes_it_smaller() -> None:
    frame = next(simulate(SimulatorConfig("vlp16", 90.0), 1, 0, 1))
    network = small_network().train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    grid = Grid((0.0, -38.4), (240, 240), 0.32)
    lesson = teach(frame.boxes, frame.kinds, frame.box_frame, frame.visible, 1, grid)
    totals = []
    for _ in range(6):
        heat, code, ground = network(frame.points, frame.frame, 1, grid)
        total = torch.stack(list(losses(heat, code, ground, lesson, grid).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.7 * totals[0]


def test_folded_norms_change_nothing() -> None:
    network = small_network()
    points = torch.rand(2000, 4) * torch.tensor([25.6, 25.6, 2.0, 1.0]) + torch.tensor([0.0, -12.8, -1.7, 0.0])
    frame = torch.zeros(2000, dtype=torch.int64)
    with torch.no_grad():
        before = network(points, frame, 1, GRID)
        after = fold_norms(network)(points, frame, 1, GRID)
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    "cloud",
    [
        torch.zeros(0, 4),
        torch.tensor([[5.0, 1.0, -1.0, 0.3]]),
        torch.full((50, 4), math.nan),
        torch.tensor([[math.inf, 0.0, 0.0, 0.0], [3.0, 0.0, 1e30, 0.0], [1e30, 1.0, 1.0, 1.0]]),
        torch.zeros(1000, 3),
    ],
)
def test_odd_clouds_give_numbers_or_nothing(cloud: torch.Tensor) -> None:
    found = Detector(small_network()).find(cloud, min_score=0.0)
    assert found.boxes.isfinite().all()
    assert found.scores.isfinite().all()


def test_the_order_of_points_does_not_matter() -> None:
    frame = next(simulate(SimulatorConfig("vlp16", 90.0), 1, 0, 1))
    detector = Detector(small_network())
    one = detector.find(frame.points, min_score=0.01)
    two = detector.find(frame.points[torch.randperm(len(frame.points))], min_score=0.01)
    torch.testing.assert_close(one.boxes, two.boxes, atol=1e-3, rtol=1e-3)


def test_half_precision_finds_the_same() -> None:
    frame = next(simulate(SimulatorConfig("vlp16", 90.0), 1, 1, 1))
    whole, half = (Detector.load(is_halved=is_halved).find(frame.points, min_score=0.4) for is_halved in (False, True))
    assert len(whole.boxes) >= 3
    away = torch.cdist(whole.boxes[:, :2], half.boxes[:, :2]).amin(dim=1)
    assert float((away < 0.3).float().mean()) >= 0.9
    assert half.boxes.dtype == torch.float32


def test_altered_frames_keep_points_in_their_boxes() -> None:
    frame = next(simulate(SimulatorConfig("hdl64_coarse", 120.0), 4, 0, 1))
    changed = alter(frame, 1, 1.0, torch.Generator().manual_seed(3))
    assert torch.equal(torch.bincount(changed.owner[changed.owner >= 0], minlength=len(changed.boxes)), changed.visible)
    own = changed.owner >= 0
    inside = points_in_boxes(changed.points[own], changed.boxes, margin=0.15).gather(1, changed.owner[own][:, None])
    assert float(inside.float().mean()) > 0.92


def test_checkpoints_go_out_and_in_and_strangers_are_refused(tmp_path) -> None:
    network = small_network()
    save_network(network, tmp_path / "d.safetensors", half=False)
    again = load_network(tmp_path / "d.safetensors")
    assert again.config == SMALL
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    (tmp_path / "x.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="no detector checkpoint"):
        load_network(tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="train_detector makes them"):
        load_network(tmp_path / "y.safetensors")


def test_vehicles_are_named_by_their_size() -> None:
    assert [label_of("Vehicle", *size) for size in ((4.2, 1.5), (4.4, 2.0), (12.0, 3.2))] == ["Car", "Van", "Truck"]
    assert label_of("Cyclist", 1.8, 1.7) == "Cyclist"
