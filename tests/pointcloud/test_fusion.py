"""Fusion: painting and lifting look where geometry says, altered frames hold together, a lost sensor is no fault."""

from __future__ import annotations

import math

import pytest
import torch

from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.fusion import AHEAD, FLAT_GROUND, FusedDetector, FusionNetwork
from trivium.pointcloud.detector.image_backbone import ImageBackbone, padded
from trivium.pointcloud.detector.lift import DEPTH_BINS, Lift, View, depth_bin, paint
from trivium.pointcloud.detector.measure_fusion import Scored, resampled_precision, score
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.paired import Pool, _beamless, alter_pair, evidence, pair, shifted
from trivium.pointcloud.detector.pillars import Grid
from trivium.pointcloud.detector.weights import SHIPPED, load_fusion, save_fusion
from trivium.pointcloud.simulator.batch import collate
from trivium.pointcloud.simulator.camera import Camera
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.train_fusion import step_losses
from trivium.service.errors import ModelError

SMALL = DetectorConfig(points=8, fine=8, middle=8, coarse=8, depth=(1, 1, 1), painted=4)
NEAR = Grid((0.0, -12.8), (80, 80), 0.32)


def small_network(seed: int = 0) -> FusionNetwork:
    torch.manual_seed(seed)
    return FusionNetwork(SMALL, ImageBackbone(6), 6).eval()


@pytest.fixture(scope="module")
def seen():
    """Two simulated frames with quarter-size pictures."""
    scenes = [compose(SimulatorConfig("vlp16", 90.0), 5, number) for number in (1, 2)]
    return pair(collate(scenes), Camera().scaled(0.25))


def share_at_pixels(paired) -> float:
    """Return the share of points on objects whose pixel shows that object's class; frames with both sensors."""
    points, frame, owner = paired.frames.points, paired.frames.frame, paired.frames.owner
    mine = owner >= 0
    rows = paired.projection[frame[mine]]
    place = (rows[:, :, :3] @ points[mine, :3, None])[..., 0] + rows[:, :, 3]
    u, v = (place[:, :2] / place[:, 2:]).round().long().unbind(dim=1)
    high, wide = paired.classes.shape[1:]
    inside = (place[:, 2] > 0.5) & (u >= 0) & (u < wide) & (v >= 0) & (v < high)
    assert int(inside.sum()) > 25
    said = paired.classes[frame[mine][inside], v[inside], u[inside]]
    return float((said == 1 + paired.frames.kinds[owner[mine][inside]]).float().mean())


def test_points_take_the_features_of_their_pixel_in_their_frame() -> None:
    # 4 places of 8 x 8 pixels each way; what frame 1 sees is 100 more.
    features = torch.arange(16.0).view(1, 1, 4, 4) + torch.tensor([0.0, 100.0]).view(2, 1, 1, 1)
    camera = Camera(32, 32, 16.0, 15.5, 15.5, (0.0, 0.0, 0.0))
    view = View(features, torch.zeros(2, DEPTH_BINS, 4, 4), camera.projection().expand(2, 3, 4), (32, 32),
                torch.tensor([True, True]))  # fmt: skip
    # At depth 4 the middle of place (row 1, column 2) is 4 pixels right of and 4 above the axis: 1 m right, 1 m up.
    points = torch.tensor([[4.0, -1.0, 1.0], [4.0, -1.0, 1.0], [-4.0, 0.0, 0.0], [4.0, 9.0, 0.0], [math.nan, 0, 0]])
    painted = paint(points, torch.tensor([0, 1, 0, 0, 0]), features, view)
    torch.testing.assert_close(painted[:4, 0], torch.tensor([6.0, 106.0, 0.0, 0.0]))  # behind, beside: nothing
    assert painted[4].isfinite().all()


def test_cells_take_features_at_the_depth_that_the_picture_finds() -> None:
    camera = Camera(64, 64, 32.0, 31.5, 31.5, (0.0, 0.0, 0.0))
    depth = torch.full((1, DEPTH_BINS, 4, 4), -20.0)
    depth[:, int(depth_bin(torch.tensor(10.0)).round())] = 20.0  # everything is 10 m away
    lift = Lift(1, 2).eval()
    lift.mix = torch.nn.Identity()
    lift.spread = torch.nn.Identity()
    view = View(torch.ones(1, 1, 4, 4), depth, camera.projection()[None], (64, 64), torch.tensor([True]))
    heard = lift(view, torch.full((1, 40, 40), FLAT_GROUND), NEAR)[0, :4].sum(dim=0)  # heights; x along rows
    x = (torch.arange(40) + 0.5) * 0.64
    best = float(x[heard[:, 20].argmax()])
    assert abs(best - 10.0) < 0.7
    assert float(heard[x < 7, 20].abs().max()) < 0.05 * float(heard[:, 20].max())
    absent = View(view.context, depth, view.projection, (64, 64), torch.tensor([False]))
    assert float(lift(absent, torch.full((1, 40, 40), FLAT_GROUND), NEAR).abs().max()) == 0.0


def test_alterations_keep_both_sensors_together(seen) -> None:
    before = share_at_pixels(seen)
    assert before > 0.8
    shares = []
    for seed in range(12):
        altered = alter_pair(seen, torch.Generator().manual_seed(seed))
        if bool(altered.has_lidar.all()):
            shares.append(share_at_pixels(altered))
    assert len(shares) >= 3
    assert min(shares) > before - 0.25  # calibration is put off by a fraction of a degree; small pictures
    modes = [alter_pair(seen, torch.Generator().manual_seed(seed)) for seed in range(20)]
    for one in modes:
        assert bool((one.has_lidar | one.has_camera).all())
        present = torch.bincount(one.frames.frame, minlength=2) > 0
        assert torch.equal(present, one.has_lidar)
        assert bool((evidence(one)[~one.has_lidar[one.frames.box_frame]] <= one.pixels.max() // 8).all())
    assert any(not bool(one.has_lidar.all()) for one in modes)
    assert any(not bool(one.has_camera.all()) for one in modes)


def test_beams_are_lost_whole(seen) -> None:
    generator = torch.Generator().manual_seed(3)
    points = seen.frames.points
    beam = (
        torch.rad2deg(torch.atan2(points[:, 2], points[:, :2].norm(dim=1))).add(15).div(2).round().long().clamp(0, 15)
    )
    size = torch.bincount(beam + 16 * seen.frames.frame, minlength=32)
    lost = []
    for _ in range(20):
        gone = _beamless(seen.frames, 2, lambda *shape: torch.rand(*shape, generator=generator))
        share = torch.bincount(beam[gone] + 16 * seen.frames.frame[gone], minlength=32) / size.clamp(min=1)
        lost.append(share[size > 50])
    shares = torch.stack(lost)
    assert 0.03 < float(shares.mean()) < 0.2  # 0.3 of the frames lose 0.3 of their beams: 0.09
    assert float(((shares < 0.1) | (shares > 0.9)).float().mean()) > 0.95


def test_a_camera_turned_by_half_a_degree_moves_pixels_by_the_focal_length_times_that() -> None:
    projection = Camera().projection()[None]
    turned = shifted(projection, torch.tensor([[0.0, 0.0, math.radians(0.5)]]), torch.zeros(1, 3))
    ahead = torch.tensor([50.0, 0.0, 0.0, 1.0])
    one, two = (each[0] @ ahead for each in (projection, turned))
    assert float((two[0] / two[2] - one[0] / one[2]).abs()) == pytest.approx(
        360 * math.tan(math.radians(0.5)), rel=0.02
    )


def test_a_pool_gives_back_what_it_was_given(seen) -> None:
    pool = Pool()
    pool.add(seen)
    drawn = pool.draw([1, 0, 1])
    assert torch.equal(drawn.colors, seen.colors[[1, 0, 1]])
    assert share_at_pixels(drawn) == pytest.approx(share_at_pixels(seen), abs=0.1)
    counts = torch.bincount(drawn.frames.owner[drawn.frames.owner >= 0], minlength=len(drawn.frames.boxes))
    assert torch.equal(counts, drawn.frames.visible)


def test_without_a_picture_the_fresh_network_says_what_its_trunk_says(seen) -> None:
    network = small_network()
    plain = DetectorNetwork(DetectorConfig(points=8, fine=8, middle=8, coarse=8, depth=(1, 1, 1))).eval()
    plain.load_state_dict({k: v for k, v in network.trunk.state_dict().items() if k != "pillars.paint.weight"})
    points, frame = seen.frames.points, seen.frames.frame
    with torch.no_grad():
        view = network.look(seen.colors, seen.projection, torch.zeros(2, dtype=torch.bool))
        said = network(points, frame, view, AHEAD)
        heat, code, ground = plain(points, frame, 2, AHEAD)
    torch.testing.assert_close(said.heat, heat)
    torch.testing.assert_close(said.code, code)
    torch.testing.assert_close(said.ground, ground)


def test_steps_down_the_loss_make_it_smaller(seen) -> None:
    network = small_network().train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    totals = []
    for _ in range(5):
        total = torch.stack(list(step_losses(network, seen).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.85 * totals[0]
    assert all(one.grad is not None for one in network.parameters())


@pytest.mark.parametrize(
    "cloud",
    [None, torch.zeros(0, 4), torch.tensor([[5.0, 1.0, -1.0, 0.3]]), torch.full((50, 4), math.nan),
     torch.tensor([[math.inf, 0.0, 0.0, 0.0], [3.0, 0.0, 1e30, 0.0]]), torch.zeros(100, 4)],
)  # fmt: skip
def test_odd_clouds_and_lost_sensors_give_numbers_or_nothing(cloud) -> None:
    detector = FusedDetector(small_network())
    camera = Camera().scaled(0.25)
    for picture in (None, torch.full((3, camera.height, camera.width), 90, dtype=torch.uint8)):
        found = detector.find(cloud, picture, camera.projection(), min_score=0.05)
        assert found.boxes.isfinite().all()
        assert found.scores.isfinite().all()


def test_wrong_shapes_are_refused() -> None:
    detector = FusedDetector(small_network())
    with pytest.raises(ValueError, match=r"give \(N, 4\)"):
        detector.find(torch.zeros(5, 3), None)
    with pytest.raises(ValueError, match="needs its projection"):
        detector.find(None, torch.zeros(3, 32, 32))


def test_checkpoints_go_out_and_in(tmp_path) -> None:
    network = small_network()
    save_fusion(network, tmp_path / "f.safetensors", half=False)
    again = load_fusion(tmp_path / "f.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    with pytest.raises(ModelError, match="no checkpoint of a fused detector"):
        load_fusion(SHIPPED)


def test_precision_over_resampled_frames_agrees_with_counting_by_hand() -> None:
    # Frame 0: hit at 0.9; frame 1: a false alarm at 0.8, a hit at 0.7; an object each.
    one = Scored(torch.tensor([0.9, 0.8, 0.7]).double().numpy(), torch.tensor([True, False, True]).numpy(),
                 torch.tensor([0, 1, 1]).numpy(), torch.tensor([1, 1]).numpy())  # fmt: skip
    assert one.precision() == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))
    got = resampled_precision([one], torch.tensor([[1, 1], [2, 0], [0, 2]]).numpy())
    assert got.tolist() == pytest.approx([one.precision(), 100.0, 50.0])


def test_a_split_is_scored_by_condition_and_rule(tmp_path) -> None:
    save_fusion(small_network(), tmp_path / "f.safetensors", half=False)
    scored = score(tmp_path / "f.safetensors", "paired_validation", count=1, conditions=("both", "camera"))
    objects = {rule: [int(one.objects.sum()) for one in each] for rule, each in scored["both"].items()}
    assert all(a >= b for a, b in zip(objects["either sensor"], objects["5 points"], strict=True))
    assert sum(objects["either sensor"]) > 0
    assert padded(torch.zeros(1, 3, 188, 620)).shape == (1, 3, 192, 640)


def test_the_shipped_detector_finds_what_stands_near_with_either_sensor() -> None:
    camera = Camera()
    seen = pair(collate([compose(SimulatorConfig("hdl32", 90.0), 77, 3)]), camera)
    detector = FusedDetector(load_fusion())
    pixels, frame = camera.projection(), seen.frames
    place = frame.boxes[:, :3] @ pixels[:, :3].T + pixels[:, 3]
    u = place[:, 0] / place[:, 2].clamp(min=0.1)
    near = (place[:, 2] > 1) & (u > 20) & (u < 600) & (frame.visible >= 30) & (seen.pixels >= 200)
    truth = frame.boxes[near & (frame.kinds == 0)]
    assert len(truth) >= 3
    picture = seen.colors[0]
    for points, shown, least in ((frame.points, picture, 0.9), (frame.points, None, 0.9), (None, picture, 0.3)):
        found = detector.find(points, shown, pixels if shown is not None else None, min_score=0.2)
        boxes = found.boxes[found.kinds == 0]
        away = torch.cdist(truth[:, :2], boxes[:, :2]).amin(dim=1) if len(boxes) else torch.full((1,), 99.0)
        assert float((away < 2).float().mean()) >= least, (points is None, shown is None)
