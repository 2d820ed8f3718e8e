"""The decoder: embedding, blocks of attention and feed-forward, head; with its optional look further ahead.

One device, no wrapper: what you read is what runs. Parallelism is applied from outside.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.layers.attention import GroupedAttention
from trivium.core_model.layers.cache import Cache
from trivium.core_model.layers.feed_forward import FeedForward
from trivium.core_model.layers.mla import LatentAttention
from trivium.core_model.layers.norm import RMSNorm
from trivium.core_model.layers.paged import PagedCache
from trivium.core_model.layers.rope import Rotary
from trivium.core_model.layers.visibility import Visibility
from trivium.core_model.moe.experts import Experts, LowRankExperts
from trivium.core_model.moe.layer import MixtureOfExperts
from trivium.core_model.moe.router import Router, Routing
from trivium.service.errors import InputError

__all__ = [
    "Block",
    "Decoder",
    "DecoderOutput",
    "NextTokenModule",
    "empty_decoder",
    "new_decoder",
    "next_token_loss",
    "reset_module",
]

# Modules with weights of their own beside those of linear layers.
_DRAWN = (RMSNorm, GroupedAttention, LatentAttention, Rotary, Router, Experts, LowRankExperts)


@dataclass(frozen=True)
class DecoderOutput:
    """What one forward pass gives.

    Args:
        logits: (B, T, V) for the token after each position, or the last few of them.
        hidden: (B, T, D) after the last norm.
        routings: decisions of each mixture-of-experts layer, first to last.
        ahead: (B, T - d, V) logits for the token d + 1 places on, for d = 1, 2...; empty unless asked for.
    """

    logits: torch.Tensor
    hidden: torch.Tensor
    routings: tuple[Routing, ...]
    ahead: tuple[torch.Tensor, ...] = ()


class Block(nn.Module):
    """Attention and feed-forward, each on a normed copy of the residual stream and added to it.

    Args:
        config: sizes.
        layer: index in the cache.
        has_experts: the feed-forward is a mixture of experts.
    """

    def __init__(self, config: ModelConfig, layer: int, *, has_experts: bool) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention = (LatentAttention if config.attention == "latent" else GroupedAttention)(config, layer)
        self.feed_forward_norm = RMSNorm(config.dim, config.norm_eps)
        self.feed_forward = MixtureOfExperts(config) if has_experts else FeedForward(config.dim, config.hidden_dim)

    def forward(
        self,
        x: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        visibility: Visibility,
        cache: Cache | None = None,
    ) -> tuple[torch.Tensor, Routing | None]:
        """Return `(B, T, D)` and, for a layer with experts, where the tokens went."""
        x = x + self.attention(self.attention_norm(x), rotation, visibility, cache)
        normed = self.feed_forward_norm(x)
        if isinstance(self.feed_forward, MixtureOfExperts):
            change, routing = self.feed_forward(normed)
            return x + change, routing
        return x + self.feed_forward(normed), None


class NextTokenModule(nn.Module):
    """One step of multi-token prediction (arXiv 2412.19437, equations 21-23).

    `h' = project [norm(embedding of the next token) ; norm(h)]`, then a block; embedding and head are the model's.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.embedding_norm = RMSNorm(config.dim, config.norm_eps)
        self.hidden_norm = RMSNorm(config.dim, config.norm_eps)
        self.project = nn.Linear(2 * config.dim, config.dim, bias=False)
        self.block = Block(config, layer, has_experts=config.num_experts > 0)
        self.norm = RMSNorm(config.dim, config.norm_eps)

    def forward(
        self,
        hidden: torch.Tensor,
        next_embedding: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        visibility: Visibility,
    ) -> tuple[torch.Tensor, Routing | None]:
        """Return `(B, T, D)` before its last norm, from hidden states and the embeddings of the tokens after them."""
        joined = torch.cat((self.embedding_norm(next_embedding), self.hidden_norm(hidden)), dim=-1)
        return self.block(self.project(joined), rotation, visibility)


class Decoder(nn.Module):
    """A causal language model.

    Weights are torch's defaults until `reset` draws them or a checkpoint fills them: use `new_decoder` or
    `from_pretrained`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.rotary = Rotary(config)
        self.layers = nn.ModuleList(
            Block(config, layer, has_experts=layer in config.moe_layers) for layer in range(config.num_layers)
        )
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.head = None if config.tied_embeddings else nn.Linear(config.dim, config.vocab_size, bias=False)
        self.ahead = nn.ModuleList(
            NextTokenModule(config, config.num_layers + step) for step in range(config.num_mtp_layers)
        )

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        *,
        inputs_embeds: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        documents: torch.Tensor | None = None,
        cache: Cache | None = None,
        keep_logits: int = 0,
        look_ahead: bool = False,
    ) -> DecoderOutput:
        """Predict the token after each one.

        Args:
            input_ids: (B, T) int64; or give `inputs_embeds`.
            inputs_embeds: (B, T, D), tokens of any modality in place of embedded ids.
            attention_mask: (B, T), or (B, tokens in the cache + T); 0 for padding, on either side.
            positions: (B, T) int64, -1 for padding, where they do not follow from mask and cache.
            documents: (B, T) int64, which document each token belongs to; tokens see only their own. Give `positions`
                that begin anew in each document, and no cache.
            cache: takes the new tokens and shows the old ones; None for T tokens alone.
            keep_logits: compute logits of the last so many tokens only; 0 for all.
            look_ahead: also predict further tokens with the multi-token prediction modules; needs `input_ids`.

        Returns:
            Logits in the model's dtype, and what training and tests need beside them.

        Raises:
            InputError: if ids have another shape or type, or lie outside the vocabulary (seen on the CPU only).
            ValueError: if neither or both of ids and embeddings are given, or documents without positions.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if documents is not None and (positions is None or cache is not None):
            raise ValueError("documents need positions and no cache")
        if input_ids is not None:
            _check_ids(input_ids, self.config.vocab_size)
        x = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        visibility = self._visibility(x, attention_mask, positions, cache)
        if documents is not None:
            visibility = dataclasses.replace(visibility, documents=documents)
        rotation = cache.rotate_by(visibility.query_positions) if isinstance(cache, PagedCache) else None
        if rotation is None:
            rotation = self.rotary(visibility.query_positions, x.dtype)
        routings = []
        for block in self.layers:
            x, routing = block(x, rotation, visibility, cache)
            if routing is not None:
                routings.append(routing)
        hidden = self.norm(x)
        ahead: tuple[torch.Tensor, ...] = ()
        if look_ahead:
            if input_ids is None or cache is not None:
                raise ValueError("look_ahead needs input_ids and no cache")
            ahead, more = self._look_ahead(hidden, input_ids, rotation, visibility)
            routings.extend(more)
        return DecoderOutput(self.project(hidden[:, -keep_logits:]), hidden, tuple(routings), ahead)

    def project(self, hidden: torch.Tensor) -> torch.Tensor:
        """Turn normed hidden states `(..., D)` into logits `(..., V)`."""
        return F.linear(hidden, self.embedding.weight) if self.head is None else self.head(hidden)

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Draw all weights anew from a normal distribution with `config.init_std`; norms become one."""
        generator = torch.Generator(self.embedding.weight.device).manual_seed(seed)
        for module in self.modules():
            reset_module(module, self.config.init_std, generator)

    def _visibility(
        self,
        x: torch.Tensor,
        attention_mask: torch.Tensor | None,
        positions: torch.Tensor | None,
        cache: Cache | None,
    ) -> Visibility:
        """Find positions and what each query sees; name the cases that need no mask."""
        batch, length, _ = x.shape
        config = self.config
        start = None if cache is None else cache.next_positions()
        plain = attention_mask is None and positions is None
        if positions is None:
            positions = _positions(batch, length, attention_mask, start, x.device)
        keys = positions if cache is None else cache.advance(positions)
        if cache is not None:
            cache.padded |= not plain
        if start is None and plain and not config.memory_slots and (not config.window or length <= config.window):
            kind = "causal"
        elif length == 1 and cache is not None and not cache.padded and not config.global_tokens:
            kind = "all"  # a cache shows no more than one query may see
        else:
            kind = "mask"
        return Visibility(positions, keys, config.window, config.global_tokens, config.memory_slots, kind)

    def _look_ahead(
        self,
        hidden: torch.Tensor,
        input_ids: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        visibility: Visibility,
    ) -> tuple[tuple[torch.Tensor, ...], list[Routing]]:
        """Predict the token 2, 3... places on from each position that has the tokens between."""
        ahead, routings = [], []
        for step, module in enumerate(self.ahead, start=1):
            assert isinstance(module, NextTokenModule)
            length = input_ids.shape[1] - step
            if length < 1:
                break
            rotation = (rotation[0][:, :, :length], rotation[1][:, :, :length])
            visibility = dataclasses.replace(
                visibility,
                query_positions=visibility.query_positions[:, :length],
                key_positions=visibility.key_positions[:, :length],
                documents=None if visibility.documents is None else visibility.documents[:, :length],
            )
            hidden, routing = module(hidden[:, :length], self.embedding(input_ids[:, step:]), rotation, visibility)
            ahead.append(self.project(module.norm(hidden)))
            if routing is not None:
                routings.append(routing)
        return tuple(ahead), routings


def new_decoder(
    config: ModelConfig, *, seed: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Decoder:
    """Make a decoder with fresh weights, drawn on its device."""
    decoder = empty_decoder(config, dtype=dtype, device=device)
    decoder.reset(seed)
    return decoder


def empty_decoder(config: ModelConfig, *, dtype: torch.dtype, device: torch.device | str) -> Decoder:
    """Make a decoder whose weights are allocated and not yet written; frequencies and router biases are in place.

    Router biases stay float32: they change by steps that bfloat16 cannot hold.
    """
    with torch.device("meta"):
        decoder = Decoder(config)
    for parameter in decoder.parameters():
        parameter.data = parameter.data.to(dtype)
    decoder.to_empty(device=device)
    decoder.rotary.reset()
    for module in decoder.modules():
        if isinstance(module, Router) and module.bias is not None:
            module.bias.zero_()
    return decoder


@torch.no_grad()
def reset_module(module: nn.Module, std: float, generator: torch.Generator | None) -> None:
    """Draw the weights that a module itself holds, not those of its children; biases become zero, norms one."""
    if isinstance(module, nn.Linear | nn.Embedding):
        module.weight.normal_(0.0, std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, _DRAWN):
        module.reset(std, generator)


def next_token_loss(logits: torch.Tensor, labels: torch.Tensor, *, shift: int = 1, ignore: int = -100) -> torch.Tensor:
    """Return the mean cross-entropy of each position's logits against the label `shift` places on, in float32.

    Args:
        logits: (B, T, V).
        labels: (B, T'), with T' >= T; usually the input ids themselves.
        shift: 1 for the next token; d + 1 for the d-th of `DecoderOutput.ahead`.
        ignore: label that counts for nothing.
    """
    targets = labels[:, shift:]
    kept = logits[:, : targets.shape[1]].float()
    return F.cross_entropy(kept.flatten(0, 1), targets[:, : kept.shape[1]].flatten(), ignore_index=ignore)


def _check_ids(input_ids: torch.Tensor, vocab_size: int) -> None:
    """Refuse what is no batch of token ids; on a GPU to look at values would make it wait."""
    if input_ids.ndim != 2 or not input_ids.shape[1] or input_ids.is_floating_point():
        what = f"input_ids is {str(input_ids.dtype).removeprefix('torch.')} of shape {list(input_ids.shape)}"
        raise InputError(what, hint="give whole numbers, (batch, tokens), with a token at least")
    if input_ids.device.type != "cpu" or torch.compiler.is_compiling() or not len(input_ids):
        return
    least, largest = (int(value) for value in input_ids.aminmax())
    if least < 0 or largest >= vocab_size:
        what = f"input_ids holds token {largest if largest >= vocab_size else least}, outside 0 to {vocab_size - 1}"
        raise InputError(what, hint="use the tokenizer that lies beside the checkpoint")


def _positions(
    batch: int, length: int, attention_mask: torch.Tensor | None, start: torch.Tensor | None, device: torch.device
) -> torch.Tensor:
    """Number the tokens of each row from 0, padding -1, going on where the cache ends."""
    if attention_mask is not None:
        counted = attention_mask.long().cumsum(dim=1) - 1
        return counted.masked_fill(attention_mask == 0, -1)[:, -length:]
    row = torch.arange(length, device=device).expand(batch, length)
    return row if start is None else row + start[:, None]
