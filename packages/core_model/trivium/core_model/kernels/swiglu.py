"""The activation between the two products of an expert, with the router's weight in it.

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

__all__ = ["weighted_swiglu", "weighted_swiglu_backward", "weighted_swiglu_plain"]


def weighted_swiglu(gate_up_R2F: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """Return `(R, F)`, computed in float32."""
    rows, width = gate_up_R2F.shape[0], gate_up_R2F.shape[1] // 2
    h_RF = torch.empty(rows, width, dtype=gate_up_R2F.dtype, device=gate_up_R2F.device)
    grid = (triton.cdiv(rows, 4), triton.cdiv(width, 1024))
    _forward[grid](gate_up_R2F, weights_S, order.slot_of_row, h_RF, rows, width, ROWS=4, COLUMNS=1024)
    return h_RF


def weighted_swiglu_plain(gate_up_R2F: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """`weighted_swiglu` in torch: its plain twin, whose gradient torch finds."""
    gate_RF, up_RF = gate_up_R2F.float().chunk(2, dim=-1)
    weight_R1 = weights_S[order.slot_of_row.long()].float()[:, None]
    return (weight_R1 * F.silu(gate_RF) * up_RF).to(gate_up_R2F.dtype)


def weighted_swiglu_backward(
    dh_RF: torch.Tensor, gate_up_R2F: torch.Tensor, weights_S: torch.Tensor, order: SortedSlots
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return gradients of gate_up `(R, 2 F)` and weights `(S,)`, and h once more `(R, F)`."""
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
def _forward(gate_up, weights, slot_of_row, h, rows, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    weight = tl.load(weights + tl.load(slot_of_row + row, mask=row < rows, other=0), mask=row < rows, other=0.0)
    mask = (row < rows)[:, None] & (column < width)[None, :]
    start = gate_up + row.to(tl.int64)[:, None] * (2 * width) + column[None, :]
    gate = tl.load(start, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(start + width, mask=mask, other=0.0).to(tl.float32)
    value = weight.to(tl.float32)[:, None] * gate * tl.sigmoid(gate) * up
    tl.store(h + row.to(tl.int64)[:, None] * width + column[None, :], value.to(h.dtype.element_ty), mask=mask)


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
    narrow = row.to(tl.int64)[:, None] * width
    dweight = tl.zeros((ROWS,), dtype=tl.float32)
    for first in range(0, width, COLUMNS):
        column = first + tl.arange(0, COLUMNS)
        mask = (row < rows)[:, None] & (column < width)[None, :]
        wide = 2 * narrow + column[None, :]
        gate = tl.load(gate_up + wide, mask=mask, other=0.0).to(tl.float32)
        up = tl.load(gate_up + wide + width, mask=mask, other=0.0).to(tl.float32)
        change = tl.load(dh + narrow + column[None, :], mask=mask, other=0.0).to(tl.float32)
        share = tl.sigmoid(gate)
        silu = gate * share
        dweight += tl.sum(change * silu * up, axis=1)
        change *= weight
        dgate = change * up * share * (1.0 + gate * (1.0 - share))
        tl.store(dgate_up + wide, dgate.to(dgate_up.dtype.element_ty), mask=mask)
        tl.store(dgate_up + wide + width, (change * silu).to(dgate_up.dtype.element_ty), mask=mask)
        tl.store(h + narrow + column[None, :], (weight * silu * up).to(h.dtype.element_ty), mask=mask)
    # Rows that no expert serves hold whatever memory held.
    dweight = tl.where(row < tl.load(served), dweight, 0.0)
    tl.store(dweights + slot, dweight.to(dweights.dtype.element_ty), mask=row < rows)
