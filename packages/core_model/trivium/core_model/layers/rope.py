"""Rotary position embedding (RoPE, arXiv 2104.09864) and its stretching beyond the trained length.

Dimension pair `i` of a head turns by the angle `position * frequency_i`, so a score depends on distances only.
Stretching is YaRN (arXiv 2309.00071) or Llama 3.1's rule. Frequencies and angles are float32 in every model.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from trivium.core_model.config import ModelConfig, RopeScaling

__all__ = ["Rotary", "frequencies", "rotate", "score_temperature"]


class Rotary(nn.Module):
    """Cosine and sine of every position's angles, computed once per forward pass for all layers."""

    frequency: torch.Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = _amplitude(config.rope_scaling)
        self.register_buffer("frequency", frequencies(config), persistent=False)

    def forward(self, positions: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosine and sine for `(B, T)` positions, both `(B, 1, T, rotated_dim / 2)`."""
        angles = positions.clamp(min=0)[:, None, :, None].to(self.frequency.dtype) * self.frequency
        return (angles.cos() * self.scale).to(dtype), (angles.sin() * self.scale).to(dtype)

    def table(self, length: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosine and sine of the first `length` positions, both `(length, rotated_dim / 2)`."""
        cos, sin = self(torch.arange(length, device=self.frequency.device)[None], dtype)
        return cos[0, 0], sin[0, 0]

    @torch.no_grad()
    def reset(self, std: float = 0.0, generator: torch.Generator | None = None) -> None:
        """Compute the frequencies anew, for a module that was made on the meta device."""
        with torch.device(self.frequency.device):
            self.frequency.copy_(frequencies(self.config))


def rotate(x: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor], *, interleaved: bool) -> torch.Tensor:
    """Turn the pairs of `(B, H, T, D)`: `(a, b) -> (a cos - b sin, b cos + a sin)`.

    Args:
        rotation: what `Rotary` gave for the same tokens.
        interleaved: pairs lie side by side in `x`; else half of D apart. The result always holds all first
            members, then all second ones: queries and keys are permuted alike, so scores are the same.
    """
    cos, sin = rotation
    first, second = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def frequencies(config: ModelConfig) -> torch.Tensor:
    """Return the angle per position of each pair, `(rotated_dim / 2,)` float32: `theta^(-2i / dim)`, stretched."""
    dim = config.rotated_dim
    plain = 1.0 / config.rope_theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    scaling = config.rope_scaling
    if scaling is None:
        return plain
    if scaling.kind == "yarn":
        return _yarn(plain, scaling, dim, config.rope_theta)
    return _llama3(plain, scaling)


def score_temperature(scaling: RopeScaling | None) -> float:
    """Return the factor on attention scores that DeepSeek applies with YaRN: `(0.1 m ln(factor) + 1)^2`."""
    if scaling is None or not scaling.mscale_all_dim:
        return 1.0
    return _temperature(scaling.factor, scaling.mscale_all_dim) ** 2


def _yarn(plain: torch.Tensor, scaling: RopeScaling, dim: int, theta: float) -> torch.Tensor:
    """Blend kept and divided frequencies between two borders (arXiv 2309.00071, section 3.2)."""

    def border(turns: float) -> float:
        # The dimension that makes this many full turns over the original length.
        return dim * math.log(scaling.original_positions / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = border(scaling.beta_fast), border(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    ramp = (torch.arange(dim // 2, dtype=torch.float32) - low) / ((high - low) or 0.001)
    stretched = ramp.clamp(0, 1)
    return plain / scaling.factor * stretched + plain * (1 - stretched)


def _llama3(plain: torch.Tensor, scaling: RopeScaling) -> torch.Tensor:
    """Divide slow frequencies, keep fast ones, blend between (the rule of Llama 3.1's reference code)."""
    turns = scaling.original_positions * plain / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return plain / scaling.factor * (1 - kept) + plain * kept


def _amplitude(scaling: RopeScaling | None) -> float:
    """Return the factor on cosine and sine."""
    if scaling is None or scaling.kind != "yarn":
        return 1.0
    if scaling.attention_factor is not None:
        return scaling.attention_factor
    if scaling.mscale and scaling.mscale_all_dim:
        return _temperature(scaling.factor, scaling.mscale) / _temperature(scaling.factor, scaling.mscale_all_dim)
    return _temperature(scaling.factor, 1.0)


def _temperature(factor: float, weight: float) -> float:
    return 0.1 * weight * math.log(factor) + 1.0
