"""What stands in streets and halls and is nobody: poles, trees, hedges, bins, shelters, walls. It decides false alarms.

Kinds and sizes follow common catalogues of street furniture; several are as large as a car or as slim as a person on
purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from trivium.pointcloud.simulator.people import add_bicycle
from trivium.pointcloud.simulator.shapes import Pose, Shapes

__all__ = ["KERBSIDE", "YARD", "add_building", "add_bush", "add_fence", "add_hedge", "add_tree", "footprint_radius"]

Maker = Callable[[Shapes, np.random.Generator, Pose], None]


def footprint_radius(maker: Maker) -> float:
    """Return how much room to leave around one of these, metres."""
    return _ROOM.get(maker, 0.5)


def add_pole(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a lamp post, often with a sign or a traffic light."""
    height, radius = float(generator.uniform(2.2, 8.0)), float(generator.uniform(0.03, 0.16))
    grey = float(generator.uniform(0.15, 0.6))
    shapes.ball(pose, (0, 0, height / 2), (radius, radius, height / 2), is_tube=True, reflectance=grey)
    if generator.uniform() < 0.5:
        at, half = float(generator.uniform(1.6, min(3.2, height))), float(generator.uniform(0.15, 0.45))
        shine = float(generator.choice((0.4, 3.0)))
        shapes.box(pose, (-0.02, 0.02), half, (at, at + 2 * half), reflectance=shine)
    if generator.uniform() < 0.3:
        shapes.box(pose, (-0.2, 0.2), 0.2, (0.0, float(generator.uniform(0.4, 1.2))), reflectance=grey)
    if generator.uniform() < 0.2:
        shapes.box(pose, (0.0, float(generator.uniform(1, 3))), 0.08, (height - 0.15, height), reflectance=grey)


def add_bollards(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a row of bollards."""
    height, radius = float(generator.uniform(0.6, 1.15)), float(generator.uniform(0.05, 0.15))
    for at in range(int(generator.integers(1, 6))):
        shapes.ball(pose, (1.5 * at, 0, height / 2), (radius, radius, height / 2), is_tube=True, reflectance=0.3)


def add_tree(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a trunk and a crown of leaves that beams enter."""
    stem, radius = float(generator.uniform(1.4, 4.0)), float(generator.uniform(0.08, 0.3))
    lean = float(generator.normal(0, 0.04))
    shapes.ball(pose, (0, 0, stem / 2), (radius, radius, stem / 2), pitch=lean, is_tube=True, reflectance=0.25)
    for _ in range(int(generator.integers(1, 4))):
        wide, high = float(generator.uniform(0.8, 2.8)), float(generator.uniform(0.8, 2.5))
        centre = (*generator.normal(0, 0.4 * wide, 2), stem + high * float(generator.uniform(0.6, 1.2)))
        leaves = float(generator.uniform(0.3, 2.5))
        shapes.ball(pose, centre, (wide, wide, high), depth=leaves, reflectance=float(generator.uniform(0.2, 0.5)))


def add_bush(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a bush of a few overlapping balls of leaves, from knee-high to as large as a car."""
    size = float(generator.uniform(0.3, 1.5))
    for _ in range(int(generator.integers(1, 5))):
        wide, high = size * float(generator.uniform(0.5, 1.1)), size * float(generator.uniform(0.4, 1.0))
        x, y = generator.normal(0, 0.7 * size, 2)
        shapes.ball(
            pose, (x, y, 0.7 * high), (wide, wide * float(generator.uniform(0.6, 1)), high),
            depth=float(generator.uniform(0.08, 0.6)), reflectance=float(generator.uniform(0.2, 0.5)),
        )  # fmt: skip


def add_hedge(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a clipped hedge along x."""
    length, height = float(generator.uniform(2, 14)), float(generator.uniform(0.6, 2.2))
    shapes.box(
        pose, (-length / 2, length / 2), float(generator.uniform(0.25, 0.8)), (0.0, height),
        depth=float(generator.uniform(0.05, 0.4)), reflectance=0.35,
    )  # fmt: skip


def add_fence(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a fence or low wall along x, open or closed, with posts."""
    length, height = float(generator.uniform(4, 20)), float(generator.uniform(0.5, 2.0))
    open_share = float(generator.choice((0.0, 0.4, 0.75)))
    grey = float(generator.uniform(0.15, 0.6))
    shapes.box(
        pose,
        (-length / 2, length / 2),
        0.04 if open_share else 0.12,
        (0.0, height),
        sides_pass=open_share,
        reflectance=grey,
    )
    for at in np.arange(-length / 2, length / 2, 2.5):
        shapes.box(pose, (at - 0.06, at + 0.06), 0.07, (0.0, height + 0.1), reflectance=grey)


def add_crate(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a box of any size between a letter box and a car: bins, skips, cabinets, kiosks, sheds, stacked goods."""
    scale = float(generator.choice((0.4, 0.9, 1.6)))
    length, width = (scale * float(value) for value in generator.uniform(0.6, 2.6, 2))
    height = scale * float(generator.uniform(0.7, 2.0))
    lean = float(generator.uniform(0.75, 1.05))
    shapes.box(
        pose, (-length / 2, length / 2), width / 2, (0.0, height), roof_x=(-length / 2 * lean, length / 2 * lean),
        roof_half_width=width / 2 * lean, reflectance=float(generator.uniform(0.05, 0.7)),
    )  # fmt: skip


def add_bin(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add one to four wheeled bins side by side."""
    for at in range(int(generator.integers(1, 5))):
        height = float(generator.uniform(0.9, 1.35))
        shapes.box(
            pose, (-0.3, 0.3), 0.26, (0.05, height), y=0.65 * at, roof_x=(-0.36, 0.36),
            roof_half_width=0.3, reflectance=float(generator.uniform(0.05, 0.4)),
        )  # fmt: skip


def add_shelter(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a bus shelter: a roof on posts, glass behind, a bench."""
    half = float(generator.uniform(1.2, 2.4))
    shapes.box(pose, (-half, half), 0.75, (2.3, 2.45), reflectance=0.4)
    shapes.box(pose, (-half, half), 0.02, (0.2, 2.3), y=0.7, sides_pass=0.75, reflectance=0.3)
    for at in (-half, half):
        shapes.box(pose, (at - 0.05, at + 0.05), 0.05, (0.0, 2.3), y=0.7, reflectance=0.3)
    shapes.box(pose, (-half * 0.7, half * 0.7), 0.2, (0.4, 0.5), y=0.4, reflectance=0.3)


def add_bench(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a bench, or a table with chairs."""
    half = float(generator.uniform(0.5, 1.0))
    shapes.box(pose, (-half, half), 0.22, (0.4, 0.47), reflectance=0.35)
    shapes.box(pose, (-half, half), 0.04, (0.5, 0.9), y=0.22, sides_pass=0.3, reflectance=0.35)
    for at in (-0.8 * half, 0.8 * half):
        shapes.box(pose, (at - 0.04, at + 0.04), 0.2, (0.0, 0.4), reflectance=0.3)


def add_parked_bicycles(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add one to six bicycles that nobody rides."""
    for at in range(int(generator.integers(1, 7))):
        x, y = pose.x - math.sin(pose.yaw) * 0.55 * at, pose.y + math.cos(pose.yaw) * 0.55 * at
        turned = Pose(x, y, pose.yaw + float(generator.normal(0, 0.15)))
        add_bicycle(shapes, generator, float(generator.uniform(1.6, 1.85)), 0.6, turned)


def add_column(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add something slim of a person's height: a parking meter, a pillar, a sack truck, a wrapped palm."""
    height, radius = float(generator.uniform(0.9, 2.1)), float(generator.uniform(0.1, 0.35))
    grey = float(generator.uniform(0.1, 0.6))
    if generator.uniform() < 0.5:
        shapes.ball(pose, (0, 0, height / 2), (radius, radius, height / 2), is_tube=True, reflectance=grey)
    else:
        shapes.box(pose, (-radius, radius), radius * float(generator.uniform(0.4, 1)), (0.0, height), reflectance=grey)
    if generator.uniform() < 0.3:
        shapes.box(pose, (-0.25, 0.25), 0.2, (height, height + 0.35), reflectance=grey)


def add_building(shapes: Shapes, generator: np.random.Generator, pose: Pose) -> None:
    """Add a house whose front runs along x and stands back to the left, with bays, steps and windows."""
    length, deep = float(generator.uniform(8, 24)), float(generator.uniform(6, 14))
    height = float(generator.uniform(3, 14))
    wall = float(generator.uniform(0.2, 0.7))
    shapes.box(pose, (-length / 2, length / 2), deep / 2, (-1.0, height), y=deep / 2, reflectance=wall)
    for _ in range(int(generator.integers(0, 5))):
        at, half = float(generator.uniform(-length / 2, length / 2)), float(generator.uniform(0.2, 1.5))
        out, low = float(generator.uniform(0.1, 1.0)), float(generator.choice((-0.5, 0.5, 2.6)))
        shapes.box(
            pose,
            (at - half, at + half),
            out / 2,
            (low, low + float(generator.uniform(0.3, 2.5))),
            y=-out / 2,
            reflectance=wall,
        )


KERBSIDE: tuple[tuple[Maker, float], ...] = (
    (add_pole, 0.3),
    (add_tree, 0.2),
    (add_bollards, 0.08),
    (add_crate, 0.08),
    (add_bin, 0.08),
    (add_parked_bicycles, 0.08),
    (add_bench, 0.05),
    (add_shelter, 0.03),
    (add_bush, 0.06),
    (add_column, 0.06),
)
"""What stands between kerb and houses, with its share."""

YARD: tuple[tuple[Maker, float], ...] = (
    (add_bush, 0.3),
    (add_tree, 0.22),
    (add_hedge, 0.15),
    (add_fence, 0.13),
    (add_crate, 0.14),
    (add_column, 0.06),
)
"""What stands where no house does, with its share."""

_ROOM: dict[Maker, float] = {
    add_hedge: 1.0, add_fence: 1.0, add_crate: 1.6, add_shelter: 1.6, add_bush: 1.6, add_bin: 1.2,
    add_parked_bicycles: 1.5, add_bench: 0.8,
}  # fmt: skip
