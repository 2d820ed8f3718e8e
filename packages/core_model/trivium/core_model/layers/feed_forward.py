"""The dense feed-forward block: SwiGLU (arXiv 2002.05202) without biases."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["FeedForward"]


class FeedForward(nn.Module):
    """`down(silu(gate(x)) * up(x))`.

    Args:
        dim: width of the residual stream.
        hidden_dim: width inside.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden_dim, bias=False)
        self.up = nn.Linear(dim, hidden_dim, bias=False)
        self.down = nn.Linear(hidden_dim, dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map `(..., dim)` to `(..., dim)`."""
        return self.down(F.silu(self.gate(x)) * self.up(x))
