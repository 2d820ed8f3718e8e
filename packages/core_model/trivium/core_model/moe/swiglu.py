"""The feed-forward of all experts over rows sorted by expert, `down(silu(gate x) * up x)`, fast and plain.

    # R rows, E experts, D model width, F expert width

`_Fused` is `plain_swiglu` with a backward pass of its own: gate and up are kept apart, because elementwise work on
halves of a row takes twice as long on a CPU, and their gradients are written where one grouped product reads both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from trivium.core_model.moe.grouped import fits_grouped, grouped_linear, row_ends

__all__ = ["expert_swiglu", "plain_swiglu"]


def expert_swiglu(
    x_RD: torch.Tensor, gate_up_EGD: torch.Tensor, down_EDF: torch.Tensor, loads_E: torch.Tensor
) -> torch.Tensor:
    """Run every row through its expert.

    Args:
        x_RD: rows, expert 0's first.
        gate_up_EGD: (E, 2 F, D), gate rows before up rows.
        down_EDF: (E, D, F).
        loads_E: rows per expert, int64, summing to R.

    Returns:
        (R, D).
    """
    if not fits_grouped(x_RD, gate_up_EGD, down_EDF):
        return plain_swiglu(x_RD, gate_up_EGD, down_EDF, loads_E)
    return _Fused.apply(x_RD.contiguous(), gate_up_EGD, down_EDF, row_ends(loads_E))


def plain_swiglu(
    x_RD: torch.Tensor, gate_up_EGD: torch.Tensor, down_EDF: torch.Tensor, loads_E: torch.Tensor
) -> torch.Tensor:
    """`expert_swiglu` as one reads it: its twin in tests, and the way for float64 and odd widths."""
    gate_RF, up_RF = grouped_linear(x_RD, gate_up_EGD, loads_E).chunk(2, dim=-1)
    return grouped_linear(F.silu(gate_RF) * up_RF, down_EDF, loads_E)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_RD: torch.Tensor, gate_up_EGD: torch.Tensor, down_EDF: torch.Tensor, ends_E: torch.Tensor
    ) -> torch.Tensor:
        width = down_EDF.shape[2]
        gate_RF = F.grouped_mm(x_RD, gate_up_EGD[:, :width].transpose(1, 2), offs=ends_E)
        up_RF = F.grouped_mm(x_RD, gate_up_EGD[:, width:].transpose(1, 2), offs=ends_E)
        active_RF = F.silu(gate_RF)
        hidden_RF = active_RF * up_RF
        ctx.save_for_backward(x_RD, gate_up_EGD, down_EDF, ends_E, gate_RF, up_RF, active_RF, hidden_RF)
        return F.grouped_mm(hidden_RF, down_EDF.transpose(1, 2), offs=ends_E)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x_RD, gate_up_EGD, down_EDF, ends_E, gate_RF, up_RF, active_RF, hidden_RF = ctx.saved_tensors
        d_out_RD = gradients[0].contiguous()
        width = down_EDF.shape[2]
        d_hidden_RF = F.grouped_mm(d_out_RD, down_EDF, offs=ends_E)
        d_both_RG = d_hidden_RF.new_empty(len(x_RD), 2 * width)
        torch.mul(d_hidden_RF, active_RF, out=d_both_RG[:, width:])
        torch.ops.aten.silu_backward.grad_input(d_hidden_RF.mul_(up_RF), gate_RF, grad_input=d_both_RG[:, :width])
        wants_x, wants_gate_up, wants_down, _ = ctx.needs_input_grad
        return (
            F.grouped_mm(d_both_RG, gate_up_EGD, offs=ends_E) if wants_x else None,
            F.grouped_mm(d_both_RG.t(), x_RD, offs=ends_E) if wants_gate_up else None,
            F.grouped_mm(d_out_RD.t(), hidden_RF, offs=ends_E) if wants_down else None,
            None,
        )
