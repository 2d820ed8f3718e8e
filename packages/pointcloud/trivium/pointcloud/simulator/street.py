"""Make a street: a road with lanes, parked rows, pavements with people, houses and yards, sometimes a crossing."""

from __future__ import annotations

import math

import numpy as np

from trivium.pointcloud.simulator import clutter, people, vehicles
from trivium.pointcloud.simulator.ground_plan import GroundPlan
from trivium.pointcloud.simulator.shapes import Pose
from trivium.pointcloud.simulator.terrain import Terrain

__all__ = ["street"]

_REACH = 78.0


def street(generator: np.random.Generator) -> GroundPlan:
    """Return the plan of a street around the sensor, which rides in one of its lanes."""
    plan = GroundPlan(generator, _terrain(generator))
    half = plan.terrain.road_half_width
    is_right_hand = generator.uniform() < 0.85
    crossing = float(generator.uniform(8, 60)) if generator.uniform() < 0.45 else None
    busy = float(generator.choice((0.3, 0.7, 1.2)))
    _traffic(plan, is_right_hand, busy)
    if crossing is not None:
        _cross_traffic(plan, crossing)
    for side in (-1, 1):
        style = generator.choice(("none", "along", "across", "pavement"), p=(0.3, 0.42, 0.13, 0.15))
        if style != "none":
            _parked_row(plan, side, str(style), crossing)
        _verge(plan, side, half + plan.terrain.pavement, crossing)
    _people(plan, crossing)
    _kerbside(plan, crossing)
    _strays(plan)
    return plan


def _terrain(generator: np.random.Generator) -> Terrain:
    half = float(generator.uniform(2.8, 9.0))
    is_turning = generator.uniform() < 0.15
    heading = float(generator.uniform(-math.pi, math.pi)) if is_turning else float(generator.normal(0, 0.06))
    return Terrain(
        sensor_height=float(generator.uniform(1.45, 2.2))
        if generator.uniform() < 0.6
        else float(generator.normal(1.73, 0.05)),
        slope_x=float(generator.normal(0, 0.015)),
        slope_y=float(generator.normal(0, 0.012)),
        wave_1=float(generator.uniform(0, 0.25)),
        length_1=float(generator.uniform(6, 20)),
        heading_1=float(generator.uniform(0, 6.28)),
        wave_2=float(generator.uniform(0, 0.03)),
        length_2=float(generator.uniform(0.6, 3)),
        heading_2=float(generator.uniform(0, 6.28)),
        road_heading=heading,
        road_offset=float(generator.uniform(-0.6, 0.6)) * half,
        road_curvature=float(generator.normal(0, 0.003)),
        road_half_width=half,
        kerb=float(generator.choice((0.0, 0.1, 0.14))),
        pavement=float(generator.uniform(1.2, 6.0)),
        bank=float(generator.choice((0.0, 0.0, 0.08, -0.06))),
    )


def _vehicle(plan: GroundPlan, pose: Pose, name: str | None = None, *, gap: float = 0.25) -> bool:
    generator = plan.generator
    name = name or vehicles.draw_body(generator)
    size = vehicles.draw_size(generator, name)
    if not plan.take(pose, size[0], size[1], gap=gap):
        return False
    vehicles.add_vehicle(plan.shapes, generator, name, size, pose, plan.label("Vehicle", size, pose))
    return True


def _person(plan: GroundPlan, pose: Pose, *, rides: bool = False) -> None:
    generator = plan.generator
    size = people.cyclist_size(generator) if rides else people.pedestrian_size(generator)
    if not plan.take(pose, size[0], size[1], gap=0.05):
        return
    owner = plan.label("Cyclist" if rides else "Pedestrian", size, pose)
    add = people.add_cyclist if rides else people.add_pedestrian
    add(plan.shapes, generator, size, pose, owner)


def _traffic(plan: GroundPlan, is_right_hand: bool, busy: float) -> None:
    generator, half = plan.generator, plan.terrain.road_half_width
    for side in (-1, 1):
        is_same_way = (side == -1) == is_right_hand
        at = float(generator.uniform(-_REACH, -_REACH + 30))
        speed = float(generator.choice((0.0, 6.0, 12.0)))
        while at < _REACH:
            across = side * half * float(generator.uniform(0.3, 0.55))
            turn = (0.0 if is_same_way else math.pi) + float(generator.normal(0, 0.06))
            if generator.uniform() < 0.04:
                turn += float(generator.uniform(-1.6, 1.6))
            pose = plan.on_road(at, across, turn=turn, speed=speed * float(generator.uniform(0.7, 1.3)))
            if generator.uniform() < busy * 0.6:
                _vehicle(plan, pose)
            if generator.uniform() < 0.12:
                edge = plan.on_road(at + 7, side * (half - 0.8), turn=turn, speed=float(generator.uniform(2, 7)))
                _person(plan, edge, rides=True)
            at += float(generator.uniform(7, 28))


def _cross_traffic(plan: GroundPlan, crossing: float) -> None:
    generator = plan.generator
    across = float(generator.uniform(-_REACH / 2, -10))
    while across < _REACH / 2:
        way = float(generator.choice((-1, 1)))
        speed = float(generator.choice((0.0, 8.0)))
        turn = way * math.pi / 2 + float(generator.normal(0, 0.12))
        pose = plan.on_road(crossing - way * 1.8, across, turn=turn, speed=speed)
        if generator.uniform() < 0.45:
            _vehicle(plan, pose)
        elif generator.uniform() < 0.15:
            _person(plan, pose, rides=True)
        across += float(generator.uniform(7, 20))


def _parked_row(plan: GroundPlan, side: int, style: str, crossing: float | None) -> None:
    generator, half = plan.generator, plan.terrain.road_half_width
    turn = {"along": 0.0, "pavement": 0.0, "across": math.pi / 2 * float(generator.uniform(0.6, 1.0))}[style]
    across = {"along": half - 1.0, "pavement": half + 0.4, "across": half + 1.6}[style]
    filled, at = float(generator.uniform(0.2, 0.95)), -_REACH
    while at < _REACH:
        name = vehicles.draw_body(generator)
        name = "hatchback" if name == "bus" else name
        size = vehicles.draw_size(generator, name)
        step = size[0] + float(generator.uniform(0.5, 1.5)) if style != "across" else size[1] + 0.8
        if generator.uniform() < filled and not _is_near(at, crossing, 7):
            flip = math.pi if generator.uniform() < (0.15 if style != "across" else 0.5) else 0.0
            heading = turn + (math.pi if side > 0 else 0.0) + flip + float(generator.normal(0, 0.03))
            pose = plan.on_road(at + step / 2, side * across + float(generator.normal(0, 0.1)), turn=heading)
            if plan.take(pose, size[0], size[1], gap=0.05):
                owner = plan.label("Vehicle", size, pose)
                vehicles.add_vehicle(plan.shapes, generator, name, size, pose, owner)
        at += step


def _verge(plan: GroundPlan, side: int, begin: float, crossing: float | None) -> None:
    """Line the back of the pavement with houses, fences, hedges, yards; more rows behind where nothing hides them."""
    generator = plan.generator
    built = float(generator.uniform(0, 1))
    setback, at = float(generator.uniform(0.0, 6.0)), -_REACH
    while at < _REACH:
        step = float(generator.uniform(7, 20))
        pose = plan.on_road(at + step / 2, side * (begin + setback), turn=0.0 if side > 0 else math.pi)
        if _is_near(at + step / 2, crossing, 9):
            at += step
            continue
        if generator.uniform() < built:
            clutter.add_building(plan.shapes, generator, pose)
        else:
            for _ in range(int(generator.integers(1, 10))):
                place = plan.on_road(
                    at + float(generator.uniform(0, step)), side * (begin + float(generator.uniform(0.3, 16))),
                    turn=float(generator.choice((0, math.pi / 2))) + float(generator.normal(0, 0.1)),
                )  # fmt: skip
                _place(plan, clutter.YARD, place)
            if generator.uniform() < 0.3:
                yard = plan.on_road(
                    at + step / 2,
                    side * (begin + float(generator.uniform(3, 9))),
                    turn=float(generator.uniform(0, 6.28)),
                )
                _vehicle(plan, yard)
        at += step


def _people(plan: GroundPlan, crossing: float | None) -> None:
    generator, half = plan.generator, plan.terrain.road_half_width
    for _ in range(int(generator.poisson(float(generator.choice((3, 8, 16)))))):
        side = float(generator.choice((-1, 1)))
        at = float(generator.uniform(-45, 55))
        across = side * (half + float(generator.uniform(0.2, max(0.6, plan.terrain.pavement))))
        if generator.uniform() < 0.2:
            at, across = crossing or at, float(generator.uniform(-half, half))
        heading = float(generator.choice((0, math.pi, math.pi / 2, -math.pi / 2), p=(0.4, 0.4, 0.1, 0.1)))
        pose = plan.on_road(
            at, across, turn=heading + float(generator.normal(0, 0.3)), speed=float(generator.uniform(0, 1.6))
        )
        _person(plan, pose, rides=generator.uniform() < 0.15)
        for _ in range(int(generator.choice((0, 1, 2), p=(0.7, 0.2, 0.1)))):
            near = plan.on_road(
                at + float(generator.normal(0, 0.8)), across + float(generator.normal(0, 0.7)), turn=heading
            )
            _person(plan, near)


def _kerbside(plan: GroundPlan, crossing: float | None) -> None:
    generator, half = plan.generator, plan.terrain.road_half_width
    for _ in range(int(generator.integers(6, 40))):
        side, at = float(generator.choice((-1, 1))), float(generator.uniform(-60, 70))
        across = side * (half + float(generator.uniform(0.3, max(0.7, plan.terrain.pavement))))
        pose = plan.on_road(
            at, across, turn=float(generator.choice((0, math.pi / 2, math.pi))) + float(generator.normal(0, 0.1))
        )
        if not _is_near(at, crossing, 4):
            _place(plan, clutter.KERBSIDE, pose)


def _strays(plan: GroundPlan) -> None:
    """Put a few vehicles and people anywhere, turned anyhow, so that none is found by its place alone."""
    generator = plan.generator
    for _ in range(int(generator.integers(0, 5))):
        x, y, yaw = (
            float(generator.uniform(-55, 65)),
            float(generator.uniform(-35, 35)),
            float(generator.uniform(0, 6.28)),
        )
        _vehicle(plan, Pose(x, y, yaw), gap=0.6)
    for _ in range(int(generator.integers(0, 5))):
        x, y, yaw = (
            float(generator.uniform(-30, 45)),
            float(generator.uniform(-25, 25)),
            float(generator.uniform(0, 6.28)),
        )
        _person(plan, Pose(x, y, yaw, float(generator.uniform(0, 4))), rides=generator.uniform() < 0.5)


def _place(plan: GroundPlan, kinds: tuple[tuple[clutter.Maker, float], ...], pose: Pose) -> None:
    draw, at = float(plan.generator.uniform()) * sum(share for _, share in kinds), 0
    while draw > kinds[at][1]:
        draw, at = draw - kinds[at][1], at + 1
    maker = kinds[at][0]
    room = clutter.footprint_radius(maker)
    if plan.take(pose, room, room):
        maker(plan.shapes, plan.generator, pose)


def _is_near(at: float, crossing: float | None, reach: float) -> bool:
    return crossing is not None and abs(at - crossing) < reach
