"""The same model under DeepSpeed: experts spread as its own mixture of experts would be, the rest by ZeRO.

Needs the extra `train`. ZeRO stages 1 and 2; stage 3 refuses models with experts. Read weights with
`engine.module.state_dict()` on each rank: the engine's own checkpoints know the experts of DeepSpeed's layer only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh

from trivium.core_model.moe.router import Router
from trivium.core_model.parallel.expert import expert_modules, expert_parameters, spread_experts
from trivium.service.errors import InputError

__all__ = ["initialize"]


def initialize(
    model: nn.Module,
    make_optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
    settings: dict[str, Any],
    mesh: DeviceMesh | None = None,
) -> Any:
    """Return a DeepSpeed engine for a model.

    Args:
        model: with the same weights on every rank; changed in place.
        make_optimizer: from parameter groups to one of torch's optimizers. DeepSpeed's own would be compiled first.
        settings: DeepSpeed's configuration; gradients are not clipped unless it says so, where DeepSpeed itself would
            clip them to 1, by a norm in which experts count as their mean over ranks.
        mesh: ranks that hold one copy of the experts between them; None for all experts on every rank.

    Raises:
        InputError: if the settings ask for ZeRO-3 and the model has experts, or DeepSpeed is not installed.
    """
    deepspeed = _import_deepspeed()
    deepspeed.init_distributed(dist_backend=torch.distributed.get_backend())
    if settings.get("zero_optimization", {}).get("stage", 0) > 2 and expert_modules(model):
        raise InputError("DeepSpeed cannot train experts with ZeRO stage 3", hint="use stage 1 or 2, or FSDP2")
    groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "name": "all"}]
    if mesh is not None:
        groups = _spread(model, mesh)
    biases = {name: module.bias for name, module in model.named_modules() if isinstance(module, Router)}
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=make_optimizer(groups),
        config={"zero_allow_untested_optimizer": True, "gradient_clipping": 0.0, **settings},
    )
    for name, bias in biases.items():  # bfloat16 engines convert buffers, too
        if bias is not None:
            model.get_submodule(name).bias = bias.float()
    return engine


def _spread(model: nn.Module, mesh: DeviceMesh) -> list[dict[str, Any]]:
    """Spread the experts and mark them as DeepSpeed marks its own; return parameter groups."""
    from deepspeed.moe.layer import MoE
    from deepspeed.moe.utils import split_params_into_different_moe_groups_for_optimizer
    from deepspeed.utils import groups

    class HasExperts(MoE):
        """A layer without weights, by which the engine sees that there are experts; it looks for no other class."""

        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.num_experts = expert_modules(model)[0].num_experts

        def set_deepspeed_parallelism(self, *args: Any, **kwargs: Any) -> None:
            """Find the groups made already."""

    # ZeRO divides the gradient of an expert by the number of all ranks, as it does every other.
    spread_experts(model, mesh, as_dtensor=False, gradient_divisor=1.0)
    groups._create_expert_and_data_parallel(mesh.size())
    for parameter in expert_parameters(model):
        parameter.allreduce = False
        parameter.group_name = f"ep_size_{mesh.size()}"
    model.add_module("has_experts", HasExperts())
    return split_params_into_different_moe_groups_for_optimizer({"params": list(model.parameters()), "name": "all"})


def _import_deepspeed() -> Any:
    try:
        import deepspeed
    except ImportError:
        raise InputError("DeepSpeed is not installed", hint="pip install 'trivium[train]'") from None
    # On a CPU its first collective compiles an extension for a minute or more, during which other ranks wait on a
    # lock as if they hung; torch's own collectives do the same work.
    if not torch.cuda.is_available():
        sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None  # type: ignore[attr-defined]
    return deepspeed
