"""The way of tokens to experts and back, and the fused feed-forward, against plain twins."""

import pytest
import torch

from trivium.core_model.moe.dispatcher import LocalDispatcher
from trivium.core_model.moe.swiglu import expert_swiglu, plain_swiglu


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_rows_are_sorted_by_expert_then_token():
    # Expert 0 serves token 1; expert 1 tokens 0 and 2; expert 2 token 0. Two slots are served by nobody.
    plan = LocalDispatcher().plan(torch.tensor([[2, 1], [3, 0], [1, 3]]), 3)
    assert plan.loads_e.tolist() == [1, 2, 1]
    rows = plan.send(torch.tensor([[10.0], [11.0], [12.0]]))
    assert rows.flatten().tolist() == [11.0, 10.0, 12.0, 10.0]
    weights = torch.tensor([[0.5, 0.25], [9.0, 2.0], [4.0, 9.0]])
    # token 0: 0.5 * expert 2 + 0.25 * expert 1; token 1: 2 * expert 0; token 2: 4 * expert 1
    out = plan.collect(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), weights)
    assert out.flatten().tolist() == [2.5, 2.0, 12.0]


@pytest.mark.parametrize("unserved", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_send_and_collect_have_the_gradients_of_indexing(dtype, unserved):
    ids = random(9, 4).topk(3).indices
    ids[torch.rand(9, 3, generator=torch.Generator().manual_seed(5)) < unserved] = 4
    plan = LocalDispatcher().plan(ids, 4)
    x, weights = random(9, 8, seed=1).to(dtype).requires_grad_(), random(9, 3, seed=2).to(dtype).requires_grad_()
    scale = random(4, seed=3).to(dtype)
    rows = plan.send(x) * scale.repeat_interleave(plan.loads_e)[:, None]
    ours = plan.collect(rows, weights)
    served = (ids < 4).to(dtype)
    plain = (x[:, None] * scale[ids.clamp(max=3)][..., None] * (served * weights)[..., None]).sum(dim=1)
    tolerance = 2e-2 if dtype is torch.bfloat16 else 1e-6
    assert torch.allclose(ours, plain, atol=tolerance)
    upstream = random(9, 8, seed=4).to(dtype)
    for fast, slow in zip(
        torch.autograd.grad(ours, (x, weights), upstream),
        torch.autograd.grad(plain, (x, weights), upstream),
        strict=True,
    ):
        assert torch.allclose(fast, slow, atol=4 * tolerance)


@pytest.mark.parametrize("loads", [[5, 0, 3, 4], [0, 0, 0, 12], [0, 0, 0, 0]])
def test_the_fused_feed_forward_equals_its_twin(loads):
    counts, rows = torch.tensor(loads), sum(loads)
    values = (random(rows, 16), random(4, 48, 16, seed=1), random(4, 16, 24, seed=2))
    results = []
    for function in (expert_swiglu, plain_swiglu):
        inputs = [value.clone().requires_grad_() for value in values]
        out = function(*inputs, counts)
        results.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    for fast, plain in zip(*results, strict=True):
        assert fast.shape == plain.shape
        assert (fast - plain).abs().max() <= 1e-6 * plain.abs().max() if rows else not fast.any()


def test_odd_widths_take_the_plain_way():
    counts = torch.tensor([2, 1])
    x, gate_up, down = random(3, 5), random(2, 6, 5, seed=1), random(2, 5, 3, seed=2)
    assert torch.equal(expert_swiglu(x, gate_up, down, counts), plain_swiglu(x, gate_up, down, counts))


def test_frozen_experts_get_no_gradient():
    counts = torch.tensor([2, 1])
    x = random(3, 8).requires_grad_()
    gate_up, down = random(2, 16, 8, seed=1), random(2, 8, 8, seed=2)
    expert_swiglu(x, gate_up, down, counts).sum().backward()
    assert x.grad is not None
    assert gate_up.grad is None
