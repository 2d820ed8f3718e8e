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
    _list_tiles[(experts,)](ends_E, tiles, count, experts, EXPERTS=triton.next_power_of_2(experts), ROWS=rows)
    return tiles, count


@triton.jit
def _list_tiles(ends, tiles, count, num_experts, EXPERTS: tl.constexpr, ROWS: tl.constexpr):
    """Write one expert's tiles of rows to the table: expert, first row, and where the expert's rows end."""
    own, index = tl.program_id(0), tl.arange(0, EXPERTS)
    is_real = index < num_experts
    end = tl.load(ends + index, mask=is_real, other=0)
    start = tl.load(ends + index - 1, mask=is_real & (index > 0), other=0)
    number = tl.where(is_real, (end - start + ROWS - 1) // ROWS, 0)
    place = tiles + 3 * tl.sum(tl.where(index < own, number, 0), axis=0)
    own_end = tl.load(ends + own)
    for first in range(tl.load(ends + own - 1, mask=own > 0, other=0), own_end, ROWS):
        tl.store(place, own)
        tl.store(place + 1, first)
        tl.store(place + 2, own_end)
        place += 3
    if own == 0:
        tl.store(count, tl.sum(number, axis=0))
