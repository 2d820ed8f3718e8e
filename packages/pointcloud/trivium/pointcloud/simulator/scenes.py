"""Scenes by number: `compose(config, seed, number)` makes the same scene on every machine, whatever was made before."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from trivium.pointcloud.simulator.batch import Scene, SensorState
from trivium.pointcloud.simulator.litter import litter
from trivium.pointcloud.simulator.patterns import PATTERNS, elevations
from trivium.pointcloud.simulator.plant import plant
from trivium.pointcloud.simulator.street import street

__all__ = ["SimulatorConfig", "compose"]


@dataclass(frozen=True)
class SimulatorConfig:
    """What kind of frames are made.

    Args:
        pattern: name in `PATTERNS`.
        view: width of the view kept, degrees, ahead; 360 for the whole turn.
        plants: share of scenes that are plants.
    """

    pattern: str = "hdl64"
    view: float = 360.0
    plants: float = 0.0

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise ValueError(f"no beam pattern {self.pattern!r}; known: {', '.join(PATTERNS)}")
        if not 10 <= self.view <= 360:
            raise ValueError(f"view is {self.view:g} degrees; use 10 to 360")
        if not 0 <= self.plants <= 1:
            raise ValueError(f"plants is {self.plants:g}; it is a share, 0 to 1")

    def digest(self) -> str:
        """Return a hash of every value, for logs."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def compose(config: SimulatorConfig, seed: int, number: int, *, is_littered: bool = False) -> Scene:
    """Return the scene of a frame, not yet cast.

    Args:
        config: kind of frame.
        seed: of the series, not negative.
        number: of the frame in it, not negative.
        is_littered: add things without a name, for training.
    """
    generator = np.random.default_rng((seed, number))
    sensor = _sensor(config, generator)
    is_plant = generator.uniform() < config.plants
    plan = (plant if is_plant else street)(generator)
    if is_littered:
        litter(plan)
    pattern = PATTERNS[config.pattern]
    raised = plan.ground(plan.shapes.places())
    solids = plan.shapes.solids(raised[: plan.shapes.solid_count])
    rounds = plan.shapes.rounds(raised[plan.shapes.solid_count :])
    return Scene(
        seed=int(generator.integers(1 << 31)),
        boxes=plan.boxes(),
        kinds=plan.kinds(),
        speeds=plan.speeds(),
        solids=solids,
        rounds=rounds,
        terrain=np.array(plan.terrain.row(), np.float32),
        elevations=elevations(pattern, generator, jitter=0.02),
        sensor=sensor,
    )


def _sensor(config: SimulatorConfig, generator: np.random.Generator) -> SensorState:
    pattern = PATTERNS[config.pattern]
    fired = min(pattern.columns, round(pattern.columns * config.view / 360))
    return SensorState(
        pattern=config.pattern,
        columns=pattern.columns,
        first_azimuth=-math.pi * fired / pattern.columns,
        fired=fired,
        speed=float(generator.choice((0.0, 5.0, 10.0, 15.0)) * generator.uniform(0.6, 1.2)),
        max_range=pattern.max_range * float(generator.uniform(0.8, 1.0)),
        threshold=float(np.exp(generator.uniform(math.log(0.03), math.log(0.3)))),
        noise=float(generator.uniform(0.008, 0.03)),
        lost=float(generator.uniform(0.01, 0.15)),
        gain=float(generator.uniform(0.4, 1.1)),
    )
