"""Which simulated frames choose a model, which judge it: fixed before any detector was trained; a test holds the hash.

The three differ in the seed of their series. Frames to judge by are never looked at while a model is made.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from trivium.pointcloud.simulator.scenes import SimulatorConfig

__all__ = ["SPLITS", "TRAINING_SEED", "Split", "digest"]

TRAINING_SEED = 1_000_000
"""Added to the seed of a training run, so that its series differ from those below."""


@dataclass(frozen=True)
class Split:
    """A series of frames: `count` of each configuration, numbered from 0."""

    seed: int
    count: int
    configs: tuple[SimulatorConfig, ...]


_MIX = (
    SimulatorConfig("hdl64", 80.0, 0.0),
    SimulatorConfig("hdl64", 80.0, 1.0),
    SimulatorConfig("os1_64", 120.0, 0.1),
    SimulatorConfig("vlp32", 360.0, 0.1),
)

SPLITS = {"validation": Split(11, 40, _MIX), "test": Split(12, 500, _MIX)}


def digest(name: str) -> str:
    """Return a hash of everything that defines a split."""
    return hashlib.sha256(json.dumps(asdict(SPLITS[name]), sort_keys=True).encode()).hexdigest()[:16]
