"""Boxes to numbers a network can learn, and back; heat maps for teaching.

# N objects, K cells taught per object, B frames, H x W cells of the output grid
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from trivium.pointcloud.boxes import wrap_angle
from trivium.pointcloud.detector.pillars import STRIDE, Grid
from trivium.pointcloud.labels import CLASSES

__all__ = ["Lesson", "cell_centres", "decode", "encode", "teach"]

_PATCH = 4
_LEARNED = 0.35
_FEW, _ENOUGH = 1, 5


@dataclass(frozen=True)
class Lesson:
    """What the network should say.

    Args:
        heat: (B, 3, H, W), 1 at centres.
        weight: (B, 1, H, W), 0 where an object with hardly a point stands.
        slot: (K,) place in (B * H * W) of each cell that learns a box.
        box: (K, 7) its box.
        share: (K,) weight of the cell.
    """

    heat: torch.Tensor
    weight: torch.Tensor
    slot: torch.Tensor
    box: torch.Tensor
    share: torch.Tensor


def cell_centres(slot: torch.Tensor, shape: tuple[int, int], grid: Grid) -> torch.Tensor:
    """Return x, y (K, 2) of the middles of output cells."""
    step = grid.cell * STRIDE
    cell = torch.stack((slot // shape[1] % shape[0], slot % shape[1]), dim=1)
    return (cell + 0.5) * step + torch.tensor(grid.low, device=slot.device)


def encode(boxes: torch.Tensor, centres: torch.Tensor, ground: torch.Tensor, step: float) -> torch.Tensor:
    """Return (K, 8): the first eight numbers of the code; the ninth and tenth are learned otherwise.

    Args:
        boxes: (K, 7).
        centres: (K, 2) of the cells that say them.
        ground: (K,) z of the ground there.
        step: side of a cell, metres.
    """
    twice = 2 * boxes[:, 6:7]
    return torch.cat(
        (
            (boxes[:, :2] - centres) / step,
            boxes[:, 2:3] - ground[:, None],
            boxes[:, 3:6].log(),
            twice.sin(),
            twice.cos(),
        ),
        dim=1,
    )


def decode(code: torch.Tensor, centres: torch.Tensor, ground: torch.Tensor, step: float) -> torch.Tensor:
    """Return boxes (K, 7) from codes (K, 10); where a code is wild the box is bounded."""
    yaw = torch.atan2(code[:, 6], code[:, 7]) / 2
    yaw = torch.where((yaw.cos() > 0) == (code[:, 8] > 0), yaw, yaw + math.pi)
    place = centres + code[:, :2].clamp(-4, 4) * step
    z = code[:, 2:3].clamp(-6, 12) + ground[:, None]
    return torch.cat((place, z, code[:, 3:6].clamp(-3, 3.5).exp(), wrap_angle(yaw)[:, None]), dim=1)


def teach(
    boxes: torch.Tensor,
    kinds: torch.Tensor,
    frame: torch.Tensor,
    visible: torch.Tensor,
    frames: int,
    grid: Grid,
) -> Lesson:
    """Return heat maps and the boxes that cells near centres should say.

    Args:
        boxes: (N, 7); kinds, frame, visible: (N,) int64. With fewer than 5 points it is neither wanted nor wrong.
    """
    shape = (grid.shape[0] // STRIDE, grid.shape[1] // STRIDE)
    step = grid.cell * STRIDE
    place = (boxes[:, :2] - torch.tensor(grid.low, device=boxes.device)) / step
    is_inside = (place >= 0).all(dim=1) & (place[:, 0] < shape[0]) & (place[:, 1] < shape[1]) & (visible >= _FEW)
    rows = is_inside.nonzero()[:, 0]
    boxes, kinds, frame, visible, place = boxes[rows], kinds[rows], frame[rows], visible[rows], place[rows]
    offset = torch.arange(-_PATCH, _PATCH + 1, device=boxes.device)
    patch = torch.cartesian_prod(offset, offset)  # (81, 2)
    home = place.long()
    cell = home[:, None] + patch  # (N, 81, 2)
    away = cell + 0.5 - place[:, None]
    spread = (0.18 * (boxes[:, 3] * boxes[:, 4]).sqrt() / step).clamp(min=0.55)[:, None]
    glow = (-away.square().sum(dim=2) / (2 * spread**2)).exp()
    glow = torch.where((patch == 0).all(dim=1), torch.ones_like(glow), glow)
    valid = (cell >= 0).all(dim=2) & (cell[..., 0] < shape[0]) & (cell[..., 1] < shape[1])
    glow = glow * valid
    slot = (frame[:, None] * shape[0] + cell[..., 0].clamp(0, shape[0] - 1)) * shape[1]
    slot = slot + cell[..., 1].clamp(0, shape[1] - 1)
    is_wanted = visible >= _ENOUGH
    heat = boxes.new_zeros(len(CLASSES) * frames * shape[0] * shape[1])
    size = frames * shape[0] * shape[1]
    lit = (kinds[:, None] * size + slot)[is_wanted].flatten()
    heat.scatter_reduce_(0, lit, glow[is_wanted].flatten(), "amax")
    weight = boxes.new_ones(size)
    weight[slot[~is_wanted][glow[~is_wanted] > 0.2]] = 0.0
    learns = (glow > _LEARNED) & is_wanted[:, None]
    which, at = learns.nonzero(as_tuple=True)
    heat = heat.view(len(CLASSES), frames, *shape).transpose(0, 1)
    return Lesson(heat, weight.view(frames, 1, *shape), slot[which, at], boxes[which], glow[which, at])
