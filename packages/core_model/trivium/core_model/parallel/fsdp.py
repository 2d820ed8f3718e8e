"""Fully sharded data parallelism (FSDP2) around expert parallelism, and checkpoints of what is spread.

meshes = make_meshes(config, world_size=world, expert_parallel=2)
spread(model, meshes)
balancer = Balancer(model, balance, group=meshes.data.get_group())
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from trivium.core_model.decoder import Decoder
from trivium.core_model.parallel.expert import expert_modules, spread_experts
from trivium.core_model.parallel.mesh import Meshes

__all__ = ["load_spread", "save_spread", "spread"]


def spread(model: Decoder, meshes: Meshes, *, dtype: torch.dtype | None = None) -> None:
    """Spread a model over ranks, in place: experts over `meshes.expert`, each block's other weights over all.

    Args:
        model: with the same weights on every rank.
        meshes: from `make_meshes`.
        dtype: computes in it, with gradients reduced in float32; None for the dtype of the weights.
    """
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32) if dtype else MixedPrecisionPolicy()
    if meshes.expert.size() > 1:
        spread_experts(model, meshes.expert)
        for module in expert_modules(model):
            fully_shard(module, mesh=meshes.replica, mp_policy=policy)
    # The decoder reads the norm of a module that looks ahead, so all but its block stays with the decoder.
    for block in (*model.layers, *(module.block for module in model.ahead)):
        fully_shard(block, mesh=meshes.data, mp_policy=policy)
    # Else its weights would stay gathered after a forward pass and miss what is written to the sharded ones between.
    fully_shard(model, mesh=meshes.data, mp_policy=policy, reshard_after_forward=True)


def save_spread(model: nn.Module, folder: Path) -> None:
    """Write the weights of a model, each rank its part; call it on every rank."""
    checkpoint.save({"model": get_model_state_dict(model)}, checkpoint_id=folder)


def load_spread(model: nn.Module, folder: Path) -> None:
    """Read what `save_spread` wrote into a model that may be spread otherwise, or not at all."""
    state = {"model": get_model_state_dict(model)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # one process is meant
        checkpoint.load(state, checkpoint_id=folder, no_dist=not distributed.is_initialized())
    set_model_state_dict(model, state["model"], options=StateDictOptions(strict=True))
