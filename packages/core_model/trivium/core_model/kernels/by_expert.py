"""Both products of an expert where each has a handful of rows: a program takes some columns of one expert's weights.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

Reading every weight once is the limit, and nearly all experts are asked for. So a program's expert does not depend on
the routing, and the first weights are on their way before the rows are known.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from trivium.core_model.kernels.early import begin, early
from trivium.core_model.kernels.slots import SortedSlots

__all__ = ["down_by_expert", "gated_by_expert"]

# The best of ten sizes each, at 32 rows of the model in `benchmarks/decode.py` on an H100.
_GATED = {"COLUMNS": 64, "INNER": 128, "num_warps": 4, "num_stages": 3}
_DOWN = {"COLUMNS": 128, "INNER": 128, "num_warps": 4, "num_stages": 3}
_ROWS = 16


def gated_by_expert(x_TD: Tensor, gate_up_E2FD: Tensor, weights_S: Tensor, order: SortedSlots) -> Tensor:
    """Return `weight * silu(gate x) * (up x)`, `(R, F)`; the plain twin is that of `products.gated_product`."""
    tokens, width = x_TD.shape
    experts, inner = gate_up_E2FD.shape[0], gate_up_E2FD.shape[1] // 2
    rows = order.slot_of_row.numel()
    h_RF = torch.empty(rows, inner, dtype=x_TD.dtype, device=x_TD.device)
    given = (x_TD, gate_up_E2FD, weights_S, order.slot_of_row, order.ends, h_RF, inner, width, rows // tokens)
    _gated[(experts * triton.cdiv(inner, _GATED["COLUMNS"]),)](*given, ROWS=_ROWS, **_GATED, **early())
    return h_RF


def down_by_expert(h_RF: Tensor, down_EDF: Tensor, order: SortedSlots) -> Tensor:
    """Return `h down^T`, `(R, D)`; the plain twin is that of `products.down_product`."""
    experts, width, inner = down_EDF.shape
    out_RD = torch.empty(len(h_RF), width, dtype=h_RF.dtype, device=h_RF.device)
    given = (h_RF, down_EDF, order.ends, out_RD, width, inner)
    _down[(experts * triton.cdiv(width, _DOWN["COLUMNS"]),)](*given, ROWS=_ROWS, **_DOWN, **early())
    return out_RD


@triton.jit
def _rows_of(ends, expert):
    """Return where an expert's rows begin and end."""
    return tl.load(ends + expert - 1, mask=expert > 0, other=0), tl.load(ends + expert)


@triton.jit
def _gated(
    x,
    gate_up,
    weights,
    slot_of_row,
    ends,
    h,
    width,
    inner_width,
    slots,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    blocks = tl.cdiv(width, COLUMNS)
    expert, first_column = tl.program_id(0) // blocks, (tl.program_id(0) % blocks) * COLUMNS
    inner, pair = tl.arange(0, INNER), tl.arange(0, 2 * COLUMNS)
    # Gate and up of a column lie side by side in one wide product, and so in the registers of one thread.
    matrix_row = expert.to(tl.int64) * 2 * width + (pair % 2) * width + (first_column + pair // 2) % width
    matrix_start = gate_up + matrix_row[None, :] * inner_width + inner[:, None]
    ahead = tl.load(matrix_start, mask=(inner < inner_width)[:, None], other=0.0)
    begin(EARLY)
    start, end = _rows_of(ends, expert)
    for first in range(start, end, ROWS):
        row = first + tl.arange(0, ROWS)
        is_real = row < end
        slot = tl.load(slot_of_row + row, mask=is_real, other=0)
        x_start = x + (slot // slots)[:, None] * inner_width + inner[None, :]
        both = tl.zeros((ROWS, 2 * COLUMNS), dtype=tl.float32)
        for step in range(INNER, inner_width, INNER):
            is_inside = inner < inner_width - step
            x_tile = tl.load(x_start + step, mask=is_inside[None, :], other=0.0)
            both = tl.dot(x_tile, tl.load(matrix_start + step, mask=is_inside[:, None], other=0.0), both)
        both = tl.dot(tl.load(x_start, mask=(inner < inner_width)[None, :], other=0.0), ahead, both)
        gate_tile, up_tile = tl.split(tl.reshape(both, (ROWS, COLUMNS, 2)))
        column = first_column + tl.arange(0, COLUMNS)
        weight = tl.load(weights + slot, mask=is_real, other=0.0).to(tl.float32)
        value = weight[:, None] * gate_tile * tl.sigmoid(gate_tile) * up_tile
        mask = is_real[:, None] & (column < width)[None, :]
        tl.store(h + row[:, None] * width + column[None, :], value.to(h.dtype.element_ty), mask=mask)


@triton.jit
def _down(
    h,
    down,
    ends,
    out,
    width,
    inner_width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    blocks = tl.cdiv(width, COLUMNS)
    expert = tl.program_id(0) // blocks
    column = (tl.program_id(0) % blocks) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, INNER)
    down_start = down + (expert.to(tl.int64) * width + column % width)[None, :] * inner_width + inner[:, None]
    ahead = tl.load(down_start, mask=(inner < inner_width)[:, None], other=0.0)
    begin(EARLY)
    start, end = _rows_of(ends, expert)
    for first in range(start, end, ROWS):
        row = first + tl.arange(0, ROWS)
        is_real = row < end
        h_start = h + tl.where(is_real, row, first)[:, None] * inner_width + inner[None, :]
        tile = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
        for step in range(INNER, inner_width, INNER):
            is_inside = inner < inner_width - step
            h_tile = tl.load(h_start + step, mask=is_inside[None, :], other=0.0)
            tile = tl.dot(h_tile, tl.load(down_start + step, mask=is_inside[:, None], other=0.0), tile)
        tile = tl.dot(tl.load(h_start, mask=(inner < inner_width)[None, :], other=0.0), ahead, tile)
        mask = is_real[:, None] & (column < width)[None, :]
        tl.store(out + row[:, None] * width + column[None, :], tile.to(out.dtype.element_ty), mask=mask)
