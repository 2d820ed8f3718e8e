"""Whether the Triton kernels can take a tensor."""

from __future__ import annotations

import functools
import importlib.util

import torch

__all__ = ["has_kernels"]


def has_kernels(x: torch.Tensor) -> bool:
    """Say whether x lies on an NVIDIA GPU and Triton is installed."""
    return x.is_cuda and torch.version.hip is None and _has_triton()


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
