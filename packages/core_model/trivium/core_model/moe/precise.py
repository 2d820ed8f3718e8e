"""Linear maps of low-precision tensors whose results, or gradients, need float32."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

__all__ = ["precise_gradients", "precise_linear"]


def precise_linear(x_TD: torch.Tensor, weight_ED: torch.Tensor) -> torch.Tensor:
    """Return `x W^T` in float32 at least, gradients included."""
    if x_TD.is_cuda and x_TD.dtype == weight_ED.dtype == torch.bfloat16:
        return _HalfLinear.apply(x_TD, weight_ED)
    precise = torch.promote_types(x_TD.dtype, torch.float32)
    return F.linear(x_TD.to(precise), weight_ED.to(precise))


def precise_gradients(
    dout_TE: torch.Tensor, x_TD: torch.Tensor, weight_ED: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of x and W from that of `x W^T`, float32, each in the dtype of its leaf.

    On a GPU a float32 gradient is multiplied as two bfloat16 parts, which together hold 16 of its 24 bits: tensor cores
    take those, and the results are rounded to bfloat16.
    """
    if not (x_TD.is_cuda and x_TD.dtype == weight_ED.dtype == torch.bfloat16):
        precise = dout_TE.dtype
        dx_TD = (dout_TE @ weight_ED.to(precise)).to(x_TD.dtype)
        return dx_TD, (dout_TE.t() @ x_TD.to(precise)).to(weight_ED.dtype)
    high_TE = dout_TE.bfloat16()
    parts_TP = torch.cat((high_TE, (dout_TE - high_TE.float()).bfloat16()), dim=1)
    dx_TD = parts_TP @ torch.cat((weight_ED, weight_ED))
    dweight_PD = torch.mm(parts_TP.t(), x_TD, out_dtype=torch.float32)
    return dx_TD, dweight_PD.unflatten(0, (2, -1)).sum(dim=0).to(weight_ED.dtype)


class _HalfLinear(torch.autograd.Function):
    """`F.linear(x.float(), weight.float())` without a float32 copy of x: products of bfloat16 are exact in float32."""

    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, weight_ED: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x_TD, weight_ED)
        return torch.mm(x_TD, weight_ED.t(), out_dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return precise_gradients(gradients[0], *ctx.saved_tensors)
