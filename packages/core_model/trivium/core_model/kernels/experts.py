"""All experts of a layer, forward and backward, as operators that torch's compiler leaves whole.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

The first product reads tokens where they lie and writes the activation. The second is ours for few rows, where reading
the weights is the limit, and torch's for many, which does more arithmetic per second. The backward pass gathers tokens
again instead of keeping rows, and keeps of R rows only gate and up: less than a dense SwiGLU of K * F keeps. No size
depends on the routing, so nothing waits for the host, and a CUDA graph can hold the whole layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.kernels.few import MOST_SLOTS, few_experts
from trivium.core_model.kernels.hopper import products as hopper
from trivium.core_model.kernels.products import down_product, gated_product
from trivium.core_model.kernels.rows import gather_rows, sum_rows
from trivium.core_model.kernels.slots import SortedSlots, sort_slots
from trivium.core_model.kernels.swiglu import weighted_swiglu_backward

__all__ = ["fused_experts"]

# Up to so many rows per expert our second product is the faster one.
FEW_ROWS = 64


def fused_experts(
    x_TD: Tensor, expert_ids_TK: Tensor, weights_TK: Tensor, gate_up_E2FD: Tensor, down_EDF: Tensor
) -> Tensor:
    """Return `sum_k weight_k * expert_k(x)`, `(T, D)` in the dtype of x; see `moe.experts.Experts`, its plain twin.

    Args:
        x_TD: bfloat16 on a GPU.
        expert_ids_TK: int64; E for a slot that no expert serves.
        weights_TK: float32.
        gate_up_E2FD: gate rows before up rows.
        down_EDF: (E, D, F).
    """
    leaves = (x_TD, weights_TK, gate_up_E2FD, down_EDF)
    keep = torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)
    if not keep and expert_ids_TK.numel() <= MOST_SLOTS:
        return _forward_few(x_TD, expert_ids_TK, weights_TK, gate_up_E2FD, down_EDF)
    places = _sort(expert_ids_TK, len(down_EDF))
    out_TD, _ = _forward(x_TD, weights_TK, gate_up_E2FD, down_EDF, *places, keep)
    return out_TD


@torch.library.custom_op("trivium::few_experts", mutates_args=())
def _forward_few(x_TD: Tensor, expert_ids_TK: Tensor, weights_TK: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    return few_experts(x_TD.contiguous(), expert_ids_TK, weights_TK.contiguous(), gate_up, down)


@_forward_few.register_fake
def _(x_TD: Tensor, *rest: Tensor) -> Tensor:
    return torch.empty_like(x_TD, memory_format=torch.contiguous_format)


def _has_few_rows(down: Tensor, order: SortedSlots) -> bool:
    return len(order.slot_of_row) <= FEW_ROWS * len(down)


def _is_for_hopper(x_TD: Tensor, gate_up: Tensor, down: Tensor, weights_TK: Tensor, order: SortedSlots) -> bool:
    return not _has_few_rows(down, order) and hopper.can_run(x_TD, gate_up, down, weights_TK)


@torch.library.custom_op("trivium::sort_slots", mutates_args=())
def _sort(expert_ids_TK: Tensor, num_experts: int) -> tuple[Tensor, Tensor, Tensor]:
    order = sort_slots(expert_ids_TK, num_experts)
    return order.slot_of_row, order.row_of_slot, order.ends


@_sort.register_fake
def _(expert_ids_TK: Tensor, num_experts: int) -> tuple[Tensor, Tensor, Tensor]:
    slots = expert_ids_TK.new_empty(expert_ids_TK.numel(), dtype=torch.int32)
    return slots, torch.empty_like(slots), expert_ids_TK.new_empty(num_experts, dtype=torch.int32)


@torch.library.custom_op("trivium::experts", mutates_args=())
def _forward(
    x_TD: Tensor,
    weights_TK: Tensor,
    gate_up: Tensor,
    down: Tensor,
    slot_of_row: Tensor,
    row_of_slot: Tensor,
    ends: Tensor,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """Return the output and, with `keep`, gate and up of all rows."""
    order = SortedSlots(slot_of_row, row_of_slot, ends)
    x_TD, weights_S = x_TD.contiguous(), weights_TK.contiguous().flatten()
    if _is_for_hopper(x_TD, gate_up, down, weights_TK, order):
        tiles = hopper.tiles_of(order)
        h_RF, kept = hopper.gated_rows(x_TD, gate_up, weights_S, order, tiles, keep=keep)
        out_RD = hopper.down_rows(h_RF, down, order, tiles)
    else:
        h_RF, kept = gated_product(x_TD, gate_up, weights_S, order, keep=keep)
        if _has_few_rows(down, order):
            out_RD = down_product(h_RF, down, order)
        else:
            out_RD = F.grouped_mm(h_RF, down.transpose(1, 2), offs=ends)
    return sum_rows(out_RD, order, len(x_TD)), x_TD.new_empty(0) if kept is None else kept


@_forward.register_fake
def _(
    x_TD: Tensor,
    weights_TK: Tensor,
    gate_up: Tensor,
    down: Tensor,
    slot_of_row: Tensor,
    row_of_slot: Tensor,
    ends: Tensor,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    kept = x_TD.new_empty(len(slot_of_row), gate_up.shape[1]) if keep else x_TD.new_empty(0)
    return torch.empty_like(x_TD, memory_format=torch.contiguous_format), kept


@torch.library.custom_op("trivium::experts_backward", mutates_args=())
def _backward(
    dout_TD: Tensor,
    x_TD: Tensor,
    weights_TK: Tensor,
    gate_up: Tensor,
    down: Tensor,
    slot_of_row: Tensor,
    row_of_slot: Tensor,
    ends: Tensor,
    gate_up_R2F: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of x, weights, gate_up and down."""
    order = SortedSlots(slot_of_row, row_of_slot, ends)
    x_TD, dout_TD, weights_S = x_TD.contiguous(), dout_TD.contiguous(), weights_TK.contiguous().flatten()
    if _is_for_hopper(dout_TD, gate_up, down, weights_TK, order) and hopper.can_run(x_TD, gate_up, down, weights_TK):
        tiles = hopper.tiles_of(order)
        dh_RF = hopper.turned_rows(dout_TD, down, order, tiles, is_gathered=True)
        dgate_up_R2F, dweights_S, h_RF = weighted_swiglu_backward(dh_RF, gate_up_R2F, weights_S, order)
        ddown = hopper.matrix_gradient(dout_TD, h_RF, order)
        dx_RD = hopper.turned_rows(dgate_up_R2F, gate_up, order, tiles, is_gathered=False)
        dgate_up = hopper.matrix_gradient(x_TD, dgate_up_R2F, order, is_turned=True)
        return sum_rows(dx_RD, order, len(x_TD)), dweights_S.view_as(weights_TK), dgate_up, ddown
    dout_RD = gather_rows(dout_TD, order)
    dh_RF = F.grouped_mm(dout_RD, down, offs=ends)
    dgate_up_R2F, dweights_S, h_RF = weighted_swiglu_backward(dh_RF, gate_up_R2F, weights_S, order)
    ddown = F.grouped_mm(dout_RD.t(), h_RF, offs=ends)
    dx_TD = sum_rows(F.grouped_mm(dgate_up_R2F, gate_up, offs=ends), order, len(x_TD))
    dgate_up = F.grouped_mm(dgate_up_R2F.t(), gather_rows(x_TD, order), offs=ends)
    return dx_TD, dweights_S.view_as(weights_TK), dgate_up, ddown


@_backward.register_fake
def _(
    dout_TD: Tensor, x_TD: Tensor, weights_TK: Tensor, gate_up: Tensor, down: Tensor, *rest: Tensor
) -> tuple[Any, ...]:
    return tuple(
        torch.empty_like(leaf, memory_format=torch.contiguous_format) for leaf in (x_TD, weights_TK, gate_up, down)
    )


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:-1], output[1])


def _differentiate(ctx: Any, dout_TD: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    return (*_backward(dout_TD, *ctx.saved_tensors), None, None, None, None)


_forward.register_autograd(_differentiate, setup_context=_remember)
