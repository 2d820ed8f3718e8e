"""Sensor patches -> the core's decoder with experts -> remaining life (mean, quantiles) and risk within a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Decoder, reset_module
from trivium.core_model.heads import LinearHead, QuantileHead, pool
from trivium.core_model.moe.router import Routing
from trivium.maintenance.network.encoder import SensorBatch, SensorPatchEncoder

__all__ = ["LifeNetwork", "LifeOutput", "NetworkConfig"]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network."""

    num_channels: int
    """Numbers per row."""
    width: int = 60
    """Rows that it sees."""
    patch: int = 5
    """Rows of one token."""
    dim: int = 64
    """Width of a token."""
    num_layers: int = 2
    """Blocks; the first is dense, as in DeepSeek-V3."""
    num_experts: int = 8
    """Routed experts of the other blocks; two of them see each token, and one shared expert sees all."""
    dropout: float = 0.1
    """Share of the tokens' and features' numbers that training leaves out."""
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    """Of remaining life."""

    def decoder(self) -> ModelConfig:
        """Return the core's configuration."""
        return ModelConfig(
            vocab_size=1,
            dim=self.dim,
            num_layers=self.num_layers,
            num_heads=4,
            hidden_dim=2 * self.dim,
            max_positions=self.width // self.patch,
            tied_embeddings=True,
            num_experts=self.num_experts,
            experts_per_token=2,
            expert_dim=self.dim,
            num_shared_experts=1,
            dense_layers=(0,),
            router_scores="sigmoid",
            router_bias=True,
            init_std=0.05,
        )


@dataclass(frozen=True)
class LifeOutput:
    """What the network says of each stretch.

    Args:
        life: (B,), mean remaining life in units of the cap.
        quantiles: (B, Q), in the same unit, rising.
        risk: (B,), logit of failing within the horizon.
        routings: for the balancer.
    """

    life: torch.Tensor
    quantiles: torch.Tensor
    risk: torch.Tensor
    routings: tuple[Routing, ...]


class LifeNetwork(nn.Module):
    """Encoder, decoder and heads."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SensorPatchEncoder(config.num_channels, config.dim, config.patch, config.dropout)
        self.decoder = Decoder(config.decoder())
        self.heads = LinearHead(config.dim, 2, config.dropout)
        self.quantiles = QuantileHead(config.dim, 1, config.quantiles)

    def forward(self, batch: SensorBatch) -> LifeOutput:
        """Read the last token, which has seen all others."""
        tokens, mask = self.encoder.encode(batch)
        out = self.decoder(inputs_embeds=tokens, attention_mask=mask)
        features = pool(out.hidden, mask)
        heads = self.heads(features)
        return LifeOutput(heads[:, 0], self.quantiles(features)[:, 0], heads[:, 1], out.routings)

    def reset(self, seed: int) -> None:
        """Draw all weights anew."""
        generator = torch.Generator(self.heads.project.weight.device).manual_seed(seed)
        for module in self.modules():
            reset_module(module, self.config.decoder().init_std, generator)
        self.decoder.rotary.reset()
