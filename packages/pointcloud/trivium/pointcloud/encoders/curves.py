"""Space-filling curves: one number per cell, so that cells with near numbers are near each other."""

from __future__ import annotations

import torch

__all__ = ["BITS", "hilbert", "z_order"]

BITS = 12
"""Bits of each coordinate; three of them fit into an int64 many times."""


def z_order(cells: torch.Tensor) -> torch.Tensor:
    """Return the place of cells (N, 3), each coordinate in [0, 2**BITS), on the z-order (Morton) curve, (N,) int64."""
    code = torch.zeros(len(cells), dtype=torch.int64, device=cells.device)
    for bit in range(BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + 2 - axis)
    return code


def hilbert(cells: torch.Tensor) -> torch.Tensor:
    """Return the place of cells on the Hilbert curve, whose neighbours are neighbours in space, (N,) int64.

    Skilling's algorithm (AIP Conf. Proc. 707, 2004): coordinates are turned, bit by bit, into the transposed index.
    """
    x = [cells[:, axis].clone() for axis in range(3)]
    for bit in range(BITS - 1, 0, -1):
        mask = (1 << bit) - 1
        for axis in range(3):
            is_set = ((x[axis] >> bit) & 1).bool()
            swap = torch.where(is_set, 0, (x[0] ^ x[axis]) & mask)
            x[0] = torch.where(is_set, x[0] ^ mask, x[0] ^ swap)
            x[axis] = x[axis] ^ swap
    x[1] = x[1] ^ x[0]
    x[2] = x[2] ^ x[1]
    turn = torch.zeros_like(x[0])
    for bit in range(BITS - 1, 0, -1):
        turn = torch.where(((x[2] >> bit) & 1).bool(), turn ^ ((1 << bit) - 1), turn)
    return z_order(torch.stack([one ^ turn for one in x], dim=1))
