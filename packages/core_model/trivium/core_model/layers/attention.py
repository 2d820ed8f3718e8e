"""Grouped-query attention (arXiv 2305.13245), and `attend`, the one place where scores become sums of values.

`attend` has a fast path per device and a plain twin, held equal by a test: masked SDPA everywhere, FlexAttention
for masks on CUDA (it skips blocks that nobody sees), and `attend_plain`, the formula.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.kernels.support import has_kernels
from trivium.core_model.layers.cache import Cache
from trivium.core_model.layers.norm import RMSNorm
from trivium.core_model.layers.paged import PagedCache
from trivium.core_model.layers.rope import rotate, score_temperature
from trivium.core_model.layers.visibility import Visibility

# Narrower heads are not compiled by FlexAttention.
FLEX_LEAST_WIDTH = 16
# Without gradients, small blocks follow the edges of a window: at 32k 11 times as fast as causal attention, where those
# of 128 are 7.7 times as fast. FlexAttention's backward pass is not compiled for them.
_SMALL_BLOCKS = {"BLOCK_M": 64, "BLOCK_N": 64, "num_warps": 4, "num_stages": 3}

__all__ = ["GroupedAttention", "attend", "attend_flex", "attend_plain", "attend_sdpa"]


class GroupedAttention(nn.Module):
    """Multi-head attention whose keys and values are shared by groups of query heads.

    Args:
        config: sizes; `query_key_norm`, `attention_bias` and `memory_slots` add what they name.
        layer: index under which the cache keeps this layer's keys and values.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads, self.num_kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        self.interleaved = config.rope_interleaved
        self.scale = config.head_dim**-0.5 * score_temperature(config.rope_scaling)
        bias = config.attention_bias
        self.query = nn.Linear(config.dim, config.num_heads * config.head_dim, bias=bias)
        self.key = nn.Linear(config.dim, config.num_kv_heads * config.head_dim, bias=bias)
        self.value = nn.Linear(config.dim, config.num_kv_heads * config.head_dim, bias=bias)
        self.output = nn.Linear(config.num_heads * config.head_dim, config.dim, bias=bias)
        if config.query_key_norm:
            self.query_norm: nn.Module = RMSNorm(config.head_dim, config.norm_eps)
            self.key_norm: nn.Module = RMSNorm(config.head_dim, config.norm_eps)
        else:
            self.query_norm = self.key_norm = nn.Identity()
        self.joined: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self.memory_key = self.memory_value = None
        if config.memory_slots:
            slots = (config.num_kv_heads, config.memory_slots, config.head_dim)
            self.memory_key = nn.Parameter(torch.empty(slots))
            self.memory_value = nn.Parameter(torch.empty(slots))

    def forward(
        self,
        x: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        visibility: Visibility,
        cache: Cache | None = None,
    ) -> torch.Tensor:
        """Mix `(B, T, dim)` along T.

        Args:
            rotation: cosine and sine of the T tokens.
            visibility: what each of them may see of the cache and of each other.
            cache: takes the new keys and values and gives all of them back; None for T tokens alone.
        """
        batch, length, _ = x.shape
        query, key, value = (part.unflatten(-1, (-1, self.head_dim)) for part in self._project(x))  # (B, T, ., Dh)
        if isinstance(cache, PagedCache) and self._reads_pages(x, visibility, cache):
            return self.output(self._decode(query, key, value, rotation, cache).flatten(-2))
        query, key, value = (part.transpose(1, 2) for part in (self.query_norm(query), self.key_norm(key), value))
        query = rotate(query, rotation, interleaved=self.interleaved)  # (B, H, T, Dh)
        key = rotate(key, rotation, interleaved=self.interleaved)  # (B, Hkv, T, Dh)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)  # (B, Hkv, S, Dh)
        if self.memory_key is not None and self.memory_value is not None:
            key = torch.cat((self.memory_key.expand(batch, -1, -1, -1), key), dim=2)
            value = torch.cat((self.memory_value.expand(batch, -1, -1, -1), value), dim=2)
        mixed = attend(query, key, value, visibility, self.scale)  # (B, H, T, Dh)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))

    @torch.no_grad()
    def join_projections(self) -> None:
        """Lay the weights of query, key and value side by side in memory, so that one product computes all three.

        The three stay the parameters they were; for inference, where no optimizer replaces them.
        """
        parts = (self.query, self.key, self.value)
        if not self._is_plain():
            return
        joined = []
        for name in ("weight", "bias") if self.query.bias is not None else ("weight",):
            whole = torch.cat([getattr(part, name).data for part in parts])
            for part, own in zip(parts, whole.split([part.out_features for part in parts]), strict=True):
                getattr(part, name).data = own
            joined.append(whole)
        self.joined = joined[0], joined[1] if len(joined) == 2 else None

    def _is_plain(self) -> bool:
        """Say whether the projections are their weights and no more, as an adapter is."""
        return all(type(part) is nn.Linear for part in (self.query, self.key, self.value))

    def _apply(self, *arguments: Any, **settings: Any) -> GroupedAttention:
        """Forget what was joined when torch moves or converts the weights."""
        self.joined = None
        return super()._apply(*arguments, **settings)

    def _project(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return query, key and value of `(B, T, dim)`, heads side by side."""
        if self.joined is None or not self._is_plain():
            return self.query(x), self.key(x), self.value(x)
        shared = self.num_kv_heads * self.head_dim
        return F.linear(x, *self.joined).split((self.num_heads * self.head_dim, shared, shared), dim=-1)

    def _reads_pages(self, x: torch.Tensor, visibility: Visibility, cache: PagedCache) -> bool:
        """Say whether the kernel that decodes from pages can: one token of each row, which sees all before it."""
        sees_all = not (visibility.window or visibility.memory_slots)
        fits = self.head_dim >= 16 and self.head_dim.bit_count() == 1
        return x.shape[1] == 1 and cache.lengths is not None and sees_all and fits and has_kernels(x)

    def _decode(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        cache: PagedCache,
    ) -> torch.Tensor:
        """Norm, turn, store and attend in one kernel: `(B, 1, ., Dh)` projections to `(B, 1, H, Dh)`."""
        norms = None
        if isinstance(self.query_norm, RMSNorm) and isinstance(self.key_norm, RMSNorm):
            norms = self.query_norm.weight, self.key_norm.weight, self.query_norm.eps
        new = (query[:, 0], key[:, 0], value[:, 0])
        mixed = cache.decode(self.layer, *new, rotation, self.scale, norms=norms, interleaved=self.interleaved)
        return mixed[:, None]

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw the memory slots; the projections are drawn as linear layers."""
        for slots in (self.memory_key, self.memory_value):
            if slots is not None:
                slots.normal_(0.0, std, generator=generator)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visibility: Visibility, scale: float
) -> torch.Tensor:
    """Return `softmax(scale * query key^T) value` over the visible keys.

    Args:
        query: (B, H, T, Dk).
        key: (B, Hkv, S, Dk); Hkv divides H, and head h reads key head `h // (H / Hkv)`.
        value: (B, Hkv, S, Dv).
        visibility: which of the S keys (memory slots first) each query sees.
        scale: factor on the scores.

    Returns:
        (B, H, T, Dv).
    """
    is_wide = min(query.shape[3], value.shape[3]) >= FLEX_LEAST_WIDTH
    if query.is_cuda and visibility.kind == "mask" and query.shape[2] > 1 and is_wide:
        return attend_flex(query, key, value, visibility, scale)
    return attend_sdpa(query, key, value, visibility, scale)


def attend_sdpa(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visibility: Visibility, scale: float
) -> torch.Tensor:
    """`attend` by torch's fused attention."""
    grouped = query.shape[1] != key.shape[1]
    if visibility.kind == "all":
        return F.scaled_dot_product_attention(query, key, value, scale=scale, enable_gqa=grouped)
    if visibility.kind == "causal" and not visibility.memory_slots:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=grouped)
    return F.scaled_dot_product_attention(query, key, value, visibility.mask, scale=scale, enable_gqa=grouped)


def attend_plain(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visibility: Visibility, scale: float
) -> torch.Tensor:
    """`attend` as the formula reads: the twin of the fast paths."""
    group = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
    scores = scale * query @ key.transpose(-2, -1)  # (B, H, T, S)
    return scores.masked_fill(~visibility.mask, float("-inf")).softmax(dim=-1) @ value


def attend_flex(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, visibility: Visibility, scale: float
) -> torch.Tensor:
    """`attend` by FlexAttention, which computes only blocks in which some query sees some key.

    Compiled on CUDA; on the CPU it runs uncompiled and forward only, for tests.
    """
    run = _compiled_flex() if query.is_cuda else _plain_flex()
    learns = torch.is_grad_enabled() and any(part.requires_grad for part in (query, key, value))
    is_small = not learns and max(query.shape[3], value.shape[3]) <= 128  # wider tiles outgrow a processor's memory
    mask = _block_mask(visibility, 64 if is_small else 128)
    settings = {"block_mask": mask, "scale": scale, "enable_gqa": query.shape[1] != key.shape[1]}
    return run(query, key, value, kernel_options=_SMALL_BLOCKS if is_small else None, **settings)


def _block_mask(visibility: Visibility, size: int) -> Any:
    """Return the rule as square blocks, made once per forward pass: the visibility object keeps it."""
    from torch.nn.attention.flex_attention import create_block_mask

    kept = visibility.__dict__.setdefault("block_masks", {})
    if size in kept:
        return kept[size]
    queries, keys, slots = visibility.query_positions, visibility.key_positions, visibility.memory_slots
    documents = visibility.documents

    def sees(b: torch.Tensor, h: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        place = (k - slots).clamp(min=0)
        seen = visibility.sees(queries[b, q], keys[b, place])
        if documents is not None:
            seen = seen & (documents[b, q] == documents[b, place])
        return (k < slots) | seen

    batch, length = queries.shape
    made = create_block_mask(sees, batch, None, length, slots + keys.shape[1], device=queries.device, BLOCK_SIZE=size)
    kept[size] = made
    return made


@functools.cache
def _compiled_flex() -> Callable[..., Any]:
    return torch.compile(_plain_flex(), dynamic=True)


def _plain_flex() -> Callable[..., Any]:
    from torch.nn.attention.flex_attention import flex_attention

    return flex_attention
