"""Find objects in one cloud: the door to the detector for programs and commands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from trivium.pointcloud.detector.boxes_from_heat import Found, boxes_from_heat
from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.network import DetectorNetwork, fold_norms, halve
from trivium.pointcloud.detector.pillars import Grid
from trivium.pointcloud.detector.weights import SHIPPED, load_network
from trivium.pointcloud.labels import CLASSES, label_of

__all__ = ["Detection", "Detector", "named"]

_ALIGN = 8
"""Cells of the grid come in multiples of this, so that three scales fit."""


@dataclass(frozen=True)
class Detection:
    """One object: label, centre, size, metres; yaw, radians; score, 0..1. In the sensor's frame."""

    label: str
    x: float
    y: float
    z: float
    length: float
    width: float
    height: float
    yaw: float
    score: float


class Detector:
    """A trained network ready to be asked.

    Args:
        network: trained; its normalisations are folded here, which changes it.
        device: where it runs.
        is_halved: compute in bfloat16 after the pillars. Quicker on processors with instructions for it (AVX-512 BF16,
            AMX), slower on others.
    """

    def __init__(
        self, network: DetectorNetwork, device: str | torch.device = "cpu", *, is_halved: bool = False
    ) -> None:
        self.device = torch.device(device)
        self._network = fold_norms(network).to(self.device).to(memory_format=torch.channels_last)
        if is_halved:
            halve(self._network)

    @classmethod
    def load(cls, path: Path = SHIPPED, device: str | torch.device = "cpu", *, is_halved: bool = False) -> Detector:
        """Return the detector of a checkpoint.

        Raises:
            ModelError: if there is none.
        """
        return cls(load_network(path), device, is_halved=is_halved)

    @property
    def reach(self) -> float:
        """How far along x and y points are read, metres."""
        return self._network.config.reach

    def detect(self, points: torch.Tensor, *, min_score: float = 0.1) -> list[Detection]:
        """Return what stands in a cloud, best first.

        Args:
            points: (N, 3) x, y, z or (N, 4) with intensity 0..1, metres, sensor at the origin, z up. Points that are
                not finite are left out; a cloud of none has no objects.
            min_score: lesser ones are left out.

        Raises:
            ValueError: if the points have another shape.
        """
        return named(self.find(points, min_score=min_score))

    @torch.inference_mode()
    def find_all(self, points: torch.Tensor, frame: torch.Tensor, frames: int, *, min_score: float = 0.1) -> Found:
        """Return what stands in several clouds at once.

        Args:
            points: (N, 4) of all clouds; those that are not finite are left out.
            frame: (N,) int64, cloud of each.
            frames: number of clouds.
            min_score: lesser ones are left out.
        """
        points, frame = points.to(self.device, torch.float32), frame.to(self.device)
        rows = _usable(points, self._network.config).nonzero()[:, 0]
        points, frame = points.index_select(0, rows), frame.index_select(0, rows)
        if not len(points):
            return Found(points.new_zeros((0, 7)), frame, points.new_zeros(0), frame)
        grid = _grid_around(points, self._network.config)
        heat, code, ground = self._network(points, frame, frames, grid)
        return boxes_from_heat(heat, code, ground, grid, min_score=min_score)

    def find(self, points: torch.Tensor, *, min_score: float = 0.1) -> Found:
        """Return the same as tensors; `kinds` are rows of `CLASSES`."""
        if points.dim() != 2 or points.shape[1] not in (3, 4):
            raise ValueError(f"points have shape {tuple(points.shape)}; give (N, 3) or (N, 4)")
        if points.shape[1] == 3:
            points = torch.cat((points, torch.zeros_like(points[:, :1])), dim=1)
        return self.find_all(points, torch.zeros(len(points), dtype=torch.int64), 1, min_score=min_score)


def named(found: Found) -> list[Detection]:
    """Return objects with the names that people read, in the same order."""
    rows = torch.cat((found.boxes, found.scores[:, None]), dim=1).tolist()
    return [
        Detection(label_of(CLASSES[kind], row[3], row[5]), *row)
        for kind, row in zip(found.kinds.tolist(), rows, strict=True)
    ]


def _usable(points: torch.Tensor, config: DetectorConfig) -> torch.Tensor:
    reach = config.reach
    return points.isfinite().all(dim=1) & (points[:, :2].abs() < reach).all(dim=1)


def _grid_around(points: torch.Tensor, config: DetectorConfig) -> Grid:
    """Return the smallest grid that holds the points, a little larger than they reach."""
    cell = config.cell
    low = points[:, :2].amin(dim=0).tolist()
    high = points[:, :2].amax(dim=0).tolist()
    # Corners at whole multiples of the step, so that a point falls into the same pillar whatever else is in the cloud.
    first = [math.floor(one / (cell * _ALIGN)) * _ALIGN for one in low]
    count = [math.floor(top / (cell * _ALIGN)) * _ALIGN + _ALIGN - one for top, one in zip(high, first, strict=True)]
    return Grid((first[0] * cell, first[1] * cell), (count[0], count[1]), cell)
