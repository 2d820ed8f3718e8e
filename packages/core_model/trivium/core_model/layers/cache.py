"""What attention remembers between calls: keys and values (or latents) of the tokens seen so far.

A cache keeps two tensors per layer, both `(B, heads, S, width)`: keys and values, or compressed latents and their
rotated keys. `FullCache` grows with the text. `WindowCache` holds the first `global_tokens` and the last
`window - 1` tokens, and stops growing there. Slots carry positions, so padding is a slot with position -1.
"""

from __future__ import annotations

from typing import Protocol

import torch

from trivium.core_model.config import ModelConfig

__all__ = ["Cache", "FullCache", "WindowCache", "new_cache"]


class Cache(Protocol):
    """What a decoder asks of a cache, in this order: `advance` once per pass, then `update` once per layer.

    Attributes:
        padded: some slot may be hidden from a query, by padding or by a window that the cache does not apply.
    """

    padded: bool

    def next_positions(self) -> torch.Tensor | None:
        """Return the position of each row's next token `(B,)`, or None before the first one."""

    def advance(self, positions: torch.Tensor) -> torch.Tensor:
        """Take note of new tokens at `(B, T)` positions; return the positions of all keys `(B, S)`, -1 for none."""

    def update(self, layer: int, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store what the new tokens bring, `(B, heads, T, width)`; return all there is, `(B, heads, S, width)`."""


class FullCache:
    """Keeps every token."""

    def __init__(self) -> None:
        self.padded = False
        self.positions: torch.Tensor | None = None
        self.layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def next_positions(self) -> torch.Tensor | None:
        """Return the position of each row's next token `(B,)`, or None before the first one."""
        return None if self.positions is None else self.positions.amax(dim=1) + 1

    def advance(self, positions: torch.Tensor) -> torch.Tensor:
        """Append `(B, T)` positions; return all of them."""
        self.positions = _append(self.positions, positions, dim=1)
        return self.positions

    def update(self, layer: int, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new tokens' tensors; return all of them."""
        if layer in self.layers:
            old_first, old_second = self.layers[layer]
            first, second = torch.cat((old_first, first), dim=2), torch.cat((old_second, second), dim=2)
        self.layers[layer] = first, second
        return first, second

    def num_slots(self) -> int:
        """Return how many tokens a row holds."""
        return 0 if self.positions is None else self.positions.shape[1]


class WindowCache:
    """Keeps the first `global_tokens` of each row and the last `window - 1` tokens.

    Global tokens have slots of their own, found by position, because rows padded on the left begin at different
    places; their copies in the window are hidden by position -1.
    """

    def __init__(self, window: int, global_tokens: int) -> None:
        self.padded = False
        self.window = window
        self.global_tokens = global_tokens
        self.next: torch.Tensor | None = None
        self.positions = _Kept(window, global_tokens, empty=-1)
        self.slots = torch.empty(0)
        self.layers: dict[int, tuple[_Kept, _Kept]] = {}

    def next_positions(self) -> torch.Tensor | None:
        """Return the position of each row's next token `(B,)`, or None before the first one."""
        return self.next

    def advance(self, positions: torch.Tensor) -> torch.Tensor:
        """Note `(B, T)` positions; return those of global slots, window and new tokens, in this order."""
        newest = positions.amax(dim=1) + 1
        self.next = newest if self.next is None else torch.maximum(self.next, newest)
        is_global = (positions >= 0) & (positions < self.global_tokens)
        # One slot beyond the global ones takes every other token and is cut off again.
        self.slots = torch.where(is_global, positions, self.global_tokens)
        seen = self.positions.add(positions[:, None, :, None], self.slots)[:, 0, :, 0]
        is_copy = (seen >= 0) & (seen < self.global_tokens)
        is_copy[:, : self.global_tokens] = False
        return seen.masked_fill(is_copy, -1)

    def update(self, layer: int, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new tokens; return global slots, window and new tokens, in this order."""
        if layer not in self.layers:
            self.layers[layer] = _Kept(self.window, self.global_tokens), _Kept(self.window, self.global_tokens)
        kept_first, kept_second = self.layers[layer]
        return kept_first.add(first, self.slots), kept_second.add(second, self.slots)

    def num_slots(self) -> int:
        """Return how many tokens a row holds, at most `global_tokens + window - 1`."""
        return self.positions.num_slots()


class _Kept:
    """What stays of one tensor: its global slots and its window."""

    def __init__(self, window: int, global_tokens: int, empty: int = 0) -> None:
        self.window = window
        self.global_tokens = global_tokens
        self.empty = empty
        self.first: torch.Tensor | None = None
        self.recent: torch.Tensor | None = None

    def add(self, new: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
        """Add `(B, heads, T, width)` at `(B, T)` slots; return all that a new token may see."""
        if self.first is None:
            self.first = new.new_full((*new.shape[:2], self.global_tokens + 1, new.shape[3]), self.empty)
        self.first = self.first.scatter(2, slots[:, None, :, None].expand_as(new), new)
        recent = _append(self.recent, new, dim=2)
        # A copy, so that what fell out of the window is freed.
        self.recent = recent[:, :, max(0, recent.shape[2] - (self.window - 1)) :].clone()
        return torch.cat((self.first[:, :, : self.global_tokens], recent), dim=2)

    def num_slots(self) -> int:
        return 0 if self.recent is None else self.global_tokens + self.recent.shape[2]


def new_cache(config: ModelConfig) -> FullCache | WindowCache:
    """Return an empty cache that fits the model's attention."""
    return WindowCache(config.window, config.global_tokens) if config.window else FullCache()


def _append(old: torch.Tensor | None, new: torch.Tensor, dim: int) -> torch.Tensor:
    return new if old is None else torch.cat((old, new), dim=dim)
