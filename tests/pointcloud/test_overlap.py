"""Rotated overlap against exact polygons, and values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trivium.pointcloud.boxes import corners
from trivium.pointcloud.geometry.overlap import (
    bev_intersection,
    close_pairs,
    iou_3d,
    iou_bev,
    pairwise_iou_3d,
    pairwise_iou_bev,
)

shapely = pytest.importorskip("shapely")
UNIT = [0.0, 0, 0, 2, 2, 2, 0]
HAND = {
    "same": (UNIT, UNIT, 1.0, 1.0),
    "same, half a turn": (UNIT, [0, 0, 0, 2, 2, 2, math.pi], 1.0, 1.0),
    # Squares of side 2 at 45 degrees share an octagon of 8 (sqrt 2 - 1); the union is 8 less that.
    "eighth of a turn": (UNIT, [0, 0, 0, 2, 2, 2, math.pi / 4], 0.70710678, 0.70710678),
    "half aside": (UNIT, [1, 0, 0, 2, 2, 2, 0], 1 / 3, 1 / 3),
    "half above": (UNIT, [0, 0, 1, 2, 2, 2, 0], 1.0, 1 / 3),
    "contained": (UNIT, [0, 0, 0, 1, 1, 1, 0.3], 0.25, 0.125),
    "touching side": (UNIT, [2, 0, 0, 2, 2, 2, 0], 0.0, 0.0),
    "touching corner": (UNIT, [2, 2, 0, 2, 2, 2, 0], 0.0, 0.0),
    "apart": (UNIT, [9, 9, 0, 2, 2, 2, 1], 0.0, 0.0),
    "line": (UNIT, [0, 0, 0, 2, 0, 2, 0.7], 0.0, 0.0),
    "point": (UNIT, [0, 0, 0, 0, 0, 0, 0], 0.0, 0.0),
    "two points": ([0.0] * 7, [0.0] * 7, 0.0, 0.0),
}


@pytest.mark.parametrize("name", HAND)
@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
def test_by_hand(name, kind):
    first, second, above, space = HAND[name]
    tolerance = 1e-8 if kind == torch.float64 else 1e-6
    for a, b in ((first, second), (second, first)):
        one, two = torch.tensor([a], dtype=kind), torch.tensor([b], dtype=kind)
        assert float(iou_bev(one, two)) == pytest.approx(above, abs=tolerance)
        assert float(iou_3d(one, two)) == pytest.approx(space, abs=tolerance)


def random_boxes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand((count, 7), generator=generator, dtype=torch.float64) * 8
    second = torch.rand((count, 7), generator=generator, dtype=torch.float64) * 8
    same = count // 10
    second[:same] = first[:same]
    second[same : 2 * same, :2] = first[same : 2 * same, :2]
    second[same : 2 * same, 6] = first[same : 2 * same, 6] + math.pi / 2
    second[2 * same : 3 * same, 3] = 0
    return first, second


def test_random_pairs_against_polygons():
    first, second = random_boxes(3000, seed=3)
    one = shapely.polygons(corners(first)[:, :4, :2].numpy())
    two = shapely.polygons(corners(second)[:, :4, :2].numpy())
    shared = shapely.area(shapely.intersection(one, two))
    assert np.abs(bev_intersection(first, second).numpy() - shared).max() < 1e-10
    union = shapely.area(one) + shapely.area(two) - shared
    assert np.abs(iou_bev(first, second).numpy() - shared / union).max() < 1e-12
    assert (shared > 0).mean() > 0.5


def test_far_from_the_origin_nothing_is_lost():
    first, second = random_boxes(200, seed=4)
    away = torch.tensor([1e5, -2e5, 50, 0, 0, 0, 0], dtype=torch.float64)
    assert (iou_3d(first + away, second + away) - iou_3d(first, second)).abs().max() < 1e-9


def test_all_pairs_are_the_pairs():
    first, second = random_boxes(40, seed=5)
    first[:, :2] *= 5
    second[:, :2] *= 5
    for pairwise, single in ((pairwise_iou_bev, iou_bev), (pairwise_iou_3d, iou_3d)):
        table = pairwise(first, second[:30])
        row, column = torch.cartesian_prod(torch.arange(40), torch.arange(30)).T
        assert torch.allclose(table.flatten(), single(first[row], second[column]), atol=1e-14)
    assert pairwise_iou_bev(first[:0], second).shape == (0, 40)
    assert pairwise_iou_bev(first, second[:0]).shape == (40, 0)
    assert len(close_pairs(first, second)[0]) < 1600


def test_gradients_flow():
    first, second = random_boxes(20, seed=6)
    first.requires_grad_()
    iou_3d(first, second).sum().backward()
    assert torch.isfinite(first.grad).all()
    moved = first.detach().clone()
    moved[15, 0] += 1e-6
    slope = (iou_3d(moved, second) - iou_3d(first, second))[15] / 1e-6
    assert float(slope.detach()) == pytest.approx(float(first.grad[15, 0]), abs=1e-5)
