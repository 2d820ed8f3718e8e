"""Peaks of the heat maps to boxes with scores; of boxes that overlap the better stays."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from trivium.pointcloud.detector.codes import cell_centres, decode
from trivium.pointcloud.detector.pillars import STRIDE, Grid
from trivium.pointcloud.geometry.suppression import suppress
from trivium.pointcloud.labels import CLASSES

__all__ = ["Found", "boxes_from_heat"]

_OVERLAP = 0.15
_TRUST = 0.5
_MOST, _CANDIDATES = 300, 600


@dataclass(frozen=True)
class Found:
    """Objects of B frames: boxes (N, 7), kind (N,) row of `CLASSES`, score (N,) 0..1, frame (N,)."""

    boxes: torch.Tensor
    kinds: torch.Tensor
    scores: torch.Tensor
    frame: torch.Tensor


@torch.no_grad()
def boxes_from_heat(
    heat: torch.Tensor, code: torch.Tensor, ground: torch.Tensor, grid: Grid, *, min_score: float
) -> Found:
    """Return the boxes at peaks.

    Args:
        heat: (B, 3, H, W) before the sigmoid.
        code: (B, 10, H, W).
        ground: (B, H, W).
        grid: of the pillars.
        min_score: lesser ones are left out.
    """
    heat, code = heat.float().sigmoid(), code.float()
    frames, _, high, wide = heat.shape
    # The score is the heat tempered by the overlap expected of the box, so it is never above the root of the heat.
    is_peak = (F.max_pool2d(heat, 3, 1, 1) == heat) & (heat > min_score**2)
    frame, kind, row, column = is_peak.nonzero(as_tuple=True)
    slot = (frame * high + row) * wide + column
    said = code[frame, :, row, column]
    boxes = decode(said, cell_centres(slot, (high, wide), grid), ground.flatten()[slot], grid.cell * STRIDE)
    scores = heat[frame, kind, row, column] ** (1 - _TRUST) * said[:, 9].sigmoid() ** _TRUST
    good = ((scores >= min_score) & boxes.isfinite().all(dim=1)).nonzero()[:, 0]
    if len(good) > _CANDIDATES * frames:  # noise everywhere: comparing all pairs would take minutes
        good = good[scores[good].topk(_CANDIDATES * frames).indices]
    boxes, kind, scores, frame = boxes[good], kind[good], scores[good], frame[good]
    # Frames and classes leave each other alone.
    kept = suppress(boxes, scores, threshold=_OVERLAP, labels=frame * len(CLASSES) + kind)
    kept = kept[: _MOST * frames]
    return Found(boxes[kept], kind[kept], scores[kept], frame[kept])
