"""Balancing against its definitions, and a balancer that counts each token once."""

import pytest
import torch
from tests.core_model.small import small_config
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from trivium.core_model.config import BalanceConfig
from trivium.core_model.decoder import new_decoder, next_token_loss
from trivium.core_model.moe.balance import Balancer, update_bias
from trivium.core_model.moe.loads import expert_loads, load_entropy, max_violation, utilisation
from trivium.core_model.moe.losses import auxiliary_loss, sequence_loss, z_loss
from trivium.core_model.moe.router import Routing, choose_experts
from trivium.service.errors import InputError


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def routing_of(ids: list[list[int]], num_experts: int = 4, num_sequences: int = 1) -> Routing:
    """Route with score 1.1 on the first choice and 0.1 elsewhere."""
    chosen = torch.tensor(ids)
    scores = F.one_hot(chosen[:, 0], num_experts).float() + 0.1
    return Routing(scores.log(), scores, chosen, torch.ones(chosen.shape), num_sequences=num_sequences)


# -- measures -------------------------------------------------------------------------------------------------------


def test_loads_and_measures_by_hand():
    loads = expert_loads(torch.tensor([[0, 1], [0, 2], [0, 1], [4, 4]]), 4)  # the last token is served by nobody
    assert loads.tolist() == [3, 2, 1, 0]
    assert utilisation(loads) == 0.5  # mean 1.5 of at most 3
    assert max_violation(loads) == 1.0
    # -(1/2 ln 1/2 + 1/3 ln 1/3 + 1/6 ln 1/6) / ln 4
    assert load_entropy(loads) == pytest.approx(0.729574, abs=1e-6)
    assert utilisation(torch.tensor([4, 4])) == load_entropy(torch.tensor([4, 4])) == 1.0


# -- losses ---------------------------------------------------------------------------------------------------------


def test_auxiliary_loss_is_least_when_even():
    assert float(auxiliary_loss(routing_of([[0], [1], [2], [3]]))) == pytest.approx(1.0)
    assert float(auxiliary_loss(routing_of([[0]] * 4))) == pytest.approx(4 * 1.1 / 1.4)


def test_auxiliary_loss_equals_transformers():
    pytest.importorskip("transformers")
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    logits = random(50, 6)
    scores = logits.softmax(dim=-1)
    routing = Routing(logits, scores, choose_experts(scores, 2), scores[:, :2])
    mask = torch.ones(5, 10, dtype=torch.long)
    mask[2, 4:] = 0
    ours = [float(auxiliary_loss(routing)), float(auxiliary_loss(routing, mask.flatten() != 0))]
    theirs = [float(load_balancing_loss_func((logits,), 6, 2, given)) for given in (None, mask)]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_sequence_loss_sees_what_the_batch_hides():
    # Each sequence uses one expert, the batch uses both: even over the batch, skewed within each sequence.
    routing = routing_of([[0], [0], [1], [1]], num_experts=2, num_sequences=2)
    assert float(auxiliary_loss(routing)) == pytest.approx(1.0)
    assert float(sequence_loss(routing)) == pytest.approx(2 * 1.1 / 1.2)


def test_sequence_loss_leaves_padding_out():
    routing = routing_of([[0], [1], [0], [0]], num_experts=2, num_sequences=2)
    mask = torch.tensor([True, True, True, False])
    # First sequence even: 1. Second holds one token, on expert 0: 2 * 1.1 / 1.2.
    assert float(sequence_loss(routing, mask)) == pytest.approx((1 + 2 * 1.1 / 1.2) / 2)


def test_z_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    routing = Routing(logits, logits.softmax(dim=-1), torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1))
    ln2 = 0.69314718
    assert float(z_loss(routing)) == pytest.approx((ln2**2 + (1 + ln2) ** 2) / 2)


def test_bias_moves_towards_the_mean():
    bias = torch.zeros(4)
    update_bias(bias, torch.tensor([3, 2, 1, 2]), 0.001)
    assert bias.tolist() == pytest.approx([-0.001, 0.0, 0.001, 0.0])
    update_bias(bias, torch.tensor([4, 2, 0, 2]), 0.01, "proportional")  # off by 2 of a mean of 2
    assert bias.tolist() == pytest.approx([-0.011, 0.0, 0.011, 0.0])


# -- the balancer ---------------------------------------------------------------------------------------------------


def test_a_dense_model_needs_no_balancing():
    balancer = Balancer(new_decoder(small_config(), seed=1))
    assert float(balancer.loss(())) == 0.0
    balancer.after_step()
    assert balancer.metrics() == {}


@torch.no_grad()
def test_the_loss_is_the_sum_over_layers():
    model = new_decoder(small_config("experts"), seed=1)
    balancer = Balancer(model, BalanceConfig(auxiliary_weight=0.5, sequence_weight=0.25, z_weight=0.125))
    routings = model(torch.arange(3, 23).view(2, 10)).routings
    expected = sum(0.5 * auxiliary_loss(r) + 0.25 * sequence_loss(r) + 0.125 * z_loss(r) for r in routings)
    assert float(balancer.loss(routings)) == pytest.approx(float(expected), rel=1e-6)
    assert routings[0].num_sequences == 2


@torch.no_grad()
def test_the_model_names_its_auxiliary_weight():
    model = new_decoder(small_config("experts", aux_loss_weight=0.01), seed=1)
    routings = model(torch.arange(3, 13)[None]).routings
    expected = 0.01 * sum(float(auxiliary_loss(routing)) for routing in routings)
    assert float(Balancer(model).loss(routings)) == pytest.approx(expected, rel=1e-6)
    assert float(Balancer(model, BalanceConfig(auxiliary_weight=0.0)).loss(routings)) == 0.0


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("pieces", [1, 4])
def test_the_bias_moves_once_per_step_by_all_tokens(recompute, pieces):
    model = new_decoder(small_config("experts"), seed=1)
    balancer = Balancer(model, BalanceConfig(bias_speed=0.01))
    ids = torch.randint(3, 97, (8, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loads = [expert_loads(routing.expert_ids_TK, 8) for routing in model(ids).routings]
    if recompute:
        for block in model.layers:
            plain = block.forward
            block.forward = lambda *args, plain=plain: checkpoint(plain, *args, use_reentrant=False)
    for piece in ids.chunk(pieces):
        out = model(piece)
        (next_token_loss(out.logits, piece) + balancer.loss(out.routings)).backward()
    assert all(float(router.bias.abs().sum()) == 0 for router in balancer.routers)
    balancer.after_step()
    assert len(balancer.routers) == len(loads) == 2
    for router, counts in zip(balancer.routers, loads, strict=True):
        # 8 * 12 tokens * 2 slots over 8 experts: the mean is 24
        assert torch.equal(router.bias, 0.01 * (24.0 - counts.float()).sign())
    metrics = balancer.metrics()
    assert metrics["utilisation/0"] == pytest.approx(24 / float(loads[0].max()))
    assert metrics["utilisation"] == pytest.approx(sum(24 / float(counts.max()) for counts in loads) / 2)
    assert metrics["slots_per_token"] == 2.0
    assert metrics["dropped_share"] == 0.0
    balancer.after_step()  # without new tokens nothing moves
    assert float(balancer.routers[0].bias.abs().max()) == pytest.approx(0.01)


def test_padding_counts_for_nothing():
    model = new_decoder(small_config("experts"), seed=1)
    ids, mask = torch.arange(3, 23).view(2, 10), torch.ones(2, 10)
    mask[1, 6:] = 0
    balancer = Balancer(model)
    routings = model(ids, attention_mask=mask).routings
    balancer.loss(routings, mask)
    balancer.after_step()
    assert balancer.metrics()["slots_per_token"] == 2.0
    kept = routings[0].expert_ids_TK[mask.flatten() != 0]
    assert balancer.metrics()["utilisation/0"] == pytest.approx(utilisation(expert_loads(kept, 8)))


def test_modules_that_look_ahead_are_balanced_too():
    model = new_decoder(small_config("experts", num_mtp_layers=1), seed=1)
    balancer = Balancer(model, BalanceConfig(bias_speed=0.01))
    balancer.loss(model(torch.arange(3, 23).view(2, 10)).routings)
    balancer.after_step()
    assert float(model.ahead[0].block.feed_forward.router.bias.abs().max()) == 0.0
    mask = torch.ones(2, 10)
    balancer.loss(model(torch.arange(3, 23).view(2, 10), look_ahead=True).routings, mask)
    balancer.after_step()
    assert float(model.ahead[0].block.feed_forward.router.bias.abs().max()) == pytest.approx(0.01)


def test_capacity_opens_step_by_step_and_resumes():
    model = new_decoder(small_config("experts"), seed=1)
    config = BalanceConfig(capacity_start=1.0, capacity_end=2.0, capacity_steps=4)
    balancer = Balancer(model, config)
    seen = []
    for step in range(6):
        seen.append(balancer.routers[0].capacity_factor)
        balancer.loss(model(torch.arange(3, 43).view(2, 20)).routings)
        balancer.after_step()
        assert balancer.metrics()["capacity_factor"] == seen[-1]
        dropped = balancer.metrics()["dropped_share"]
        assert dropped > 0 if step == 0 else dropped == 0 if step > 3 else dropped >= 0
        if step == 1:
            state = balancer.state_dict()
    assert seen == [1.0, 1.25, 1.5, 1.75, 0.0, 0.0]
    balancer.load_state_dict(state)
    assert balancer.routers[1].capacity_factor == 1.5
    with pytest.raises(InputError, match=r"balancer state has \['step'\]"):
        balancer.load_state_dict({"step": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z_weight": -1.0}, "z_weight is -1.0; use 0 for none"),
        ({"bias_rule": "log"}, "bias_rule 'log' is unknown; known: sign, proportional"),
        ({"capacity_start": 1.0}, "capacity_steps is 0"),
        (
            {"capacity_start": 2.0, "capacity_end": 1.0, "capacity_steps": 5},
            r"capacity_end \(1.0\) must not be below capacity_start \(2.0\)",
        ),
        ({"capacity_end": 2.0}, "mean something only with a start; set capacity_start"),
    ],
)
def test_settings_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        BalanceConfig(**changes)


def test_a_model_without_biases_cannot_move_them():
    model = new_decoder(small_config("experts", router_bias=False), seed=1)
    with pytest.raises(InputError, match=r"bias_speed \(0.001\) moves router biases"):
        Balancer(model, BalanceConfig(bias_speed=0.001))
