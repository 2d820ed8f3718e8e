"""Which tile of rows belongs to which expert: a table, found on the device."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["Tiles", "list_tiles"]

Tiles = tuple[Tensor, Tensor]


def list_tiles(ends_E: Tensor, most: int, rows: int) -> Tiles:
    """Return the tiles of all experts, and how many there are.

    Args:
        ends_E: int32, where each expert's rows end.
        most: as many tiles as the worst routing needs.
        rows: of one tile; an expert's last one may hold fewer.

    Returns:
        (most, 3) int32, of each tile its expert, its first row, and where the expert's rows end; (1,) int32.
    """
    experts = len(ends_E)
    tiles = torch.empty(most, 3, dtype=torch.int32, device=ends_E.device)
    count = torch.empty(1, dtype=torch.int32, device=ends_E.device)
    sizes = {"EXPERTS": triton.next_power_of_2(experts), "ROWS": rows, "BLOCK": 64}
    _list_tiles[(experts,)](ends_E, tiles, count, experts, **sizes)
    return tiles, count


@triton.jit
def _list_tiles(ends, tiles, count, num_experts, EXPERTS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Write one expert's tiles of rows to the table: expert, first row, and where the expert's rows end."""
    own, index = tl.program_id(0), tl.arange(0, EXPERTS)
    is_real = index < num_experts
    end = tl.load(ends + index, mask=is_real, other=0)
    start = tl.load(ends + index - 1, mask=is_real & (index > 0), other=0)
    number = tl.where(is_real, (end - start + ROWS - 1) // ROWS, 0)
    before = tl.sum(tl.where(index < own, number, 0), axis=0)
    own_number = tl.sum(tl.where(index == own, number, 0), axis=0)
    own_start, own_end = tl.sum(tl.where(index == own, start, 0), axis=0), tl.load(ends + own)
    for first in range(0, own_number, BLOCK):
        tile = first + tl.arange(0, BLOCK)
        place = tiles + 3 * (before + tile)
        tl.store(place, own, mask=tile < own_number)
        tl.store(place + 1, own_start + tile * ROWS, mask=tile < own_number)
        tl.store(place + 2, own_end, mask=tile < own_number)
    if own == 0:
        tl.store(count, tl.sum(number, axis=0))
