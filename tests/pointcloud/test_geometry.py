"""Suppression, containment, transforms, voxels, neighbours, normals, clusters and ground against plain versions."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from tests.shared_data import SHARED

from trivium.pointcloud.boxes import corners
from trivium.pointcloud.geometry.clusters import clusters, connected
from trivium.pointcloud.geometry.containment import count_in_boxes, points_in_boxes
from trivium.pointcloud.geometry.ground import ground_heights, is_ground
from trivium.pointcloud.geometry.neighbors import nearest, within
from trivium.pointcloud.geometry.overlap import pairwise_iou_3d, pairwise_iou_bev
from trivium.pointcloud.geometry.suppression import suppress
from trivium.pointcloud.geometry.surface import far_outliers, lonely_outliers, normals
from trivium.pointcloud.geometry.transforms import compose, invert, project, rotation_about_z, transform
from trivium.pointcloud.geometry.voxels import pool_max, pool_mean, thin, voxelize

KITTI = SHARED / "data" / "pointcloud" / "kitti_raw_0005"


def cloud(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def greedy(overlap: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda row: (-float(scores[row]), row)):
        if all(overlap[row, other] <= threshold for other in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize("in_space", [False, True])
def test_suppression_is_the_greedy_rule(in_space):
    generator = torch.Generator().manual_seed(1)
    boxes = torch.rand((120, 7), generator=generator, dtype=torch.float64) * torch.tensor([12, 12, 1, 4, 4, 2, 6])
    scores = torch.randint(0, 40, (120,), generator=generator).double()  # with ties
    overlap = (pairwise_iou_3d if in_space else pairwise_iou_bev)(boxes, boxes)
    expected = greedy(overlap, scores, 0.2)
    assert suppress(boxes, scores, threshold=0.2, in_space=in_space).tolist() == expected
    assert suppress(boxes, scores, threshold=0.2, in_space=in_space, limit=5).tolist() == expected[:5]
    assert 20 < len(expected) < 110


def test_suppression_leaves_other_classes_alone_and_takes_nothing():
    boxes = torch.tensor([[0.0, 0, 0, 2, 2, 2, 0]] * 3)
    scores = torch.tensor([0.5, 0.9, 0.7])
    assert suppress(boxes, scores, threshold=0.5, labels=torch.tensor([0, 1, 0])).tolist() == [1, 2]
    assert suppress(boxes[:0], scores[:0], threshold=0.5).tolist() == []


def test_points_in_boxes_by_hand():
    boxes = torch.tensor([[0, 0, 0, 4, 2, 2, 0], [0, 0, 0, 4, 2, 2, math.pi / 2]])
    points = torch.tensor([[1.9, 0, 0], [0, 1.9, 0], [2, 1, 1], [0, 0, 1.1], [math.nan, 0, 0]])
    inside = points_in_boxes(points, boxes)
    assert inside.tolist() == [[True, False], [False, True], [True, False], [False, False], [False, False]]
    assert points_in_boxes(points, boxes, margin=0.2)[3].tolist() == [True, True]
    assert count_in_boxes(points, boxes).tolist() == [2, 1]
    assert points_in_boxes(points[:0], boxes).shape == (0, 2)


def test_a_motion_and_its_inverse():
    pose = rotation_about_z(torch.tensor(0.7, dtype=torch.float64))
    pose[:3, 3] = torch.tensor([1.0, 2, 3])
    points = cloud(10)
    assert torch.allclose(transform(transform(points, pose), invert(pose)), points)
    assert torch.allclose(compose(invert(pose), pose), torch.eye(4, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(transform(torch.tensor([[1.0, 0, 0]]), rotation_about_z(torch.tensor(math.pi / 2))),
                          torch.tensor([[0.0, 1, 0]]), atol=1e-6)  # fmt: skip


@pytest.mark.skipif(not KITTI.is_dir(), reason=f"no frames at {KITTI}")
def test_real_boxes_project_into_their_image():
    """The van of frame 0 is straight ahead to the left; its centre lies in the left half of the 621 x 187 image."""
    projection = torch.tensor(json.loads((KITTI / "calib.json").read_text())["P_velo_to_image_half"])
    pixel, depth = project(torch.tensor([[13.701, 4.5714, -0.7424]]), projection)
    assert 0 < float(pixel[0, 0]) < 310
    assert 0 < float(pixel[0, 1]) < 187
    assert float(depth[0]) == pytest.approx(13.43, abs=0.05)


def test_voxels_by_hand():
    xyz = torch.tensor([[0.1, 0.1, 0.1], [0.9, 0.2, 0.3], [1.5, 0.5, 0.5], [3.0, 0, 0], [-0.1, 0, 0], [math.nan, 0, 0]])
    voxels = voxelize(xyz, (1, 1, 1), torch.zeros(3), torch.tensor([3.0, 1, 1]))
    assert voxels.cells.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert (voxels.counts.tolist(), voxels.points.tolist(), voxels.members.tolist()) == ([2, 1], [0, 1, 2], [0, 0, 1])
    assert torch.allclose(pool_mean(xyz[voxels.points], voxels)[0], torch.tensor([0.5, 0.15, 0.2]))
    assert torch.allclose(pool_max(xyz[voxels.points], voxels)[0], torch.tensor([0.9, 0.2, 0.3]))
    assert thin(xyz[:2], 1.0).tolist() == [pytest.approx([0.5, 0.15, 0.2])]
    assert len(thin(xyz[:0], 1.0)) == 0
    empty = voxelize(xyz[3:], (1, 1, 1), torch.zeros(3), torch.tensor([3.0, 1, 1]))
    assert len(empty.cells) == 0


def test_neighbours_are_those_of_the_distance_table():
    xyz = torch.cat((cloud(400), cloud(100, 1) * 0.05 + 3))
    table = torch.cdist(xyz, xyz)
    pairs = within(xyz, 0.11)
    expected = ((table <= 0.11) & ~torch.eye(len(xyz), dtype=torch.bool)).nonzero()
    assert torch.equal(
        torch.stack((pairs.first, pairs.second), 1)[(pairs.first * 999 + pairs.second).argsort()], expected
    )
    rows, distances = nearest(xyz, 7)
    assert torch.allclose(distances, table.fill_diagonal_(9).sort(dim=1).values[:, :7])
    assert torch.allclose((xyz[rows] - xyz[:, None]).norm(dim=2), distances)
    with pytest.raises(ValueError, match="7 neighbours of 5 points"):
        nearest(xyz[:5], 7)
    assert len(within(xyz[:0], 1.0).first) == 0
    assert len(within(xyz[:1], 1.0).first) == 0


def test_normals_of_a_plane_and_of_nothing():
    flat = cloud(500) * torch.tensor([1.0, 1, 0])
    away = torch.tensor([[9.0, 9, 9]], dtype=torch.float64)
    normal, curvature = normals(torch.cat((flat, away)), radius=0.3)
    assert torch.allclose(normal[:500].abs(), torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(500, 3), atol=1e-6)
    assert float(curvature[:500].max()) < 1e-9
    assert normal[500].tolist() == [0, 0, 0]
    below = normals(flat, radius=0.3, viewpoint=torch.tensor([0, 0, -5.0], dtype=torch.float64))[0]
    assert (below[:, 2] < 0).all()


def test_strays_are_found():
    xyz = torch.cat((cloud(500), torch.tensor([[5.0, 5, 5]], dtype=torch.float64)))
    assert lonely_outliers(xyz, radius=0.3, min_neighbors=3).nonzero().flatten().tolist() == [500]
    assert bool(far_outliers(xyz)[500])
    assert int(far_outliers(xyz).sum()) < 20
    assert far_outliers(xyz[:5]).tolist() == [False] * 5


def plain_dbscan(xyz: torch.Tensor, radius: float, min_points: int) -> list[int]:
    """Return cluster by cluster as in the paper, with border points given to their nearest core."""
    table = torch.cdist(xyz, xyz)
    near = table <= radius
    core = near.sum(1) >= min_points
    label = [-1] * len(xyz)
    count = 0
    for start in range(len(xyz)):
        if core[start] and label[start] < 0:
            stack = [start]
            while stack:
                row = stack.pop()
                if label[row] < 0:
                    label[row] = count
                    stack += [other for other in near[row].nonzero().flatten().tolist() if core[other]]
            count += 1
    for row in range(len(xyz)):
        reach = [
            (float(table[row, other]), label[other]) for other in near[row].nonzero().flatten().tolist() if core[other]
        ]
        if not core[row] and reach:
            label[row] = min(reach)[1]
    return label


def test_clusters_are_those_of_the_paper():
    xyz = cloud(260, 3) * torch.tensor([1.0, 1, 0.2])
    expected = plain_dbscan(xyz, 0.08, 4)
    ours = clusters(xyz, radius=0.08, min_points=4).tolist()
    assert [x < 0 for x in ours] == [x < 0 for x in expected]
    assert len(set(zip(ours, expected, strict=True))) == len(set(expected)) == len(set(ours)) > 5
    assert clusters(xyz[:1], radius=1, min_points=2).tolist() == [-1]
    assert clusters(xyz[:0], radius=1, min_points=2).tolist() == []


def test_connected_parts_of_a_long_chain():
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(0))
    assert connected(2001, order[:-1], order[1:]).tolist() == [0] * 2000 + [2000]


def test_ground_on_a_slope_with_a_box_and_a_pit():
    x, y = torch.meshgrid(torch.arange(0, 30, 0.1), torch.arange(0, 30, 0.1), indexing="ij")
    ground = torch.stack((x, y, 0.05 * x), dim=2).flatten(0, 1)
    roof = ground[(ground[:, 0].sub(15).abs() < 2) & (ground[:, 1].sub(15).abs() < 1)] + torch.tensor([0, 0, 1.5])
    is_below = (ground[:, 0].sub(15).abs() < 2) & (ground[:, 1].sub(15).abs() < 1)
    pit = torch.tensor([[5.0, 5.0, -3.0]])
    xyz = torch.cat((ground[~is_below], roof, pit))
    found = is_ground(xyz)
    assert found[: -len(roof) - 1].float().mean() > 0.99
    assert not found[-len(roof) - 1 :].any()
    assert math.isnan(float(ground_heights(torch.tensor([[500.0, 0, 0], [0, 0, 0]]))[0]))
    assert is_ground(xyz[:0]).tolist() == []


@pytest.mark.skipif(not KITTI.is_dir(), reason=f"no frames at {KITTI}")
def test_ground_of_a_real_street_is_below_the_sensor_and_not_in_vehicles():
    """The sensor stands 1.73 m above the street (the vehicle's data sheet)."""
    xyz = torch.from_numpy(np.load(KITTI / "000000.npz")["xyz_3mm"] * np.float32(0.003))
    ground = is_ground(xyz)
    assert float(xyz[ground, 2].median()) == pytest.approx(-1.73, abs=0.1)
    van = torch.tensor([[13.701, 4.5714, -0.7424, 4.4339, 1.8233, 2.0, 0.5447]])
    inside = points_in_boxes(xyz, van)[:, 0]
    assert int(inside.sum()) == 1096  # as its label says
    assert float(ground[inside].float().mean()) < 0.1
    assert corners(van).shape == (1, 8, 3)
