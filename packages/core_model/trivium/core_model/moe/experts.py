"""The experts of one layer on one device, every token served: nothing is dropped.

    # T tokens, E experts, K chosen per token, R = T * K rows sorted by expert, D model width, F expert width, r rank

`Experts` have weights of their own. `LowRankExperts` are small changes to one shared feed-forward. Both sort the
rows by expert and multiply each stretch by its expert's matrix (`grouped_linear`): one grouped matrix product
where torch has it, a loop over experts as its plain twin.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import ModelConfig
from trivium.core_model.layers.feed_forward import FeedForward
from trivium.core_model.moe.loads import expert_loads

__all__ = ["Experts", "LowRankExperts", "fits_grouped", "grouped_linear", "looped_linear"]


class Experts(nn.Module):
    """E SwiGLU feed-forwards, stacked.

    Attributes:
        gate_up: (E, 2 F, D), gate rows before up rows.
        down: (E, D, F).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Parameter(torch.empty(config.num_experts, 2 * config.expert_dim, config.dim))
        self.down = nn.Parameter(torch.empty(config.num_experts, config.dim, config.expert_dim))

    def forward(
        self,
        x_TD: torch.Tensor,
        expert_ids_TK: torch.Tensor,
        weights_TK: torch.Tensor,
    ) -> torch.Tensor:
        """Return `sum_k weight_k * expert_k(x)`, `(T, D)` in the dtype of x."""
        rows = _Rows(expert_ids_TK, num_experts=self.down.shape[0])
        gate_RF, up_RF = grouped_linear(rows.sort(x_TD), self.gate_up, rows.loads_E).chunk(2, dim=-1)
        out_RD = grouped_linear(F.silu(gate_RF) * up_RF, self.down, rows.loads_E)
        return rows.sum(out_RD, weights_TK)

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw every expert."""
        for weight in (self.gate_up, self.down):
            weight.normal_(0.0, std, generator=generator)


class LowRankExperts(nn.Module):
    """One shared SwiGLU feed-forward, and experts that add a low-rank change to each of its three matrices.

    With `d_k(x) = alpha B_k A_k x` and weights w_k that sum to one:

        hidden = silu(gate x + sum_k w_k dgate_k(x)) * (up x + sum_k w_k dup_k(x))
        out = down hidden + sum_k w_k ddown_k(hidden)

    Fresh B are zero, so the layer begins as its shared feed-forward, whatever the router says.

    Attributes:
        shared: the feed-forward.
        gate_up_in: (E, 2 r, D) the A of gate and up; `down_in` (E, r, F).
        gate_out, up_out: (E, F, r) the B; `down_out` (E, D, r).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        experts, rank, width = config.num_experts, config.expert_rank, config.hidden_dim
        self.alpha = config.expert_alpha
        self.shared = FeedForward(config.dim, width)
        self.gate_up_in = nn.Parameter(torch.empty(experts, 2 * rank, config.dim))
        self.gate_out = nn.Parameter(torch.empty(experts, width, rank))
        self.up_out = nn.Parameter(torch.empty(experts, width, rank))
        self.down_in = nn.Parameter(torch.empty(experts, rank, width))
        self.down_out = nn.Parameter(torch.empty(experts, config.dim, rank))

    def forward(
        self,
        x_TD: torch.Tensor,
        expert_ids_TK: torch.Tensor,
        weights_TK: torch.Tensor,
    ) -> torch.Tensor:
        """Return the formula above, `(T, D)` in the dtype of x."""
        rows = _Rows(expert_ids_TK, num_experts=self.down_in.shape[0])
        weights_TK = self.alpha * weights_TK
        loads_E = rows.loads_E
        gate_Rr, up_Rr = grouped_linear(rows.sort(x_TD), self.gate_up_in, loads_E).chunk(2, dim=-1)
        gate_TF = self.shared.gate(x_TD) + rows.sum(grouped_linear(gate_Rr, self.gate_out, loads_E), weights_TK)
        up_TF = self.shared.up(x_TD) + rows.sum(grouped_linear(up_Rr, self.up_out, loads_E), weights_TK)
        hidden_TF = F.silu(gate_TF) * up_TF
        down_Rr = grouped_linear(rows.sort(hidden_TF), self.down_in, loads_E)
        return self.shared.down(hidden_TF) + rows.sum(grouped_linear(down_Rr, self.down_out, loads_E), weights_TK)

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw every A and set every B to zero; the shared part is drawn as linear layers."""
        for weight in (self.gate_up_in, self.down_in):
            weight.normal_(0.0, std, generator=generator)
        for weight in (self.gate_out, self.up_out, self.down_out):
            weight.zero_()


def grouped_linear(x_RD: torch.Tensor, weight_EFD: torch.Tensor, loads_E: torch.Tensor) -> torch.Tensor:
    """Multiply rows sorted by expert with their expert's matrix.

    Args:
        x_RD: rows, expert 0's first.
        weight_EFD: one matrix per expert, as `nn.Linear` stores it.
        loads_E: rows per expert, int64, summing to R; zero is fine.

    Returns:
        (R, F).
    """
    if not fits_grouped(x_RD, weight_EFD):
        return looped_linear(x_RD, weight_EFD, loads_E)
    ends_E = loads_E.cumsum(0).to(torch.int32)
    return F.grouped_mm(x_RD.contiguous(), weight_EFD.transpose(1, 2), offs=ends_E)


def looped_linear(x_RD: torch.Tensor, weight_EFD: torch.Tensor, loads_E: torch.Tensor) -> torch.Tensor:
    """`grouped_linear` as a loop over experts: its plain twin, and the way for float64 and odd widths."""
    stretches = x_RD.split(loads_E.tolist())
    return torch.cat([F.linear(stretch, weight) for stretch, weight in zip(stretches, weight_EFD, strict=True)])


def fits_grouped(x_RD: torch.Tensor, weight_EFD: torch.Tensor) -> bool:
    """Say whether torch's grouped product takes these: no float64, and rows that are whole multiples of 16 bytes."""
    if x_RD.dtype not in (torch.float32, torch.bfloat16, torch.float16) or x_RD.dtype != weight_EFD.dtype:
        return False
    return all(dim * x_RD.element_size() % 16 == 0 for dim in weight_EFD.shape[1:])


class _Rows:
    """The (token, slot) pairs that an expert serves, in the order of their experts, and the way back."""

    def __init__(self, expert_ids_TK: torch.Tensor, num_experts: int) -> None:
        self.shape = expert_ids_TK.shape
        self.loads_E = expert_loads(expert_ids_TK, num_experts)
        order_R = expert_ids_TK.flatten().argsort(stable=True)
        self.back_R = torch.empty_like(order_R)
        self.back_R[order_R] = torch.arange(order_R.numel(), device=order_R.device)
        self.order_R = order_R[: int(self.loads_E.sum())]  # slots that nobody serves come last

    def sort(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Copy each token once per expert that serves it, sorted by expert: `(R, D)`."""
        return x_TD[self.order_R // self.shape[1]]

    def sum(self, out_RD: torch.Tensor, weights_TK: torch.Tensor) -> torch.Tensor:
        """Bring rows back to their tokens and add them up by weight: `(T, D)`, in a fixed order of addition."""
        unserved = self.back_R.numel() - len(out_RD)
        out_TKD = F.pad(out_RD, (0, 0, 0, unserved))[self.back_R].unflatten(0, self.shape)
        return (out_TKD * weights_TK.to(out_RD.dtype)[..., None]).sum(dim=1)
