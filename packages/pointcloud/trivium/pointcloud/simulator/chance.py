"""Chance that belongs to a frame: numbers hashed from (seed, place, purpose), the same on CPU, on CUDA, in any batch.

A generator would give a beam other numbers as soon as another beam before it met something.
"""

from __future__ import annotations

import torch

__all__ = ["normal", "uniform"]

_MASK = 0xFFFFFFFF


def uniform(seed: torch.Tensor, place: torch.Tensor, purpose: int) -> torch.Tensor:
    """Return numbers in (0, 1), float32.

    Args:
        seed: int64 of the frame, broadcast against `place`.
        place: int64, such as the number of a beam.
        purpose: another value gives other numbers.
    """
    return ((_hash(seed, place, purpose) >> 9).to(torch.float32) + 0.5) * (1 / (1 << 23))


def normal(seed: torch.Tensor, place: torch.Tensor, purpose: int) -> torch.Tensor:
    """Return numbers of nearly a standard normal distribution: the bytes of one hash added up, within 3.4."""
    mixed = _hash(seed, place, purpose)
    total = (mixed & 255) + ((mixed >> 8) & 255) + ((mixed >> 16) & 255) + (mixed >> 24)
    return (total.to(torch.float32) - 510.0) * (1 / 147.8)


def _hash(seed: torch.Tensor, place: torch.Tensor, purpose: int) -> torch.Tensor:
    return _mix(_mix((seed + purpose * 0x632BE5AB) & _MASK) ^ (place & _MASK))


def _mix(value: torch.Tensor) -> torch.Tensor:
    """Return 32 mixed bits of 32 bits (the finaliser of MurmurHash3, with products kept below 2^63)."""
    value = value ^ (value >> 16)
    value = (value * 0x45D9F3B) & _MASK
    value = value ^ (value >> 16)
    value = (value * 0x45D9F3B) & _MASK
    return value ^ (value >> 16)
