"""Who computes what: scores of all experts, and the few that each token is sent to.

    # T tokens, E experts, K chosen per token, D model width, G groups

Two ways of scoring, as options of one router, in float32 at least:
- `softmax` over all experts, the K largest, divided by their sum (Mixtral, arXiv 2401.04088; Qwen3-MoE)
- `sigmoid` per expert; a bias, learned from loads and not from the loss, takes part in the choice only; tokens
  choose within their best groups; weights are divided by their sum and scaled (DeepSeek-V3, arXiv 2412.19437,
  equations 12-16)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig

__all__ = ["Router", "Routing", "choose_experts"]


@dataclass(frozen=True)
class Routing:
    """What a router decided for T tokens.

    Args:
        logits_TE: before the scoring function, float32.
        scores_TE: after it, without bias, float32.
        expert_ids_TK: the chosen, best first, int64.
        weights_TK: their shares of the output, float32.
    """

    logits_TE: torch.Tensor
    scores_TE: torch.Tensor
    expert_ids_TK: torch.Tensor
    weights_TK: torch.Tensor


class Router(nn.Module):
    """Score experts by one linear map and choose.

    Attributes:
        bias: (E,) float32 buffer when the model has one, else None; changed by `moe.balance`, never by gradients.
    """

    bias: torch.Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(config.num_experts, config.dim))
        self.register_buffer("bias", torch.zeros(config.num_experts) if config.router_bias else None)

    def forward(self, x_TD: torch.Tensor) -> Routing:
        """Route `(T, D)` tokens."""
        precise = torch.promote_types(x_TD.dtype, torch.float32)
        logits_TE = F.linear(x_TD.to(precise), self.weight.to(precise))
        scores_TE = logits_TE.sigmoid() if self.config.router_scores == "sigmoid" else logits_TE.softmax(dim=-1)
        choice_TE = scores_TE if self.bias is None else scores_TE + self.bias
        expert_ids_TK = choose_experts(
            choice_TE,
            self.config.experts_per_token,
            num_groups=self.config.num_groups,
            groups_per_token=self.config.groups_per_token,
        )
        weights_TK = scores_TE.gather(1, expert_ids_TK)
        if self.config.normalize_weights:
            weights_TK = weights_TK / (weights_TK.sum(dim=-1, keepdim=True) + 1e-20)
        return Routing(logits_TE, scores_TE, expert_ids_TK, weights_TK * self.config.route_scale)

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw the weights and forget the bias."""
        self.weight.normal_(0.0, std, generator=generator)
        if self.bias is not None:
            self.bias.zero_()


def choose_experts(
    choice_TE: torch.Tensor,
    experts_per_token: int,
    *,
    num_groups: int = 1,
    groups_per_token: int = 1,
) -> torch.Tensor:
    """Return the ids of the best experts of each token, best first.

    Args:
        choice_TE: what to choose by, float32; need not be the weights.
        experts_per_token: K.
        num_groups: experts lie in this many groups of equal size.
        groups_per_token: only experts of the best groups can be chosen; a group is as good as the sum of its two
            best experts (its best one, where a group holds one).

    Returns:
        (T, K) int64.
    """
    if groups_per_token < num_groups:
        choice_TGe = choice_TE.unflatten(1, (num_groups, -1))
        best_TG = choice_TGe.topk(min(2, choice_TGe.shape[2]), dim=-1).values.sum(dim=-1)
        kept = torch.zeros_like(best_TG, dtype=torch.bool).scatter(
            1, best_TG.topk(groups_per_token, dim=-1).indices, True
        )
        choice_TE = choice_TGe.masked_fill(~kept[..., None], float("-inf")).flatten(1)
    return choice_TE.topk(experts_per_token, dim=-1).indices
