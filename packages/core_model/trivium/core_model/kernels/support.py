"""Whether the Triton kernels can take a tensor."""

from __future__ import annotations

import importlib.util

import torch

__all__ = ["has_kernels"]

_IS_HERE = importlib.util.find_spec("triton") is not None and torch.version.hip is None


def has_kernels(x: torch.Tensor) -> bool:
    """Say whether x lies on an NVIDIA GPU and Triton is installed."""
    return _IS_HERE and x.is_cuda
