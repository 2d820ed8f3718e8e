"""Which simulated frames choose a model, which judge it: fixed before any detector was trained; a test holds the hash.

The three differ in the seed of their series. Frames to judge by are never looked at while a model is made.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from trivium.pointcloud.simulator.camera import Camera
from trivium.pointcloud.simulator.scenes import SimulatorConfig

__all__ = ["PAIRED_SPLITS", "QUESTION_SPLITS", "SPLITS", "TRAINING_SEED", "PairedSplit", "Split", "digest"]

TRAINING_SEED = 1_000_000
"""Added to the seed of a training run, so that its series differ from those below."""


@dataclass(frozen=True)
class Split:
    """A series of frames: `count` of each configuration, numbered from 0."""

    seed: int
    count: int
    configs: tuple[SimulatorConfig, ...]


@dataclass(frozen=True)
class PairedSplit(Split):
    """A series of frames with pictures, and which objects count whatever sensors a detector reads.

    An object ahead counts if its centre lies in the picture and not beyond `reach`, and at least `min_points` points or
    `min_pixels` pixels show it; others are neither found nor missed.
    """

    camera: Camera = field(default_factory=Camera)
    min_points: int = 5
    min_pixels: int = 40
    reach: tuple[float, float] = (76.8, 38.4)  # x, |y|, metres


_MIX = (
    SimulatorConfig("hdl64", 80.0, 0.0),
    SimulatorConfig("hdl64", 80.0, 1.0),
    SimulatorConfig("os1_64", 120.0, 0.1),
    SimulatorConfig("vlp32", 360.0, 0.1),
)

SPLITS = {"validation": Split(11, 40, _MIX), "test": Split(12, 500, _MIX)}

# Beams of few rows, as on sensors that come with cameras; `dense` has 64. Fixed before any fused detector was trained.
_SPARSE = (SimulatorConfig("hdl32", 90.0, 0.1), SimulatorConfig("vlp16", 90.0, 0.1))
PAIRED_SPLITS = {
    "paired_validation": PairedSplit(21, 100, _SPARSE),
    "paired_test": PairedSplit(22, 1000, _SPARSE),
    "paired_dense_test": PairedSplit(23, 300, (SimulatorConfig("hdl64", 90.0, 0.1),)),
}

# Scenes that are asked about: all around, 32 beams.
_AROUND = (SimulatorConfig("hdl32", 360.0, 0.1),)
QUESTION_SPLITS = {"questions_validation": Split(31, 200, _AROUND), "questions_test": Split(32, 500, _AROUND)}


def digest(name: str) -> str:
    """Return a hash of everything that defines a split."""
    split = (SPLITS | PAIRED_SPLITS | QUESTION_SPLITS)[name]
    return hashlib.sha256(json.dumps(asdict(split), sort_keys=True).encode()).hexdigest()[:16]
