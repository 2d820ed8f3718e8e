"""Rows of sensor data to tokens: a `ModalityEncoder` whose token is a patch of consecutive rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

__all__ = ["SensorBatch", "SensorPatchEncoder", "windows"]


@dataclass(frozen=True)
class SensorBatch:
    """Stretches of standardised sensor data.

    Args:
        rows: (B, W, C) float32; the real rows come first, anything may follow.
        lengths: (B,) int64, how many rows are real, each a multiple of the encoder's patch.
    """

    rows: torch.Tensor
    lengths: torch.Tensor


class SensorPatchEncoder(nn.Module):
    """Project patches of `patch` rows to tokens.

    Args:
        num_channels: C, sensors and what is derived from them.
        dim: width of a token.
        patch: rows of one token.
        dropout: share of a token's numbers that training leaves out.
    """

    def __init__(self, num_channels: int, dim: int, patch: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = dim
        self.patch = patch
        self.project = nn.Sequential(nn.Linear(num_channels * patch, dim), nn.GELU(), nn.Linear(dim, dim))
        self.dropout = nn.Dropout(dropout)

    def encode(self, batch: SensorBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return tokens (B, W / patch, dim) and their mask; see `trivium.core_model.encoder.ModalityEncoder`."""
        B, W, C = batch.rows.shape
        patches = batch.rows.reshape(B, W // self.patch, self.patch * C)  # (B, N, patch * C)
        mask = torch.arange(W // self.patch, device=patches.device) < (batch.lengths // self.patch)[:, None]
        return self.dropout(self.project(patches)), mask


def windows(channels: np.ndarray, asset_starts: np.ndarray, ends: np.ndarray, width: int, patch: int) -> SensorBatch:
    """Cut the last `width` rows up to each of `ends`, of the same asset; causal.

    A shorter history is lengthened to a multiple of `patch` by repeating its first row.

    Args:
        channels: (N, C).
        asset_starts: (N,), first row of each row's asset.
        ends: (B,), index of the last row of each stretch.
        width: W, a multiple of `patch`.
    """
    known = np.minimum(ends - asset_starts[ends] + 1, width)
    lengths = -(-known // patch) * patch  # (B,)
    first = ends - known + 1
    index = ends[:, None] - lengths[:, None] + 1 + np.arange(width)  # (B, W)
    index = np.clip(index, first[:, None], ends[:, None])
    return SensorBatch(torch.from_numpy(channels[index].astype(np.float32)), torch.from_numpy(lengths))
