"""A mixture-of-experts feed-forward: router, routed experts, and experts that every token shares."""

from __future__ import annotations

import torch
from torch import nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.layers.feed_forward import FeedForward
from trivium.core_model.moe.experts import Experts, LowRankExperts
from trivium.core_model.moe.router import Router, Routing

__all__ = ["MixtureOfExperts"]


class MixtureOfExperts(nn.Module):
    """`shared(x) + sum over the chosen of weight * expert(x)` (DeepSeekMoE, arXiv 2401.06066)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.router = Router(config)
        self.experts = LowRankExperts(config) if config.expert_rank else Experts(config)
        self.shared: FeedForward | None = None
        if config.num_shared_experts:
            self.shared = FeedForward(config.dim, config.num_shared_experts * config.expert_dim)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Routing]:
        """Map `(B, T, D)` to the same shape, and say how the B * T tokens were routed."""
        x_TD = x.flatten(0, 1)
        routing = self.router(x_TD, num_sequences=x.shape[0])
        out_TD = self.experts(x_TD, routing.served_ids, routing.weights_TK)
        if self.shared is not None:
            out_TD = out_TD + self.shared(x_TD)
        return out_TD.view_as(x), routing
