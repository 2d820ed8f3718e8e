"""Rows sorted by expert times their expert's matrix: one grouped product where torch has it, else a loop.

# R rows, E experts, D width of a row, F width of the result
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

__all__ = ["fits_grouped", "grouped_linear", "looped_linear", "row_ends"]


def grouped_linear(x_RD: torch.Tensor, weight_EFD: torch.Tensor, loads_E: torch.Tensor) -> torch.Tensor:
    """Multiply rows sorted by expert with their expert's matrix.

    Args:
        x_RD: rows, expert 0's first.
        weight_EFD: one matrix per expert, as `nn.Linear` stores it.
        loads_E: rows per expert, int64, summing to R; zero is fine.

    Returns:
        (R, F).
    """
    if not fits_grouped(x_RD, weight_EFD):
        return looped_linear(x_RD, weight_EFD, loads_E)
    return F.grouped_mm(x_RD.contiguous(), weight_EFD.transpose(1, 2), offs=row_ends(loads_E))


def looped_linear(x_RD: torch.Tensor, weight_EFD: torch.Tensor, loads_E: torch.Tensor) -> torch.Tensor:
    """`grouped_linear` as a loop over experts: its plain twin, and the way for float64 and odd widths."""
    stretches = x_RD.split(loads_E.tolist())
    return torch.cat([F.linear(stretch, weight) for stretch, weight in zip(stretches, weight_EFD, strict=True)])


def fits_grouped(x_RD: torch.Tensor, *weights_EFD: torch.Tensor) -> bool:
    """Say whether torch's grouped product takes these: no float64, and rows that are whole multiples of 16 bytes."""
    if x_RD.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return False
    return all(
        weight.dtype == x_RD.dtype and all(dim * x_RD.element_size() % 16 == 0 for dim in weight.shape[1:])
        for weight in weights_EFD
    )


def row_ends(loads_E: torch.Tensor) -> torch.Tensor:
    """Return where each expert's rows end, as `grouped_mm` wants it: `(E,)` int32."""
    return loads_E.cumsum(0).to(torch.int32)
