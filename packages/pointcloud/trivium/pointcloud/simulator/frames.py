"""Frames as a sensor would give them: hits become points that may be lost, noisy, and bright or dim; truth is exact."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from trivium.pointcloud.simulator import culling
from trivium.pointcloud.simulator.batch import SceneBatch, collate
from trivium.pointcloud.simulator.casting import cast
from trivium.pointcloud.simulator.chance import normal, uniform
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose

__all__ = ["Frames", "sense", "simulate"]

_WEAK, _NOISE, _BRIGHTNESS = 11, 20, 30


@dataclass(frozen=True)
class Frames:
    """Points of B frames and what they show.

    Args:
        points: (P, 4) x, y, z, metres, sensor's frame, and intensity 0..1; frame after frame.
        frame: (P,) int64.
        owner: (P,) int64 row of `boxes`; -1 for the rest of the world.
        boxes: (N, 7), each where its object was when the sensor looked at it: around its points, as people label.
        kinds: (N,) int64, index into `CLASSES`.
        box_frame: (N,) int64.
        visible: (N,) int64, points that fell on each object.
    """

    points: torch.Tensor
    frame: torch.Tensor
    owner: torch.Tensor
    boxes: torch.Tensor
    kinds: torch.Tensor
    box_frame: torch.Tensor
    visible: torch.Tensor


def simulate(config: SimulatorConfig, seed: int, first: int, count: int) -> Iterator[Frames]:
    """Yield frames `first` to `first + count`, one at a time, on the CPU."""
    for number in range(first, first + count):
        yield sense(collate([compose(config, seed, number)]))


@torch.no_grad()
def sense(batch: SceneBatch) -> Frames:
    """Cast a batch and return what its sensors would report."""
    hits = cast(batch)
    _, rows, columns = hits.distance.shape
    place = torch.arange(rows * columns, device=hits.distance.device)
    seed = batch.seed[:, None]
    max_range, threshold, noise, lost, gain = (one[:, None] for one in batch.sensor[:, 3:].unbind(dim=1))
    distance = hits.distance.flatten(1)
    facing, reflectance = hits.facing.flatten(1), hits.reflectance.flatten(1)
    # A matt surface returns by its cosine; a share of the light comes back whatever the angle.
    signal = reflectance * (0.1 + 0.9 * facing) * (50 / distance.clamp(min=1)) ** 2
    returns = torch.sigmoid(3 * (signal.clamp(min=1e-9) / threshold).log())
    is_kept = (uniform(seed, place, _WEAK) < returns * (1 - lost)) & (distance < max_range)
    kept = is_kept.flatten().nonzero()[:, 0]
    which = kept // (rows * columns)
    beam = kept - which * (rows * columns)
    row = beam // columns
    turn, tilt = which * columns + beam - row * columns, which * rows + row
    azimuth, elevation = culling.angles(batch)
    state = torch.cat((noise, gain), dim=1).index_select(0, which)
    own = batch.seed.index_select(0, which)
    radius = distance.flatten().index_select(0, kept) + state[:, 0] * normal(own, beam, _NOISE)
    flat = radius * elevation.cos().flatten().index_select(0, tilt)
    x = flat * azimuth.cos().flatten().index_select(0, turn)
    y = flat * azimuth.sin().flatten().index_select(0, turn)
    z = radius * elevation.sin().flatten().index_select(0, tilt)
    level = (reflectance * (0.35 + 0.65 * facing)).flatten().index_select(0, kept) * state[:, 1]
    level = (level * (1 + 0.15 * normal(own, beam, _BRIGHTNESS))).clamp(0, 1)
    points = torch.stack((x, y, z, level), dim=1)
    owner = hits.owner.flatten().index_select(0, kept)
    visible = torch.zeros(len(batch.boxes), dtype=torch.int64, device=owner.device)
    seen = owner[owner >= 0]
    visible.index_add_(0, seen, torch.ones_like(seen))
    return Frames(points, which, owner, _boxes_when_seen(batch), batch.kinds, batch.box_frame, visible)


def _boxes_when_seen(batch: SceneBatch) -> torch.Tensor:
    azimuth = torch.atan2(batch.boxes[:, 1], batch.boxes[:, 0])
    frame = batch.box_frame
    time_s = -azimuth / (2 * math.pi) * batch.sensor[frame, 1]
    boxes = batch.boxes.clone()
    boxes[:, 0] += (batch.speed * boxes[:, 6].cos() - batch.sensor[frame, 2]) * time_s
    boxes[:, 1] += batch.speed * boxes[:, 6].sin() * time_s
    return boxes
