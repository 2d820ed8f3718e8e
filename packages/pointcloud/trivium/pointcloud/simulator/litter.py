"""Things without a name: random heaps of boxes and balls between the objects, to teach what is nothing.

Training scenes alone have them. Real streets hold more kinds of things than any catalogue; a detector that has met only
named ones takes the rest for people.
"""

from __future__ import annotations

import math

from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.simulator import people
from trivium.pointcloud.simulator.ground_plan import GroundPlan
from trivium.pointcloud.simulator.shapes import Pose

__all__ = ["litter"]

_NEAR, _FAR = 4.0, 50.0


def litter(plan: GroundPlan) -> None:
    """Add up to 30 heaps, and a few people and cyclists, at any place that is free."""
    generator = plan.generator
    for _ in range(int(generator.integers(0, 30))):
        pose = _somewhere(plan)
        scale = float(generator.choice((0.15, 0.35, 0.8)))
        if plan.take(pose, 2 * scale, 2 * scale, gap=0.1):
            _heap(plan, pose, scale)
    for _ in range(int(generator.integers(0, 6))):
        is_riding = generator.uniform() < 0.6
        size = people.cyclist_size(generator) if is_riding else people.pedestrian_size(generator)
        pose = _somewhere(plan)
        if plan.take(pose, size[0], size[1], gap=0.05):
            owner = plan.label(CLASSES[2 if is_riding else 1], size, pose)
            (people.add_cyclist if is_riding else people.add_pedestrian)(plan.shapes, generator, size, pose, owner)


def _somewhere(plan: GroundPlan) -> Pose:
    """Return a place within 50 m, as often near as far, more often ahead than behind."""
    generator = plan.generator
    away = float(generator.uniform(_NEAR, _FAR))
    turn = float(generator.normal(0, 0.8)) if generator.uniform() < 0.7 else float(generator.uniform(-math.pi, math.pi))
    yaw = float(generator.uniform(-math.pi, math.pi))
    return Pose(away * math.cos(turn), away * math.sin(turn), yaw, float(generator.choice((0.0, 0.0, 0.0, 2.0))))


def _heap(plan: GroundPlan, pose: Pose, scale: float) -> None:
    generator = plan.generator
    tall = float(generator.uniform(0.3, 2.4))
    leaves = float(generator.choice((0.0, 0.0, 0.15, 0.5)))
    grey = float(generator.uniform(0.05, 0.7))
    for _ in range(int(generator.integers(1, 5))):
        x, y = (float(one) for one in generator.normal(0, 0.5 * scale, 2))
        half = scale * float(generator.uniform(0.2, 1.0))
        low = tall * float(generator.uniform(0.0, 0.6)) if generator.uniform() < 0.4 else 0.0
        high = low + (tall - low) * float(generator.uniform(0.3, 1.0))
        if generator.uniform() < 0.5:
            middle, reach = (low + high) / 2, max((high - low) / 2, 0.05)
            wide = half * float(generator.uniform(0.5, 1.5))
            lean = float(generator.normal(0, 0.25))
            plan.shapes.ball(pose, (x, y, middle), (half, wide, reach), pitch=lean, depth=leaves, reflectance=grey)
        else:
            lean = float(generator.uniform(0.3, 1.1))
            plan.shapes.box(
                pose, (x - half, x + half), half * float(generator.uniform(0.3, 1.5)), (low, high), y=y,
                roof_x=(x - half * lean, x + half * lean), depth=leaves, reflectance=grey,
            )  # fmt: skip
