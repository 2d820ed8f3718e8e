"""The activation between the two products of an expert, with the router's weight in it: its backward pass.

    # R rows sorted by expert, F expert width, S slots in the order of tokens

    h = weight * silu(gate) * up        with gate_up = [gate, up], one row of 2 F

The weight can enter here because the second product is linear. Then its gradient is `sum_F dh * silu(gate) * up`, and
the backward pass needs no output of the second product: none is kept (as in SonicMoE, arXiv 2512.14080).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch.nn import functional as F

from trivium.core_model.kernels.slots import SortedSlots

__all__ = ["weighted_swiglu_backward", "weighted_swiglu_plain"]


def weighted_swiglu_plain(gate_up_R2F: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """Return `(R, F)`: the formula in float32, the plain twin of kernels that hold it; torch finds its gradient."""
    gate_RF, up_RF = gate_up_R2F.float().chunk(2, dim=-1)
    weight_R1 = weights_S[order.slot_of_row.long()].float()[:, None]
    return (weight_R1 * F.silu(gate_RF) * up_RF).to(gate_up_R2F.dtype)


def weighted_swiglu_backward(
    dh_RF: torch.Tensor, gate_up_R2F: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return gradients of gate_up `(R, 2 F)` and weights `(S,)`, and h once more `(R, F)`; unserved rows are zero."""
    rows, width = dh_RF.shape
    dgate_up_R2F, h_RF = torch.empty_like(gate_up_R2F), torch.empty_like(dh_RF)
    dweights_S = torch.empty_like(weights_S)
    places = (order.slot_of_row, order.ends[-1:])
    block = min(triton.next_power_of_2(width), 1024)
    grid = (triton.cdiv(rows, 2),)
    _backward[grid](
        dh_RF, gate_up_R2F, weights_S, *places, dgate_up_R2F, h_RF, dweights_S, rows, width, ROWS=2, COLUMNS=block
    )
    return dgate_up_R2F, dweights_S, h_RF


@triton.jit
def _backward(
    dh,
    gate_up,
    weights,
    slot_of_row,
    served,
    dgate_up,
    h,
    dweights,
    rows,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    slot = tl.load(slot_of_row + row, mask=row < rows, other=0)
    weight = tl.load(weights + slot, mask=row < rows, other=0.0).to(tl.float32)[:, None]
    # Rows that no expert serves hold whatever memory held.
    is_served = (row < tl.load(served))[:, None]
    narrow = row.to(tl.int64)[:, None] * width
    dweight = tl.zeros((ROWS,), dtype=tl.float32)
    for first in range(0, width, COLUMNS):
        column = first + tl.arange(0, COLUMNS)
        mask = (row < rows)[:, None] & (column < width)[None, :]
        wide = 2 * narrow + column[None, :]
        gate = tl.load(gate_up + wide, mask=mask & is_served, other=0.0).to(tl.float32)
        up = tl.load(gate_up + wide + width, mask=mask & is_served, other=0.0).to(tl.float32)
        change = tl.load(dh + narrow + column[None, :], mask=mask & is_served, other=0.0).to(tl.float32)
        share = tl.sigmoid(gate)
        silu = gate * share
        dweight += tl.sum(change * silu * up, axis=1)
        change *= weight
        dgate = change * up * share * (1.0 + gate * (1.0 - share))
        tl.store(dgate_up + wide, dgate.to(dgate_up.dtype.element_ty), mask=mask)
        tl.store(dgate_up + wide + width, (change * silu).to(dgate_up.dtype.element_ty), mask=mask)
        tl.store(h + narrow + column[None, :], (weight * silu * up).to(h.dtype.element_ty), mask=mask)
    tl.store(dweights + slot, dweight.to(dweights.dtype.element_ty), mask=row < rows)
