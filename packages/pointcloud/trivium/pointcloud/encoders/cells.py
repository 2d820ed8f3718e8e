"""Cells of the picture from above as tokens: dynamic pillars through the trunk of a trained detector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.fusion import usable
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.pillars import Grid, sort_into_pillars

__all__ = ["CellEncoder"]

_DEEPEST = 8  # cells of the pillar grid along one cell of the trunk's coarsest picture


class CellEncoder(nn.Module):
    """A token for each coarse cell that holds a point.

    Args:
        network: trained; what it has learned stays as it is.
        dim: D, width of a token.
        grid: what is looked at; its shape is a multiple of 8 `pooled`.
        pooled: cells of the coarsest picture along each side of a token's.
    """

    def __init__(self, network: DetectorNetwork, dim: int, grid: Grid, pooled: int = 2) -> None:
        super().__init__()
        if any(side % (_DEEPEST * pooled) for side in grid.shape):
            raise ValueError(f"the grid has {grid.shape} cells; use multiples of {_DEEPEST * pooled}")
        self.dim, self.grid, self.pooled = dim, grid, pooled
        self.network = network.eval().requires_grad_(False)
        high, wide = (side // (_DEEPEST * pooled) for side in grid.shape)
        self.project = nn.Linear(network.config.coarse, dim)
        self.place = nn.Parameter(torch.randn(high * wide, dim) * 0.02)

    def train(self, mode: bool = True) -> CellEncoder:
        """Keep the trunk's norms as they were learned."""
        super().train(mode)
        self.network.eval()
        return self

    def encode(self, batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode clouds, each (N, 4) on this module's device; returns (B, h w, D) and which cells hold points."""
        frames = len(batch)
        points = torch.cat(list(batch)).float()
        counts = torch.tensor([len(cloud) for cloud in batch], device=points.device)
        frame = torch.arange(frames, device=points.device).repeat_interleave(counts)
        good = usable(points, self.grid).nonzero()[:, 0]
        with torch.no_grad():
            pillars = sort_into_pillars(points[good], frame[good], frames, self.grid)
            picture = self.network.pillars(pillars, self.grid, frames)
            coarse = self.network.coarse(self.network.middle(self.network.fine(picture)))
            coarse = F.max_pool2d(coarse, self.pooled)
            held = torch.zeros(frames * self.grid.shape[0] * self.grid.shape[1], device=points.device)
            held[pillars.slot] = 1.0
            held = F.max_pool2d(held.view(frames, 1, *self.grid.shape), _DEEPEST * self.pooled)
        tokens = self.project(coarse.flatten(2).transpose(1, 2)) + self.place
        return tokens, held.flatten(1) > 0
