"""Two ranks on gloo equal one process: gradients bit for bit, 20 steps of FSDP2 and of DeepSpeed in their losses."""

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from tests.core_model import ranks
from tests.core_model.torchrun import run_on_two_ranks

from trivium.core_model.decoder import empty_decoder, new_decoder
from trivium.core_model.parallel.fsdp import load_spread
from trivium.core_model.parallel.mesh import make_meshes
from trivium.service.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def run_two_ranks(what: str, folder: Path) -> list[dict]:
    """Start two ranks and return what each of them saved."""
    run_on_two_ranks(str(ROOT / "tests/core_model/ranks.py"), what, str(folder), PYTHONPATH=str(ROOT))
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def same_layer_in_one_process(case: str) -> dict[str, torch.Tensor]:
    """Run all tokens of both ranks through all experts."""
    inputs = torch.cat(ranks.layer_inputs(case), dim=1) if case == "empty" else torch.cat(ranks.layer_inputs(case))
    return ranks.run_layer(ranks.layer_of(case), inputs)


@pytest.mark.slow
def test_two_ranks_equal_one_process(tmp_path):
    found = run_two_ranks("fsdp", tmp_path)
    for case in ("fair", "empty", "one-sided"):
        both, alone = [rank[case] for rank in found], same_layer_in_one_process(case)
        for name in ("out", "x"):  # token by token: bit for bit
            joined = torch.cat([rank[name] for rank in both], dim=1 if case == "empty" else 0)
            assert torch.equal(joined, alone[name]), (case, name)
        for name in ("gate_up", "down"):  # rows meet in one expert in the same order: bit for bit
            assert torch.equal(torch.cat([rank[name] for rank in both]), alone[name]), (case, name)
        router = both[0]["router"] + both[1]["router"]  # a sum over ranks, in another order
        assert (router - alone["router"]).abs().max() <= 1e-6 * alone["router"].abs().max()
    assert found[0]["empty"]["out"].numel() == 320
    assert found[1]["empty"]["out"].numel() == 0
    assert not found[1]["one-sided"]["down"].any()  # no row came, and nothing hung

    model = new_decoder(ranks.CONFIG, seed=1)
    losses, balancer = ranks.train_alone(model)
    check_training(found, losses, balancer)
    halves = [sum(pair) / 2 for pair in zip(*(rank["bfloat16 losses"] for rank in found), strict=True)]
    assert halves == pytest.approx(losses[:4], abs=0.03)
    assert found[0]["metrics"] == pytest.approx(balancer.metrics())
    experts = sum(parameter.numel() * 4 for name, parameter in model.named_parameters() if ".experts." in name)
    assert [rank["expert bytes"] for rank in found] == [experts // 2] * 2
    read = empty_decoder(ranks.CONFIG, dtype=torch.float32, device="cpu")
    load_spread(read, tmp_path / "checkpoint")
    for (name, ours), theirs in zip(read.state_dict().items(), model.state_dict().values(), strict=True):
        assert (ours - theirs).abs().max() <= 1e-4, name  # AdamW steps of 3e-3 by gradients that differ in the last bit


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None and os.environ.get("CI") != "true", reason="deepspeed is missing"
)
def test_deepspeed_equals_one_process(tmp_path):
    found = run_two_ranks("deepspeed", tmp_path)
    model = new_decoder(ranks.CONFIG, seed=1)
    losses, balancer = ranks.train_alone(model)
    check_training(found, losses, balancer)
    alone = [parameter for name, parameter in model.named_parameters() if ".experts." in name]
    for parts, whole in zip(zip(*(rank["experts"] for rank in found), strict=True), alone, strict=True):
        assert (torch.cat(parts) - whole).abs().max() <= 1e-4


def check_training(found: list[dict], losses: list[float], balancer) -> None:
    """Compare losses, which are means over ranks, and biases, which moved once per step by the loads of all."""
    together = [(first + second) / 2 for first, second in zip(*(rank["losses"] for rank in found), strict=True)]
    assert together == pytest.approx(losses, abs=1e-5)
    assert losses[-1] < losses[0] - 0.05
    for rank in found:
        for ours, theirs in zip(rank["biases"], balancer.routers, strict=True):
            assert torch.equal(ours, theirs.bias)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"world_size": 4, "expert_parallel": 3}, r"expert_parallel \(3\) must divide the number of ranks \(4\)"),
        (
            {"world_size": 16, "expert_parallel": 16},
            r"expert_parallel \(16\) must divide num_experts \(8\); use one of",
        ),
        ({"world_size": 4, "expert_parallel": 0}, r"expert_parallel \(0\) must divide"),
    ],
)
def test_numbers_of_ranks_that_do_not_fit(sizes, message):
    with pytest.raises(InputError, match=message):
        make_meshes(ranks.CONFIG, **sizes)
