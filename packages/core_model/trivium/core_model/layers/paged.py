"""A cache in pages: rows of any length share one pool of memory, and no row's cache moves when another comes or goes.

    # B rows, T new tokens of each, S slots that a row may hold, P pages of N slots

A row's token at position p lies in slot `table[p // N] * N + p % N` of the pool (PagedAttention, arXiv 2309.06180).
Page 0 belongs to nobody: padding is written there.
"""

from __future__ import annotations

import torch

from trivium.core_model.config import ModelConfig

__all__ = ["PagePool", "PagedCache"]

Layers = dict[int, tuple[torch.Tensor, torch.Tensor]]


class PagePool:
    """The memory of all rows: two tensors `(P * N, heads, width)` per layer.

    Args:
        config: sizes of a token's keys and values, or latents.
        num_pages: P, page 0 included.
        page_size: N.
        dtype, device: of the tensors.

    Attributes:
        rotation: cosine and sine of every position that a row may reach, or None. A compiled step would compute them
            anew in every layer.
    """

    rotation: tuple[torch.Tensor, torch.Tensor] | None = None

    def __init__(
        self, config: ModelConfig, num_pages: int, page_size: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        if config.attention == "latent":
            shapes = ((1, config.kv_rank), (1, config.rope_dim))
        else:
            shapes = ((config.num_kv_heads, config.head_dim),) * 2
        self.num_pages, self.page_size = num_pages, page_size
        self.layers: Layers = {
            layer: tuple(torch.zeros(num_pages * page_size, *shape, dtype=dtype, device=device) for shape in shapes)
            for layer in range(config.num_layers)
        }

    def num_bytes(self) -> int:
        """Return how much memory the pages take."""
        return sum(tensor.numel() * tensor.element_size() for pair in self.layers.values() for tensor in pair)


class PagedCache:
    """The cache of some rows for one forward pass: where their tokens lie in the pool.

    Args:
        pool: the memory.
        tables: (B, S / N) int64, pages of each row in order; 0 where it has none.
        lengths: (B,) int64, tokens that each row holds before this pass; None when all begin, as a prompt does: then
            nothing is read back.
        ends: (B,) int64, how many tokens of each row are real when prompts are padded on the right.
    """

    def __init__(
        self,
        pool: PagePool,
        tables: torch.Tensor,
        lengths: torch.Tensor | None,
        ends: torch.Tensor | None = None,
    ) -> None:
        self.padded = lengths is not None  # rows hold unequal numbers of tokens
        self.pool, self.tables, self.lengths, self.ends = pool, tables, lengths, ends
        self.slots = torch.empty(0)
        self.read: torch.Tensor | None = None

    def next_positions(self) -> torch.Tensor | None:
        """Return the position of each row's next token `(B,)`, or None before the first one."""
        return self.lengths

    def advance(self, positions: torch.Tensor) -> torch.Tensor:
        """Find slots for tokens at `(B, T)` positions; return the positions of all keys, -1 for none."""
        size = self.pool.page_size
        is_real = positions >= 0
        if self.ends is not None:
            is_real = is_real & (positions < self.ends[:, None])
        place = positions.clamp(min=0)
        slots = self.tables.gather(1, place // size) * size + place % size
        self.slots = torch.where(is_real, slots, place % size)
        if self.lengths is None:
            return positions
        offset = torch.arange(size, device=positions.device)
        self.read = (self.tables[:, :, None] * size + offset).flatten(1)  # (B, S)
        keys = torch.arange(self.read.shape[1], device=positions.device)
        return torch.where(keys <= positions.amax(dim=1, keepdim=True), keys, -1)

    def rotate_by(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return cosine and sine for `(B, T)` positions, both `(B, 1, T, .)`, where the pool keeps them."""
        if self.pool.rotation is None:
            return None
        place = positions.clamp(min=0)[:, None]
        return self.pool.rotation[0][place], self.pool.rotation[1][place]

    def update(self, layer: int, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store what the new tokens bring, `(B, heads, T, width)`; return all there is, `(B, heads, S, width)`."""
        pages = self.pool.layers[layer]
        for memory, new in zip(pages, (first, second), strict=True):
            memory.index_put_((self.slots,), new.transpose(1, 2))
        if self.read is None:
            return first, second
        return pages[0][self.read].transpose(1, 2), pages[1][self.read].transpose(1, 2)

    def decode(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        scale: float,
        *,
        norms: tuple[torch.Tensor, torch.Tensor, float] | None,
        interleaved: bool,
    ) -> torch.Tensor:
        """Store one token of each row and attend to all that its row holds, reading pages where they lie.

        Args:
            layer: whose pages.
            query: (B, H, Dh), neither normed nor turned.
            key, value: (B, Hkv, Dh), of the new token.
            rotation: cosine and sine of the new tokens, both `(B, 1, 1, Dh / 2)`.
            scale: factor on the scores.
            norms: weights of the norms of query and key, and what is added to their mean square; None for no norms.
            interleaved: as `rope.rotate`.

        Returns:
            (B, H, Dh).
        """
        from trivium.core_model.kernels.paged import paged_attention

        assert self.lengths is not None
        where = (*self.pool.layers[layer], self.tables, self.lengths)
        turn = tuple(part.flatten(1) for part in rotation)
        return paged_attention(
            query, key, value, *where, scale, self.pool.page_size, *turn, *(norms or (None, None, 0.0)), interleaved
        )
