"""Who computes what: scores of all experts, and the few that each token is sent to.

    # T tokens, E experts, K slots per token, D model width, G groups

Ways of scoring and choosing, as options of one router, in float32 at least:
- `softmax` over all experts, the K largest, divided by their sum (Mixtral, arXiv 2401.04088; Qwen3-MoE)
- `sigmoid` per expert; a bias, learned from loads and not from the loss, takes part in the choice only; tokens
  choose within their best groups; weights are divided by their sum and scaled (DeepSeek-V3, arXiv 2412.19437,
  equations 12-16)
- either of them with fewer than K experts for a token whose scores are peaked: best first, until their shares of
  all scores reach `score_mass` (as in arXiv 2403.07652, with K as the bound)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.kernels.support import has_kernels
from trivium.core_model.moe.capacity import drop_beyond
from trivium.core_model.moe.precise import precise_linear

__all__ = ["Router", "Routing", "choose_experts", "leave_unneeded"]


@dataclass(frozen=True)
class Routing:
    """What a router decided for T tokens.

    Args:
        logits_TE: before the scoring function, float32.
        scores_TE: after it, without bias, float32.
        expert_ids_TK: the chosen, best first, int64; E in a slot that the token does not need.
        weights_TK: their shares of the output, float32; 0 where no expert serves the slot.
        dropped_TK: bool, slots turned away by a full expert; None when every choice is served.
        num_sequences: the tokens are this many sequences of equal length, one after the other.
    """

    logits_TE: torch.Tensor
    scores_TE: torch.Tensor
    expert_ids_TK: torch.Tensor
    weights_TK: torch.Tensor
    dropped_TK: torch.Tensor | None = None
    num_sequences: int = 1

    @property
    def served_ids(self) -> torch.Tensor:
        """The experts that compute, `(T, K)`: as chosen, with E in dropped slots."""
        if self.dropped_TK is None:
            return self.expert_ids_TK
        return self.expert_ids_TK.masked_fill(self.dropped_TK, self.scores_TE.shape[1])


class Router(nn.Module):
    """Score experts by one linear map and choose.

    Attributes:
        bias: (E,) float32 buffer when the model has one, else None; changed by `moe.balance`, never by gradients.
        capacity_factor: in training, an expert serves at most this many times its even share of the slots; 0 for
            all that come. Set by `moe.balance`.
    """

    bias: torch.Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.capacity_factor = 0.0
        self.weight = nn.Parameter(torch.empty(config.num_experts, config.dim))
        self.register_buffer("bias", torch.zeros(config.num_experts) if config.router_bias else None)

    def forward(self, x_TD: torch.Tensor, num_sequences: int = 1) -> Routing:
        """Route `(T, D)` tokens of so many sequences."""
        config = self.config
        if self.runs_fused(x_TD):
            from trivium.core_model.kernels.route import route

            settings = (config.experts_per_token, config.normalize_weights, config.route_scale)
            return Routing(*route(x_TD, self.weight, *settings), num_sequences=num_sequences)
        logits_TE = precise_linear(x_TD, self.weight)
        scores_TE, expert_ids_TK, weights_TK = self._choose(logits_TE)
        if config.score_mass < 1:
            unneeded_TK = leave_unneeded(weights_TK, scores_TE, config.score_mass)
            expert_ids_TK = expert_ids_TK.masked_fill(unneeded_TK, config.num_experts)
            weights_TK = weights_TK.masked_fill(unneeded_TK, 0.0)
        if config.normalize_weights and config.router_scores == "softmax" and config.score_mass == 1:
            # The same, but its gradient does not pass through the scores of all experts.
            weights_TK = logits_TE.gather(1, expert_ids_TK).softmax(dim=-1)
        elif config.normalize_weights:
            weights_TK = weights_TK / (weights_TK.sum(dim=-1, keepdim=True) + 1e-20)
        if config.route_scale != 1:
            weights_TK = weights_TK * config.route_scale
        dropped_TK = None
        if self.training and self.capacity_factor:
            dropped_TK = drop_beyond(expert_ids_TK, weights_TK, config.num_experts, self.capacity_factor)
            weights_TK = weights_TK.masked_fill(dropped_TK, 0.0)
        return Routing(logits_TE, scores_TE, expert_ids_TK, weights_TK, dropped_TK, num_sequences)

    def runs_fused(self, x_TD: torch.Tensor) -> bool:
        """Say whether the kernel does all that is asked for."""
        config = self.config
        is_plain = config.router_scores == "softmax" and self.bias is None and config.score_mass == 1
        takes_all = config.groups_per_token == config.num_groups and not (self.training and self.capacity_factor)
        return is_plain and takes_all and has_kernels(x_TD) and x_TD.dtype == self.weight.dtype == torch.bfloat16

    def _choose(self, logits_TE: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return all scores, the chosen experts and their scores."""
        config = self.config
        scores_TE = logits_TE.sigmoid() if config.router_scores == "sigmoid" else logits_TE.softmax(dim=-1)
        expert_ids_TK = choose_experts(
            scores_TE if self.bias is None else scores_TE + self.bias,
            config.experts_per_token,
            num_groups=config.num_groups,
            groups_per_token=config.groups_per_token,
        )
        return scores_TE, expert_ids_TK, scores_TE.gather(1, expert_ids_TK)

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


def leave_unneeded(chosen_TK: torch.Tensor, scores_TE: torch.Tensor, mass: float) -> torch.Tensor:
    """Say which slots a token does not need, as those before them hold `mass` of all its scores.

    Args:
        chosen_TK: scores of the chosen, in the order in which they are taken.
        scores_TE: all scores, none negative.
        mass: between 0 and 1.

    Returns:
        (T, K) bool; never True for the first slot.
    """
    share_TK = chosen_TK / scores_TE.sum(dim=-1, keepdim=True).clamp(min=1e-20)
    return share_TK.cumsum(dim=-1) - share_TK >= mass
