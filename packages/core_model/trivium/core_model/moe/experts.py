"""The experts of one layer: every slot that the router gives them is served.

    # T tokens, E experts, K slots per token, R rows sorted by expert, D model width, F expert width, r rank

`Experts` have weights of their own. `LowRankExperts` are small changes to one shared feed-forward. Both let their
`dispatcher` bring the rows, sorted by expert, and multiply each stretch by its expert's matrix.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from trivium.core_model.config import BACKENDS, ModelConfig
from trivium.core_model.kernels.support import has_kernels
from trivium.core_model.layers.feed_forward import FeedForward
from trivium.core_model.moe.dispatcher import Dispatcher, LocalDispatcher
from trivium.core_model.moe.grouped import fits_grouped, grouped_linear
from trivium.core_model.moe.sonic import require_sonic, sonic_experts
from trivium.core_model.moe.swiglu import expert_swiglu, plain_swiglu
from trivium.service.errors import InputError

__all__ = ["Experts", "LowRankExperts", "use_backend"]


def use_backend(model: nn.Module, backend: str) -> None:
    """Choose the code that runs the experts of a model.

    Args:
        model: any module that holds `Experts`.
        backend: `plain`, products as one reads them; `grouped_mm`, torch's grouped products; `fused`, the Triton
            kernels: bfloat16 on a GPU, all experts in this process; `sonicmoe`, the kernels of that package, for
            the same; `auto`, our kernels where they run, else `grouped_mm`.

    Raises:
        InputError: if there is no such backend, or its package is not installed.
    """
    if backend not in BACKENDS:
        raise InputError(f"experts backend {backend!r} is unknown", hint=f"use one of {', '.join(BACKENDS)}")
    if backend == "sonicmoe":
        require_sonic()
    for module in model.modules():
        if isinstance(module, Experts):
            module.backend = backend


class Experts(nn.Module):
    """E SwiGLU feed-forwards, stacked.

    Attributes:
        gate_up: (E, 2 F, D), gate rows before up rows.
        down: (E, D, F).
        dispatcher: brings tokens to experts; replaced from outside where the experts lie on several ranks.
        backend: one of `BACKENDS`; see `use_backend`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_experts = config.num_experts
        self.dispatcher: Dispatcher = LocalDispatcher()
        self.backend = "auto"
        self.gate_up = nn.Parameter(torch.empty(config.num_experts, 2 * config.expert_dim, config.dim))
        self.down = nn.Parameter(torch.empty(config.num_experts, config.dim, config.expert_dim))

    def forward(
        self,
        x_TD: torch.Tensor,
        expert_ids_TK: torch.Tensor,
        weights_TK: torch.Tensor,
    ) -> torch.Tensor:
        """Return `sum_k weight_k * expert_k(x)`, `(T, D)` in the dtype of x."""
        if self.runs_fused(x_TD):
            from trivium.core_model.kernels.experts import fused_experts

            return fused_experts(x_TD, expert_ids_TK, weights_TK, self.gate_up, self.down)
        if self.backend == "sonicmoe":
            return sonic_experts(x_TD, expert_ids_TK, weights_TK, self.gate_up, self.down)
        local = self.dispatcher.local
        swiglu = plain_swiglu if self.backend == "plain" else expert_swiglu
        plan = self.dispatcher.plan(expert_ids_TK, self.num_experts)
        out_RD = swiglu(plan.send(x_TD), local(self.gate_up), local(self.down), plan.loads_e)
        return plan.collect(out_RD, weights_TK)

    def runs_fused(self, x_TD: torch.Tensor) -> bool:
        """Say whether the Triton kernels run tokens of this kind."""
        if self.backend == "fused":
            return True
        return (
            self.backend == "auto"
            and isinstance(self.dispatcher, LocalDispatcher)
            and has_kernels(x_TD)
            and x_TD.dtype == self.gate_up.dtype == torch.bfloat16
            and fits_grouped(x_TD, self.gate_up, self.down)
        )

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
        self.num_experts = experts
        self.dispatcher: Dispatcher = LocalDispatcher()
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
        plan = self.dispatcher.plan(expert_ids_TK, self.num_experts)
        weights_TK = self.alpha * weights_TK

        def multiply(x_RD: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            return grouped_linear(x_RD, self.dispatcher.local(weight), plan.loads_e)

        gate_Rr, up_Rr = multiply(plan.send(x_TD), self.gate_up_in).chunk(2, dim=-1)
        gate_TF = self.shared.gate(x_TD) + plan.collect(multiply(gate_Rr, self.gate_out), weights_TK)
        up_TF = self.shared.up(x_TD) + plan.collect(multiply(up_Rr, self.up_out), weights_TK)
        hidden_TF = F.silu(gate_TF) * up_TF
        down_Rr = multiply(plan.send(hidden_TF), self.down_in)
        return self.shared.down(hidden_TF) + plan.collect(multiply(down_Rr, self.down_out), weights_TK)

    @torch.no_grad()
    def reset(self, std: float, generator: torch.Generator | None = None) -> None:
        """Draw every A and set every B to zero; the shared part is drawn as linear layers."""
        for weight in (self.gate_up_in, self.down_in):
            weight.normal_(0.0, std, generator=generator)
        for weight in (self.gate_out, self.up_out, self.down_out):
            weight.zero_()
