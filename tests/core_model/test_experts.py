"""Routing by hand, grouped experts against a loop."""

import pytest
import torch
from tests.core_model.small import small_config
from torch.nn import functional as F

from trivium.core_model.moe.experts import Experts, LowRankExperts
from trivium.core_model.moe.grouped import fits_grouped, grouped_linear, looped_linear
from trivium.core_model.moe.layer import MixtureOfExperts
from trivium.core_model.moe.router import Router, choose_experts, leave_unneeded


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -- routing --------------------------------------------------------------------------------------------------------


def test_groups_limit_the_choice():
    # Four groups of two; sums of pairs 1.1, 1.2, 0.9, 1.0: groups 1 and 0 are kept, so expert 7 (0.95) is out.
    scores = torch.tensor([[0.9, 0.2, 0.59, 0.61, 0.8, 0.1, 0.05, 0.95]])
    assert choose_experts(scores, 3, num_groups=4, groups_per_token=2).tolist() == [[0, 3, 2]]
    assert choose_experts(scores, 3).tolist() == [[7, 0, 4]]


def test_softmax_weights_by_hand():
    router = Router(small_config(num_experts=3, experts_per_token=2, expert_dim=8))
    router.weight.data = torch.zeros(3, 32)
    router.weight.data[:, 0] = torch.tensor([0.0, 2.0, 1.0])
    x = torch.zeros(1, 32)
    x[0, 0] = 1
    routing = router(x)
    assert routing.expert_ids_TK.tolist() == [[1, 2]]
    # e^2 / (e^2 + e^1) = 0.7311
    assert routing.weights_TK[0].tolist() == pytest.approx([0.731059, 0.268941], abs=1e-6)


def test_a_bias_changes_the_choice_and_not_the_weight():
    config = small_config("experts", num_groups=1, groups_per_token=1, experts_per_token=1, normalize_weights=False)
    router = Router(config)
    router.reset(0.1, torch.Generator().manual_seed(0))
    x = random(5, 32)
    free = router(x)
    assert set(free.expert_ids_TK.flatten().tolist()) != {3}
    router.bias[3] = 10.0
    forced = router(x)
    assert forced.expert_ids_TK.flatten().tolist() == [3] * 5
    assert torch.allclose(forced.weights_TK[:, 0], 2.5 * free.scores_TE[:, 3])


def test_the_bias_gets_no_gradient():
    layer = MixtureOfExperts(small_config("experts"))
    assert "router.bias" in layer.state_dict()
    assert "router.bias" not in dict(layer.named_parameters())


def test_a_token_takes_experts_until_they_hold_the_mass():
    # shares of both tokens, best first: 0.6, 0.2, 0.1 and 0.3, 0.3, 0.2
    scores = torch.tensor([[0.1, 0.6, 0.2, 0.1], [0.3, 0.2, 0.2, 0.3]])
    chosen = torch.tensor([[0.6, 0.2, 0.1], [0.3, 0.3, 0.2]])
    assert leave_unneeded(chosen, scores, 0.55).tolist() == [[False, True, True], [False, False, True]]
    assert leave_unneeded(chosen, scores, 0.7).tolist() == [[False, False, True], [False, False, False]]
    assert leave_unneeded(chosen, scores, 1e-9).tolist() == [[False, True, True], [False, True, True]]


@pytest.mark.parametrize("scoring", ["softmax", "sigmoid"])
def test_fewer_experts_for_peaked_scores(scoring):
    config = small_config("experts", router_scores=scoring, num_groups=1, groups_per_token=1, experts_per_token=4)
    layers = [MixtureOfExperts(config), MixtureOfExperts(config.replace(score_mass=0.6))]
    for layer in layers:
        layer.router.reset(0.4, torch.Generator().manual_seed(0))
        layer.experts.reset(0.2, torch.Generator().manual_seed(1))
        layer.shared = None
    x = random(1, 50, 32)
    (_, full), (out, routing) = (layer(x) for layer in layers)
    used = routing.expert_ids_TK < 8
    counts = used.sum(dim=1)
    assert 1 <= int(counts.min()) < int(counts.max()) <= 4
    assert torch.equal(routing.expert_ids_TK[used], full.expert_ids_TK[used])
    assert torch.equal(routing.weights_TK[~used], torch.zeros(int((~used).sum())))
    assert torch.allclose(routing.weights_TK.sum(dim=1), torch.full((50,), 2.5))
    # An unused slot costs nothing: the layer equals one that is told the used slots one by one.
    for token in range(50):
        ids, weights = routing.expert_ids_TK[token, used[token]], routing.weights_TK[token, used[token]]
        alone = layers[1].experts(x[:, token], ids[None], weights[None])
        assert torch.allclose(out[0, token], alone[0], atol=1e-6)


# -- experts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grouped_product_equals_the_loop(dtype):
    loads = torch.tensor([5, 0, 3, 4])  # one expert without tokens
    x, weight = random(12, 16).to(dtype).requires_grad_(), random(4, 24, 16, seed=1).to(dtype).requires_grad_()
    assert fits_grouped(x, weight)
    results = []
    for product in (grouped_linear, looped_linear):
        out = product(x, weight, loads)
        gradients = torch.autograd.grad(out.float().square().sum(), (x, weight))
        results.append((out, *gradients))
    tolerance = 1e-6 if dtype is torch.float32 else 1e-2
    for fast, plain in zip(*results, strict=True):
        assert (fast - plain).abs().max() <= tolerance * plain.abs().max()


def test_widths_that_grouped_products_refuse_take_the_loop():
    loads = torch.tensor([2, 1])
    assert not fits_grouped(random(3, 5), random(2, 4, 5))
    assert not fits_grouped(random(3, 8).double(), random(2, 8, 8).double())
    assert grouped_linear(random(3, 5), random(2, 4, 5, seed=1), loads).shape == (3, 4)


def test_experts_equal_a_sum_over_tokens():
    config = small_config("experts")
    experts = Experts(config)
    experts.reset(0.2, torch.Generator().manual_seed(3))
    x, ids, weights = random(7, 32), random(7, 8, seed=1).topk(2).indices, random(7, 2, seed=2)
    expected = torch.zeros(7, 32)
    for token in range(7):
        for choice in range(2):
            expert = ids[token, choice]
            gate, up = F.linear(x[token], experts.gate_up[expert]).chunk(2)
            expected[token] += weights[token, choice] * F.linear(F.silu(gate) * up, experts.down[expert])
    assert (experts(x, ids, weights) - expected).abs().max() <= 1e-6 * expected.abs().max() + 1e-6


def test_low_rank_experts_equal_the_formula():
    config = small_config("low-rank-experts", expert_alpha=0.5)
    experts = LowRankExperts(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in experts.parameters():
            parameter.normal_(0.0, 0.2, generator=generator)
    x, ids = random(6, 32), random(6, 4, seed=1).topk(2).indices
    weights = torch.tensor([0.7, 0.3]).expand(6, 2)
    gate_in, up_in = experts.gate_up_in.chunk(2, dim=1)
    expected = torch.zeros(6, 32)
    for token in range(6):

        def change(value, first, second, token=token):
            pairs = zip(ids[token], weights[token], strict=True)
            return sum(0.5 * weight * second[expert] @ (first[expert] @ value) for expert, weight in pairs)

        gate = experts.shared.gate(x[token]) + change(x[token], gate_in, experts.gate_out)
        up = experts.shared.up(x[token]) + change(x[token], up_in, experts.up_out)
        hidden = F.silu(gate) * up
        expected[token] = experts.shared.down(hidden) + change(hidden, experts.down_in, experts.down_out)
    assert (experts(x, ids, weights) - expected).abs().max() <= 1e-5


def test_shared_experts_see_every_token():
    layer = MixtureOfExperts(small_config("experts"))
    generator = torch.Generator().manual_seed(0)
    for module in (layer.router, layer.experts):
        module.reset(0.2, generator)
    x = random(2, 5, 32)
    out, routing = layer(x)
    flat = x.flatten(0, 1)
    routed = layer.experts(flat, routing.expert_ids_TK, routing.weights_TK)
    assert torch.allclose(out.flatten(0, 1), routed + layer.shared(flat), atol=1e-6)
