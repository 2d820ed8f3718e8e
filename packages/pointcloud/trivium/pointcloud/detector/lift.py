"""From image features to the ground: cells look up what the camera sees at their place, points what it sees at theirs.

Lifting: each cell of the picture from above, at some heights, is projected into the image and takes the features there,
weighted by how likely the image finds them at that depth (Lift-Splat-Shoot, arXiv 2008.05711, read backwards as in
Simple-BEV, arXiv 2206.07959). Painting: each point takes the features at its pixel (PointPainting, arXiv 1911.10150).

# B frames, C channels, h x w places of the features, D depths, Z heights, H x W cells, P points
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.pillars import STRIDE, Grid

__all__ = ["DEPTH_BINS", "Lift", "View", "depth_bin", "paint"]

DEPTH_BINS = 48
_FIRST, _LAST = 2.0, 80.0  # metres; bins are even in the logarithm, as the error of a depth that is seen
_HEIGHTS = (0.2, 0.8, 1.4, 2.4)  # metres above the ground
_IN_FRONT = 0.5


@dataclass(frozen=True)
class View:
    """What cameras of B frames see.

    Args:
        context: (B, C, h, w).
        depth: (B, D, h, w) before the softmax.
        projection: (B, 3, 4) takes (x, y, z, 1) of the LiDAR's frame to depth times (u, v, 1), pixels.
        size: height, width of the picture that the features cover, pixels.
        is_there: (B,) bool; False where there is no picture.
    """

    context: torch.Tensor
    depth: torch.Tensor
    projection: torch.Tensor
    size: tuple[int, int]
    is_there: torch.Tensor


def depth_bin(depth: torch.Tensor) -> torch.Tensor:
    """Return where depths (metres) lie among the bins, 0 to D - 1, as floats; outside they are clamped."""
    share = (depth.clamp(_FIRST, _LAST) / _FIRST).log() / math.log(_LAST / _FIRST)
    return share * (DEPTH_BINS - 1)


def paint(points: torch.Tensor, frame: torch.Tensor, features: torch.Tensor, view: View) -> torch.Tensor:
    """Return (P, C) image features at points, zero where no camera sees them.

    Args:
        points: (P, 3) or more columns.
        frame: (P,) int64.
        features: (B, C, h, w).
        view: where they were seen.
    """
    rows = view.projection.index_select(0, frame)  # (P, 3, 4)
    # Products of elements, not of matrices: under autocast those lose pixels.
    across, down, depth = ((rows[:, :, :3] * points[:, None, :3]).sum(dim=2) + rows[:, :, 3]).unbind(dim=1)
    place, is_seen = _normal(across, down, depth, view.size)
    is_seen = is_seen & view.is_there.index_select(0, frame)
    # The frame is the third coordinate of one volume, so that points of all frames are looked up at once.
    layer = (2 * frame + 1) / len(features) - 1
    grid = torch.cat((place, layer[:, None].to(place.dtype)), dim=1)[None, None, None]  # (1, 1, 1, P, 3)
    volume = features.transpose(0, 1)[None].to(grid.dtype)  # (1, C, B, h, w)
    found = F.grid_sample(volume, grid, align_corners=False)[0, :, 0, 0].T
    return torch.where(is_seen[:, None], found, 0.0)


class Lift(nn.Module):
    """Image features to the picture from above.

    Args:
        channels: C of the image features.
        outputs: channels above.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        wide = len(_HEIGHTS) * channels + 4
        self.mix = nn.Sequential(nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
        self.spread = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip

    def forward(self, view: View, ground: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return (B, outputs, H / 2, W / 2), zero for frames without a picture.

        Args:
            view: what is seen.
            ground: (B, H / 2, W / 2) z of the ground.
            grid: of the pillars.
        """
        frames, high, wide = ground.shape
        step = grid.cell * STRIDE
        x = grid.low[0] + (torch.arange(high, device=ground.device) + 0.5) * step
        y = grid.low[1] + (torch.arange(wide, device=ground.device) + 0.5) * step
        x, y = x[:, None].expand(high, wide), y.expand(high, wide)
        z = ground[:, None] + ground.new_tensor(_HEIGHTS)[:, None, None]  # (B, Z, H, W)
        of_x, of_y, of_z, start = (column[..., None, None] for column in view.projection.unbind(dim=2))
        flat = of_x * x + of_y * y + start  # (B, 3, H, W)
        seen = flat[:, :, None] + of_z[..., None] * z[:, None]  # (B, 3, Z, H, W)
        across, down, depth = seen.unbind(dim=1)
        place, is_seen = _normal(across, down, depth, view.size)
        context = F.grid_sample(view.context.float(), place.flatten(1, 2), align_corners=False)
        context = context.unflatten(2, (len(_HEIGHTS), high))  # (B, C, Z, H, W)
        layer = (2 * depth_bin(depth) + 1) / DEPTH_BINS - 1
        chance = view.depth.float().softmax(dim=1)[:, None]
        at = torch.cat((place, layer[..., None]), dim=-1)
        chance = F.grid_sample(chance, at, align_corners=False)  # (B, 1, Z, H, W)
        context = context * (DEPTH_BINS / 8 * chance * is_seen[:, None])
        far = torch.hypot(x, y).clamp(min=0.1)
        about = torch.stack((x / 40, y / 40, x / far, y / far)).expand(frames, -1, -1, -1)
        lifted = self.mix(
            torch.cat((context.flatten(1, 2), about), dim=1).contiguous(memory_format=torch.channels_last)
        )
        lifted = self.spread(lifted) + lifted
        return lifted * view.is_there[:, None, None, None]


def _normal(
    across: torch.Tensor, down: torch.Tensor, depth: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return places in the image as `grid_sample` counts them, (..., 2), and which of them the camera sees."""
    ahead = depth.clamp(min=_IN_FRONT)
    u = (2 * across / ahead + 1) / size[1] - 1
    v = (2 * down / ahead + 1) / size[0] - 1
    is_seen = (depth > _IN_FRONT) & (u.abs() <= 1) & (v.abs() <= 1)
    return torch.stack((u, v), dim=-1).clamp(-2, 2), is_seen
