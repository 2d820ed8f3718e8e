"""The end of a tile of the first product of many rows: the weighted activation is written.

R rows sorted by expert, F expert width.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["write_gated"]


@triton.jit
def write_gated(
    both,
    row,
    is_real,
    first_column,
    slot,
    weights,
    h,
    kept,
    width,
    KEEP: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Write `weight * silu(gate) * up` to `h` `(R, F)`, and with `KEEP` gate and up to `kept` `(R, 2 F)`.

    `both` is (ROWS, 2 COLUMNS) float32: gate and up of a column side by side, and so in the registers of one thread.
    """
    gate_tile, up_tile = tl.split(tl.reshape(both, (ROWS, COLUMNS, 2)))
    column = first_column + tl.arange(0, COLUMNS)
    mask = is_real[:, None] & (column < width)[None, :]
    if KEEP:
        kept_start = kept + row.to(tl.int64)[:, None] * (2 * width) + column[None, :]
        tl.store(kept_start, gate_tile.to(kept.dtype.element_ty), mask=mask)
        tl.store(kept_start + width, up_tile.to(kept.dtype.element_ty), mask=mask)
    weight = tl.load(weights + slot, mask=is_real, other=0.0).to(tl.float32)
    value = weight[:, None] * gate_tile * tl.sigmoid(gate_tile) * up_tile
    tl.store(h + row.to(tl.int64)[:, None] * width + column[None, :], value.to(h.dtype.element_ty), mask=mask)
