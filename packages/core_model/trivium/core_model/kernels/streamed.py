"""The first product of experts of many rows: a program on each multiprocessor goes from tile to tile.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

What a tile reads is on its way before the tile ahead is written: Triton makes one pipeline of the loop over tiles and
the one within a tile. Which tile holds which rows of which expert is found before, in a table.
"""

from __future__ import annotations

import functools

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from trivium.core_model.kernels.gated import write_gated
from trivium.core_model.kernels.slots import SortedSlots
from trivium.core_model.kernels.tiles import list_tiles

__all__ = ["streamed_gated"]

_SIZES = {"ROWS": 128, "COLUMNS": 128, "INNER": 64}


def streamed_gated(
    x_TD: Tensor, gate_up_E2FD: Tensor, weights_S: Tensor, order: SortedSlots, *, keep: bool
) -> tuple[Tensor, Tensor | None]:
    """Return what `products.gated_product` returns; its plain twin is this one's, too.

    Args:
        x_TD: contiguous, D a multiple of 64.
    """
    (tokens, width), (experts, wide) = x_TD.shape, gate_up_E2FD.shape[:2]
    rows, inner = order.slot_of_row.numel(), wide // 2
    tiles, count = list_tiles(order.ends, triton.cdiv(rows, _SIZES["ROWS"]) + experts, _SIZES["ROWS"])
    # The matrices come through the copy engine, seen as (E, F, 2, D): gate and up of a column side by side.
    strides = [wide * width, width, inner * width, 1]
    block = [1, _SIZES["COLUMNS"], 2, _SIZES["INNER"]]
    matrices = TensorDescriptor(gate_up_E2FD, [experts, inner, 2, width], strides, block)
    h_RF = torch.empty(rows, inner, dtype=x_TD.dtype, device=x_TD.device)
    kept = torch.empty(rows if keep else 0, wide, dtype=x_TD.dtype, device=x_TD.device)
    programs = _multiprocessors(x_TD.device)
    given = (x_TD, matrices, weights_S, order.slot_of_row, tiles, count, h_RF, kept, inner, width, rows // tokens)
    _gated[(programs,)](*given, KEEP=keep, PROGRAMS=programs, **_SIZES, num_warps=8, num_stages=3)
    return h_RF, kept if keep else None


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 3


@triton.jit
def _gated(
    x,
    gate_up,
    weights,
    slot_of_row,
    tiles,
    count,
    h,
    kept,
    width,
    inner_width,
    slots,
    KEEP: tl.constexpr,
    PROGRAMS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
):
    blocks = tl.cdiv(width, COLUMNS)
    total = tl.load(count) * blocks
    inner = tl.arange(0, INNER)
    for number in tl.range(tl.program_id(0), total, PROGRAMS, flatten=True):
        tile = tiles + number // blocks * 3
        expert, first, end = tl.load(tile), tl.load(tile + 1), tl.load(tile + 2)
        row = first + tl.arange(0, ROWS)
        is_real = row < end
        slot = tl.load(slot_of_row + row, mask=is_real, other=0)
        first_column = number % blocks * COLUMNS
        x_start = x + (slot // slots).to(tl.int64)[:, None] * inner_width + inner[None, :]
        # Gate and up of a column lie side by side in one wide product, and so in the registers of one thread.
        both = tl.zeros((ROWS, 2 * COLUMNS), dtype=tl.float32)
        for step in range(0, inner_width, INNER):
            matrix_tile = gate_up.load([expert, first_column, 0, step]).reshape(2 * COLUMNS, INNER)
            both = tl.dot(tl.load(x_start + step), matrix_tile.T, both)
        write_gated(both, row, is_real, first_column, slot, weights, h, kept, width, KEEP, ROWS, COLUMNS)
