"""Loads and how to even them out: measures, the auxiliary loss, and the loss-free bias of DeepSeek-V3.

    # T tokens, E experts, K chosen per token

Loads are integers per layer. They are counted by the caller from the `Routing` that a forward pass returns, once
per optimizer step and over all ranks; nothing here counts in `forward`, so recomputation cannot count twice.
"""

from __future__ import annotations

import torch

from trivium.core_model.moe.router import Routing

__all__ = ["auxiliary_loss", "expert_loads", "max_violation", "update_bias", "utilisation"]


def expert_loads(expert_ids_TK: torch.Tensor, num_experts: int) -> torch.Tensor:
    """Count how many (token, choice) pairs each expert got: `(E,)` int64, without a host sync."""
    ids = expert_ids_TK.flatten()
    return torch.zeros(num_experts, dtype=torch.int64, device=ids.device).scatter_add_(0, ids, torch.ones_like(ids))


def utilisation(loads_E: torch.Tensor) -> float:
    """Return mean load over largest load: 1 when all experts work alike, 1/E when one does everything."""
    return float(loads_E.float().mean() / loads_E.max().clamp(min=1))


def max_violation(loads_E: torch.Tensor) -> float:
    """Return MaxVio, `(largest - mean) / mean` (arXiv 2408.15664, equation 4): 0 when all work alike."""
    mean = loads_E.float().mean()
    return float((loads_E.max() - mean) / mean.clamp(min=1e-9))


def auxiliary_loss(routing: Routing) -> torch.Tensor:
    """Return `E sum_e f_e p_e`: least when loads are even.

    `f_e` is the number of choices expert e got per token, `p_e` its mean normalised score. The scale is that of
    transformers' Mixtral and Qwen3-MoE (K for even loads; Switch, arXiv 2101.03961, equation 4, has 1 for K = 1).
    """
    tokens, num_experts = routing.scores_TE.shape
    share_E = routing.scores_TE / routing.scores_TE.sum(dim=-1, keepdim=True)
    load_E = expert_loads(routing.expert_ids_TK, num_experts).to(share_E.dtype) / tokens
    return num_experts * (load_E * share_E.mean(dim=0)).sum()


@torch.no_grad()
def update_bias(bias_E: torch.Tensor, loads_E: torch.Tensor, speed: float) -> None:
    """Raise the bias of experts below the mean load and lower it above, each by `speed`, in place.

    Loss-free balancing (arXiv 2408.15664, algorithm 1; DeepSeek-V3 used speed 0.001). Call once per optimizer step
    with loads of the whole batch.
    """
    loads = loads_E.to(bias_E.dtype)
    bias_E += speed * (loads.mean() - loads).sign()
