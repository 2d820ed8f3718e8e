"""The plan of a scene while it is made: who stands where, so that nothing stands in anything else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.simulator.shapes import Pose, Shapes
from trivium.pointcloud.simulator.terrain import Terrain, heights
from trivium.pointcloud.simulator.vehicles import Size

__all__ = ["GroundPlan"]


@dataclass
class GroundPlan:
    """Collects objects and parts of one scene.

    Args:
        generator: the frame's.
        terrain: its ground.
        clear: radius around the sensor that stays free, metres.
    """

    generator: np.random.Generator
    terrain: Terrain
    clear: float = 2.6
    shapes: Shapes = field(default_factory=Shapes)
    _kinds: list[int] = field(default_factory=list)
    _boxes: list[tuple[float, ...]] = field(default_factory=list)
    _speeds: list[float] = field(default_factory=list)
    _taken: np.ndarray = field(default_factory=lambda: np.zeros((512, 3)))
    _count: int = 1

    def take(self, pose: Pose, length: float, width: float, *, gap: float = 0.25) -> bool:
        """Return whether this ground was free, and take it if so."""
        circles = _circles(pose, length, width)
        taken = self._taken[: self._count]
        apart = np.hypot(taken[:, 0] - circles[:, 0:1], taken[:, 1] - circles[:, 1:2])  # (circles, taken)
        room = taken[:, 2] + circles[:, 2:3] + gap
        room[:, 0] = self.clear + circles[:, 2]  # the first is the sensor
        if (apart < room).any():
            return False
        if self._count + len(circles) > len(self._taken):
            self._taken = np.concatenate((self._taken, np.zeros_like(self._taken)))
        self._taken[self._count : self._count + len(circles)] = circles
        self._count += len(circles)
        return True

    def label(self, kind: str, size: Size, pose: Pose) -> int:
        """Add a labelled object and return its number."""
        length, width, height = size
        self._kinds.append(CLASSES.index(kind))
        self._speeds.append(pose.speed)
        self._boxes.append((pose.x, pose.y, height / 2 + pose.lift, length, width, height, pose.yaw))
        return len(self._boxes) - 1

    def on_road(self, along: float, across: float, *, turn: float = 0.0, speed: float = 0.0) -> Pose:
        """Return the pose at a place along the road and to the left of its middle, turned from its direction."""
        terrain = self.terrain
        bend = terrain.road_curvature
        left = across + terrain.road_offset + bend / 2 * along**2
        cos, sin = math.cos(terrain.road_heading), math.sin(terrain.road_heading)
        heading = terrain.road_heading + math.atan(bend * along) + turn
        return Pose(along * cos - left * sin, along * sin + left * cos, heading, speed)

    def boxes(self) -> np.ndarray:
        """Return the labelled boxes, (N, 7) float32, on the ground under their centre."""
        boxes = np.array(self._boxes, np.float32).reshape(-1, 7)
        boxes[:, 2] += self.ground(boxes[:, :2])
        boxes[:, 6] = (boxes[:, 6] + np.pi) % (2 * np.pi) - np.pi
        return boxes

    def kinds(self) -> np.ndarray:
        """Return (N,) int64, rows of `CLASSES`."""
        return np.array(self._kinds, np.int64)

    def speeds(self) -> np.ndarray:
        """Return (N,) float32, m/s along each yaw."""
        return np.array(self._speeds, np.float32)

    def ground(self, places: np.ndarray) -> np.ndarray:
        """Return z of the ground at (K, 2) places, float32."""
        xy = torch.from_numpy(np.ascontiguousarray(places, np.float32))
        return heights(torch.tensor(self.terrain.row()), xy[:, 0], xy[:, 1]).numpy()


def _circles(pose: Pose, length: float, width: float) -> np.ndarray:
    """Cover a rectangle by circles along its longer side: (K, 3) x, y, radius."""
    turn = 0.0 if length >= width else math.pi / 2
    long, short = max(length, width), min(length, width)
    count = max(1, round(long / max(short, 0.3)))
    radius = math.hypot(long / count, short) / 2
    cos, sin = math.cos(pose.yaw + turn), math.sin(pose.yaw + turn)
    steps = [(at + 0.5) / count * long - long / 2 for at in range(count)]
    return np.array([(pose.x + step * cos, pose.y + step * sin, radius) for step in steps])
