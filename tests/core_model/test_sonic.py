"""What is handed to SonicMoE is what its kernels ask for: a stand-in with their rules, computed as a loop."""

import sys
from enum import Enum
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
import torch
from tests.core_model.small import small_config
from torch.nn import functional as F

from trivium.core_model import use_backend
from trivium.core_model.decoder import new_decoder
from trivium.service.errors import InputError

ActivationType = Enum("ActivationType", {"SWIGLU": "swiglu"})


def general_routing(
    x, scores, tokens, experts, w1, b1, w2, b2, count, stream, activation, *, is_inference_mode_enabled, concat_layout
):
    """`sonicmoe.functional.moe_general_routing_inputs` of sonic-moe 0.1.2, by the comment above it.

    w1 is (2 F, D, E) and w2 (D, F, E), both with experts outermost in memory; with `concat_layout` gate rows come
    before up rows. Tokens ascend.
    """
    assert tokens.dtype == experts.dtype == torch.int32
    assert bool((tokens.diff() >= 0).all())
    assert len(tokens) == len(experts) == len(scores)
    assert (b1, b2, concat_layout, activation) == (None, None, True, ActivationType.SWIGLU)
    assert is_inference_mode_enabled is not torch.is_grad_enabled()
    for weight in (w1, w2):
        assert weight.permute(2, 0, 1).is_contiguous()
        assert weight.shape[2] == count
    out = torch.zeros_like(x)
    for score, token, expert in zip(scores, tokens.tolist(), experts.tolist(), strict=True):
        gate, up = (w1[:, :, expert] @ x[token]).chunk(2)
        row = torch.zeros(len(x), 1, dtype=x.dtype)
        row[token] = 1
        out = out + row * (score * (w2[:, :, expert] @ (F.silu(gate) * up)))
    return out, None


@pytest.fixture
def package(monkeypatch):
    functional, enums = ModuleType("sonicmoe.functional"), ModuleType("sonicmoe.enums")
    functional.moe_general_routing_inputs, enums.ActivationType = general_routing, ActivationType
    for module in (ModuleType("sonicmoe"), functional, enums):
        module.__spec__ = ModuleSpec(module.__name__, None)
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize("score_mass", [1.0, 0.6])  # with the second, some tokens take fewer experts
def test_a_model_says_the_same_by_either_backend(package, score_mass):
    decoder = new_decoder(small_config("experts", score_mass=score_mass), seed=1, dtype=torch.float64)
    tokens = torch.randint(3, 97, (2, 9), generator=torch.Generator().manual_seed(0))
    found = []
    for backend in ("plain", "sonicmoe"):
        use_backend(decoder, backend)
        decoder.zero_grad()
        logits = decoder(tokens).logits
        logits.square().mean().backward()
        found.append([logits.detach(), *(parameter.grad.clone() for parameter in decoder.parameters())])
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-12 * one.abs().max()
    with torch.no_grad():
        assert (decoder(tokens).logits - found[0][0]).abs().max() <= 1e-12


def test_a_backend_that_is_not_there_is_named(monkeypatch):
    decoder = new_decoder(small_config("experts"), seed=1)
    with pytest.raises(InputError, match="'triton' is unknown; use one of auto, plain, grouped_mm, fused, sonicmoe"):
        use_backend(decoder, "triton")
    monkeypatch.setitem(sys.modules, "sonicmoe", None)
    with pytest.raises(InputError, match="experts backend 'sonicmoe' needs the package sonic-moe; pip install"):
        use_backend(decoder, "sonicmoe")
