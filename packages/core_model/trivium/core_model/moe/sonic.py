"""The experts by the kernels of SonicMoE (arXiv 2512.14080), where its package `sonic-moe` is installed.

    # T tokens, E experts, K slots per token, S = T * K slots, D model width, F expert width

They take bfloat16 on a Hopper GPU or a later one, and their first call compiles for minutes: a backend to choose by
name, and to compare ours with.
"""

from __future__ import annotations

import importlib.util

import torch

from trivium.service.errors import InputError

__all__ = ["require_sonic", "sonic_experts"]


def require_sonic() -> None:
    """Refuse a machine without the package.

    Raises:
        InputError: if it is not installed.
    """
    if importlib.util.find_spec("sonicmoe") is None:
        raise InputError("experts backend 'sonicmoe' needs the package sonic-moe", hint="pip install sonic-moe")


@torch.compiler.disable  # it refuses to be traced
def sonic_experts(
    x_TD: torch.Tensor,
    expert_ids_TK: torch.Tensor,
    weights_TK: torch.Tensor,
    gate_up_E2FD: torch.Tensor,
    down_EDF: torch.Tensor,
) -> torch.Tensor:
    """Return `sum_k weight_k * expert_k(x)`, `(T, D)` in the dtype of x; its plain twin is `swiglu.plain_swiglu`.

    Args:
        x_TD: bfloat16 on a GPU.
        expert_ids_TK: int64; a slot that no expert serves holds E and is computed by expert 0, for its weight is 0.
        weights_TK: float32.
        gate_up_E2FD: gate rows before up rows.
        down_EDF: (E, D, F).
    """
    from sonicmoe.enums import ActivationType
    from sonicmoe.functional import moe_general_routing_inputs

    tokens, slots = expert_ids_TK.shape
    experts = len(down_EDF)
    token_S = torch.arange(tokens, dtype=torch.int32, device=x_TD.device).repeat_interleave(slots)
    expert_S = expert_ids_TK.where(expert_ids_TK < experts, 0).flatten().int()
    routing = (weights_TK.flatten(), token_S, expert_S)
    matrices = (gate_up_E2FD.permute(1, 2, 0), None, down_EDF.permute(1, 2, 0), None)  # (2 F, D, E), (D, F, E)
    stream = torch.cuda.current_stream().cuda_stream if x_TD.is_cuda else 0
    settings = {"is_inference_mode_enabled": not torch.is_grad_enabled(), "concat_layout": True}
    given = (x_TD.contiguous(), *routing, *matrices, experts, stream, ActivationType.SWIGLU)
    return moe_general_routing_inputs(*given, **settings)[0]
