"""A cloud as a line: points sorted along a space-filling curve attend to those beside them (Point Transformer V3).

The idea of arXiv 2312.10035 without sparse convolutions: windows over the order of a curve, another curve in each
block, and a depthwise convolution along the order in place of positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.encoders.clouds import REACH, batch_clouds, features
from trivium.pointcloud.encoders.curves import BITS, hilbert, z_order

__all__ = ["SerialisedEncoder"]


class SerialisedEncoder(nn.Module):
    """One token of each window of points along the last curve; none of a cloud without points.

    Args:
        dim: D, width of a token.
        depth: blocks; they take turns among z-order, z-order with x and y swapped, Hilbert.
        heads: of the attention.
        window: points that attend to each other.
        cell: points nearer than this become one, metres.
        most: points of a cloud that are looked at.
    """

    def __init__(
        self, dim: int = 96, depth: int = 3, heads: int = 4, window: int = 64, *, cell: float = 0.2, most: int = 4096
    ) -> None:
        super().__init__()
        self.dim, self.window, self.cell, self.most = dim, window, cell, most
        self.point = nn.Linear(12, dim)
        self.blocks = nn.ModuleList(_Block(dim, heads, window) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def encode(self, batch: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode clouds, each (N, 4) on this module's device.

        Returns:
            (B, ceil(N / window), D) and its mask, for the N points that stay of the largest cloud.
        """
        points, is_real = batch_clouds(batch, self.cell, self.most)
        points = F.pad(points, (0, 0, 0, -points.shape[1] % self.window))
        is_real = F.pad(is_real, (0, points.shape[1] - is_real.shape[1]))
        x = self.point(features(points)) * is_real[..., None]
        for number, block in enumerate(self.blocks):
            order = _order(points, is_real, number, self.cell)
            points, is_real, x = (_sorted(one, order) for one in (points, is_real, x))
            x = block(x, is_real)
        x = self.norm(x).masked_fill(~is_real[..., None], -torch.inf)
        tokens = x.unflatten(1, (-1, self.window)).amax(dim=2)
        mask = is_real.unflatten(1, (-1, self.window)).any(dim=2)
        return tokens.masked_fill(~mask[..., None], 0.0), mask


class _Block(nn.Module):
    """Convolution along the order, attention within windows, feed-forward; each added to its input."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.position = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.norm, self.mixed = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.after = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: torch.Tensor, is_real: torch.Tensor) -> torch.Tensor:
        """Return (B, N, D), zero where nothing is real; N is a multiple of the window."""
        real = is_real[..., None]
        x = x + self.position(x.transpose(1, 2)).transpose(1, 2) * real
        parts = self.mixed(self.norm(x)).unflatten(1, (-1, self.window))  # (B, windows, W, 3 D)
        query, key, value = (
            one.unflatten(3, (self.heads, -1)).transpose(2, 3) for one in parts.chunk(3, dim=3)
        )  # (B, windows, heads, W, D / heads)
        seen = is_real.unflatten(1, (-1, self.window))
        seen = seen | ~seen.any(dim=2, keepdim=True)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, :, None, None])
        x = x + self.out(found.transpose(2, 3).flatten(3).flatten(1, 2)) * real
        return (x + self.after(x)) * real


def _order(points: torch.Tensor, is_real: torch.Tensor, number: int, cell: float) -> torch.Tensor:
    """Return the order of points along a curve, (B, N) int64; what is not real comes last."""
    cells = ((points[..., :3] + REACH) / cell).long().clamp(0, (1 << BITS) - 1).flatten(0, 1)
    curve = number % 3
    code = hilbert(cells) if curve == 2 else z_order(cells[:, [1, 0, 2]] if curve == 1 else cells)
    code = code.view(is_real.shape).masked_fill(~is_real, torch.iinfo(torch.int64).max)
    return code.argsort(dim=1, stable=True)


def _sorted(values: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    if values.dim() == 2:
        return values.gather(1, order)
    return values.gather(1, order[..., None].expand_as(values))
