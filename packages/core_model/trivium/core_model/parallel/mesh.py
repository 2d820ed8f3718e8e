"""Which rank does what: all ranks share the tokens, and stretches of them share the experts.

    # W ranks, X of them hold one copy of the experts between them, so there are W / X copies

With W = 4 and X = 2, ranks 0 and 1 hold one copy of the experts, ranks 2 and 3 another. Every rank trains on tokens
of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from trivium.core_model.checks import divisors
from trivium.core_model.config import ModelConfig
from trivium.service.errors import InputError

__all__ = ["Meshes", "make_meshes"]


@dataclass(frozen=True)
class Meshes:
    """The axes along which a model is spread.

    Args:
        data: all W ranks; weights other than experts are sharded over it.
        expert: the X ranks that hold one copy of the experts.
        replica: the W / X ranks that hold the same experts.
    """

    data: DeviceMesh
    expert: DeviceMesh
    replica: DeviceMesh


def make_meshes(config: ModelConfig, *, world_size: int, expert_parallel: int, device: str = "cpu") -> Meshes:
    """Lay out the ranks; the process group must be there.

    Args:
        config: of the model that is to be spread.
        world_size: W.
        expert_parallel: X; 1 keeps all experts on every rank.
        device: `cpu` or `cuda`.

    Raises:
        InputError: if the numbers do not divide; the message names both.
    """
    if expert_parallel < 1 or world_size % expert_parallel:
        raise InputError(
            f"expert_parallel ({expert_parallel}) must divide the number of ranks ({world_size})",
            hint=f"use one of {divisors(world_size)}",
        )
    if config.num_experts % expert_parallel:
        raise InputError(
            f"expert_parallel ({expert_parallel}) must divide num_experts ({config.num_experts})",
            hint=f"use one of {divisors(config.num_experts)}",
        )
    grid = init_device_mesh(
        device, (world_size // expert_parallel, expert_parallel), mesh_dim_names=("replica", "expert")
    )
    data = init_device_mesh(device, (world_size,), mesh_dim_names=("data",))
    return Meshes(data, grid["expert"], grid["replica"])
