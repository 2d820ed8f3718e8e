"""Scenes of one kind of sensor side by side, as tensors ready to cast: parts of all frames in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from trivium.pointcloud.simulator.shapes import Rounds, Solids

__all__ = ["Scene", "SceneBatch", "SensorState", "collate"]


@dataclass(frozen=True)
class SensorState:
    """How the sensor behaves in one frame.

    Args:
        pattern: name in `PATTERNS`.
        columns: firings in a whole turn.
        first_azimuth: of the first firing, radians.
        fired: firings kept, from the first on; `columns` for a whole turn.
        period_s: of a whole turn.
        speed: of the sensor along x, m/s.
        max_range: metres.
        threshold: signal at which half of the beams return.
        noise: standard deviation of a range, metres.
        lost: share of beams that never return.
        gain: of the intensity.
    """

    pattern: str
    columns: int
    first_azimuth: float
    fired: int
    period_s: float = 0.1
    speed: float = 0.0
    max_range: float = 110.0
    threshold: float = 0.1
    noise: float = 0.02
    lost: float = 0.03
    gain: float = 0.6


@dataclass(frozen=True)
class Scene:
    """One frame before casting.

    Args:
        seed: of the frame's chance.
        boxes: (N, 7) float32 of labelled objects, sensor's frame.
        kinds: (N,) int64, index into `CLASSES`.
        speeds: (N,) float32 along the yaw, m/s over the ground.
        solids, rounds: what beams may meet.
        terrain: (16,) float32, a row of `Terrain`.
        elevations: (R,) float32, rising.
        sensor: its state.
    """

    seed: int
    boxes: np.ndarray
    kinds: np.ndarray
    speeds: np.ndarray
    solids: Solids
    rounds: Rounds
    terrain: np.ndarray
    elevations: np.ndarray
    sensor: SensorState


@dataclass(frozen=True)
class SceneBatch:
    """B scenes of equal rows and columns; see `Scene`. `*_frame` says which scene a row belongs to."""

    seed: torch.Tensor  # (B,) int64
    terrain: torch.Tensor  # (B, 16)
    elevations: torch.Tensor  # (B, R)
    sensor: torch.Tensor  # (B, 8): first azimuth, period, speed, max range, threshold, noise, lost, gain
    columns: int
    fired: int
    boxes: torch.Tensor  # (N, 7)
    kinds: torch.Tensor  # (N,)
    speed: torch.Tensor  # (N,)
    box_frame: torch.Tensor  # (N,)
    solids: tuple[torch.Tensor, ...]  # fields of Solids, owners counted over the batch
    solid_frame: torch.Tensor
    rounds: tuple[torch.Tensor, ...]
    round_frame: torch.Tensor

    def to(self, device: torch.device | str) -> SceneBatch:
        """Return the batch on another device."""

        def moved(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return value.to(device, non_blocking=True)
            return tuple(one.to(device, non_blocking=True) for one in value) if isinstance(value, tuple) else value

        return SceneBatch(**{entry.name: moved(getattr(self, entry.name)) for entry in fields(self)})


def collate(scenes: Sequence[Scene]) -> SceneBatch:
    """Join scenes.

    Raises:
        ValueError: if their numbers of beams or firings differ.
    """
    first = scenes[0].sensor
    if len({(len(scene.elevations), scene.sensor.columns, scene.sensor.fired) for scene in scenes}) > 1:
        raise ValueError("scenes of a batch share the number of beams and firings")
    shift = np.cumsum([0, *(len(scene.boxes) for scene in scenes)])
    states = [
        (s.first_azimuth, s.period_s, s.speed, s.max_range, s.threshold, s.noise, s.lost, s.gain)
        for s in (scene.sensor for scene in scenes)
    ]
    solids, solid_frame = _joined([scene.solids for scene in scenes], shift)
    rounds, round_frame = _joined([scene.rounds for scene in scenes], shift)
    return SceneBatch(
        torch.tensor([scene.seed for scene in scenes]),
        torch.from_numpy(np.stack([scene.terrain for scene in scenes])),
        torch.from_numpy(np.stack([scene.elevations for scene in scenes])),
        torch.tensor(states, dtype=torch.float32),
        first.columns,
        first.fired,
        torch.from_numpy(np.concatenate([scene.boxes for scene in scenes])),
        torch.from_numpy(np.concatenate([scene.kinds for scene in scenes])),
        torch.from_numpy(np.concatenate([scene.speeds for scene in scenes])),
        _frames([len(scene.boxes) for scene in scenes]),
        solids,
        solid_frame,
        rounds,
        round_frame,
    )


def _joined(
    parts: Sequence[Solids] | Sequence[Rounds], shift: np.ndarray
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    joined = []
    for entry in fields(parts[0]):
        columns = [getattr(part, entry.name) for part in parts]
        if entry.name == "owner":
            columns = [np.where(one >= 0, one + start, one) for one, start in zip(columns, shift, strict=False)]
        joined.append(torch.from_numpy(np.ascontiguousarray(np.concatenate(columns))))
    return tuple(joined), _frames([len(part.owner) for part in parts])


def _frames(counts: list[int]) -> torch.Tensor:
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
