"""What a training step makes small: wrong heat, wrong boxes, wrong trust in boxes."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from trivium.pointcloud.detector.codes import Lesson, cell_centres, decode, encode
from trivium.pointcloud.detector.pillars import STRIDE, Grid
from trivium.pointcloud.geometry.overlap import iou_bev

__all__ = ["losses"]

# Of dx, dy, z, log sizes, sin, cos.
_WEIGHTS = (1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0)


def losses(
    heat: torch.Tensor, code: torch.Tensor, ground: torch.Tensor, lesson: Lesson, grid: Grid
) -> dict[str, torch.Tensor]:
    """Return the parts of the loss by name, each a scalar; their sum is minimised.

    Args:
        heat: (B, 3, H, W) before the sigmoid.
        code: (B, 10, H, W).
        ground: (B, H, W).
        lesson: what was wanted.
        grid: of the pillars.
    """
    heat, code = heat.float(), code.float()
    shape = (heat.shape[2], heat.shape[3])
    said = code.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, lesson.slot)  # (K, 10)
    centres = cell_centres(lesson.slot, shape, grid)
    step = grid.cell * STRIDE
    total = lesson.share.sum().clamp(min=1)
    level = ground.flatten().index_select(0, lesson.slot)
    wanted = encode(lesson.box, centres, level, step)
    miss = F.smooth_l1_loss(said[:, :8], wanted, reduction="none", beta=0.1)
    box = (miss * said.new_tensor(_WEIGHTS)).sum(dim=1)
    forward = (lesson.box[:, 6].cos() > 0).to(said.dtype)
    # Where the yaw is near a quarter turn, forward and backward are the same to this bit.
    turn = F.binary_cross_entropy_with_logits(said[:, 8], forward, reduction="none") * lesson.box[:, 6].cos().abs()
    with torch.no_grad():
        overlap = iou_bev(decode(said, centres, level, step), lesson.box)
    trust = F.binary_cross_entropy_with_logits(said[:, 9], overlap, reduction="none")
    return {
        "heat": _focal(heat, lesson),
        "box": (box * lesson.share).sum() / total,
        "turn": 0.2 * (turn * lesson.share).sum() / total,
        "trust": 0.5 * (trust * lesson.share).sum() / total,
    }


def _focal(heat: torch.Tensor, lesson: Lesson) -> torch.Tensor:
    """Return the focal loss of CornerNet (Law and Deng, ECCV 2018) per object."""
    positive = lesson.heat >= 0.9999
    chance = heat.sigmoid()
    found = F.logsigmoid(heat) * (1 - chance).square() * positive
    quiet = F.logsigmoid(-heat) * chance.square() * (1 - lesson.heat) ** 4 * lesson.weight * ~positive
    return -(found.sum() + quiet.sum()) / positive.sum().clamp(min=1)
