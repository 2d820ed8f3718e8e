"""Non-maximum suppression of boxes: of those that overlap, the best score stays. Torch, CPU and CUDA."""

from __future__ import annotations

import torch

from trivium.pointcloud.geometry.overlap import close_pairs, iou_3d, iou_bev

__all__ = ["suppress"]


def suppress(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    *,
    threshold: float,
    labels: torch.Tensor | None = None,
    in_space: bool = False,
    limit: int | None = None,
) -> torch.Tensor:
    """Return the rows that stay, best score first; of equal scores the earlier row is the better one.

    The rule is the greedy one: a box goes when it overlaps by more than `threshold` a better box that stays. It is
    solved for all boxes at once: what stays is the fixed point of that rule, and each round settles at least the best
    box not yet settled, so rounds are as many as the longest chain of boxes that decide each other (a handful).

    Args:
        boxes: (N, 7).
        scores: (N,).
        threshold: overlap above which the lesser box goes, 0..1.
        labels: (N,) classes; boxes of different classes leave each other alone. None: all of one class.
        in_space: overlap in space instead of seen from above.
        limit: number of boxes to return at most.
    """
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    better, lesser = close_pairs(ranked, ranked)
    is_wanted = better < lesser
    if labels is not None:
        kinds = labels[order]
        is_wanted &= kinds[better] == kinds[lesser]
    better, lesser = better[is_wanted], lesser[is_wanted]
    overlap = (iou_3d if in_space else iou_bev)(ranked[better], ranked[lesser])
    better, lesser = better[overlap > threshold], lesser[overlap > threshold]
    stays = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    while True:
        settled = torch.ones_like(stays)
        settled[lesser[stays[better]]] = False
        if torch.equal(settled, stays):
            return order[stays][:limit]
        stays = settled
