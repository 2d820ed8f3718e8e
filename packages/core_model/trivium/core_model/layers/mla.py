"""Multi-head latent attention (MLA): keys and values of all heads from one compressed latent per token.

With the residual h_t, the latent c_t and head i (arXiv 2412.19437, section 2.1.1, equations 1-11):

    c_t = norm(W_dkv h_t)          kr_t = rope(W_kr h_t)            what the cache holds: kv_rank + rope_dim numbers
    k_ti = [W_uk_i c_t ; kr_t]     v_ti = W_uv_i c_t
    q_ti = [W_uq_i cq_t ; rope(W_qr_i cq_t)]                        cq_t = norm(W_dq h_t)

`plain` builds every head's keys and values. `absorbed` never does: since q^T (W_uk c) = (W_uk^T q)^T c, the up
projections move onto the query and onto the output, and decoding reads the latents alone, as one shared key head.
"""

from __future__ import annotations

import torch
from torch import nn

from trivium.core_model.config import ModelConfig
from trivium.core_model.layers.attention import attend
from trivium.core_model.layers.cache import Cache
from trivium.core_model.layers.norm import RMSNorm
from trivium.core_model.layers.rope import rotate, score_temperature
from trivium.core_model.layers.visibility import Visibility

__all__ = ["LatentAttention"]


class LatentAttention(nn.Module):
    """Attention over compressed latents.

    Args:
        config: sizes; `query_rank` 0 projects queries at full rank.
        layer: index under which the cache keeps this layer's latents.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads = config.num_heads
        self.nope_dim, self.rope_dim, self.value_dim = config.nope_dim, config.rope_dim, config.value_dim
        self.kv_rank = config.kv_rank
        self.interleaved = config.rope_interleaved
        query_dim = config.nope_dim + config.rope_dim
        self.scale = query_dim**-0.5 * score_temperature(config.rope_scaling)
        bias = config.attention_bias
        if config.query_rank:
            self.query_down: nn.Module = nn.Linear(config.dim, config.query_rank, bias=bias)
            self.query_norm: nn.Module = RMSNorm(config.query_rank, config.norm_eps)
        else:
            self.query_down, self.query_norm = nn.Identity(), nn.Identity()
        self.query_up = nn.Linear(config.query_rank or config.dim, config.num_heads * query_dim, bias=False)
        self.kv_down = nn.Linear(config.dim, config.kv_rank + config.rope_dim, bias=bias)
        self.kv_norm = RMSNorm(config.kv_rank, config.norm_eps)
        self.kv_up = nn.Linear(config.kv_rank, config.num_heads * (config.nope_dim + config.value_dim), bias=False)
        self.output = nn.Linear(config.num_heads * config.value_dim, config.dim, bias=bias)
        self.memory_latent = self.memory_rope = None
        if config.memory_slots:
            self.memory_latent = nn.Parameter(torch.empty(1, config.memory_slots, config.kv_rank))
            self.memory_rope = nn.Parameter(torch.empty(1, config.memory_slots, config.rope_dim))

    def forward(
        self,
        x: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        visibility: Visibility,
        cache: Cache | None = None,
    ) -> torch.Tensor:
        """Mix `(B, T, dim)` along T; arguments as in `GroupedAttention.forward`."""
        batch, length, _ = x.shape
        query = self.query_up(self.query_norm(self.query_down(x)))
        query = query.view(batch, length, self.num_heads, -1).transpose(1, 2)
        query_nope, query_rope = query.split((self.nope_dim, self.rope_dim), dim=-1)  # (B, H, T, .)
        query_rope = rotate(query_rope, rotation, interleaved=self.interleaved)

        latent, key_rope = self.kv_down(x)[:, None].split((self.kv_rank, self.rope_dim), dim=-1)
        latent = self.kv_norm(latent)  # (B, 1, T, R)
        key_rope = rotate(key_rope, rotation, interleaved=self.interleaved)  # (B, 1, T, Dr)
        if cache is not None:
            latent, key_rope = cache.update(self.layer, latent, key_rope)  # (B, 1, S, .)
        if self.memory_latent is not None and self.memory_rope is not None:
            latent = torch.cat((self.memory_latent.expand(batch, -1, -1, -1), latent), dim=2)
            key_rope = torch.cat((self.memory_rope.expand(batch, -1, -1, -1), key_rope), dim=2)

        form = self.absorbed if self._decodes(length, cache) else self.plain
        mixed = form(query_nope, query_rope, latent, key_rope, visibility)  # (B, H, T, Dv)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))

    def plain(
        self,
        query_nope: torch.Tensor,
        query_rope: torch.Tensor,
        latent: torch.Tensor,
        key_rope: torch.Tensor,
        visibility: Visibility,
    ) -> torch.Tensor:
        """Attend with every head's keys and values written out: cheaper for many queries.

        Args:
            query_nope: (B, H, T, nope_dim).
            query_rope: (B, H, T, rope_dim), rotated.
            latent: (B, 1, S, kv_rank), normed.
            key_rope: (B, 1, S, rope_dim), rotated.
            visibility: which of the S keys each query sees.

        Returns:
            (B, H, T, value_dim).
        """
        batch, _, length, _ = latent.shape
        expanded = self.kv_up(latent[:, 0]).view(batch, length, self.num_heads, -1).transpose(1, 2)
        key_nope, value = expanded.split((self.nope_dim, self.value_dim), dim=-1)  # (B, H, S, .)
        key = torch.cat((key_nope, key_rope.expand(-1, self.num_heads, -1, -1)), dim=-1)
        return attend(torch.cat((query_nope, query_rope), dim=-1), key, value, visibility, self.scale)

    def absorbed(
        self,
        query_nope: torch.Tensor,
        query_rope: torch.Tensor,
        latent: torch.Tensor,
        key_rope: torch.Tensor,
        visibility: Visibility,
    ) -> torch.Tensor:
        """Attend within the latents: same arguments and result as `plain`, cheaper for few queries and many keys."""
        up = self.kv_up.weight.view(self.num_heads, self.nope_dim + self.value_dim, self.kv_rank)
        key_up, value_up = up.split((self.nope_dim, self.value_dim), dim=1)  # (H, ., R)
        query_latent = torch.einsum("bhtn,hnr->bhtr", query_nope, key_up)
        query, key = torch.cat((query_latent, query_rope), dim=-1), torch.cat((latent, key_rope), dim=-1)
        mixed = attend(query, key, latent, visibility, self.scale)  # (B, H, T, R)
        return torch.einsum("bhtr,hvr->bhtv", mixed, value_up)

    def _decodes(self, length: int, cache: Cache | None) -> bool:
        # An adapter around kv_up (LoRA) has more than its weight: only the plain form calls it.
        return cache is not None and length == 1 and type(self.kv_up) is nn.Linear

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw the memory slots; the projections are drawn as linear layers."""
        for slots in (self.memory_latent, self.memory_rope):
            if slots is not None:
                slots.normal_(0.0, std, generator=generator)
