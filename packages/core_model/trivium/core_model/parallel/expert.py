"""Expert parallelism: each rank of a mesh keeps an equal stretch of every layer's experts and gets their rows sent.

A rank trains on the mean loss over its own tokens, and gradients of other weights are averaged over ranks. An expert
sees the rows of all ranks of its mesh at once, so its gradient is their sum; the dispatcher divides it by their number.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard

from trivium.core_model.moe.dispatcher import AllToAllDispatcher
from trivium.core_model.moe.experts import Experts, LowRankExperts

__all__ = ["expert_modules", "expert_parameters", "spread_experts"]


def expert_modules(model: nn.Module) -> list[Experts | LowRankExperts]:
    """Return the experts of each layer, first to last."""
    return [module for module in model.modules() if isinstance(module, Experts | LowRankExperts)]


def expert_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that belong to single experts."""
    return [parameter for module in expert_modules(model) for parameter in module.parameters(recurse=False)]


def spread_experts(
    model: nn.Module, mesh: DeviceMesh, *, as_dtensor: bool = True, gradient_divisor: float | None = None
) -> None:
    """Keep this rank's experts only, in place, and send rows to where their experts are.

    Args:
        model: with the same weights on every rank.
        mesh: one axis; its size divides the number of experts.
        as_dtensor: keep the part as a `DTensor`, which checkpoints and FSDP2 understand; else as a plain tensor.
        gradient_divisor: what gradients of experts are divided by; None for the size of the mesh.
    """
    for module in expert_modules(model):
        module.dispatcher = AllToAllDispatcher(mesh.get_group(), gradient_divisor or mesh.size())
        for name, parameter in list(module.named_parameters(recurse=False)):
            part = parameter.data.chunk(mesh.size())[mesh.get_local_rank()].clone()
            setattr(module, name, nn.Parameter(_sharded(part, mesh) if as_dtensor else part))


def _sharded(part: torch.Tensor, mesh: DeviceMesh) -> torch.Tensor:
    return DTensor.from_local(part, mesh, [Shard(0)], run_check=False)
