"""Make a plant hall or yard: machines, racks, columns, goods and people, seen by a sensor on a mast or a vehicle."""

from __future__ import annotations

import math

import numpy as np

from trivium.pointcloud.simulator import clutter, people
from trivium.pointcloud.simulator.ground_plan import GroundPlan
from trivium.pointcloud.simulator.shapes import Pose
from trivium.pointcloud.simulator.terrain import Terrain

__all__ = ["plant"]


def plant(generator: np.random.Generator) -> GroundPlan:
    """Return the plan of a hall; people alone are labelled in it (trucks that lift and carry are goods here)."""
    terrain = Terrain(
        sensor_height=float(generator.uniform(1.2, 3.5)), slope_x=float(generator.normal(0, 0.002)), kerb=0.0,
        road_half_width=60.0,
    )  # fmt: skip
    plan = GroundPlan(generator, terrain, clear=1.0)
    front, back, left, right = (float(generator.uniform(6, 40)) for _ in range(4))
    _hall(plan, front, back, left, right)
    for _ in range(int(generator.integers(4, 14))):
        pose = Pose(float(generator.uniform(-back, front)), float(generator.uniform(-right, left)), _square(generator))
        _machine(plan, pose)
    for _ in range(int(generator.integers(2, 16))):
        pose = Pose(float(generator.uniform(-back, front)), float(generator.uniform(-right, left)), _square(generator))
        maker = (clutter.add_crate, clutter.add_column, clutter.add_bench, clutter.add_bollards)[
            int(generator.integers(4))
        ]
        if plan.take(pose, 1.5, 1.5):
            maker(plan.shapes, generator, pose)
    for _ in range(int(generator.integers(1, 12))):
        x, y = float(generator.uniform(-back, front)), float(generator.uniform(-right, left))
        pose = Pose(x, y, float(generator.uniform(0, 6.28)), float(generator.uniform(0, 1.5)))
        size = people.pedestrian_size(generator)
        if plan.take(pose, size[0], size[1], gap=0.05):
            people.add_pedestrian(plan.shapes, generator, size, pose, plan.label("Pedestrian", size, pose))
    return plan


def _hall(plan: GroundPlan, front: float, back: float, left: float, right: float) -> None:
    generator = plan.generator
    height, wall = float(generator.uniform(5, 12)), float(generator.uniform(0.3, 0.7))
    middle = (front - back) / 2
    half = (front + back) / 2
    for x in (front + 0.6, -back - 0.6):
        plan.shapes.box(
            Pose(x, (left - right) / 2), (-0.1, 0.1), (left + right) / 2 + 1, (0.0, height), reflectance=wall
        )
    for y in (left + 0.6, -right - 0.6):
        plan.shapes.box(Pose(middle, y), (-half - 1, half + 1), 0.1, (0.0, height), reflectance=wall)
    plan.shapes.box(
        Pose(middle, (left - right) / 2), (-half, half), (left + right) / 2, (height, height + 0.2), reflectance=wall
    )
    step = float(generator.uniform(5, 10))
    for x in np.arange(-back, front, step):
        for y in np.arange(-right, left, step):
            pose = Pose(float(x) + 1.5, float(y) + 1.5)
            if plan.take(pose, 0.5, 0.5):
                plan.shapes.box(pose, (-0.18, 0.18), 0.18, (0.0, height), reflectance=wall)


def _machine(plan: GroundPlan, pose: Pose) -> None:
    generator = plan.generator
    length, width = float(generator.uniform(0.8, 6)), float(generator.uniform(0.6, 2.5))
    height, grey = float(generator.uniform(0.8, 3.5)), float(generator.uniform(0.1, 0.6))
    if not plan.take(pose, length, width):
        return
    if generator.uniform() < 0.3:  # a rack: shelves on posts, open between them
        for level in np.arange(0.1, height, 1.1):
            plan.shapes.box(pose, (-length / 2, length / 2), width / 2, (level, level + 0.08), reflectance=grey)
        for x in (-length / 2, length / 2):
            plan.shapes.box(pose, (x - 0.05, x + 0.05), width / 2, (0.0, height), sides_pass=0.7, reflectance=grey)
        plan.shapes.box(
            pose, (-length / 3, length / 4), width / 2.4, (0.2, 0.9), reflectance=float(generator.uniform(0.1, 0.6))
        )
        return
    plan.shapes.box(pose, (-length / 2, length / 2), width / 2, (0.0, height * 0.6), reflectance=grey)
    for _ in range(int(generator.integers(1, 5))):
        x, y = float(generator.uniform(-length / 2, length / 2)), float(generator.uniform(-width / 2, width / 2))
        size = float(generator.uniform(0.1, 0.6))
        if generator.uniform() < 0.5:
            plan.shapes.ball(pose, (x, y, height * 0.7), (size, size, height * 0.3), is_tube=True, reflectance=grey)
        else:
            plan.shapes.box(pose, (x - size, x + size), size, (0.0, height), y=y, reflectance=grey)


def _square(generator: np.random.Generator) -> float:
    return float(generator.integers(4)) * math.pi / 2 + float(generator.normal(0, 0.05))
