"""All experts of a layer, forward and backward: torch's grouped products with one-pass kernels between them.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

Memory traffic of the forward pass is 2 R D (gather) + 3 R F (activation) + R D (sum) elements beside the products'
own; the backward pass gathers tokens again instead of keeping rows, and keeps of R rows only gate and up: less than a
dense SwiGLU of K * F keeps. No size depends on the routing, so nothing waits for the host, and a CUDA graph can hold
the whole layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from trivium.core_model.kernels.rows import gather_rows, sum_rows
from trivium.core_model.kernels.slots import SortedSlots, sort_slots
from trivium.core_model.kernels.swiglu import weighted_swiglu, weighted_swiglu_backward

__all__ = ["fused_experts"]


def fused_experts(
    x_TD: torch.Tensor,
    expert_ids_TK: torch.Tensor,
    weights_TK: torch.Tensor,
    gate_up_E2FD: torch.Tensor,
    down_EDF: torch.Tensor,
) -> torch.Tensor:
    """Return `sum_k weight_k * expert_k(x)`, `(T, D)` in the dtype of x; see `moe.experts.Experts`, its plain twin.

    Args:
        x_TD: bfloat16 on a GPU, contiguous.
        expert_ids_TK: int64; E for a slot that no expert serves.
        weights_TK: float32.
        gate_up_E2FD: gate rows before up rows.
        down_EDF: (E, D, F).
    """
    order = sort_slots(expert_ids_TK, len(down_EDF))
    places = (order.slot_of_row, order.row_of_slot, order.ends)
    return _FusedExperts.apply(x_TD.contiguous(), weights_TK, gate_up_E2FD, down_EDF, *places)


class _FusedExperts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, weights_TK: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        gate_up, down, *places = rest
        order = SortedSlots(*places)
        weights_S = weights_TK.contiguous().flatten()
        gate_up_R2F = F.grouped_mm(gather_rows(x_TD, order), gate_up.transpose(1, 2), offs=order.ends)
        h_RF = weighted_swiglu(gate_up_R2F, weights_S, order)
        out_RD = F.grouped_mm(h_RF, down.transpose(1, 2), offs=order.ends)
        ctx.save_for_backward(x_TD, weights_TK, gate_up_R2F, *rest)
        return sum_rows(out_RD, order, len(x_TD))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x_TD, weights_TK, gate_up_R2F, gate_up, down, *places = ctx.saved_tensors
        order = SortedSlots(*places)
        weights_S = weights_TK.contiguous().flatten()
        dout_RD = gather_rows(gradients[0].contiguous(), order)
        dh_RF = F.grouped_mm(dout_RD, down, offs=order.ends)
        dgate_up_R2F, dweights_S, h_RF = weighted_swiglu_backward(dh_RF, gate_up_R2F, weights_S, order)
        ddown = F.grouped_mm(dout_RD.t(), h_RF, offs=order.ends)
        dx_TD = sum_rows(F.grouped_mm(dgate_up_R2F, gate_up, offs=order.ends), order, len(x_TD))
        dgate_up = F.grouped_mm(dgate_up_R2F.t(), gather_rows(x_TD, order), offs=order.ends)
        return dx_TD, dweights_S.view_as(weights_TK), dgate_up, ddown, None, None, None
