"""What each of two ranks runs under torchrun; `test_parallel.py` starts it and compares with one process.

Run: `torchrun --nproc-per-node 2 tests/core_model/ranks.py (fsdp | deepspeed) FOLDER` . With `train` in place of `fsdp`
four ranks run, too: two copies of the experts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.decoder import Decoder, new_decoder, next_token_loss
from trivium.core_model.moe.balance import Balancer
from trivium.core_model.moe.layer import MixtureOfExperts

STEPS, RATE = 20, 3e-3
CONFIG = ModelConfig(
    vocab_size=61,
    dim=32,
    num_layers=2,
    num_heads=4,
    max_positions=32,
    init_std=0.1,
    num_experts=8,
    experts_per_token=2,
    expert_dim=32,  # whole vectors: at a remainder, elementwise loops round otherwise than in their middle
    num_shared_experts=1,
    router_scores="sigmoid",
    router_bias=True,
)
BALANCE = BalanceConfig(auxiliary_weight=0.01, sequence_weight=0.001, z_weight=0.001, bias_speed=0.01)


def batch_of(step: int) -> torch.Tensor:
    """Return four sequences that one process trains on; a rank takes two. They come again, so that losses fall."""
    return torch.randint(0, CONFIG.vocab_size, (4, 12), generator=torch.Generator().manual_seed(step % 2))


def optimizer_of(parameters) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=RATE, foreach=False)


def one_loss(model, balancer: Balancer, rows: torch.Tensor) -> torch.Tensor:
    out = model(rows)
    return next_token_loss(out.logits, rows) + balancer.loss(out.routings)


def train_alone(model: Decoder) -> tuple[list[float], Balancer]:
    """Train in one process: what two ranks must equal."""
    balancer, optimizer, losses = Balancer(model, BALANCE), optimizer_of(model.parameters()), []
    for step in range(STEPS):
        loss = one_loss(model, balancer, batch_of(step))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        balancer.after_step()
        losses.append(float(loss.detach()))
    return losses, balancer


def layer_inputs(case: str) -> list[torch.Tensor]:
    """Return what each rank feeds to one layer: a fair share, no tokens on rank 1, or all rows to rank 0."""
    x = torch.randn(2, 10, 32, generator=torch.Generator().manual_seed(3))
    if case == "empty":
        return [x[:1], x[1:, :0]]
    return [x[:1], x[1:]]


def layer_of(case: str) -> MixtureOfExperts:
    layer = MixtureOfExperts(CONFIG)
    layer.router.reset(0.3, torch.Generator().manual_seed(1))
    layer.experts.reset(0.2, torch.Generator().manual_seed(2))
    layer.shared = None
    if case == "one-sided":
        layer.router.bias[:4] = 10.0  # rank 1 holds experts 4 to 7 and gets no row
    return layer


def run_layer(layer: MixtureOfExperts, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return outputs and gradients for a loss that is a plain sum: no rank's share is scaled."""
    x = x.clone().requires_grad_()
    out, _ = layer(x)
    out.square().sum().backward()
    return {
        "out": out.detach(),
        "x": x.grad,
        "router": layer.router.weight.grad,
        "gate_up": layer.experts.gate_up.grad,
        "down": layer.experts.down.grad,
    }


def main_fsdp(rank: int, folder: Path) -> None:
    from trivium.core_model.parallel.expert import spread_experts
    from trivium.core_model.parallel.mesh import make_meshes

    meshes = make_meshes(CONFIG, world_size=2, expert_parallel=2)
    found: dict[str, object] = {}
    for case in ("fair", "empty", "one-sided"):
        layer = layer_of(case)
        spread_experts(layer, meshes.expert, as_dtensor=False, gradient_divisor=1.0)
        found[case] = run_layer(layer, layer_inputs(case)[rank])
    found |= train_spread(rank, meshes, folder)
    torch.save(found, folder / f"rank{rank}.pt")


def train_spread(rank: int, meshes, folder: Path) -> dict[str, object]:
    """Train in float32, save, and take a few steps in bfloat16."""
    from trivium.core_model.parallel.expert import expert_parameters
    from trivium.core_model.parallel.fsdp import save_spread, spread

    found: dict[str, object] = {}
    for dtype, steps in ((torch.bfloat16, 4), (None, STEPS)):
        model = new_decoder(CONFIG, seed=1)
        spread(model, meshes, dtype=dtype)
        balancer = Balancer(model, BALANCE, group=meshes.data.get_group())
        optimizer, losses = optimizer_of(model.parameters()), []
        for step in range(steps):
            loss = one_loss(model, balancer, batch_of(step).chunk(meshes.data.size())[rank])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            balancer.after_step()
            losses.append(float(loss.detach()))
        found["bfloat16 losses" if dtype else "losses"] = losses
    found["biases"] = [router.bias for router in balancer.routers]
    found["metrics"] = balancer.metrics()
    experts = expert_parameters(model)
    found["expert bytes"] = sum(_bytes(optimizer.state[parameter]["exp_avg"]) for parameter in experts)
    save_spread(model, folder / "checkpoint")
    return found


def main_train(rank: int, folder: Path) -> None:
    from trivium.core_model.parallel.mesh import make_meshes

    meshes = make_meshes(CONFIG, world_size=distributed.get_world_size(), expert_parallel=2)
    torch.save(train_spread(rank, meshes, folder), folder / f"rank{rank}.pt")


def main_deepspeed(rank: int, folder: Path) -> None:
    from trivium.core_model.parallel.deepspeed import initialize
    from trivium.core_model.parallel.expert import expert_parameters
    from trivium.core_model.parallel.mesh import make_meshes

    meshes = make_meshes(CONFIG, world_size=2, expert_parallel=2)
    settings = {"train_micro_batch_size_per_gpu": 2, "zero_optimization": {"stage": 1}, "train_batch_size": 4}
    model = new_decoder(CONFIG, seed=1)
    engine = initialize(model, optimizer_of, settings, meshes.expert)
    balancer, losses = Balancer(engine, BALANCE, group=meshes.data.get_group()), []
    for step in range(STEPS):
        loss = one_loss(engine, balancer, batch_of(step).chunk(2)[rank])
        engine.backward(loss)
        engine.step()
        balancer.after_step()
        losses.append(float(loss.detach()))
    found = {"losses": losses, "biases": [router.bias for router in balancer.routers]}
    found["experts"] = [parameter.detach().clone() for parameter in expert_parameters(model)]
    torch.save(found, folder / f"rank{rank}.pt")


def _bytes(tensor: torch.Tensor) -> int:
    local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return local.numel() * local.element_size()


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    {"fsdp": main_fsdp, "train": main_train, "deepspeed": main_deepspeed}[sys.argv[1]](
        distributed.get_rank(), Path(sys.argv[2])
    )
    distributed.destroy_process_group()
