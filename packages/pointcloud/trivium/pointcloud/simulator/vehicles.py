"""Motor vehicles built of leaning boxes, glass that lets beams through, seats, wheels and mirrors.

Sizes are ranges of makers' public dimensions (length and height over all, width without mirrors). What makes a body is
where its bonnet ends, where the cabin begins and ends, and which of its sides are glass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.pointcloud.simulator.shapes import Pose, Shapes

__all__ = ["BODIES", "Body", "Size", "add_vehicle", "draw_body", "draw_size"]

Range = tuple[float, float]
Size = tuple[float, float, float]
"""Length, width, height, metres."""

_SEATS_SEEN, _MIRRORS_SEEN = 45.0, 35.0


@dataclass(frozen=True)
class Body:
    """A kind of vehicle; ranges are uniform.

    Args:
        share: of all vehicles of a European street.
        length: metres.
        width: metres.
        height: metres.
        belt: height of the lower edge of the windows, as a share of the height.
        bonnet: where the windscreen meets the body, from the front, as a share of the length.
        rear: where the rear window meets the body, from the back, as a share of the length.
        rake: how far windscreen and rear window lean, as shares of the length.
        glass: share of the cabin's length that has side windows, from the front; 0 for none.
    """

    share: float
    length: Range
    width: Range
    height: Range
    belt: Range = (0.58, 0.66)
    bonnet: Range = (0.2, 0.28)
    rear: Range = (0.0, 0.03)
    rake: tuple[Range, Range] = ((0.14, 0.2), (0.04, 0.12))
    glass: float = 1.0


BODIES = {
    "hatchback": Body(0.27, (3.45, 4.4), (1.6, 1.82), (1.4, 1.6)),
    "saloon": Body(0.15, (4.35, 5.1), (1.68, 1.92), (1.38, 1.52), rear=(0.1, 0.16), rake=((0.13, 0.19), (0.1, 0.16))),
    "estate": Body(0.14, (4.3, 4.95), (1.68, 1.9), (1.42, 1.58), bonnet=(0.23, 0.29)),
    "suv": Body(0.13, (4.1, 5.0), (1.74, 2.0), (1.58, 1.9), belt=(0.58, 0.67), rake=((0.1, 0.17), (0.03, 0.1))),
    "people_carrier": Body(
        0.1, (4.0, 4.9), (1.65, 1.92), (1.58, 1.95), (0.52, 0.62), (0.12, 0.2), rake=((0.14, 0.22), (0.02, 0.06))
    ),
    "small_van": Body(
        0.08, (3.9, 4.9), (1.65, 1.88), (1.75, 2.05), (0.52, 0.62), (0.13, 0.22),
        rake=((0.1, 0.18), (0.0, 0.03)), glass=0.4,
    ),
    "large_van": Body(
        0.06, (4.75, 6.9), (1.88, 2.08), (1.9, 2.8), (0.46, 0.56), (0.06, 0.16),
        rake=((0.07, 0.14), (0.0, 0.02)), glass=0.3,
    ),
    "minibus": Body(
        0.02, (4.8, 6.0), (1.88, 2.05), (1.9, 2.5), (0.46, 0.56), (0.06, 0.16), rake=((0.07, 0.14), (0.0, 0.02))
    ),
    "pickup": Body(0.01, (4.9, 5.6), (1.75, 2.0), (1.7, 1.95), bonnet=(0.22, 0.28), rear=(0.3, 0.36)),
    "lorry": Body(0.03, (5.8, 12.5), (2.1, 2.55), (2.5, 4.0)),
    "bus": Body(
        0.01, (8.5, 13.0), (2.4, 2.55), (2.8, 3.4), (0.35, 0.45), (0.0, 0.01), rake=((0.0, 0.03), (0.0, 0.01))
    ),
}  # fmt: skip
_PAINTS = (0.03, 0.03, 0.08, 0.2, 0.2, 0.4, 0.6)  # as many black ones as one sees
_NAMES = tuple(BODIES)
_SHARES = np.cumsum([body.share for body in BODIES.values()])


def draw_body(generator: np.random.Generator) -> str:
    """Return a kind of vehicle, as often as it stands in a street."""
    return _NAMES[int(np.searchsorted(_SHARES, generator.uniform() * _SHARES[-1], side="right"))]


def draw_size(generator: np.random.Generator, name: str) -> Size:
    """Return length, width and height; long ones of a kind tend to be wide and high."""
    body = BODIES[name]
    common = generator.uniform()
    length, width, height = (
        low + (high - low) * (0.5 * common + 0.5 * generator.uniform())
        for low, high in (body.length, body.width, body.height)
    )
    return length, width, height


def add_vehicle(shapes: Shapes, generator: np.random.Generator, name: str, size: Size, pose: Pose, owner: int) -> None:
    """Add the parts of a vehicle of this size, standing at the middle of its footprint."""
    paint = float(
        generator.choice((0.03, 0.08, 0.2, 0.4, 0.6), p=(0.2, 0.15, 0.25, 0.2, 0.2)) * generator.uniform(0.8, 1.3)
    )
    distance = math.hypot(pose.x, pose.y)
    if name == "lorry":
        _lorry(shapes, generator, size, pose, paint, owner)
    else:
        _car(shapes, generator, BODIES[name], size, pose, paint, owner, distance)
    _wheels(shapes, generator, name, size, pose, owner)


def _car(
    shapes: Shapes,
    generator: np.random.Generator,
    body: Body,
    size: Size,
    pose: Pose,
    paint: float,
    owner: int,
    distance: float,
) -> None:
    length, width, height = size
    half, side = length / 2, width / 2
    floor = float(generator.uniform(0.14, 0.28))
    belt = height * float(generator.uniform(*body.belt))
    bonnet = half - length * float(generator.uniform(*body.bonnet))
    rear = -half + length * float(generator.uniform(*body.rear))
    lean_front, lean_rear = (length * float(generator.uniform(*one)) for one in body.rake)
    nose, tail = 0.07 * length, 0.05 * length
    part: dict[str, Any] = {"reflectance": paint, "owner": owner}
    nose_top = belt * float(generator.uniform(0.75, 0.98))
    # Bumpers are rounded seen from above; the bonnet falls forward.
    shapes.box(pose, (half - nose, half), side, (floor, nose_top), ends=(1.0, generator.uniform(0.7, 0.92)), **part)
    shapes.box(pose, (-half, -half + tail), side, (floor, belt), ends=(generator.uniform(0.8, 0.95), 1.0), **part)
    shapes.box(
        pose, (-half + tail, half - nose), side, (floor, belt),
        roof_x=(-half + tail, max(bonnet, half - nose - 0.1)), roof_half_width=side * 0.96, **part,
    )  # fmt: skip
    roof = max(side * float(generator.uniform(0.78, 0.95)), 0.3)
    roof = side * 0.97 if body.glass < 1 else roof
    top = (rear + lean_rear, bonnet - lean_front)
    seen_through = float(generator.uniform(0.45, 0.95))
    split = bonnet - (bonnet - rear) * body.glass
    if body.glass < 1:  # a van: windows in front, sheet metal behind
        shapes.box(pose, (rear, split), side, (belt, height), roof_x=(top[0], split), roof_half_width=roof, **part)
        top = (split, max(top[1], split + 0.1))
    shapes.box(
        pose, (split, bonnet), side * 0.97, (belt, height),
        roof_x=top, roof_half_width=roof, sides_pass=seen_through, **part,
    )  # fmt: skip
    if distance < _SEATS_SEEN:
        _seats(shapes, generator, (split, bonnet), side, (belt, height), pose, owner)
    if distance < _MIRRORS_SEEN:
        for left in (-1, 1):
            at = bonnet - float(generator.uniform(0.3, 0.6))
            reach = side + float(generator.uniform(0.08, 0.14))
            shapes.box(pose, (at, at + 0.12), 0.1, (belt, belt + 0.16), y=left * reach, **part)
    plate = (half - 0.01, half + 0.005)
    shapes.box(pose, plate, 0.25, (0.4, 0.52), reflectance=3.0, owner=owner)
    shapes.box(pose, (-plate[1], -plate[0]), 0.25, (0.5, 0.62), reflectance=3.0, owner=owner)


def _seats(
    shapes: Shapes,
    generator: np.random.Generator,
    along: Range,
    side: float,
    up: Range,
    pose: Pose,
    owner: int,
) -> None:
    room = along[1] - along[0]
    for share in (0.3, 0.62):
        at = along[0] + share * room
        top = up[0] + (up[1] - up[0]) * float(generator.uniform(0.3, 0.85))
        for left in (-1, 1):
            shapes.box(
                pose,
                (at, at + 0.2),
                side * 0.28,
                (up[0] - 0.1, top),
                y=left * side * 0.42,
                reflectance=0.15,
                owner=owner,
            )


def _lorry(shapes: Shapes, generator: np.random.Generator, size: Size, pose: Pose, paint: float, owner: int) -> None:
    length, width, height = size
    half, side = length / 2, width / 2
    cab = float(generator.uniform(1.6, 2.3))
    cab_height = min(height, float(generator.uniform(2.2, 3.2)))
    shapes.box(
        pose, (half - cab, half), side, (0.4, 0.55 * cab_height), reflectance=paint, owner=owner,
    )  # fmt: skip
    shapes.box(
        pose, (half - cab, half), side, (0.55 * cab_height, cab_height),
        roof_x=(half - cab, half - 0.2), sides_pass=float(generator.uniform(0.2, 0.6)), reflectance=paint, owner=owner,
    )  # fmt: skip
    load = float(generator.choice((0.2, 0.5, 0.8)))
    is_flatbed = generator.uniform() < 0.15
    top = float(generator.uniform(1.4, height)) if is_flatbed else height
    shapes.box(pose, (-half, half - cab - 0.3), side, (0.95, top), reflectance=load, owner=owner)
    shapes.box(pose, (-half + 0.3, half - cab), side * 0.4, (0.6, 0.95), reflectance=0.1, owner=owner)
    if is_flatbed:  # something reaches the height over all
        shapes.box(pose, (half - cab - 0.8, half - cab - 0.4), side, (0.95, height), reflectance=load, owner=owner)


def _wheels(shapes: Shapes, generator: np.random.Generator, name: str, size: Size, pose: Pose, owner: int) -> None:
    length, width, _ = size
    is_heavy = name in ("lorry", "bus")
    radius = 0.48 if is_heavy else float(generator.uniform(0.29, 0.37))
    base = length * float(generator.uniform(0.58, 0.64)) / 2
    for ahead in (-1, 1):
        for left in (-1, 1):
            centre = (ahead * base, left * (width / 2 - 0.1), radius)
            tyre: dict[str, Any] = {"reflectance": 0.08, "owner": owner}
            shapes.ball(pose, centre, (radius, radius, 0.1), roll=math.pi / 2, is_tube=True, **tyre)
            shapes.ball(pose, centre, (radius, 0.09, radius), **tyre)
