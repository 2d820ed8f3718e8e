"""What the experts of few tokens add to the residual stream, and the norm after it, in one launch.

# T tokens, K slots per token, R = T * K rows sorted by expert, D model width
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.kernels.early import begin, early
from trivium.core_model.kernels.rows import sum_rows_plain
from trivium.core_model.kernels.slots import SortedSlots

__all__ = ["normed_sum", "normed_sum_plain"]


def normed_sum(out_RD: Tensor, order: SortedSlots, add_TD: Tensor, norm: tuple[Tensor, float]) -> tuple[Tensor, Tensor]:
    """Return `add` and the sum over each token's slots `(T, D)`, and that normed; forward only.

    Args:
        out_RD: rows of the experts; those that no expert serves may hold anything.
        order: of the rows.
        add_TD: contiguous.
        norm: weight `(D,)` of an RMSNorm and what is added to its mean square.
    """
    tokens, width = add_TD.shape
    y_TD, normed_TD = torch.empty_like(add_TD), torch.empty_like(add_TD)
    sizes = {"SLOTS": len(out_RD) // tokens, "COLUMNS": triton.next_power_of_2(width), "num_warps": 4}
    given = (out_RD, order.row_of_slot, order.ends[-1:], add_TD, norm[0], y_TD, normed_TD, width, norm[1])
    _sum[(tokens,)](*given, **sizes, **early())
    return y_TD, normed_TD


def normed_sum_plain(
    out_RD: Tensor, order: SortedSlots, add_TD: Tensor, norm: tuple[Tensor, float]
) -> tuple[Tensor, Tensor]:
    """`normed_sum` in torch: its plain twin."""
    y_TD = (sum_rows_plain(out_RD.float(), order, len(add_TD)) + add_TD.float()).to(add_TD.dtype)
    return y_TD, F.rms_norm(y_TD, norm[0].shape, *norm)


@triton.jit
def _sum(
    out,
    row_of_slot,
    served,
    add,
    factor,
    y,
    normed,
    width,
    eps,
    SLOTS: tl.constexpr,
    COLUMNS: tl.constexpr,
    EARLY: tl.constexpr,
):
    token, column = tl.program_id(0), tl.arange(0, COLUMNS)
    is_inside = column < width
    factors = tl.load(factor + column, mask=is_inside, other=0.0).to(tl.float32)
    begin(EARLY)
    limit = tl.load(served)
    total = tl.load(add + token * width + column, mask=is_inside, other=0.0).to(tl.float32)
    for slot in tl.static_range(SLOTS):
        row = tl.load(row_of_slot + token * SLOTS + slot)
        part = tl.load(out + row.to(tl.int64) * width + column, mask=is_inside & (row < limit), other=0.0)
        total += part.to(tl.float32)
    rounded = total.to(y.dtype.element_ty)
    tl.store(y + token * width + column, rounded, mask=is_inside)
    value = rounded.to(tl.float32)
    value = value * tl.rsqrt(tl.sum(value * value, axis=0) / width + eps) * factors
    tl.store(normed + token * width + column, value.to(normed.dtype.element_ty), mask=is_inside)
