"""People on foot and on bicycles, of ellipsoids; their boxes follow from the pose. Also bicycles that nobody rides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trivium.pointcloud.simulator.shapes import NOBODY, Pose, Shapes
from trivium.pointcloud.simulator.vehicles import Size

__all__ = ["add_bicycle", "add_cyclist", "add_pedestrian", "cyclist_size", "pedestrian_size"]


def pedestrian_size(generator: np.random.Generator) -> Size:
    """Return the box of a person who walks or stands: adults, and one in seven a child."""
    height = float(generator.uniform(1.05, 1.5)) if generator.uniform() < 0.14 else float(generator.normal(1.72, 0.09))
    height = float(np.clip(height, 1.0, 2.0))
    stride = 0.0 if generator.uniform() < 0.35 else float(generator.uniform(0.15, 0.55))
    length = height * (0.3 + 0.5 * stride)
    width = height * float(generator.uniform(0.28, 0.42))
    return length, width, height


def add_pedestrian(shapes: Shapes, generator: np.random.Generator, size: Size, pose: Pose, owner: int) -> None:
    """Add head, trunk, arms and legs that fill the box."""
    length, width, height = size
    cloth = float(generator.uniform(0.08, 0.6))
    legs = float(generator.uniform(0.08, 0.5))
    depth = height * float(generator.uniform(0.07, 0.1))
    swing = math.asin(min(0.6, max(0.0, (length / 2 - depth) / (0.47 * height))))
    shoulder = min(width * 0.36, 0.13 * height)
    one: dict[str, Any] = {"owner": owner}
    head = height * 0.065
    shapes.ball(pose, (0.02, 0.0, height - 1.5 * head), (1.1 * head, head, 1.5 * head), reflectance=0.4, **one)
    lean = float(generator.uniform(-0.05, 0.15))
    shapes.ball(
        pose, (0.0, 0.0, 0.64 * height), (depth, shoulder * 1.15, 0.22 * height), pitch=lean, reflectance=cloth, **one
    )
    for left in (-1, 1):
        turn = left * swing
        hip = (0.235 * height * math.sin(-turn), left * 0.055 * height, 0.47 * height - 0.235 * height * math.cos(turn))
        shapes.ball(pose, hip, (0.05 * height, 0.045 * height, 0.25 * height), pitch=turn, reflectance=legs, **one)
        arm = (0.17 * height * math.sin(turn * 0.8), left * (width / 2 - 0.035 * height), 0.64 * height)
        shapes.ball(
            pose, arm, (0.035 * height, 0.035 * height, 0.19 * height), pitch=-turn * 0.8, reflectance=cloth, **one
        )
    if generator.uniform() < 0.25:
        shapes.ball(
            pose,
            (-depth - 0.06, 0.0, 0.68 * height),
            (0.11, 0.15, 0.22),
            reflectance=float(generator.uniform(0.05, 0.5)),
            **one,
        )


def cyclist_size(generator: np.random.Generator) -> Size:
    """Return the box of a bicycle and its rider."""
    return (
        float(generator.uniform(1.55, 1.92)),
        float(generator.uniform(0.5, 0.85)),
        float(np.clip(generator.normal(1.72, 0.09), 1.4, 1.95)),
    )


def add_cyclist(shapes: Shapes, generator: np.random.Generator, size: Size, pose: Pose, owner: int) -> None:
    """Add a bicycle and its rider."""
    length, width, height = size
    add_bicycle(shapes, generator, length, width, pose, owner)
    cloth, legs = float(generator.uniform(0.08, 0.6)), float(generator.uniform(0.08, 0.5))
    saddle = 0.52 * height
    lean = float(generator.uniform(0.1, 0.7))
    torso = 0.17 * height
    middle = saddle + torso * math.cos(lean)
    ahead = -0.12 * length + torso * math.sin(lean)
    one: dict[str, Any] = {"owner": owner}
    shapes.ball(pose, (ahead, 0.0, middle), (0.12, 0.2, torso * 1.15), pitch=lean, reflectance=cloth, **one)
    neck = (-0.12 * length + 2.2 * torso * math.sin(lean), 0.0, height - 0.13)
    shapes.ball(pose, neck, (0.12, 0.09, 0.13), reflectance=0.4, **one)
    crank = float(generator.uniform(-0.9, 0.9))
    for left in (-1, 1):
        knee = 0.3 + 0.35 * left * crank
        shapes.ball(
            pose, (-0.02 * length, left * 0.11, saddle - 0.2 + 0.1 * left * crank), (0.08, 0.07, 0.26),
            pitch=-0.9 * knee, reflectance=legs, **one,
        )  # fmt: skip
        shapes.ball(
            pose,
            (0.02 * length, left * 0.11, 0.42 + 0.08 * left * crank),
            (0.06, 0.055, 0.24),
            pitch=0.3,
            reflectance=legs,
            **one,
        )
        shapes.ball(
            pose, (0.14 * length, left * min(0.2, width / 2 - 0.05), saddle + torso * 0.9), (0.05, 0.05, 0.3),
            pitch=1.1, reflectance=cloth, **one,
        )  # fmt: skip


def add_bicycle(
    shapes: Shapes,
    generator: np.random.Generator,
    length: float,
    width: float,
    pose: Pose,
    owner: int = NOBODY,
) -> None:
    """Add wheels of spokes, a frame and handlebars."""
    radius = float(generator.uniform(0.31, 0.36))
    base = length / 2 - radius
    metal: dict[str, Any] = {"reflectance": float(generator.uniform(0.1, 0.5)), "owner": owner}
    for ahead in (-base, base):
        # Tyres are thin and spokes let beams pass: a disc that stops some of them.
        shapes.box(
            pose, (ahead - radius, ahead + radius), 0.03, (0.02, 2 * radius), sides_pass=0.72, roof_passes=0.3, **metal
        )
    shapes.box(
        pose, (-base, base * 0.7), 0.035, (radius, 0.85), roof_x=(-base * 0.4, base * 0.8), sides_pass=0.6, **metal
    )
    shapes.box(pose, (base * 0.62, base * 0.78), width / 2 * 0.9, (0.95, 1.03), **metal)
