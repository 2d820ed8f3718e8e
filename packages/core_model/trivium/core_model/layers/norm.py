"""RMSNorm (arXiv 1910.07467): divide by the root of the mean square, then scale each dimension."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["RMSNorm"]


class RMSNorm(nn.Module):
    """`y = x / sqrt(mean(x^2) + eps) * weight`, over the last dimension.

    Args:
        dim: size of the last dimension.
        eps: added to the mean square.
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Norm `(..., dim)`; low precision is squared and averaged in float32."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)

    @torch.no_grad()
    def reset(self, std: float = 0.0, generator: torch.Generator | None = None) -> None:
        """Set the scale to one, whatever the arguments."""
        self.weight.fill_(1.0)
