"""Kernels of a decoding step that begin before the one ahead has ended (programmatic dependent launch, Hopper).

A step is a chain of kernels of a few microseconds, and nearly as long again would pass between them. One that is
launched `early` may begin when the one ahead says so. What it does before `begin`, such as reading weights, must depend
on nothing that this step writes. A CUDA graph keeps such launches.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import triton
import triton.language as tl

__all__ = ["begin", "early"]


@functools.cache
def early() -> dict[str, Any]:
    """Return launch settings for a kernel that calls `begin`: early where the GPU can."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] < 9:
        return {"EARLY": False}
    return {"EARLY": True, "launch_pdl": True}


@triton.jit
def begin(EARLY: tl.constexpr):
    """Let the next kernel be launched, and wait until all that the ones ahead wrote is there."""
    if EARLY:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
