"""Which key a query may see, from positions alone: causal, window, global tokens, memory slots, padding, documents.

A query at position p sees a key at position k when `0 <= k <= p` and either `p - k < window` or
`k < global_tokens`. Memory slots lie before all other keys and are always seen; they read nothing, so nothing
leaks from the future. With a window w and g global and memory slots the cost of attention is O(n (w + g)).
Where several documents share a row, a query sees keys of its own document only; positions begin anew in each.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

__all__ = ["Visibility"]


@dataclass(frozen=True)
class Visibility:
    """The rule of one forward pass, shared by all layers.

    Args:
        query_positions: (B, T) int64, -1 for padding.
        key_positions: (B, S) int64, -1 for slots that nobody sees.
        window: 0 for none.
        global_tokens: first positions that stay visible.
        memory_slots: keys that lie before the S others.
        kind: `causal` when queries and keys are the same unpadded tokens, `all` when every query sees every key;
            both spare the mask. `mask` for everything else.
        documents: (B, T) int64 where queries and keys are the same tokens of several documents; None for one.
    """

    query_positions: torch.Tensor
    key_positions: torch.Tensor
    window: int = 0
    global_tokens: int = 0
    memory_slots: int = 0
    kind: str = "mask"
    documents: torch.Tensor | None = None

    @functools.cached_property
    def mask(self) -> torch.Tensor:
        """True where a query sees a key, `(B, 1, T, memory_slots + S)` bool."""
        query, key = self.query_positions[:, :, None], self.key_positions[:, None, :]
        seen = self.sees(query, key)
        if self.documents is not None:
            seen &= self.documents[:, :, None] == self.documents[:, None, :]
        if self.memory_slots:
            batch, length, _ = seen.shape
            seen = torch.cat((seen.new_ones(batch, length, self.memory_slots), seen), dim=2)
        return seen[:, None]

    def sees(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Apply the rule to positions that broadcast.

        A padding query sees everything: its result is never read, and a softmax over nothing would be NaN.
        """
        near = (key >= 0) & (key <= query)
        if self.window:
            near = near & ((query - key < self.window) | (key < self.global_tokens))
        return near | (query < 0)
