"""Losses that ask a router for even loads, or for small logits.

    # T tokens, E experts, K slots per token, S sequences of L tokens

Each takes the `Routing` of one layer. Tokens that a mask marks as padding count for nothing.
"""

from __future__ import annotations

import torch

from trivium.core_model.moe.loads import expert_loads
from trivium.core_model.moe.router import Routing

__all__ = ["auxiliary_loss", "kept_ids", "sequence_loss", "z_loss"]


def auxiliary_loss(
    routing: Routing, mask_T: torch.Tensor | None = None, load_share_E: torch.Tensor | None = None
) -> torch.Tensor:
    """Return `E sum_e f_e p_e`: least when loads are even.

    `f_e` is the number of slots expert e got per token, `p_e` its mean normalised score. The scale is that of
    transformers' Mixtral and Qwen3-MoE (K for even loads; Switch, arXiv 2101.03961, equation 4, has 1 for K = 1).

    Args:
        routing: of one layer.
        mask_T: bool, False for padding.
        load_share_E: `f_e` of a larger batch that these tokens are part of (arXiv 2501.11873); with it the mean of
            the loss over equal parts is the loss of the whole.
    """
    num_experts = routing.scores_TE.shape[1]
    share_TE = _shares(routing)
    weight_T = _weights(routing, mask_T)
    if load_share_E is None:
        load_share_E = expert_loads(kept_ids(routing, mask_T), num_experts) / weight_T.sum().clamp(min=1)
    mean_E = (weight_T[:, None] * share_TE).sum(dim=0) / weight_T.sum().clamp(min=1)
    return num_experts * (load_share_E.to(mean_E.dtype) * mean_E).sum()


def sequence_loss(routing: Routing, mask_T: torch.Tensor | None = None) -> torch.Tensor:
    """Return the mean over sequences of `E / K sum_e f_e p_e`, each within its sequence: 1 when loads are even.

    DeepSeek-V3's complement to loss-free balancing (arXiv 2412.19437, equations 17-20).
    """
    sequences, num_experts = routing.num_sequences, routing.scores_TE.shape[1]
    weight_SL = _weights(routing, mask_T).unflatten(0, (sequences, -1))
    tokens_S = weight_SL.sum(dim=1).clamp(min=1)
    mean_SE = (weight_SL[..., None] * _shares(routing).unflatten(0, (sequences, -1))).sum(dim=1) / tokens_S[:, None]
    ids_SX = kept_ids(routing, mask_T).view(sequences, -1)
    loads_SE = mean_SE.new_zeros(sequences, num_experts + 1).scatter_add_(
        1, ids_SX, torch.ones_like(ids_SX, dtype=mean_SE.dtype)
    )[:, :num_experts]
    slots_S = loads_SE.sum(dim=1).clamp(min=1)
    return num_experts * (loads_SE / slots_S[:, None] * mean_SE).sum(dim=1).mean()


def z_loss(routing: Routing, mask_T: torch.Tensor | None = None) -> torch.Tensor:
    """Return the mean of `logsumexp(logits)^2` (ST-MoE, arXiv 2202.08906, equation 5): least for small logits."""
    weight_T = _weights(routing, mask_T)
    return (weight_T * routing.logits_TE.logsumexp(dim=-1).square()).sum() / weight_T.sum().clamp(min=1)


def kept_ids(routing: Routing, mask_T: torch.Tensor | None) -> torch.Tensor:
    """Return the chosen ids `(T, K)`, with E in the slots of padding."""
    if mask_T is None:
        return routing.expert_ids_TK
    return routing.expert_ids_TK.masked_fill(~mask_T[:, None], routing.scores_TE.shape[1])


def _shares(routing: Routing) -> torch.Tensor:
    return routing.scores_TE / routing.scores_TE.sum(dim=-1, keepdim=True).clamp(min=1e-20)


def _weights(routing: Routing, mask_T: torch.Tensor | None) -> torch.Tensor:
    if mask_T is None:
        return routing.scores_TE.new_ones(len(routing.scores_TE))
    return mask_T.to(routing.scores_TE.dtype)
