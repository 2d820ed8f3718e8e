"""AdamW by its formula, who decays, float32 masters, averages, and state that goes out and comes back."""

import pytest
import torch
from tests.core_model.small import small_config
from tests.core_model.training import config
from torch import nn

from trivium.core_model.decoder import new_decoder
from trivium.core_model.train.optimizer import Optimizer, decays
from trivium.service.errors import ModelError


class Two(nn.Module):
    """A matrix and a bias."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor([[1.0, -2.0]], dtype=dtype))
        self.bias = nn.Parameter(torch.tensor([0.5], dtype=dtype))


def step(optimizer, model, *gradients, rate=0.1):
    for gradient in gradients:
        model.matrix.grad = torch.full_like(model.matrix, gradient)
        model.bias.grad = torch.full_like(model.bias, gradient)
        optimizer.collect()
    return optimizer.step(rate)


def test_one_step_by_the_formula(tmp_path):
    model = Two()
    optimizer = Optimizer(model, config(tmp_path, weight_decay=0.2, clip_norm=0.0))
    length = step(optimizer, model, 3.0)
    assert length == pytest.approx(27**0.5)
    # The first step of Adam is rate * sign(gradient); the matrix alone decays, by rate * decay.
    assert torch.allclose(model.matrix, torch.tensor([[1.0 * 0.98 - 0.1, -2.0 * 0.98 - 0.1]]), atol=1e-6)
    assert torch.allclose(model.bias, torch.tensor([0.4]), atol=1e-6)


def test_clipping_shortens_the_gradient_and_returns_its_length(tmp_path):
    model = Two()
    optimizer = Optimizer(model, config(tmp_path, clip_norm=1.0))
    assert step(optimizer, model, 4.0) == pytest.approx(48**0.5)
    moment = optimizer.adamw.state[model.bias]["exp_avg"]
    assert float(moment) == pytest.approx(0.1 * 4.0 / 48**0.5, rel=1e-5)


def test_matrices_decay_but_no_embedding_norm_bias_or_memory():
    decoder = new_decoder(small_config("window-global-memory", attention_bias=True, num_experts=0), seed=0)
    names = decays(decoder)
    assert "layers.0.attention.query.weight" in names
    assert "head.weight" in names
    for name in ("embedding.weight", "norm.weight", "layers.0.attention.query.bias", "layers.0.attention.memory_key"):
        assert name in dict(decoder.named_parameters())
        assert name not in names
    latent = new_decoder(small_config("latent", memory_slots=3), seed=0)
    slots = {name for name, _ in latent.named_parameters() if "memory" in name}
    assert slots == {f"layers.{layer}.attention.memory_{part}" for layer in range(3) for part in ("latent", "rope")}
    assert not slots & decays(latent)
    moe = decays(new_decoder(small_config("experts"), seed=0))
    assert {"layers.1.feed_forward.router.weight", "layers.1.feed_forward.experts.gate_up"} < moe


def test_steps_too_small_for_bfloat16_add_up_in_the_master(tmp_path):
    model = Two(torch.bfloat16)
    optimizer = Optimizer(model, config(tmp_path, weight_decay=0.0))
    for _ in range(40):
        step(optimizer, model, -1.0, rate=1e-4)
    # 1 + 1e-4 is 1 in bfloat16, whose next number is 1 + 2^-7; forty steps come to 1.004, which rounds to it.
    assert model.matrix.dtype == torch.bfloat16
    assert model.matrix[0, 0] == 1 + 2**-7
    assert optimizer.masters["matrix"][0, 0].item() == pytest.approx(1.004, abs=1e-5)


def test_gradients_of_parts_add_up_in_float32(tmp_path):
    model = Two(torch.bfloat16)
    optimizer = Optimizer(model, config(tmp_path, clip_norm=0.0))
    # 256 + 1 is 256 in bfloat16.
    assert step(optimizer, model, 256.0, 1.0) == pytest.approx(3**0.5 * 257)


def test_the_average_follows_and_is_lent_to_the_model(tmp_path):
    model = Two()
    optimizer = Optimizer(model, config(tmp_path, ema_decay=0.75, weight_decay=0.0))
    step(optimizer, model, 1.0)
    stepped = model.bias.item()
    with optimizer.averaged():
        assert model.bias.item() == pytest.approx(0.75 * 0.5 + 0.25 * stepped)
    assert model.bias.item() == stepped


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_state_goes_out_and_comes_back(tmp_path, dtype):
    run = config(tmp_path, ema_decay=0.5)
    first = Two(dtype)
    optimizer = Optimizer(first, run)
    step(optimizer, first, 0.3)
    state = {name: value.clone() for name, value in optimizer.state().items()}
    second = Two(dtype)
    second.load_state_dict(first.state_dict())
    restored = Optimizer(second, run)
    restored.load(state)
    for each, model in ((optimizer, first), (restored, second)):
        step(each, model, -0.7)
    assert torch.equal(first.matrix, second.matrix)
    assert optimizer.state().keys() == restored.state().keys()
    assert all(torch.equal(value, restored.state()[name]) for name, value in optimizer.state().items())


def test_a_gradient_that_is_no_number_changes_nothing(tmp_path):
    model = Two()
    optimizer = Optimizer(model, config(tmp_path))
    with pytest.raises(ModelError, match="the gradient's length is inf; lower learning_rate"):
        step(optimizer, model, float("inf"))
    assert model.matrix.tolist() == [[1.0, -2.0]]


def test_state_of_another_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="the optimizer state has exp_avg/other, the model no such parameter"):
        Optimizer(Two(), config(tmp_path)).load({"exp_avg/other": torch.zeros(1)})
