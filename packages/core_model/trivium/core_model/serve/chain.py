"""One decoding step of few rows as a chain of kernels, each of which begins before the one ahead has ended.

A compiled step has ten or twelve launches a layer, and at few rows what lies between them costs as much as reading the
weights. Here a layer has seven or nine: norms, sums and the router's choice are parts of the kernels beside them. For
grouped attention and a mixture of experts behind a softmax router in every layer, in bfloat16 on a GPU; other models
and more rows take the compiled step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.decoder import Block, Decoder
from trivium.core_model.kernels.by_expert import down_by_expert, gated_by_expert
from trivium.core_model.kernels.ends import take_in
from trivium.core_model.kernels.few import MOST_SLOTS, few_experts
from trivium.core_model.kernels.linear import MOST_HELD, MOST_ROWS, MOST_WIDTH, few_linear
from trivium.core_model.kernels.normed_route import MOST_WEIGHTS, normed_route
from trivium.core_model.kernels.normed_sum import normed_sum
from trivium.core_model.kernels.paged import paged_attention
from trivium.core_model.kernels.slots import sort_slots
from trivium.core_model.layers.attention import GroupedAttention
from trivium.core_model.layers.norm import RMSNorm
from trivium.core_model.layers.paged import PagePool
from trivium.core_model.moe.experts import Experts
from trivium.core_model.moe.layer import MixtureOfExperts

__all__ = ["Chain"]


@dataclass(frozen=True)
class _Layer:
    attention: GroupedAttention
    experts: MixtureOfExperts
    attention_norm: tuple[Tensor, float]
    experts_norm: tuple[Tensor, float]


class Chain:
    """The kernels of one model in their order.

    Args:
        decoder: a model that `fits`, its projections joined.
        pool: memory of the caches, with its table of rotations.
    """

    def __init__(self, decoder: Decoder, pool: PagePool) -> None:
        assert pool.rotation is not None
        self.decoder, self.pool, self.rotation = decoder, pool, pool.rotation
        self.layers = [_layer(block) for block in decoder.layers]

    @staticmethod
    def fits(decoder: Decoder) -> bool:
        """Say whether the chain computes what the decoder does."""
        is_short = decoder.embedding.weight.dtype == torch.bfloat16
        return is_short and all(_fits(block, decoder.config) for block in decoder.layers)

    @staticmethod
    def takes(rows: int) -> bool:
        """Say whether the chain is the faster way for so many rows."""
        return rows <= MOST_ROWS

    def logits(self, tokens: Tensor, lengths: Tensor, tables: Tensor) -> Tensor:
        """Store each row's token at its position and return the logits of the next one, `(B, V)`.

        Args:
            tokens, lengths: (B,) int64.
            tables: (B, pages) int64.
        """
        x, cos, sin = take_in(tokens, lengths, self.decoder.embedding.weight, self.rotation)
        where = (tables, lengths, cos, sin)
        norms = [*(layer.attention_norm for layer in self.layers[1:]), _norm(self.decoder.norm)]
        normed: Tensor | None = None
        for number, (layer, next_norm) in enumerate(zip(self.layers, norms, strict=True)):
            x = self._attend(x, normed, layer, number, where)
            x, normed = self._feed(x, layer, next_norm)
        return self.decoder.project(self.decoder.norm(x) if normed is None else normed)

    def _attend(
        self, x: Tensor, normed: Tensor | None, layer: _Layer, number: int, where: tuple[Tensor, ...]
    ) -> Tensor:
        """Return x and what the attention adds to it, `(B, D)`."""
        attention, (tables, lengths, cos, sin) = layer.attention, where
        assert attention.joined is not None
        weight = attention.joined[0]
        if len(x) <= MOST_HELD:
            joined = few_linear(x, weight, norm=layer.attention_norm)
        else:
            normed = F.rms_norm(x, x.shape[1:], *layer.attention_norm) if normed is None else normed
            joined = few_linear(normed, weight)
        heads = joined.unflatten(1, (-1, attention.head_dim))  # (B, H + 2 Hkv, Dh)
        query, key, value = heads.split((attention.num_heads, attention.num_kv_heads, attention.num_kv_heads), dim=1)
        norms: tuple[Tensor | None, Tensor | None, float] = (None, None, 0.0)
        if isinstance(attention.query_norm, RMSNorm) and isinstance(attention.key_norm, RMSNorm):
            norms = attention.query_norm.weight, attention.key_norm.weight, attention.query_norm.eps
        pages = (*self.pool.layers[number], tables, lengths)
        size = self.pool.page_size
        mixed = paged_attention(
            query, key, value, *pages, attention.scale, size, cos, sin, *norms, attention.interleaved
        )
        return few_linear(mixed.flatten(1), attention.output.weight, add=x)

    def _feed(self, x: Tensor, layer: _Layer, next_norm: tuple[Tensor, float]) -> tuple[Tensor, Tensor | None]:
        """Return x and what the experts add to it `(B, D)`, and that normed, or None where the reader does it."""
        router, experts = layer.experts.router, layer.experts.experts
        settings = (router.config.experts_per_token, router.config.normalize_weights, router.config.route_scale)
        normed, ids, weights = normed_route(x, layer.experts_norm, router.weight, *settings)
        if ids.numel() <= MOST_SLOTS:
            return few_experts(normed, ids, weights, experts.gate_up, experts.down, add=x), None
        order = sort_slots(ids, len(experts.down))
        hidden = gated_by_expert(normed, experts.gate_up, weights.flatten(), order)
        return normed_sum(down_by_expert(hidden, experts.down, order), order, x, next_norm)


def _norm(norm: RMSNorm) -> tuple[Tensor, float]:
    return norm.weight, norm.eps


def _layer(block: nn.Module) -> _Layer:
    assert isinstance(block, Block)
    attention, experts = block.attention, block.feed_forward
    assert isinstance(attention, GroupedAttention)
    assert isinstance(experts, MixtureOfExperts)
    return _Layer(attention, experts, _norm(block.attention_norm), _norm(block.feed_forward_norm))


def _fits(block: nn.Module, config: ModelConfig) -> bool:
    """Say whether one layer is of the kind that the kernels know."""
    assert isinstance(block, Block)
    attention, experts = block.attention, block.feed_forward
    if not (isinstance(attention, GroupedAttention) and isinstance(experts, MixtureOfExperts)):
        return False
    is_plain = attention.joined is not None and attention.joined[1] is None and type(attention.output) is nn.Linear
    sees_all = not (config.window or config.memory_slots)
    has_heads = attention.head_dim >= 16 and attention.head_dim.bit_count() == 1
    is_narrow = max(config.dim, attention.num_heads * attention.head_dim) <= MOST_WIDTH
    is_known = is_plain and sees_all and has_heads and is_narrow
    return is_known and _fits_experts(experts, block.feed_forward_norm.weight)


def _fits_experts(experts: MixtureOfExperts, normed: Tensor) -> bool:
    """Say whether the kernels know the experts of a layer and hold its router."""
    router, routed = experts.router, experts.experts
    if not isinstance(routed, Experts) or experts.shared is not None:
        return False
    held = _rounded(len(router.weight)) * _rounded(len(normed))
    return held <= MOST_WEIGHTS and router.runs_fused(normed) and routed.runs_fused(normed)


def _rounded(count: int) -> int:
    """Return the next power of two."""
    return 1 << max(count - 1, 0).bit_length()
