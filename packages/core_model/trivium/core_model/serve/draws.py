"""Pick the next token of many rows at once, each by settings of its own, without a host's look.

A row draws by one number between 0 and 1, made from its seed and the position alone: what it draws does not depend on
the rows beside it, nor on when it joined them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trivium.core_model.generate import Sampling, penalize

__all__ = ["DrawSettings", "draw"]


@dataclass(frozen=True)
class DrawSettings:
    """`Sampling` of each of B rows, as tensors `(B,)`.

    Args:
        temperature, top_p, min_p, repetition: float32.
        top_k, seed: int64; top_k is the size of the vocabulary where all may be drawn.
    """

    temperature: torch.Tensor
    top_p: torch.Tensor
    min_p: torch.Tensor
    repetition: torch.Tensor
    top_k: torch.Tensor
    seed: torch.Tensor

    @classmethod
    def greedy(cls, rows: int, device: torch.device) -> DrawSettings:
        """Make settings under which every row takes its likeliest token."""
        zeros, ones = torch.zeros(rows, device=device), torch.ones(rows, device=device)
        whole = torch.zeros(rows, dtype=torch.int64, device=device)
        return cls(zeros, ones, zeros.clone(), ones.clone(), whole, whole.clone())

    def put(self, row: int, sampling: Sampling, vocab_size: int) -> None:
        """Write one row."""
        self.temperature[row] = sampling.temperature
        self.top_p[row] = sampling.top_p
        self.min_p[row] = sampling.min_p
        self.repetition[row] = sampling.repetition
        self.top_k[row] = sampling.top_k or vocab_size
        self.seed[row] = sampling.seed

    def rows(self, which: slice | torch.Tensor) -> DrawSettings:
        """Return some rows: views of a slice, copies of an index."""
        return DrawSettings(**{name: value[which] for name, value in vars(self).items()})


def draw(logits: torch.Tensor, seen: torch.Tensor, settings: DrawSettings, positions: torch.Tensor) -> torch.Tensor:
    """Return the next token of each row, `(B,)`.

    Args:
        logits: (B, V).
        seen: (B, V) bool, tokens that occurred.
        settings: of the rows.
        positions: (B,) int64, of the token that is drawn.
    """
    logits = penalize(logits.float(), seen, settings.repetition[:, None])
    greedy = logits.argmax(dim=-1)
    is_greedy = settings.temperature == 0
    heat = settings.temperature.masked_fill(is_greedy, 1.0)
    shares, tokens = (logits / heat[:, None]).softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    before = shares.cumsum(dim=-1) - shares
    rank = torch.arange(logits.shape[1], device=logits.device)
    is_kept = (rank < settings.top_k[:, None]) & (shares >= settings.min_p[:, None] * shares[:, :1])
    is_kept &= (before < settings.top_p[:, None]) | (rank == 0)
    reached = (shares * is_kept).cumsum(dim=-1)
    target = _uniform(settings.seed, positions)[:, None] * reached[:, -1:]
    place = (reached <= target).sum(dim=-1, keepdim=True).clamp(max=logits.shape[1] - 1)
    drawn = tokens.gather(1, place)[:, 0]
    return torch.where(is_greedy, greedy, drawn)


def _uniform(seed: torch.Tensor, counter: torch.Tensor) -> torch.Tensor:
    """Return numbers in [0, 1), float32: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = seed * -7046029254386353131 + (counter + 1) * -4658895280553007687
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        mixed = (mixed ^ ((mixed >> shift) & ((1 << (64 - shift)) - 1))) * factor
    mixed = mixed ^ ((mixed >> 31) & ((1 << 33) - 1))
    return ((mixed >> 40) & ((1 << 24) - 1)).float() * 2.0**-24
