"""Rays and nearest places on a mesh; open3d is needed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from trivium.pointcloud.raycasting import Scene
from trivium.pointcloud.records import Mesh

pytestmark = pytest.mark.skipif(importlib.util.find_spec("open3d") is None, reason="open3d is not installed")


@pytest.mark.slow
def test_a_square_by_hand_and_slivers_to_a_nanometre():
    """open3d takes seconds to load, so one test asks everything."""
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], float)
    scene = Scene(Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]])))
    assert scene.areas.tolist() == [2, 2]
    places = scene.nearest(np.array([[0.5, 1.5, 1], [3, 1, 0], [-1, -1, -1.0]]))
    np.testing.assert_allclose(places.positions, [[0.5, 1.5, 0], [2, 1, 0], [0, 0, 0]], atol=1e-12)
    assert places.normals[0].tolist() == [0, 0, 1]
    hits = scene.cast(np.array([[1, 0.5, 5.0], [9, 9, 5]]), np.array([[0, 0, -1.0], [0, 0, -1]]))
    assert hits.distances[0] == pytest.approx(5)
    assert (hits.triangles[1], np.isinf(hits.distances[1])) == (-1, True)
    spread = scene.sample(1000, np.random.default_rng(0))
    assert np.abs(spread.positions[:, :2].mean(axis=0) - 1).max() < 0.1
    assert np.bincount(spread.triangles).min() > 400
    # A fan of long thin triangles, as CAD files have: Embree alone is wrong by 1e-2 here.
    angle = np.linspace(0, np.pi / 2, 200)
    rim = np.stack((300 * np.cos(angle), 300 * np.sin(angle), np.zeros(200)), axis=1)
    fan = Scene(Mesh(np.concatenate(([[0, 0, 0]], rim)), np.array([[0, at, at + 1] for at in range(1, 200)])))
    inside = fan.sample(3000, np.random.default_rng(1)).positions
    above = inside + np.array([0, 0, 0.05])
    distance = np.linalg.norm(above - fan.nearest(above).positions, axis=1)
    assert np.median(np.abs(distance - 0.05)) < 1e-9
    assert np.mean(np.abs(distance - 0.05) < 1e-9) > 0.9
