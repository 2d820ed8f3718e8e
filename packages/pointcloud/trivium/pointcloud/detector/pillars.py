"""Points to a picture seen from above: every point counts, none is cut off, and heights are above the ground nearby.

# P points, V pillars that hold points, B frames, H x W cells (H along x, W along y)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.config import DetectorConfig

__all__ = ["STRIDE", "Grid", "PillarEncoder", "Pillars", "sort_into_pillars"]

_POINT_FEATURES, _PILLAR_FEATURES = 11, 6
_GROUND_WINDOW = 9  # output cells: the lowest point within 2.9 m is taken for the ground nearby
_ROOF, _PIT = 6.0, -1.0  # points higher above the ground nearby are bridges, crowns, ceilings; lower ones are strays
_STRAY, _STEEP = 1.0, 0.08  # metres below the usual ground of the frame, more where it is far
STRIDE = 2
"""Cells of the pillar grid along one cell of the output."""


@dataclass(frozen=True)
class Grid:
    """Where pillars stand: low corner (x, y) in metres, cells along x and y, side of a cell."""

    low: tuple[float, float]
    shape: tuple[int, int]
    cell: float


@dataclass(frozen=True)
class Pillars:
    """Points sorted into cells.

    Args:
        points: (P, C) those inside the grid and not far above the ground.
        member: (P,) pillar of each.
        slot: (V,) place of each pillar in (B * H * W).
        ground: (V,) z of the ground near each pillar.
        count: (V,) points.
        ground_map: (B, H / 2, W / 2) z of the ground on the output grid.
    """

    points: torch.Tensor
    member: torch.Tensor
    slot: torch.Tensor
    ground: torch.Tensor
    count: torch.Tensor
    ground_map: torch.Tensor


def sort_into_pillars(points: torch.Tensor, frame: torch.Tensor, frames: int, grid: Grid) -> Pillars:
    """Sort points; those outside the grid or not finite are left out.

    Args:
        points: (N, 4) x, y, z, intensity; further columns come along.
        frame: (N,) int64.
        frames: B.
        grid: the same for all frames.
    """
    high, wide = grid.shape
    place = (points[:, :2] - points.new_tensor(grid.low)) / grid.cell
    inside = (place >= 0).all(dim=1) & (place[:, 0] < high) & (place[:, 1] < wide) & points.isfinite().all(dim=1)
    rows = inside.nonzero()[:, 0]
    points, cell = points.index_select(0, rows), place.index_select(0, rows).long()
    key = (frame.index_select(0, rows) * high + cell[:, 0].clamp(max=high - 1)) * wide + cell[:, 1].clamp(max=wide - 1)
    lowest = points.new_full((frames * high * wide,), float("inf"))
    lowest.scatter_reduce_(0, key, points[:, 2], "amin")
    ground = _ground(lowest.view(frames, high, wide), grid)  # (B, H / 2, W / 2)
    row, column = key // wide % high, key % wide
    under = ((key // (high * wide)) * (high // STRIDE) + row // STRIDE) * (wide // STRIDE) + column // STRIDE
    above = points[:, 2] - ground.flatten().index_select(0, under)
    kept = ((above < _ROOF) & (above > _PIT)).nonzero()[:, 0]
    points, key = points.index_select(0, kept), key.index_select(0, kept)
    slot, member, count = key.unique(return_inverse=True, return_counts=True)
    row, column = slot // wide % high, slot % wide
    under = ((slot // (high * wide)) * (high // STRIDE) + row // STRIDE) * (wide // STRIDE) + column // STRIDE
    return Pillars(points, member, slot, ground.flatten().index_select(0, under), count, ground)


def _ground(lowest: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return z of the ground on the output grid, (B, H / 2, W / 2): the lowest point near, strays below left out."""
    _, high, wide = lowest.shape
    coarse = -F.max_pool2d(-lowest[:, None], STRIDE, STRIDE)[:, 0]
    known = torch.where(coarse.isfinite(), coarse, torch.full_like(coarse, float("nan"))).flatten(1)
    level = known.nanmedian(dim=1).values.nan_to_num(0.0)[:, None, None]
    step = grid.cell * STRIDE
    x = grid.low[0] + (torch.arange(high // STRIDE, device=lowest.device) + 0.5) * step
    y = grid.low[1] + (torch.arange(wide // STRIDE, device=lowest.device) + 0.5) * step
    far = torch.hypot(x[:, None], y[None])
    is_stray = coarse < level - _STRAY - _STEEP * far  # beams that came back by a mirror end below the ground
    coarse = torch.where(is_stray, torch.full_like(coarse, float("inf")), coarse)
    near = -F.max_pool2d(-coarse[:, None], _GROUND_WINDOW, 1, _GROUND_WINDOW // 2)[:, 0]
    return torch.where(near.isfinite(), near, level.expand_as(near))


class PillarEncoder(nn.Module):
    """Features of each pillar: a small network on each of its points, then the largest value of each feature."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width = config.points
        self.point = nn.Linear(_POINT_FEATURES, width, bias=False)
        self.paint = nn.Linear(config.painted, width, bias=False) if config.painted else None
        self.norm = nn.BatchNorm1d(width)
        self.pillar = nn.Linear(width + _PILLAR_FEATURES, width, bias=False)
        self.pillar_norm = nn.BatchNorm1d(width)

    def forward(self, pillars: Pillars, grid: Grid, frames: int) -> torch.Tensor:
        """Return (B, C, H, W) float32, zero where there is no point."""
        with torch.autocast(pillars.points.device.type, enabled=False):
            return self._picture(pillars, grid, frames)

    def _picture(self, pillars: Pillars, grid: Grid, frames: int) -> torch.Tensor:
        points, member, count = pillars.points, pillars.member, pillars.count
        high, wide = grid.shape
        size = len(pillars.slot)
        total = points.new_zeros((size, 3)).index_add_(0, member, points[:, :3])
        mean = total / count[:, None]
        cell = torch.stack((pillars.slot // wide % high, pillars.slot % wide), dim=1)
        middle = (cell + 0.5) * grid.cell + points.new_tensor(grid.low)
        far = middle.norm(dim=1).clamp(min=0.1)
        of_pillar = torch.cat((mean, middle, pillars.ground[:, None], far[:, None]), dim=1).index_select(0, member)
        features = torch.cat(
            (
                (points[:, :2] - of_pillar[:, 3:5]) / grid.cell,
                (points[:, :3] - of_pillar[:, :3]) / grid.cell,
                (points[:, 2:3] - of_pillar[:, 5:6]) / 2,
                (of_pillar[:, 5:6] - points[:, 2:3]) / 2,  # its maximum is the lowest point
                points[:, 3:4] * 2,
                -points[:, 3:4] * 2,
                of_pillar[:, 6:7] / 40,
                (points[:, 2:3] - of_pillar[:, 5:6]).square() / 4,
            ),
            dim=1,
        )
        x = self.point(features)
        if self.paint is not None:
            x = x + self.paint(points[:, 4:])
        x = F.relu(self.norm(x))
        pooled = x.new_zeros((size, x.shape[1])).scatter_reduce_(0, member[:, None].expand_as(x), x, "amax")
        about = torch.cat(
            (
                (count[:, None].to(x.dtype)).log1p() / 3,
                (mean[:, 2:3] - pillars.ground[:, None]) / 2,
                far[:, None] / 40,
                (count[:, None] * far[:, None].square()).log1p() / 10,
                middle / far[:, None],
            ),
            dim=1,
        )
        pooled = F.relu(self.pillar_norm(self.pillar(torch.cat((pooled, about.to(x.dtype)), dim=1))))
        canvas = pooled.new_zeros((frames * high * wide, pooled.shape[1])).index_copy(0, pillars.slot, pooled)
        return canvas.view(frames, high, wide, -1).permute(0, 3, 1, 2)  # channels last in memory
