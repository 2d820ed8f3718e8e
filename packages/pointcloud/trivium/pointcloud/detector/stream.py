"""Endless simulated frames to learn from: processes compose scenes, the training device casts and alters them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch

from trivium.pointcloud.boxes import wrap_angle
from trivium.pointcloud.simulator.batch import Scene, collate
from trivium.pointcloud.simulator.frames import Frames, sense
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose

__all__ = ["MIX", "alter", "displace_few", "frames", "scenes_of_step"]

# Kind of frame and its share of the steps.
MIX: tuple[tuple[SimulatorConfig, float], ...] = (
    (SimulatorConfig("hdl64", 80.0, 0.0), 0.46),
    (SimulatorConfig("hdl64", 80.0, 1.0), 0.07),
    (SimulatorConfig("os1_64", 120.0, 0.1), 0.1),
    (SimulatorConfig("vlp32", 180.0, 0.1), 0.12),
    (SimulatorConfig("hdl32", 360.0, 0.0), 0.07),
    (SimulatorConfig("pandar40", 150.0, 0.05), 0.08),
    (SimulatorConfig("vlp16", 360.0, 0.1), 0.05),
    (SimulatorConfig("hdl64_coarse", 360.0, 0.0), 0.05),
)


def scenes_of_step(seed: int, step: int, size: int) -> list[Scene]:
    """Return the scenes of a training step, all of one kind; the same for the same numbers."""
    shares = np.array([share for _, share in MIX])
    chosen = int(np.random.default_rng((seed, step)).choice(len(MIX), p=shares / shares.sum()))
    return [compose(MIX[chosen][0], seed, step * size + at, is_littered=True) for at in range(size)]


def frames(seed: int, first: int, size: int, *, workers: int, device: str) -> Iterator[Frames]:
    """Yield the frames of step `first` and of all that follow.

    Args:
        seed: of the series.
        first: step.
        size: frames of a step.
        workers: processes that compose scenes; 0 composes here.
        device: where beams are cast.
    """
    if workers == 0:
        while True:
            yield sense(collate(scenes_of_step(seed, first, size)).to(device))
            first += 1
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        waiting: deque[Future[list[Scene]]] = deque()
        try:
            while True:
                while len(waiting) < 3 * workers:
                    waiting.append(pool.submit(scenes_of_step, seed, first, size))
                    first += 1
                yield sense(collate(waiting.popleft().result()).to(device))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def alter(seen: Frames, count: int, heading: float, generator: torch.Generator) -> Frames:
    """Return frames turned, mirrored, scaled, thinned, dimmed and littered, with visible points counted anew.

    Args:
        seen: of `count` frames.
        count: B.
        heading: where what was ahead lies afterwards, give or take 15 degrees, radians.
        generator: of chance, on the frames' device.
    """
    device = seen.points.device

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    kept = _thinned(seen, draw(count), draw(count), draw(len(seen.points)))
    points, frame, owner = seen.points[kept], seen.frame[kept], seen.owner[kept]
    points, boxes = points.clone(), seen.boxes.clone()
    scale = 0.95 + 0.1 * draw(count)
    mirror = torch.where(draw(count) < 0.5, -1.0, 1.0)
    turn = heading + 0.5 * (draw(count) - 0.5)
    for xyz, own in ((points, frame), (boxes, seen.box_frame)):
        y = xyz[:, 1] * mirror[own]
        cos, sin = turn[own].cos(), turn[own].sin()
        x = xyz[:, 0].clone()
        xyz[:, 0], xyz[:, 1] = (x * cos - y * sin) * scale[own], (x * sin + y * cos) * scale[own]
        xyz[:, 2] *= scale[own]
    boxes[:, 3:6] *= scale[seen.box_frame][:, None]
    boxes[:, 6] = wrap_angle(boxes[:, 6] * mirror[seen.box_frame] + turn[seen.box_frame])
    bright = torch.where(draw(count) < 0.25, torch.zeros(count, device=device), 0.6 + 0.8 * draw(count))
    points[:, 3] = (points[:, 3] * bright[frame]).clamp(0, 1)
    displace_few(points, draw)
    visible = torch.bincount(owner[owner >= 0], minlength=len(boxes))
    return Frames(points, frame, owner, boxes, seen.kinds, seen.box_frame, visible)


def _thinned(seen: Frames, is_thin: torch.Tensor, share: torch.Tensor, draw: torch.Tensor) -> torch.Tensor:
    lost = torch.where(is_thin < 0.4, 0.6 * share, torch.zeros_like(share))
    return (draw >= lost[seen.frame]).nonzero()[:, 0]


def displace_few(points: torch.Tensor, draw: Callable[..., torch.Tensor]) -> None:
    """Displace a few points, as edges and mirrors do, in place; `draw(*shape)` gives numbers in [0, 1)."""
    chance = draw(len(points))
    noise = (draw(len(points), 3) - 0.5) * 2
    edge = (chance < 0.004)[:, None]
    points[:, :3] += torch.where(edge, noise * 0.8, torch.zeros_like(noise))
    sunk = chance > 0.9995
    points[:, 2] -= torch.where(sunk, 3 * noise[:, 0].abs(), torch.zeros_like(chance))
