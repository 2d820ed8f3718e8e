"""The experts of a handful of tokens: every slot reads its expert's weights once, unsorted, in two launches.

    # T tokens, K slots per token, S = T * K slots, E experts, D model width, F expert width

At decoding for one reader a layer's weights are read in microseconds; sorting slots and adding rows up in launches of
their own would take as long again.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from trivium.core_model.kernels.early import begin, early

__all__ = ["MOST_SLOTS", "few_experts"]

# With more slots, experts begin to be asked for twice, and their weights would be read twice.
MOST_SLOTS = 16

_COLUMNS = 2  # of one program
_TILE = 8192  # elements of weights in its registers


def few_experts(
    x_TD: torch.Tensor,
    expert_ids_TK: torch.Tensor,
    weights_TK: torch.Tensor,
    gate_up_E2FD: torch.Tensor,
    down_EDF: torch.Tensor,
    add: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what `experts.fused_experts` returns, and `add` with it; forward only.

    Args:
        x_TD, weights_TK: contiguous.
        add: (T, D), contiguous; None for nothing.
    """
    (tokens, width), slots = x_TD.shape, expert_ids_TK.shape[1]
    experts, _, inner = down_EDF.shape
    h_SF = torch.empty(tokens * slots, inner, dtype=torch.float32, device=x_TD.device)
    y_TD = torch.empty_like(x_TD)
    chosen = expert_ids_TK.contiguous()
    _gated[(tokens * slots, triton.cdiv(inner, _COLUMNS))](
        x_TD, gate_up_E2FD, weights_TK, chosen, h_SF, experts, inner, width, SLOTS=slots, **_sizes(width, 1), **early()
    )
    sizes = _sizes(inner, triton.next_power_of_2(slots))
    _down[(tokens, triton.cdiv(width, sizes["COLUMNS"]))](
        h_SF,
        down_EDF,
        chosen,
        y_TD if add is None else add,
        y_TD,
        experts,
        width,
        inner,
        slots,
        IS_ADDED=add is not None,
        MOST=triton.next_power_of_2(slots),
        **sizes,
        **early(),
    )
    return y_TD


def _sizes(width: int, slots: int) -> dict[str, int]:
    """Return a tile of the weights of so many slots that one load brings."""
    inner = min(triton.next_power_of_2(width), 1024)
    return {"INNER": inner, "COLUMNS": max(min(_COLUMNS, _TILE // (inner * slots)), 1), "num_warps": 4}


@triton.jit
def _gated(
    x,
    gate_up,
    weights,
    ids,
    h,
    experts,
    width,
    inner_width,
    SLOTS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    begin(EARLY)
    slot = tl.program_id(0)
    expert = tl.load(ids + slot)
    if expert >= experts:
        return
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, INNER)
    gate_start = gate_up + (expert * 2 * width + column)[:, None] * inner_width + inner[None, :]
    gate = tl.zeros((COLUMNS,), dtype=tl.float32)
    up = tl.zeros((COLUMNS,), dtype=tl.float32)
    for step in range(0, inner_width, INNER):
        mask = (column < width)[:, None] & (inner < inner_width - step)[None, :]
        part = tl.load(x + (slot // SLOTS) * inner_width + step + inner, mask=inner < inner_width - step, other=0.0)
        part = part.to(tl.float32)[None, :]
        gate += tl.sum(tl.load(gate_start + step, mask=mask, other=0.0).to(tl.float32) * part, axis=1)
        beside = tl.load(gate_start + width * inner_width + step, mask=mask, other=0.0).to(tl.float32)
        up += tl.sum(beside * part, axis=1)
    value = tl.load(weights + slot).to(tl.float32) * gate * tl.sigmoid(gate) * up
    tl.store(h + slot * width + column, value, mask=column < width)


@triton.jit
def _down(
    h,
    down,
    ids,
    add,
    y,
    experts,
    width,
    inner_width,
    slots,
    IS_ADDED: tl.constexpr,
    MOST: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    begin(EARLY)
    token = tl.program_id(0)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inner, number = tl.arange(0, INNER), tl.arange(0, MOST)
    slot = token * slots + number
    expert = tl.load(ids + slot, mask=number < slots, other=experts)
    is_served = expert < experts
    row = (expert[None, :] * width + column[:, None]) * inner_width  # (COLUMNS, MOST)
    is_row = (column < width)[:, None] & is_served[None, :]
    total = tl.zeros((COLUMNS,), dtype=tl.float32)
    for step in range(0, inner_width, INNER):
        place = step + inner
        is_inside = place < inner_width
        mask = is_row[:, :, None] & is_inside[None, None, :]
        part = tl.load(
            h + (slot * inner_width)[:, None] + place[None, :], mask=is_served[:, None] & is_inside[None, :], other=0.0
        )
        weight = tl.load(down + row[:, :, None] + place[None, None, :], mask=mask, other=0.0).to(tl.float32)
        total += tl.sum(tl.sum(weight * part[None, :, :], axis=2), axis=1)
    if IS_ADDED:
        total += tl.load(add + token * width + column, mask=column < width, other=0.0).to(tl.float32)
    tl.store(y + token * width + column, total.to(y.dtype.element_ty), mask=column < width)
