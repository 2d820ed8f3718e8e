"""Both products of an expert, each for all experts in one launch, without copies of tokens or gaps between.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

`gated_product` reads each row's token where it lies, multiplies it by gate and up, and writes the weighted activation:
what would be a gather, a product and an activation. `down_product` is the second product. A tile holds rows of one
expert; which one is found on the device, so that a launch's size depends on no routing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch.nn import functional as F

from trivium.core_model.kernels.gated import write_gated
from trivium.core_model.kernels.slots import SortedSlots
from trivium.core_model.kernels.streamed import streamed_gated

__all__ = ["Tile", "down_product", "down_product_plain", "gated_product", "gated_product_plain", "tile_for"]


@dataclass(frozen=True)
class Tile:
    """Sizes of one program's work, in elements, and how it is run.

    Args:
        rows, columns, inner: of the output, and of one step along the width that is summed over.
        warps, stages: of one program.
    """

    rows: int
    columns: int
    inner: int
    warps: int
    stages: int


_WIDE = Tile(rows=128, columns=128, inner=64, warps=8, stages=4)  # arithmetic is the limit
_MIDDLE = Tile(rows=64, columns=64, inner=64, warps=4, stages=4)
_NARROW = Tile(rows=16, columns=64, inner=128, warps=4, stages=3)  # reading weights is the limit


def tile_for(rows: int, num_experts: int) -> Tile:
    """Pick a tile by the mean number of rows of an expert."""
    if rows > 64 * num_experts:
        return _WIDE
    return _MIDDLE if rows > 24 * num_experts else _NARROW


def gated_product(
    x_TD: torch.Tensor,
    gate_up_E2FD: torch.Tensor,
    weights_S: torch.Tensor,
    order: SortedSlots,
    *,
    keep: bool = False,
    tile: Tile | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return `weight * silu(gate x) * (up x)`, `(R, F)`, and with `keep` gate and up `(R, 2 F)` for a backward pass.

    Rows that no expert serves hold whatever memory held.

    Args:
        x_TD: contiguous; D times the bytes of an element is a multiple of 16.
        gate_up_E2FD: gate rows before up rows, contiguous.
        weights_S: float32, of each slot.
    """
    tokens, width = x_TD.shape
    experts, wide = gate_up_E2FD.shape[0], gate_up_E2FD.shape[1]
    rows = order.slot_of_row.numel()
    tile = tile or tile_for(rows, experts)
    if tile is _WIDE and width % tile.inner == 0:
        return streamed_gated(x_TD, gate_up_E2FD, weights_S, order, keep=keep)
    h_RF = torch.empty(rows, wide // 2, dtype=x_TD.dtype, device=x_TD.device)
    kept = torch.empty(rows if keep else 0, wide, dtype=x_TD.dtype, device=x_TD.device)
    _gated[_grid(rows, experts, wide // 2, tile)](
        x_TD,
        gate_up_E2FD,
        weights_S,
        order.slot_of_row,
        order.ends,
        h_RF,
        kept,
        experts,
        wide // 2,
        width,
        rows // tokens,
        KEEP=keep,
        **_constants(tile, experts),
    )
    return h_RF, kept if keep else None


def gated_product_plain(
    x_TD: torch.Tensor, gate_up_E2FD: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots
) -> tuple[torch.Tensor, torch.Tensor]:
    """`gated_product` as a loop over experts: its plain twin, served rows only."""
    slots = order.slot_of_row.numel() // len(x_TD)
    kept, start = [], 0
    for expert, end in enumerate(order.ends.tolist()):
        token_R = order.slot_of_row[start:end].long() // slots
        kept.append(x_TD[token_R].float() @ gate_up_E2FD[expert].float().T)
        start = end
    gate_up_R2F = torch.cat(kept)
    gate_RF, up_RF = gate_up_R2F.chunk(2, dim=-1)
    weight_R1 = weights_S[order.slot_of_row[:start].long()].float()[:, None]
    return (weight_R1 * F.silu(gate_RF) * up_RF).to(x_TD.dtype), gate_up_R2F.to(x_TD.dtype)


def down_product(
    h_RF: torch.Tensor, down_EDF: torch.Tensor, order: SortedSlots, tile: Tile | None = None
) -> torch.Tensor:
    """Return `h down^T`, `(R, D)`; rows that no expert serves hold whatever memory held."""
    rows, width = h_RF.shape
    experts, out_width = down_EDF.shape[:2]
    tile = tile or tile_for(rows, experts)
    out_RD = torch.empty(rows, out_width, dtype=h_RF.dtype, device=h_RF.device)
    _down[_grid(rows, experts, out_width, tile)](
        h_RF, down_EDF, order.ends, out_RD, experts, out_width, width, **_constants(tile, experts)
    )
    return out_RD


def down_product_plain(h_RF: torch.Tensor, down_EDF: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """`down_product` as a loop over experts: its plain twin, served rows only."""
    starts = [0, *order.ends.tolist()]
    products = [h_RF[starts[e] : starts[e + 1]].float() @ down.float().T for e, down in enumerate(down_EDF)]
    return torch.cat(products).to(h_RF.dtype)


def _grid(rows: int, experts: int, columns: int, tile: Tile) -> tuple[int]:
    """Return as many programs as the worst routing needs: each expert may end with a tile that is not full."""
    most_tiles = triton.cdiv(rows, tile.rows) + min(experts, rows)
    return (most_tiles * triton.cdiv(columns, tile.columns),)


def _constants(tile: Tile, experts: int) -> dict[str, int]:
    return {
        "EXPERTS": triton.next_power_of_2(experts),
        "ROWS": tile.rows,
        "COLUMNS": tile.columns,
        "INNER": tile.inner,
        "num_warps": tile.warps,
        "num_stages": tile.stages,
    }


@triton.jit
def _own_tile(ends, number, num_experts, EXPERTS: tl.constexpr, ROWS: tl.constexpr):
    """Return the expert of this tile of rows, its first row, and where the expert's rows end; end 0 for none."""
    index = tl.arange(0, EXPERTS)
    is_real = index < num_experts
    end = tl.load(ends + index, mask=is_real, other=0)
    start = tl.load(ends + index - 1, mask=is_real & (index > 0), other=0)
    tiles = tl.where(is_real, (end - start + ROWS - 1) // ROWS, 0)
    before = tl.cumsum(tiles, axis=0) - tiles
    is_own = (number >= before) & (number < before + tiles)
    first = tl.sum(tl.where(is_own, start + (number - before) * ROWS, 0), axis=0)
    return tl.sum(tl.where(is_own, index, 0), axis=0), first, tl.sum(tl.where(is_own, end, 0), axis=0)


@triton.jit
def _gated(
    x,
    gate_up,
    weights,
    slot_of_row,
    ends,
    h,
    kept,
    num_experts,
    width,
    inner_width,
    slots,
    KEEP: tl.constexpr,
    EXPERTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
):
    blocks = tl.cdiv(width, COLUMNS)
    expert, first, end = _own_tile(ends, tl.program_id(0) // blocks, num_experts, EXPERTS, ROWS)
    if first >= end:
        return
    row = first + tl.arange(0, ROWS)
    is_real = row < end
    slot = tl.load(slot_of_row + row, mask=is_real, other=0)
    first_column = (tl.program_id(0) % blocks) * COLUMNS
    inner = tl.arange(0, INNER)
    x_start = x + (slot // slots).to(tl.int64)[:, None] * inner_width + inner[None, :]
    # Gate and up of a column lie side by side in one wide product, and so in the registers of one thread.
    both = tl.zeros((ROWS, 2 * COLUMNS), dtype=tl.float32)
    pair = tl.arange(0, 2 * COLUMNS)
    matrix_row = expert.to(tl.int64) * 2 * width + (pair % 2) * width + (first_column + pair // 2) % width
    matrix_start = gate_up + matrix_row[None, :] * inner_width + inner[:, None]
    for step in range(0, inner_width, INNER):
        is_inside = inner < inner_width - step
        x_tile = tl.load(x_start + step, mask=is_inside[None, :], other=0.0)
        both = tl.dot(x_tile, tl.load(matrix_start + step, mask=is_inside[:, None], other=0.0), both)
    write_gated(both, row, is_real, first_column, slot, weights, h, kept, width, KEEP, ROWS, COLUMNS)


@triton.jit
def _down(
    h,
    down,
    ends,
    out,
    num_experts,
    width,
    inner_width,
    EXPERTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
):
    blocks = tl.cdiv(width, COLUMNS)
    expert, first, end = _own_tile(ends, tl.program_id(0) // blocks, num_experts, EXPERTS, ROWS)
    if first >= end:
        return
    row = first + tl.arange(0, ROWS)
    is_real = row < end
    column = (tl.program_id(0) % blocks) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, INNER)
    h_start = h + tl.where(is_real, row, first).to(tl.int64)[:, None] * inner_width + inner[None, :]
    down_start = down + (expert.to(tl.int64) * width + column % width)[None, :] * inner_width + inner[:, None]
    tile = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for step in range(0, inner_width, INNER):
        is_inside = inner < inner_width - step
        h_tile = tl.load(h_start + step, mask=is_inside[None, :], other=0.0)
        tile = tl.dot(h_tile, tl.load(down_start + step, mask=is_inside[:, None], other=0.0), tile)
    mask = is_real[:, None] & (column < width)[None, :]
    tl.store(out + row.to(tl.int64)[:, None] * width + column[None, :], tile.to(out.dtype.element_ty), mask=mask)
