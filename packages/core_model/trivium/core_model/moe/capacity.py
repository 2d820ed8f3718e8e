"""Progressive capacity: at first an expert serves only so many tokens, later all that come.

    # T tokens, E experts, K slots per token, R = T * K

The source article's balancing. An expert takes at most `ceil(factor * R / E)` of the slots of a forward pass, those
with the largest weights first and, of equal ones, the earlier token. A slot beyond that is dropped: its token keeps
the residual path, the shared experts and its other slots, whose weights do not change. Which slots of a token are
dropped depends on the whole batch, tokens after it included; evaluation drops nothing.
"""

from __future__ import annotations

import math

import torch

__all__ = ["capacity_of", "drop_beyond"]


def capacity_of(slots: int, num_experts: int, factor: float) -> int:
    """Return how many of the slots of a forward pass one expert serves."""
    return math.ceil(factor * slots / num_experts)


def drop_beyond(expert_ids_TK: torch.Tensor, weights_TK: torch.Tensor, num_experts: int, factor: float) -> torch.Tensor:
    """Return `(T, K)` bool, True for slots beyond their expert's capacity.

    Args:
        expert_ids_TK: the chosen; E for a slot that no expert serves, which is never dropped.
        weights_TK: who goes first.
        num_experts: E.
        factor: capacity over an even share.
    """
    ids_R, slots = expert_ids_TK.flatten(), expert_ids_TK.numel()
    by_weight_R = weights_TK.detach().flatten().argsort(descending=True, stable=True)
    order_R = by_weight_R[ids_R[by_weight_R].argsort(stable=True)]
    sorted_R = ids_R[order_R]
    first_R = torch.searchsorted(sorted_R, sorted_R)  # where the stretch of this slot's expert begins
    place_R = torch.arange(slots, device=ids_R.device) - first_R
    beyond_R = (place_R >= capacity_of(slots, num_experts, factor)) & (sorted_R < num_experts)
    return torch.empty_like(beyond_R).scatter_(0, order_R, beyond_R).view_as(expert_ids_TK)
