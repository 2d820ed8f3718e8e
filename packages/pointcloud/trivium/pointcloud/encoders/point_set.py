"""A cloud as a set: learned questions look over all points (Set Transformer, arXiv 1810.00825); order means nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.encoders.clouds import batch_clouds, features

__all__ = ["PointSetEncoder"]


class PointSetEncoder(nn.Module):
    """K tokens of each cloud; none of a cloud without points.

    Args:
        dim: D, width of a token.
        tokens: K.
        heads: of the attention.
        cell: points nearer than this become one, metres.
        most: points of a cloud that are looked at.
    """

    def __init__(self, dim: int = 96, tokens: int = 16, heads: int = 4, *, cell: float = 0.2, most: int = 4096) -> None:
        super().__init__()
        self.dim, self.heads, self.cell, self.most = dim, heads, cell, most
        self.point = nn.Sequential(nn.Linear(12, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU())
        self.seeds = nn.Parameter(torch.randn(tokens, dim) * dim**-0.5)
        self.query, self.keys = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.norm = nn.LayerNorm(dim)
        self.after = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def encode(self, batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode clouds, each (N, 4) on this module's device; returns (B, K, D) and (B, K)."""
        points, is_real = batch_clouds(batch, self.cell, self.most)
        x = self.norm(self.point(features(points)))  # (B, N, D)
        key, value = (self._split(one) for one in self.keys(x).chunk(2, dim=2))
        seeds = self.query(self.seeds).expand(len(x), -1, -1)
        # A cloud without points looks at its padding; its tokens are masked.
        seen = is_real | ~is_real.any(dim=1, keepdim=True)
        found = F.scaled_dot_product_attention(self._split(seeds), key, value, attn_mask=seen[:, None, None])
        tokens = self.seeds + found.transpose(1, 2).flatten(2)
        tokens = tokens + self.after(tokens)
        return tokens, is_real.any(dim=1, keepdim=True).expand(-1, len(self.seeds))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, N, D / heads)
