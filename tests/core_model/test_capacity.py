"""Which tokens a full expert turns away, and what they keep."""

import torch
from tests.core_model.small import small_config

from trivium.core_model.moe.capacity import capacity_of, drop_beyond
from trivium.core_model.moe.layer import MixtureOfExperts


def test_capacity_is_rounded_up():
    assert capacity_of(10, 4, 1.0) == 3
    assert capacity_of(8, 4, 1.25) == 3
    assert capacity_of(0, 4, 1.0) == 0


def test_the_smallest_weights_go_first_and_of_equals_the_later_token():
    ids = torch.tensor([[0, 1], [0, 2], [0, 1], [0, 3], [1, 4]])  # 4 experts; id 4: a slot nobody was asked for
    weights = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.7, 0.3], [1.0, 0.0]])
    # 10 slots over 4 experts at 0.8: two each. Expert 0 has four: 0.9 and 0.7 stay. Expert 1 has 1.0, 0.5, 0.5.
    dropped = drop_beyond(ids, weights, 4, 0.8)
    assert dropped.tolist() == [[True, False], [False, False], [True, True], [False, False], [False, False]]


def test_a_dropped_token_keeps_the_shared_path():
    layer = MixtureOfExperts(small_config("experts"))
    for module in (layer.router, layer.experts):
        module.reset(0.2, torch.Generator().manual_seed(0))
    layer.router.capacity_factor = 1e-6  # one slot per expert
    x = torch.randn(1, 40, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    out, routing = layer(x)
    alone = routing.dropped_TK.all(dim=1)
    assert 24 <= int(alone.sum()) < 40  # 8 experts serve 8 slots
    assert int((~routing.dropped_TK).sum()) == 8
    assert torch.equal(out[0, alone], layer.shared(x)[0, alone])
    # What is served is what a dropless layer gives in that slot.
    assert torch.equal(routing.weights_TK[routing.dropped_TK], torch.zeros(int(routing.dropped_TK.sum())))
    out.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_evaluation_drops_nothing():
    layer = MixtureOfExperts(small_config("experts")).eval()
    for module in (layer.router, layer.experts):
        module.reset(0.2, torch.Generator().manual_seed(0))
    layer.router.capacity_factor = 1e-6
    x = torch.randn(1, 20, 32, generator=torch.Generator().manual_seed(1))
    out, routing = layer(x)
    assert routing.dropped_TK is None
    layer.train()
    layer.router.capacity_factor = 0.0
    assert torch.equal(layer(x)[0], out)
